"""Derives the rows of a source's tables from GitHub's answers."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from hashlib import sha256
from itertools import chain
from operator import attrgetter
from typing import Any

from sqlalchemy.engine import Connection

from copilot_pipeline.sources import AGGREGATES, LEGACY
from copilot_pipeline.sources.source import Answer, Reading, Row, Source, ToolTable
from copilot_pipeline.sources.values import RecordError
from copilot_pipeline.warehouse.bulk import SliceWriter
from copilot_pipeline.warehouse.raw import DamagedAnswerError, stored_metrics
from copilot_pipeline.warehouse.scopes import Scope
from copilot_pipeline.warehouse.seat_days import after_writing
from copilot_pipeline.warehouse.unknown_names import replace_unknown_names

# The number of rows that are kept in memory before they are written.
BATCH_ROWS = 25_000

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


class Derivation:
    """The rows of a source's tables for a day, read from GitHub's answers in batches.

    Memory does not grow with a report. The first batch is read at once: most days fit into it, so
    that the transaction that writes them is short.

    Raises:
        RecordError: an answer is not what GitHub documents. If `write` raises it, roll back the
            transaction.
    """

    def __init__(
        self,
        source: Source,
        scope: Scope,
        day: date,
        answers: Iterable[Answer],
        wanted: Callable[[ToolTable], bool] = lambda _: True,
    ) -> None:
        self._source = source
        self._scope_id = scope.id
        self._reading = Reading(day, scope.kind, scope.slug)
        self._targets = [target for target in source.tables if wanted(target)]
        self._seen: set[Any] = set()
        self._digests: set[bytes] = set()
        self._is_read = False
        self._batches = self._read(answers)
        self._first = next(self._batches)
        # The digest of the records, or None if there are more than the first batch has.
        self.early_sha256 = _combined(self._digests) if self._is_read else None

    def write(self, connection: Connection) -> Derived:
        """Replace the day's rows in the wanted tables of the source."""
        source, scope_id, day = self._source, self._scope_id, self._reading.day
        superseded = _is_superseded(connection, source, scope_id, day)
        targets = [] if superseded else self._targets
        writers = [SliceWriter(connection, target, scope_id, day) for target in targets]
        for batch in chain([self._first], self._batches):
            for writer, added, merged in zip(writers, batch.added, batch.merged, strict=False):
                writer.add(added)
                writer.merge(merged)
        rows = {writer.table.name: writer.finish() for writer in writers}
        unknown = dict(self._reading.unknown.most_common(MAX_UNKNOWN_NAMES))
        replace_unknown_names(connection, scope_id, day, source.name, unknown)
        after_writing(connection, scope_id, day, [target.table for target in targets])
        return Derived(len(self._seen), _combined(self._digests), rows, self._reading.notes)

    def _read(self, answers: Iterable[Answer]) -> Iterator["_Batch"]:
        """Yield at least one batch. The last one may be empty."""
        key_of = attrgetter(*self._source.key) if self._source.key else _no_key
        encode, seen, digests = self._source.record.encode, self._seen, self._digests
        rows_of = [target.rows for target in self._targets]
        batch = _Batch(len(rows_of))
        for record in self._source.read(answers, self._reading):
            digests.add(sha256(encode(record)).digest())
            key = key_of(record)
            lists = batch.merged if key in seen else batch.added
            seen.add(key)
            for rows, derive_rows in zip(lists, rows_of, strict=True):
                rows.extend(derive_rows(record))
            if sum(map(len, lists)) >= BATCH_ROWS:
                yield batch
                batch = _Batch(len(rows_of))
        self._is_read = True
        yield batch


class _Batch:
    """Rows for each table: of new records, and of records whose key occurred before."""

    def __init__(self, tables: int) -> None:
        self.added: list[list[Row]] = [[] for _ in range(tables)]
        self.merged: list[list[Row]] = [[] for _ in range(tables)]


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
