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


def read_reports(connection: Connection, scope_id: int, day: date) -> dict[str, list[str]]:
    """The payloads of every report stored for that day, by report, in the order of their parts."""
    query = (
        sa.select(raw_metrics.c.report, raw_metrics.c.payload)
        .where(raw_metrics.c.scope_id == scope_id, raw_metrics.c.day == day)
        .order_by(raw_metrics.c.report, raw_metrics.c.part)
    )
    reports: dict[str, list[str]] = {}
    for report, payload in connection.execute(query):
        reports.setdefault(report, []).append(payload)
    return reports


def stored_scope_days(connection: Connection, days: Sequence[date]) -> set[tuple[int, date]]:
    """The (scope id, day) pairs of those days that have raw reports."""
    query = (
        sa.select(raw_metrics.c.scope_id, raw_metrics.c.day)
        .where(raw_metrics.c.day.in_(days))
        .distinct()
    )
    return {(scope_id, day) for scope_id, day in connection.execute(query)}
