"""Functions that all commands share: printing listings and messages, and opening the warehouse."""

import json
import logging
import os
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime
from functools import reduce
from pathlib import Path
from typing import Any, NamedTuple

import click

from copilot_pipeline import settings
from copilot_pipeline.accounts import REPORT_CHOICES
from copilot_pipeline.github.kinds import ScopeKind
from copilot_pipeline.redaction import UNSHOWABLE, one_line, redact
from copilot_pipeline.warehouse.database import Database
from copilot_pipeline.warehouse.scopes import Scope
from copilot_pipeline.warehouse.upgrade_notice import UpgradeNotice

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
    # The choices in brackets would be one line that is wider than a terminal.
    metavar="NAME",
    help=f"Collect only this report: {', '.join(REPORT_CHOICES[:-1])}, or all. May be repeated. "
    "The default of new scopes is all.",
)

json_option = click.option("--json", "as_json", is_flag=True, help="JSON on a terminal too.")


class Cell(NamedTuple):
    """A text in a table with a style of rich, such as `red`."""

    text: str
    style: str


Row = Sequence[object]

# Longer words are broken in a narrow table.
LONGEST_UNBROKEN = 18


def prints_json(as_json: bool) -> bool:
    """Whether a listing is JSON: with `--json`, and where stdout is not a terminal."""
    return as_json or sys.stdout is None or not sys.stdout.isatty()


def print_listing(
    value: Any, columns: Sequence[str], rows: Sequence[Row], *, as_json: bool, empty: str = ""
) -> None:
    """Print the rows as a table on a terminal, else the value as JSON.

    Without rows a terminal gets the message `empty` on stderr.
    """
    if prints_json(as_json):
        print_json(value)
    elif rows or not empty:
        print_table(columns, rows)
    else:
        print_message(empty)


def print_table(
    columns: Sequence[str], rows: Sequence[Row], *, title: str = "", on_stderr: bool = False
) -> None:
    """Print a table that fits the terminal. Texts wrap, and numbers are aligned to the right.

    A cell is a `Cell`, or a value: None is empty, an instant is in UTC to the minute, and a list is
    JSON.
    """
    # Imported here, because it takes as long as everything else that a short command needs.
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(
        title=Text(one_line(title), "bold") if title else None,
        title_justify="left",
        box=box.SIMPLE_HEAD,
        pad_edge=False,
    )
    shown = [
        [cell if isinstance(cell, Cell) else Cell(_shown(cell), "") for cell in row] for row in rows
    ]
    for index, column in enumerate(columns):
        cells = [row[index] for row in rows if row[index] is not None]
        table.add_column(
            column,
            overflow="fold",
            justify="right" if cells and all(map(_is_number, cells)) else "left",
            min_width=_longest_word(row[index].text for row in shown),
        )
    for texts in shown:
        table.add_row(*(Text(one_line(cell.text), cell.style) for cell in texts))
    Console(stderr=on_stderr).print(table)


def short_name(scope: Scope) -> str:
    """Return the scope's name for a table with little room: the slug of an organization."""
    return scope.slug if scope.kind is ScopeKind.ORGANIZATION else str(scope)


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


def print_warning(text: str) -> None:
    """Print a warning on stderr, with tokens masked. It stands out on a terminal."""
    print_message(f"{click.style('Warning:', fg='yellow', bold=True)} {redact(text)}")


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


def file_path(text: str) -> Path:
    """Return the absolute path, if the operating system can have a file of that name."""
    try:
        if os.fsencode(text).strip() and "\0" not in text:
            return Path(text).absolute()
    except UnicodeEncodeError:
        pass
    raise click.BadParameter(f"{text!r} is not the name of a file.")


def confirmed(question: str, yes: bool) -> bool:
    """Ask the user to confirm, unless `yes` is set."""
    if yes or click.confirm(question, err=True):
        return True
    print_message("Nothing was removed.")
    return False


class _MessageHandler(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        print_message(record.getMessage())


def _longest_word(texts: Iterable[str]) -> int:
    """Return the length of the longest word, such as a day, that should not be broken."""
    words = (len(word) for text in texts for word in text.split())
    return max((length for length in words if length <= LONGEST_UNBROKEN), default=0)


def _is_number(cell: object) -> bool:
    return isinstance(cell, int) or (isinstance(cell, Cell) and cell.text.isdecimal())


def _shown(value: object) -> str:
    if isinstance(value, datetime):
        return f"{value.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
    if isinstance(value, bool | dict | list):
        return json.dumps(value)
    return "" if value is None else str(value)


def _json_default(value: object) -> str:
    if isinstance(value, date):
        return value.isoformat()
    raise TypeError(f"{type(value).__name__} has no JSON form")
