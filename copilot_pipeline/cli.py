"""The `copilot-pipeline` command: JSON on stdout, words and progress on stderr.

A mistake of the user ends in one line and exit code 1, never in a traceback.
"""

import json
import os
import sys
from collections.abc import Sequence
from dataclasses import asdict
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import click
from dotenv import load_dotenv

from copilot_pipeline import settings
from copilot_pipeline.accounts import (
    METRICS_APIS,
    AccountImport,
    all_accounts,
    import_account,
    one_account,
)
from copilot_pipeline.days import (
    DayOutOfReachError,
    day_range,
    newest_complete_day,
    reachable_window,
)
from copilot_pipeline.errors import CopilotPipelineError
from copilot_pipeline.github.urls import GITHUB_ENDPOINT
from copilot_pipeline.warehouse.accounts import Account, Scope
from copilot_pipeline.warehouse.database import Database

DEFAULT_TOKEN_VARIABLE = "GITHUB_TOKEN"  # noqa: S105 (a name)

DAY = click.DateTime(["%Y-%m-%d"])


def main() -> None:
    """Runs the command line of this process and exits."""
    sys.exit(run_command(sys.argv[1:]))


def run_command(arguments: Sequence[str]) -> int:
    """The exit code of the command."""
    try:
        code = cli.main(list(arguments), prog_name="copilot-pipeline", standalone_mode=False)
    except click.exceptions.NoArgsIsHelpError as error:
        _say(error.format_message())
    except click.ClickException as error:
        _say(f"Error: {error.format_message()}")
    except (click.Abort, KeyboardInterrupt):
        _say("Error: aborted. What was loaded is kept.")
        _leave_at_once()
    except CopilotPipelineError as error:
        for line in str(error).splitlines():
            _say(f"Error: {line}")
    except BrokenPipeError:
        # The reader of our output has gone; there is nobody left to tell.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    else:
        return code if isinstance(code, int) else 0
    return 1


def _leave_at_once() -> None:
    """Ends the process without waiting for requests that are still in flight in threads."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(1)


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="copilot-pipeline")
@click.pass_context
def cli(context: click.Context) -> None:
    """Collects GitHub Copilot adoption metrics and keeps their history."""
    if context.invoked_subcommand != "demo":
        # As Dagster does it: the file in the working directory wins over the shell.
        try:
            load_dotenv(Path.cwd() / ".env", override=True)
        except UnicodeDecodeError:
            raise settings.SettingError("the file .env is not UTF-8 text.") from None


@cli.group()
def accounts() -> None:
    """The GitHub accounts whose tokens are stored."""


@accounts.command("import")
@click.option("--token-env", metavar="NAME", help="Variable that holds the token.")
@click.option("--token-stdin", is_flag=True, help="Read the token from standard input.")
@click.option("--endpoint", default=GITHUB_ENDPOINT, show_default=True, metavar="URL")
@click.option("--proxy", metavar="URL", help="Proxy of all calls with this token.")
@click.option("--org", "organizations", multiple=True, metavar="SLUG", help="May be repeated.")
@click.option("--enterprise", "enterprises", multiple=True, metavar="SLUG", help="May be repeated.")
@click.option("--metrics-api", type=click.Choice(METRICS_APIS), help="Default: reports.")
def import_(
    token_env: str | None,
    token_stdin: bool,
    endpoint: str,
    proxy: str | None,
    organizations: tuple[str, ...],
    enterprises: tuple[str, ...],
    metrics_api: str | None,
) -> None:
    """Store an account: its token sealed, its organizations and enterprises.

    Without --token-env and --token-stdin the token comes from GITHUB_TOKEN or a hidden prompt. The
    same GitHub user imported again gets the new token and further organizations.
    """
    settings.token_secret()  # a missing secret is said before a token is asked for
    token = _read_token(token_env, token_stdin)
    wanted = AccountImport(endpoint, proxy, organizations, enterprises, metrics_api)
    with _database() as database:
        account_id = import_account(database, token, wanted)
        _, scopes = one_account(database, account_id)
    if not scopes:
        _say("The account collects nothing yet: import it again with --org SLUG.")
    _print_json({"account_id": account_id})


@accounts.command("list")
def list_() -> None:
    """All accounts, never their tokens."""
    with _database() as database:
        _print_json([_describe(account, scopes) for account, scopes in all_accounts(database)])


@accounts.command("show")
@click.argument("account_id", metavar="ID", type=click.IntRange(1, 2**63 - 1))
def show(account_id: int) -> None:
    """One account, never its token."""
    with _database() as database:
        _print_json(_describe(*one_account(database, account_id)))


@cli.command()
@click.option("--day", type=DAY, metavar="YYYY-MM-DD", help="One day.")
@click.option("--from", "first", type=DAY, metavar="YYYY-MM-DD", help="First day of a range.")
@click.option("--to", "last", type=DAY, metavar="YYYY-MM-DD", help="Last day of a range.")
@click.option(
    "--last", "count", type=click.IntRange(1, 3650), metavar="N", help="The N newest days."
)
@click.option("--org", "organizations", multiple=True, metavar="SLUG", help="May be repeated.")
def run(
    day: datetime | None,
    first: datetime | None,
    last: datetime | None,
    count: int | None,
    organizations: tuple[str, ...],
) -> int:
    """Collect the newest complete UTC day, or a range of days, in this process.

    Metrics are collected for every day of a range; billing and seats, which GitHub shows only as
    they are now, if the newest complete day is in it.
    """
    days = _chosen_days(day and day.date(), first and first.date(), last and last.date(), count)
    # Dagster takes seconds to import: only the commands that run jobs pay for it.
    from copilot_pipeline.running import run_days

    with _database() as database:
        result = run_days(database, days, organizations)
    for failure in result.failures:
        _say(f"Error: {failure}")
    _print_json(result.as_json())
    return 0 if result.success else 1


@cli.command()
@click.option("--days", type=click.IntRange(1, 365), default=100, show_default=True)
def demo(days: int) -> None:
    """Run the whole pipeline against a simulated GitHub, and print what a manager would read."""
    from copilot_pipeline.demo.command import run_demo

    click.echo(run_demo(days))


def _read_token(variable: str | None, from_stdin: bool) -> str:
    if variable is not None and from_stdin:
        raise click.UsageError("give --token-env or --token-stdin, not both.")
    if from_stdin:
        return sys.stdin.read().strip()
    if variable is None and not os.environ.get(DEFAULT_TOKEN_VARIABLE) and sys.stdin.isatty():
        return str(click.prompt("GitHub token", hide_input=True, err=True)).strip()
    return settings.token_from(variable or DEFAULT_TOKEN_VARIABLE)


def _chosen_days(
    day: date | None, first: date | None, last: date | None, count: int | None
) -> list[date]:
    ways = [day is not None, first is not None or last is not None, count is not None]
    if sum(ways) > 1:
        raise click.UsageError("give one of --day, --from/--to and --last.")
    newest = newest_complete_day()
    if day is not None:
        first = last = day
    elif count is not None:
        first, last = newest - timedelta(days=count - 1), newest
    elif first is None and last is not None:
        raise click.UsageError("--to needs --from.")
    first, last = first or newest, last or newest
    if first > last:
        raise click.UsageError(f"--from {first} is after --to {last}.")
    window = reachable_window("reports")
    if first not in window or last not in window:
        raise DayOutOfReachError(
            f"GitHub serves the days from {window} only; asked was {first} to {last}."
        )
    return day_range(first, last)


def _describe(account: Account, scopes: Sequence[Scope]) -> dict[str, Any]:
    fields = asdict(account)
    del fields["sealed"]
    shown = ("id", "kind", "slug", "metrics_api")
    return {
        **fields,
        "scopes": [{name: getattr(scope, name) for name in shown} for scope in scopes],
    }


def _database() -> Database:
    return Database(settings.database_url())


def _print_json(value: Any) -> None:
    click.echo(json.dumps(value, indent=2, default=_json_default, ensure_ascii=False))


def _json_default(value: object) -> str:
    if isinstance(value, date):
        return value.isoformat()
    raise TypeError(f"{type(value).__name__} has no JSON form")


def _say(text: str) -> None:
    click.echo(text, err=True)
