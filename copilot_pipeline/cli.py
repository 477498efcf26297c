"""The `copilot-pipeline` command.

It prints JSON on stdout (listings are tables on a terminal), and messages and progress on stderr. A
user error is one line and exit code 1, without a traceback.
"""

import os
import signal
import sys
import threading
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from pathlib import Path

import click

from copilot_pipeline.collect.plan import LoadRequest
from copilot_pipeline.collect.requests import count_requests, describe_requests
from copilot_pipeline.collect.selection import select_scopes
from copilot_pipeline.commands.accounts import accounts
from copilot_pipeline.commands.backup import backup
from copilot_pipeline.commands.console import (
    json_option,
    open_database,
    print_error,
    print_json,
    print_message,
    prints_json,
    warnings_on_stderr,
)
from copilot_pipeline.commands.metrics import metrics
from copilot_pipeline.commands.raw import raw
from copilot_pipeline.commands.report import report
from copilot_pipeline.commands.run_summary import print_check_warnings, print_summaries
from copilot_pipeline.commands.scopes import scopes
from copilot_pipeline.commands.secret import secret
from copilot_pipeline.commands.status import status
from copilot_pipeline.days import (
    DayOutOfReachError,
    Today,
    day_range,
)
from copilot_pipeline.env_file import load_env_file
from copilot_pipeline.errors import CopilotPipelineError
from copilot_pipeline.github.logs import silence_http_libraries
from copilot_pipeline.redaction import one_line
from copilot_pipeline.sources.reports import REPORT_REACH_DAYS

DAY = click.DateTime(["%Y-%m-%d"])

INTERRUPT_AGAIN_SECONDS = 0.05


def main() -> None:
    """Run the command line of this process and exit."""
    sys.unraisablehook = _interrupt_again
    sys.exit(run_command(sys.argv[1:]))


def _interrupt_again(unraisable: "sys.UnraisableHookArgs") -> None:
    """Interrupt the main thread again, if an interrupt came while an object was deleted.

    Python would print it and go on. The interrupt comes a moment later, because it would be lost
    here too.
    """
    if isinstance(unraisable.exc_value, Exception):
        sys.__unraisablehook__(unraisable)
    else:
        again = (threading.main_thread().ident, signal.SIGINT)
        threading.Timer(INTERRUPT_AGAIN_SECONDS, signal.pthread_kill, again).start()


def run_command(arguments: Sequence[str]) -> int:
    """Run a command and return its exit code."""
    silence_http_libraries()
    try:
        code = cli.main(list(arguments), prog_name="copilot-pipeline", standalone_mode=False)
    except click.exceptions.NoArgsIsHelpError as error:
        print_message(error.format_message())
    except click.ClickException as error:
        print_error(error.format_message())
    except (click.Abort, KeyboardInterrupt) as error:
        interrupted = KeyboardInterrupt in (type(error), type(error.__cause__))
        if interrupted:
            signal.signal(signal.SIGINT, signal.SIG_IGN)  # an impatient second one
        if not interrupted:
            print_message("")  # ends the line of an unanswered question
        print_error("aborted. Stored data is kept.")
        if interrupted:
            _leave_at_once()
    except CopilotPipelineError as error:
        print_error(str(error))
    except BrokenPipeError:
        # The reader of the output is gone, so nothing can be printed.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except OSError as error:
        print_error(f"{error.strerror or error}.")
    else:
        return code if isinstance(code, int) else 0
    return 1


def _leave_at_once() -> None:
    """End the process without waiting for the threads whose requests are still in flight.

    The interpreter would join them at exit, which may take as long as the read timeout.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(1)


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="copilot-pipeline")
@click.pass_context
def cli(context: click.Context) -> None:
    """Collects GitHub Copilot adoption metrics and keeps their history."""
    if context.invoked_subcommand != "demo":
        # As in Dagster, the file in the working directory overrides the shell.
        path = Path.cwd() / ".env"
        if load_env_file(path):
            print_message(f"Read .env: {one_line(str(path))}")
    if context.invoked_subcommand not in ("demo", "run"):
        # Those two print warnings above their progress bar.
        context.with_resource(warnings_on_stderr())


@cli.command()
@click.option("--day", type=DAY, metavar="YYYY-MM-DD", help="One day.")
@click.option("--from", "first", type=DAY, metavar="YYYY-MM-DD", help="First day of a range.")
@click.option("--to", "last", type=DAY, metavar="YYYY-MM-DD", help="Last day of a range.")
@click.option(
    "--last", "count", type=click.IntRange(1, 3650), metavar="N", help="The N newest days."
)
@click.option(
    "--org", "organizations", multiple=True, metavar="SLUG", help="Only this one; may be repeated."
)
@click.option(
    "--enterprise",
    "enterprises",
    multiple=True,
    metavar="SLUG",
    help="Only this one; may be repeated.",
)
@click.option(
    "--refetch", is_flag=True, help="Fetch days again that are loaded and no longer revised."
)
@click.option("--verbose", is_flag=True, help="Print all lines of warnings.")
@json_option
def run(
    day: datetime | None,
    first: datetime | None,
    last: datetime | None,
    count: int | None,
    organizations: tuple[str, ...],
    enterprises: tuple[str, ...],
    refetch: bool,
    verbose: bool,
    as_json: bool,
) -> int:
    """Collect the newest complete UTC day, or a range of days.

    Metrics are collected for every day of the range that is not loaded yet or that GitHub may still
    revise. Billing and seats, which GitHub shows only as of now, are collected if the range
    contains the newest complete day. An interrupted load continues where it stopped.

    stderr gets a line for each check that warns, each failure, and what each scope has now. The
    exit code is 1 if anything failed.
    """
    today = Today.from_clock()
    given = (day and day.date(), first and first.date(), last and last.date())
    days = _chosen_days(today, *given, count)
    with open_database() as database:
        scopes = select_scopes(database, organizations, enterprises)
        needed = count_requests(database, scopes, LoadRequest(today, days, refetch))
        if described := describe_requests(needed):
            print_message(described)
        # Importing Dagster takes seconds, so only the commands that run jobs import it.
        from copilot_pipeline.running import run_days

        result = run_days(database, today, days, organizations, enterprises, refetch=refetch)
    print_check_warnings(result.warnings, verbose=verbose)
    for failure in result.failures:
        print_error(failure)
    print_summaries(list(result.summaries.values()))
    if prints_json(as_json):
        print_json(result.as_json())
    return 0 if result.success else 1


@cli.command()
@click.option("--days", type=click.IntRange(1, 365), default=100, show_default=True)
def demo(days: int) -> None:
    """Run the pipeline on a simulated GitHub, and print a summary."""
    from copilot_pipeline.demo.command import run_demo

    click.echo(run_demo(days))


def _chosen_days(
    today: Today, day: date | None, first: date | None, last: date | None, count: int | None
) -> list[date]:
    ways = [day is not None, first is not None or last is not None, count is not None]
    if sum(ways) > 1:
        raise click.UsageError("give only one of --day, --from/--to and --last.")
    newest = today.newest
    if day is not None:
        first = last = day
    elif count is not None:
        first, last = newest - timedelta(days=count - 1), newest
    elif first is None and last is not None:
        raise click.UsageError("--to needs --from.")
    first, last = first or newest, last or newest
    if first > last:
        raise click.UsageError(f"--from {first} is after --to {last}.")
    window = today.window(REPORT_REACH_DAYS)
    if first not in window or last not in window:
        raise DayOutOfReachError(
            f"GitHub serves only the days from {window}; requested: {first} to {last}."
        )
    return day_range(first, last)


for command in (accounts, scopes, metrics, raw, report, secret, status, backup):
    cli.add_command(command)
