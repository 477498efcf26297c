"""Raw reports and the tool rows of a scope's day."""

from collections.abc import Iterable, Iterator
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
    connection: Connection, scope_id: int, day: date, report: str, parts: Iterable[RawPart]
) -> int:
    """Replaces all files of the report of that day, and locks the scope; their number.

    One file is in memory at a time.
    """
    lock_scope(connection, scope_id)
    key = {"scope_id": scope_id, "day": day, "report": report}
    replace_slice(connection, raw_metrics, key, [])
    count = 0
    for number, part in enumerate(parts):
        row = {
            **key,
            "part": number,
            "fetched_at": part.fetched_at,
            "url": part.url,
            "payload": part.payload,
            "sha256": sha256(part.payload.encode()).hexdigest(),
        }
        connection.execute(sa.insert(raw_metrics), [row])
        count += 1
    return count


def read_report(connection: Connection, scope_id: int, day: date, report: str) -> Iterator[RawPart]:
    """The stored files of one report of that day, in their order, one in memory at a time."""
    raw = raw_metrics.c
    of_report = (raw.scope_id == scope_id, raw.day == day, raw.report == report)
    numbers = sa.select(raw.part).where(*of_report).order_by(raw.part)
    for number in connection.execute(numbers).scalars().all():
        query = sa.select(raw.url, raw.payload, raw.fetched_at)
        yield RawPart(*connection.execute(query.where(*of_report, raw.part == number)).one())


def stored_since(connection: Connection, scope_id: int, day: date, report: str) -> datetime | None:
    """When the oldest stored file of one report of that day came; None if none is stored."""
    raw = raw_metrics.c
    query = sa.select(sa.func.min(raw.fetched_at)).where(
        raw.scope_id == scope_id, raw.day == day, raw.report == report
    )
    oldest: datetime | None = connection.execute(query).scalar_one()
    return oldest


def stored_reports(connection: Connection, scope_id: int, day: date) -> list[str]:
    """The names of the reports that are stored for that day."""
    raw = raw_metrics.c
    query = sa.select(raw.report).where(raw.scope_id == scope_id, raw.day == day)
    return list(connection.execute(query.distinct().order_by(raw.report)).scalars())
