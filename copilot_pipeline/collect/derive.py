"""Derives the rows of a source's tables from GitHub's answers."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from hashlib import sha256
from operator import attrgetter
from typing import Any

from sqlalchemy.engine import Connection

from copilot_pipeline.sources import AGGREGATES, LEGACY
from copilot_pipeline.sources.source import Answer, Reading, Source, ToolTable
from copilot_pipeline.sources.values import RecordError
from copilot_pipeline.warehouse.bulk import SliceWriter
from copilot_pipeline.warehouse.raw import DamagedAnswerError, stored_metrics
from copilot_pipeline.warehouse.scopes import Scope
from copilot_pipeline.warehouse.seat_days import after_writing
from copilot_pipeline.warehouse.unknown_names import replace_unknown_names

# The number of unknown names that are stored for a report; the most frequent are kept.
MAX_UNKNOWN_NAMES = 1_000


@dataclass(frozen=True)
class Derived:
    """The result of reading a day.

    `records` counts each record once. `rows` has the number of written rows by table.
    """

    records: int
    sha256: str
    rows: Mapping[str, int]
    notes: Mapping[str, int]


def derive(
    connection: Connection,
    source: Source,
    scope: Scope,
    day: date,
    answers: Iterable[Answer],
    wanted: Callable[[ToolTable], bool] = lambda _: True,
) -> Derived:
    """Replaces the day's rows in the wanted tables of the source with those of the answers.

    Records are read one at a time, so that memory does not grow with the size of a report.

    Raises:
        RecordError: an answer is not what GitHub documents; roll back the transaction.
    """
    reading = Reading(day, scope.kind, scope.slug)
    superseded = _is_superseded(connection, source, scope.id, day)
    targets = [
        (target, SliceWriter(connection, target, scope.id, day))
        for target in source.tables
        if wanted(target) and not superseded
    ]
    key_of = attrgetter(*source.key) if source.key else _no_key
    seen: set[Any] = set()
    digests: set[bytes] = set()
    for record in source.read(answers, reading):
        digests.add(sha256(source.record.encode(record)).digest())
        key = key_of(record)
        is_new = key not in seen
        seen.add(key)
        for target, writer in targets:
            if is_new:
                writer.add(target.rows(record))
            else:
                writer.merge(target.rows(record))
    rows = {target.table.name: writer.finish() for target, writer in targets}
    unknown = dict(reading.unknown.most_common(MAX_UNKNOWN_NAMES))
    replace_unknown_names(connection, scope.id, day, source.name, unknown)
    after_writing(connection, scope.id, day, [target.table for target, _ in targets])
    return Derived(len(seen), _combined(digests), rows, reading.notes)


def digest(source: Source, scope: Scope, day: date, answers: Iterable[Answer]) -> str | None:
    """Return the digest of stored answers, or None if they are damaged or now refused."""
    try:
        records = source.read(answers, Reading(day, scope.kind, scope.slug))
        return _combined({sha256(source.record.encode(record)).digest() for record in records})
    except (RecordError, DamagedAnswerError):
        return None


def _combined(digests: Iterable[bytes]) -> str:
    """Return the SHA-256 of the records. It does not depend on their order or files."""
    return sha256(b"".join(sorted(digests))).hexdigest()


def _no_key(record: Any) -> tuple[()]:
    return ()


def _is_superseded(connection: Connection, source: Source, scope_id: int, day: date) -> bool:
    """Whether a report of the day is stored. Reports take precedence over legacy metrics."""
    if source is not LEGACY:
        return False
    reports = {aggregate.name for aggregate in AGGREGATES.values()}
    return not reports.isdisjoint(stored_metrics(connection, scope_id, day))
