"""`copilot-pipeline raw`: GitHub's answers as they are stored."""

import codecs
import sys
from collections.abc import Iterable, Iterator
from datetime import datetime

import click

from copilot_pipeline.collected_scopes import one_scope
from copilot_pipeline.commands.console import escape_unshowable, open_database
from copilot_pipeline.commands.scopes import scope_arguments
from copilot_pipeline.errors import CopilotPipelineError
from copilot_pipeline.sources import SOURCES, source_named
from copilot_pipeline.warehouse.raw import StoredAnswer, read_raw, stored_days


class NotStoredError(CopilotPipelineError):
    """No answer is stored for the day."""


@click.group()
def raw() -> None:
    """GitHub's answers, which are stored compressed."""


@raw.command("show")
@click.argument(
    "source_name", metavar="SOURCE", type=click.Choice([source.name for source in SOURCES])
)
@scope_arguments
@click.argument("day", metavar="DAY", type=click.DateTime(["%Y-%m-%d"]))
def show(
    source_name: str, slug: str, kind: str | None, account_id: int | None, day: datetime
) -> None:
    """Print what GitHub answered about a scope's day, as received.

    SOURCE is a report, such as users-1-day, or legacy, seats or seat-billing. The files or pages of
    the day follow each other, each on a line of its own. On a terminal, characters that could
    control it are escaped.
    """
    source = source_named(source_name)
    with open_database() as database:
        scope = one_scope(database, slug, kind, account_id).scope
        with database.read() as connection:
            # They are small before they are decompressed. A slow reader holds no transaction open.
            answers = list(read_raw(connection, source, scope.id, day.date()))
            days = None if answers else stored_days(connection, source, scope.id)
    if not answers:
        known = f"from {days.first} to {days.last}, {days.count} in all" if days else "none"
        raise NotStoredError(
            f"no {source.name} of the {scope} is stored for {day.date()}. Stored days: {known}."
        )
    _print_blocks(_separated(answers))


def _separated(answers: Iterable[StoredAnswer]) -> Iterator[bytes]:
    """Yield the contents, with a line end between two if the first has none."""
    last = b"\n"
    for answer in answers:
        if not last.endswith(b"\n"):
            yield b"\n"
        for last in answer.blocks():
            yield last


def _print_blocks(blocks: Iterable[bytes]) -> None:
    if sys.stdout.isatty():
        decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
        blocks = (escape_unshowable(decoder.decode(block)).encode() for block in blocks)
    for block in blocks:
        sys.stdout.buffer.write(block)
    sys.stdout.buffer.flush()
