"""What a report becomes in the warehouse, and what a stored one said."""

from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Self

import pandas as pd
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from copilot_pipeline.reports import AGGREGATES, LEGACY
from copilot_pipeline.transform.content import digest, headlines
from copilot_pipeline.transform.reports import derive, records_of
from copilot_pipeline.transform.unknown import unknown_names
from copilot_pipeline.transform.values import Json, TransformError
from copilot_pipeline.warehouse.history import replace_unknown_names
from copilot_pipeline.warehouse.metrics import RawPart, stored_reports
from copilot_pipeline.warehouse.report_tables import user_metrics
from copilot_pipeline.warehouse.rows import frame_rows, replace_slice
from copilot_pipeline.warehouse.seat_days import mark_stale


@dataclass(frozen=True)
class Derived:
    """What a report becomes: the rows of its tables, and the names in it that are not known."""

    frames: Mapping[sa.Table, pd.DataFrame]
    unknown: Mapping[tuple[str, str], int]

    @classmethod
    def of(cls, report: str, records: Sequence[Json]) -> Self:
        return cls(derive(report, records), unknown_names(report, records))

    @property
    def row_count(self) -> int:
        return len(next(iter(self.frames.values())))

    def write(
        self,
        connection: Connection,
        scope_id: int,
        day: date,
        report: str,
        tool_tables: Container[sa.Table],
    ) -> dict[str, int]:
        """Replaces the day's rows in those of the report's tables that are asked for."""
        replace_unknown_names(connection, scope_id, day, report, self.unknown)
        stored = stored_reports(connection, scope_id, day) if report == LEGACY else []
        if not set(stored).isdisjoint(AGGREGATES.values()):
            # Where both were collected, the report wins: the legacy definitions are closed.
            return {}
        if user_metrics in self.frames and user_metrics in tool_tables:
            mark_stale(connection, scope_id, day)
        key = {"scope_id": scope_id, "day": day}
        return {
            table.name: replace_slice(connection, table, key, frame_rows(frame, **key))
            for table, frame in self.frames.items()
            if table in tool_tables
        }


@dataclass(frozen=True)
class Content:
    """What a stored report said."""

    sha256: str
    headlines: Mapping[str, float | None]

    @classmethod
    def of_stored(cls, report: str, stored: Sequence[RawPart], day: date) -> Self | None:
        """None where nothing is stored, or where today's rules make no sense of it."""
        if not stored:
            return None
        try:
            records = records_of(report, [part.payload for part in stored], day)
            if records is None:
                return None
            return cls(digest(records), headlines(derive(report, records)))
        except TransformError:
            return None
