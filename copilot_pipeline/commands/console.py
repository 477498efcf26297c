"""What every command shares: JSON on stdout, words on stderr, the warehouse."""

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

# What a terminal must not get raw, and unpaired surrogates. JSON may escape every character.
_UNSHOWABLE = re.compile(rf"[{UNSHOWABLE}\ud800-\udfff]")

Command = Callable[..., Any]

# The ids that a 64-bit key can have.
ROW_ID = click.IntRange(1, 2**63 - 1)

report_option = click.option(
    "--report",
    "reports",
    multiple=True,
    type=click.Choice(REPORT_CHOICES),
    help="Collect these reports only; may be repeated. Of new scopes: all.",
)


def print_json(value: Any) -> None:
    ascii_only = (sys.stdout.encoding or "").lower().replace("-", "") != "utf8"
    text = json.dumps(value, indent=2, default=_json_default, ensure_ascii=ascii_only)
    click.echo(_UNSHOWABLE.sub(lambda match: f"\\u{ord(match[0]):04x}", text))


def combine(*parameters: Callable[[Command], Command]) -> Callable[[Command], Command]:
    """One decorator for several options and arguments, in the order of the help."""

    def decorate(command: Command) -> Command:
        return reduce(lambda decorated, parameter: parameter(decorated), parameters[::-1], command)

    return decorate


def print_message(text: str) -> None:
    click.echo(text, err=True)


def print_error(text: str) -> None:
    """An error, on a line of its own for each line; a token given by mistake is not repeated."""
    for line in text.split("\n"):
        print_message(f"Error: {redact(line)}")


def open_database() -> Database:
    """The warehouse of `DATABASE_URL`; close it after use (it is a context manager)."""
    return Database(settings.database_url())


def confirmed(question: str, yes: bool) -> bool:
    """Whether the user agrees; `yes` answers beforehand."""
    if yes or click.confirm(question, err=True):
        return True
    print_message("Nothing was removed.")
    return False


def _json_default(value: object) -> str:
    if isinstance(value, date):
        return value.isoformat()
    raise TypeError(f"{type(value).__name__} has no JSON form")
