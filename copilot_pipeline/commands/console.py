"""Functions that all commands share: printing JSON and messages, and opening the warehouse."""

import json
import logging
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date
from functools import reduce
from typing import Any

import click

from copilot_pipeline import settings
from copilot_pipeline.accounts import REPORT_CHOICES
from copilot_pipeline.redaction import UNSHOWABLE, redact
from copilot_pipeline.warehouse.database import Database
from copilot_pipeline.warehouse.upgrade_notice import UpgradeNotice

# Characters that must not be sent to a terminal, and unpaired surrogates. JSON can escape them.
_UNSHOWABLE = re.compile(rf"[{UNSHOWABLE}\ud800-\udfff]")

Command = Callable[..., Any]

# The valid ids of a 64-bit key.
ROW_ID = click.IntRange(1, 2**63 - 1)

report_option = click.option(
    "--report",
    "reports",
    multiple=True,
    type=click.Choice(REPORT_CHOICES),
    help="Collect only this report; may be repeated. The default of new scopes is all.",
)


def print_json(value: Any) -> None:
    """Print a value as JSON on stdout."""
    ascii_only = (sys.stdout.encoding or "").lower().replace("-", "") != "utf8"
    text = json.dumps(value, indent=2, default=_json_default, ensure_ascii=ascii_only)
    click.echo(_UNSHOWABLE.sub(lambda match: f"\\u{ord(match[0]):04x}", text))


def combine(*parameters: Callable[[Command], Command]) -> Callable[[Command], Command]:
    """Return a decorator that applies several options and arguments, in the order of the help."""

    def decorate(command: Command) -> Command:
        return reduce(lambda decorated, parameter: parameter(decorated), parameters[::-1], command)

    return decorate


def print_message(text: str) -> None:
    """Print a message on stderr."""
    click.echo(text, err=True)


def print_error(text: str) -> None:
    """Print each line of an error on stderr, with tokens masked."""
    for line in text.split("\n"):
        print_message(f"Error: {redact(line)}")


@contextmanager
def warnings_on_stderr() -> Iterator[None]:
    """Print the package's warnings on stderr, such as that a request is tried again."""
    handler = _MessageHandler(logging.WARNING)
    logger = logging.getLogger("copilot_pipeline")
    logger.addHandler(handler)
    try:
        yield
    finally:
        logger.removeHandler(handler)


def open_database() -> Database:
    """Open the warehouse of `DATABASE_URL`. Close it after use (it is a context manager)."""
    return Database(settings.database_url(), _announce_upgrade)


def _announce_upgrade(notice: UpgradeNotice) -> None:
    """Print the notice. On a terminal, ask first if the upgrade cannot be undone."""
    print_message(str(notice))
    on_terminal = sys.stdin is not None and sys.stdin.isatty() and sys.stderr.isatty()
    if on_terminal and notice.backup is None:
        click.confirm("Upgrade it now, without a backup?", abort=True, err=True)


def confirmed(question: str, yes: bool) -> bool:
    """Ask the user to confirm, unless `yes` is set."""
    if yes or click.confirm(question, err=True):
        return True
    print_message("Nothing was removed.")
    return False


class _MessageHandler(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        print_message(record.getMessage())


def _json_default(value: object) -> str:
    if isinstance(value, date):
        return value.isoformat()
    raise TypeError(f"{type(value).__name__} has no JSON form")
