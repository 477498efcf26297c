"""Raw reports and the tool rows of a scope's day."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from hashlib import sha256

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from copilot_pipeline.warehouse.rows import lock_scope, replace_slice
from copilot_pipeline.warehouse.tables import raw_metrics


@dataclass(frozen=True)
class RawPart:
    """A file of a report as received; `url` without the query of a signed link."""

    url: str
    payload: str
    fetched_at: datetime


def replace_report(
    connection: Connection, scope_id: int, day: date, report: str, parts: Sequence[RawPart]
) -> int:
    """Replaces all files of the report of that day, and locks the scope; their number."""
    lock_scope(connection, scope_id)
    key = {"scope_id": scope_id, "day": day, "report": report}
    rows = [
        {
            **key,
            "part": number,
            "fetched_at": part.fetched_at,
            "url": part.url,
            "payload": part.payload,
            "sha256": sha256(part.payload.encode()).hexdigest(),
        }
        for number, part in enumerate(parts)
    ]
    return replace_slice(connection, raw_metrics, key, rows)


def read_report(connection: Connection, scope_id: int, day: date, report: str) -> list[RawPart]:
    """The stored files of one report of that day, in their order; none if it is not stored."""
    raw = raw_metrics.c
    query = (
        sa.select(raw.url, raw.payload, raw.fetched_at)
        .where(raw.scope_id == scope_id, raw.day == day, raw.report == report)
        .order_by(raw.part)
    )
    return [RawPart(*row) for row in connection.execute(query)]


def stored_reports(connection: Connection, scope_id: int, day: date) -> list[str]:
    """The names of the reports that are stored for that day."""
    raw = raw_metrics.c
    query = sa.select(raw.report).where(raw.scope_id == scope_id, raw.day == day)
    return list(connection.execute(query.distinct().order_by(raw.report)).scalars())
