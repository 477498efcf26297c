"""Functions that all commands share: printing JSON and messages, and opening the warehouse."""

import json
import re
import sys
from collections.abc import Callable
from datetime import date
from functools import reduce
from typing import Any

import click

from copilot_pipeline import settings
from copilot_pipeline.accounts import REPORT_CHOICES
from copilot_pipeline.redaction import UNSHOWABLE, redact
from copilot_pipeline.warehouse.database import Database

# Characters that must not be sent to a terminal, and unpaired surrogates. JSON can escape them.
_UNSHOWABLE = re.compile(rf"[\x00-\x08\x0b-\x1f{UNSHOWABLE}\ud800-\udfff]")

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
    click.echo(escape_unshowable(text))


def escape_unshowable(text: str) -> str:
    """Escape characters in JSON text that must not be sent to a terminal."""
    return _UNSHOWABLE.sub(lambda match: f"\\u{ord(match[0]):04x}", text)


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


def open_database() -> Database:
    """Open the warehouse of `DATABASE_URL`. Close it after use (it is a context manager)."""
    return Database(settings.database_url())


def confirmed(question: str, yes: bool) -> bool:
    """Ask the user to confirm, unless `yes` is set."""
    if yes or click.confirm(question, err=True):
        return True
    print_message("Nothing was removed.")
    return False


def _json_default(value: object) -> str:
    if isinstance(value, date):
        return value.isoformat()
    raise TypeError(f"{type(value).__name__} has no JSON form")
