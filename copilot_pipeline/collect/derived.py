"""What a report becomes in the warehouse, batch by batch, and what a stored one said."""

from collections import Counter
from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Self

import pandas as pd
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from copilot_pipeline.collect.digest import Digest
from copilot_pipeline.reports import AGGREGATES, LEGACY
from copilot_pipeline.transform.content import headlines, summed_columns
from copilot_pipeline.transform.reports import TRANSFORMS, derive, record_batches
from copilot_pipeline.transform.unknown import add_names, most_used, unknown_names
from copilot_pipeline.transform.values import Json, TransformError
from copilot_pipeline.warehouse.history import replace_unknown_names
from copilot_pipeline.warehouse.merging import (
    count_slice,
    merge_rows,
    sum_slice,
    temporary_copy,
)
from copilot_pipeline.warehouse.metrics import read_report, stored_reports
from copilot_pipeline.warehouse.report_tables import user_metrics
from copilot_pipeline.warehouse.rows import frame_rows, replace_slice
from copilot_pipeline.warehouse.seat_days import mark_stale

Headlines = Mapping[str, float | None]


@dataclass(frozen=True)
class Derived:
    """What some records become: the rows of their tables, and the names that are not known."""

    frames: Mapping[sa.Table, pd.DataFrame]
    unknown: Counter[tuple[str, str]]

    @classmethod
    def of(cls, report: str, records: Sequence[Json]) -> Self:
        return cls(derive(report, records), unknown_names(report, records))


class Writing:
    """Replaces a day's rows in those of the report's tables that are asked for.

    In one transaction, batch by batch; nothing changes before the first one.
    """

    def __init__(
        self,
        connection: Connection,
        scope_id: int,
        day: date,
        report: str,
        tool_tables: Container[sa.Table],
    ) -> None:
        self._connection = connection
        self._key: dict[str, Any] = {"scope_id": scope_id, "day": day}
        self._report = report
        self._tables = [table for table in TRANSFORMS[report] if table in tool_tables]
        self._unknown: Counter[tuple[str, str]] = Counter()
        self._batches = 0
        self._first: Derived | None = None
        self._rows: dict[sa.Table, int] = {}

    def add(self, derived: Derived) -> None:
        if self._batches == 0:
            self._begin()
            self._first = derived
        else:
            self._first = None
        for table in self._tables:
            rows = frame_rows(derived.frames[table], **self._key)
            if self._batches == 0:
                self._rows[table] = replace_slice(self._connection, table, self._key, rows)
            else:
                merge_rows(self._connection, table, rows)
        add_names(self._unknown, derived.unknown)
        self._batches += 1

    def end(self) -> dict[str, int]:
        """The rows of each table; nothing where no batch came."""
        if self._batches == 0:
            return {}
        unknown = most_used(self._unknown)
        replace_unknown_names(self._connection, **self._key, report=self._report, found=unknown)
        if self._batches > 1:
            # One that came in two batches is one row.
            self._rows = {
                table: count_slice(self._connection, table, self._key) for table in self._tables
            }
        return {table.name: count for table, count in self._rows.items()}

    @property
    def headlines(self) -> Headlines:
        """The values by which the report's changes are told. With all of its tables only."""
        if self._first is not None:
            return headlines(self._first.frames)
        table = self._tables[0]
        sums = sum_slice(self._connection, table, self._key, summed_columns(table))
        return {"row_count": self.row_count, **sums}

    @property
    def row_count(self) -> int:
        """The rows of the report's first table: its records, each once."""
        if self._first is not None:
            return len(next(iter(self._first.frames.values())))
        return self._rows[self._tables[0]]

    def _begin(self) -> None:
        if self._report == LEGACY:
            stored = stored_reports(self._connection, **self._key)
            if not set(stored).isdisjoint(AGGREGATES.values()):
                # Where both were collected, the report wins: the legacy definitions are closed.
                self._tables = []
        if user_metrics in self._tables:
            mark_stale(self._connection, *self._key.values())


@dataclass(frozen=True)
class Content:
    """What a stored report said."""

    sha256: str
    headlines: Headlines

    @classmethod
    def of_stored(
        cls, connection: Connection, scope_id: int, day: date, report: str
    ) -> Self | None:
        """None where nothing is stored, or where today's rules make no sense of it.

        One file is in memory at a time.
        """
        files = (part.payload for part in read_report(connection, scope_id, day, report))
        digest = Digest()
        try:
            batches = _digested(record_batches(report, files, day), digest)
            first = next(batches, None)
            if first is None:
                return None
            said = _headlines(connection, report, derive(report, first), batches)
        except TransformError:
            return None
        return cls(digest.hexdigest(), said)


def _digested(batches: Iterator[list[Json]], digest: Digest) -> Iterator[list[Json]]:
    for batch in batches:
        digest.add(batch)
        yield batch


def _headlines(
    connection: Connection,
    report: str,
    first: Mapping[sa.Table, pd.DataFrame],
    batches: Iterator[list[Json]],
) -> Headlines:
    """The headline values of the first batch and those that follow."""
    batch = next(batches, None)
    if batch is None:
        return headlines(first)
    table = next(iter(first))
    columns = summed_columns(table)
    with temporary_copy(connection, table, columns) as copy:
        names = [column.name for column in copy.c]
        merge_rows(connection, copy, frame_rows(first[table][names]))
        while batch is not None:
            frames = derive(report, batch)
            merge_rows(connection, copy, frame_rows(frames[table][names]))
            batch = next(batches, None)
        return {
            "row_count": count_slice(connection, copy, {}),
            **sum_slice(connection, copy, {}, columns),
        }
