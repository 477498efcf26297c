"""Reads what is stored of each source of each scope, and which snapshots were missed."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from copilot_pipeline.warehouse.history import DayState
from copilot_pipeline.warehouse.history_tables import collection_status
from copilot_pipeline.warehouse.views.health import select_health


@dataclass(frozen=True)
class StoredHealth:
    """A row of the view `copilot_collection_health`. Numbers are days."""

    scope_id: int
    source: str
    position: int
    first_expected: date
    first_day: date | None
    newest_day: date | None
    first_asked: date | None
    newest_asked: date | None
    newest_no_data: date | None
    loaded: int
    missing: int
    not_ready: int
    no_data: int
    refused: int
    failed: int
    last_attempt: datetime | None
    last_status: int | None
    last_message: str | None
    last_is_refusal: int
    failing: int
    failing_first: date | None
    failing_message: str | None
    message: str | None


def read_health(connection: Connection, newest: date) -> list[StoredHealth]:
    """Return what is stored as of the newest complete day, by scope in the order of the sources."""
    query = select_health(sa.literal(newest, sa.Date))
    found = query.selected_columns
    query = query.order_by(found.scope_id, found.position)
    return [StoredHealth(**row._mapping) for row in connection.execute(query)]


def read_taken_snapshots(
    connection: Connection, sources: Sequence[str], first: date
) -> dict[tuple[int, str, date], str | None]:
    """Return the requested snapshots since `first` by scope, source and day.

    The value is None if the snapshot is stored, or the error of its last attempt.
    """
    table = collection_status.c
    query = sa.select(table.scope_id, table.report, table.day, table.state, table.message).where(
        table.report.in_(sources), table.day >= first
    )
    return {
        (row.scope_id, row.report, row.day): (
            None if row.state == DayState.LOADED else row.message or "GitHub had no answer"
        )
        for row in connection.execute(query)
    }
