"""`copilot-pipeline metrics`: the Copilot plan and quota of the accounts' own users."""

from dataclasses import asdict

import click

from copilot_pipeline.accounts import AccountError, one_account, open_client
from copilot_pipeline.collect.account_metrics import fetch_account_metrics
from copilot_pipeline.commands.console import ROW_ID, open_database, print_json
from copilot_pipeline.warehouse.account_metrics import latest_account_metrics


@click.group()
def metrics() -> None:
    """The Copilot plan and quota of an account's own user (GET /copilot_internal/user)."""


@metrics.command("fetch")
@click.argument("account_id", metavar="ID", type=ROW_ID)
def fetch(account_id: int) -> None:
    """Fetch and store plan and quota. GitHub may refuse this to a personal access token."""
    with open_database() as database:
        account, _ = one_account(database, account_id)
        (fetched,) = fetch_account_metrics(database, open_client, [account])
    if fetched.error is not None:
        raise fetched.error
    print_json({"metrics_id": fetched.metrics_id})


@metrics.command("latest")
@click.argument("account_id", metavar="[ID]", type=ROW_ID, required=False)
def latest(account_id: int | None) -> None:
    """Print the latest stored plan and quota of one account, or a list for all accounts."""
    with open_database() as database:
        if account_id is None:
            with database.read() as connection:
                print_json([asdict(each) for each in latest_account_metrics(connection)])
            return
        one_account(database, account_id)
        with database.read() as connection:
            found = latest_account_metrics(connection, [account_id])
    if not found:
        raise AccountError(
            f"no metrics of account {account_id} are stored yet. Run copilot-pipeline metrics "
            f"fetch {account_id}"
        )
    print_json(asdict(found[0]))
