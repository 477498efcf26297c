"""`copilot-pipeline metrics`: the Copilot plan and quota of the accounts' own users."""

from dataclasses import asdict

import click

from copilot_pipeline.accounts import AccountError, one_account, open_client
from copilot_pipeline.collect.account_metrics import fetch_account_metrics
from copilot_pipeline.commands.console import (
    ROW_ID,
    json_option,
    open_database,
    print_json,
    print_listing,
)
from copilot_pipeline.warehouse.account_metrics import latest_account_metrics


@click.group()
def metrics() -> None:
    """The Copilot plan and quota of an account's own user.

    They come from GET /copilot_internal/user, which GitHub does not document.
    """


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
@json_option
def latest(account_id: int | None, as_json: bool) -> None:
    """Print the latest stored plan and quota of one account, or of all."""
    with open_database() as database:
        if account_id is not None:
            one_account(database, account_id)
        with database.read() as connection:
            found = latest_account_metrics(connection, None if account_id is None else [account_id])
    if account_id is None:
        print_listing(
            [asdict(each) for each in found],
            ("id", "account", "fetched at", "plan"),
            [
                (each.id, each.account_id, each.fetched_at, each.payload.get("copilot_plan"))
                for each in found
            ],
            as_json=as_json,
            empty="No metrics are stored yet: copilot-pipeline metrics fetch ID",
        )
        return
    if not found:
        raise AccountError(
            f"no metrics of account {account_id} are stored yet. Run copilot-pipeline metrics "
            f"fetch {account_id}"
        )
    stored = asdict(found[0])
    fields = {**stored, **stored["payload"]}
    del fields["payload"]
    print_listing(stored, ("field", "value"), list(fields.items()), as_json=as_json)
