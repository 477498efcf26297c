"""Reads and writes collection status, restatements and unknown names."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from copilot_pipeline.clock import utc_now
from copilot_pipeline.warehouse.history_tables import collection_status
from copilot_pipeline.warehouse.locks import lock_scope
from copilot_pipeline.warehouse.rows import upsert_statement

# The accepted difference between the clocks of several machines.
CLOCK_TOLERANCE = timedelta(minutes=10)


class DayState(StrEnum):
    """The stored state of one report of one scope and day."""

    LOADED = "loaded"
    NOT_READY = "not_ready"
    NO_DATA = "no_data"
    NO_ACCESS = "no_access"
    FAILED = "failed"


@dataclass(frozen=True)
class Status:
    """The stored status of one report of one scope and day."""

    state: DayState
    sha256: str | None
    first_loaded_at: datetime | None
    last_fetched_at: datetime
    message: str | None
    attempt: int

    @property
    def is_loaded(self) -> bool:
        return self.state is DayState.LOADED

    @property
    def is_settled(self) -> bool:
        """Whether the day need not be requested again after GitHub stops revising it."""
        return self.state is DayState.NO_DATA or (self.is_loaded and self.message is None)


# The HTTP statuses with which GitHub refuses to show something.
REFUSAL_STATUSES = (401, 403, 404, 410, 422)

# Whether the last attempt was refused. A loaded day keeps its state and its rows.
was_refused = sa.or_(
    collection_status.c.state == DayState.NO_ACCESS,
    sa.and_(
        collection_status.c.state == DayState.LOADED,
        collection_status.c.message.is_not(None),
        sa.not_(collection_status.c.message.like("%rate limit%")),
        sa.func.coalesce(collection_status.c.http_status, 0).in_(REFUSAL_STATUSES),
    ),
)

_STATUS_COLUMNS = [collection_status.c[name] for name in Status.__annotations__]


def read_statuses(connection: Connection, scope_id: int) -> dict[tuple[str, date], Status]:
    """Return the statuses of a scope by report and day."""
    table = collection_status.c
    query = sa.select(table.report, table.day, *_STATUS_COLUMNS).where(table.scope_id == scope_id)
    return {
        (report, day): Status(DayState(state), *rest)
        for report, day, state, *rest in connection.execute(query)
    }


def read_status(connection: Connection, scope_id: int, day: date, report: str) -> Status | None:
    """Return the status of one report and day, or None if it was never requested."""
    query = sa.select(*_STATUS_COLUMNS).where(*_is(scope_id, day, report))
    row = connection.execute(query).one_or_none()
    return None if row is None else Status(DayState(row.state), *row[1:])


def list_loaded_days(connection: Connection, days: Collection[date]) -> set[tuple[int, str, date]]:
    """Return the scope, report and day of everything that is loaded on the days."""
    table = collection_status.c
    query = sa.select(table.scope_id, table.report, table.day).where(
        table.day.in_(sorted(days)), table.state == DayState.LOADED
    )
    return {(row.scope_id, row.report, row.day) for row in connection.execute(query)}


def list_loaded_reports(connection: Connection) -> set[tuple[int, str]]:
    """Return the scope and report of every report of which a day is loaded."""
    table = collection_status.c
    query = sa.select(table.scope_id, table.report).where(table.state == DayState.LOADED).distinct()
    return {(row.scope_id, row.report) for row in connection.execute(query)}


def read_attempts(
    connection: Connection, scope_id: int, report: str, days: Sequence[date]
) -> dict[date, int]:
    """Return the number of the last attempt of each day that has one."""
    table = collection_status.c
    query = sa.select(table.day, table.attempt).where(
        table.scope_id == scope_id, table.report == report, table.day.in_(days)
    )
    return {row.day: row.attempt for row in connection.execute(query)}


def save_loaded(
    connection: Connection,
    scope_id: int,
    day: date,
    report: str,
    *,
    http_status: int,
    row_count: int,
    sha256: str,
    fetched_at: datetime,
    first_loaded_at: datetime,
    changed: bool,
) -> None:
    """Store that the day's report is loaded. `changed` means that its content has changed."""
    table = collection_status.c
    values = {
        "state": DayState.LOADED,
        "http_status": http_status,
        "row_count": row_count,
        "sha256": sha256,
        "first_loaded_at": first_loaded_at,
        "last_fetched_at": fetched_at,
        "message": None,
    }
    next_attempt = {"attempt": table.attempt + 1}
    key = {"scope_id": scope_id, "day": day, "report": report}
    on_change = {"changed_at": fetched_at, "change_count": table.change_count + 1}
    new = {"changed_at": fetched_at if changed else None, "change_count": int(changed)}
    statement = upsert_statement(connection, collection_status).values(
        {**key, **values, **new, "attempt": 1}
    )
    connection.execute(
        statement.on_conflict_do_update(
            index_elements=list(key),
            set_={**values, **next_attempt, **(on_change if changed else {})},
        )
    )


def save_attempt(
    connection: Connection,
    scope_id: int,
    day: date,
    report: str,
    state: DayState,
    http_status: int | None,
    message: str | None,
) -> None:
    """Store the result of a failed attempt. A loaded day keeps its state and its rows."""
    lock_scope(connection, scope_id)
    table = collection_status.c
    key = {"scope_id": scope_id, "day": day, "report": report}
    values = {
        "http_status": http_status,
        "message": message,
        "last_fetched_at": utc_now(),
    }
    kept = sa.case((table.state == DayState.LOADED, table.state), else_=state)
    statement = upsert_statement(connection, collection_status).values(
        {**key, **values, "state": state, "change_count": 0, "attempt": 1}
    )
    connection.execute(
        statement.on_conflict_do_update(
            index_elements=list(key),
            set_={**values, "state": kept, "attempt": table.attempt + 1},
        )
    )


def heal_future_times(connection: Connection, scope_id: int, now: datetime) -> int:
    """Set the scope's stored times in the future to now. Return the number of changed days.

    A clock that was ahead stored them. They affect only what is displayed.
    """
    table = collection_status.c
    limit = now + CLOCK_TOLERANCE
    times = (table.first_loaded_at, table.last_fetched_at, table.changed_at)
    healed = connection.execute(
        sa.update(collection_status)
        .where(table.scope_id == scope_id, sa.or_(*(time > limit for time in times)))
        .values({time.name: sa.case((time > limit, now), else_=time) for time in times})
    )
    return healed.rowcount


def _is(scope_id: int, day: date, report: str) -> tuple[sa.ColumnElement[bool], ...]:
    table = collection_status.c
    return table.scope_id == scope_id, table.day == day, table.report == report
