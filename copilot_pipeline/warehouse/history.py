"""Reads and writes collection status, restatements and unknown names."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from itertools import groupby

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from copilot_pipeline.clock import utc_now
from copilot_pipeline.warehouse.history_tables import (
    collection_status,
    restatements,
    shown_names,
    unknown_names,
)
from copilot_pipeline.warehouse.locks import lock_scope
from copilot_pipeline.warehouse.rows import replace_slice, upsert_statement

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


def save_restatements(
    connection: Connection,
    scope_id: int,
    day: date,
    report: str,
    old: Mapping[str, float | None],
    new: Mapping[str, float | None],
    seen_at: datetime,
) -> None:
    """Store the headline values that have changed."""
    rows = [
        {
            "scope_id": scope_id,
            "day": day,
            "report": report,
            "metric": metric,
            "old": old.get(metric),
            "new": new.get(metric),
            "seen_at": seen_at,
        }
        for metric in sorted({*old, *new})
        if old.get(metric) != new.get(metric)
    ]
    if rows:
        connection.execute(sa.insert(restatements), rows)


@dataclass(frozen=True)
class Restatement:
    """A headline value that GitHub changed after it had been loaded."""

    scope_id: int
    report: str
    metric: str
    old: float | None
    new: float | None
    seen_at: datetime


def list_restatements(connection: Connection, day: date) -> list[Restatement]:
    """Return the restatements of a day in the order in which they were loaded."""
    table = restatements.c
    columns = [table[name] for name in Restatement.__annotations__]
    query = sa.select(*columns).where(table.day == day).order_by(table.seen_at, table.metric)
    return [Restatement(*row) for row in connection.execute(query)]


def replace_unknown_names(
    connection: Connection,
    scope_id: int,
    day: date,
    report: str,
    found: Mapping[tuple[str, str], int],
) -> None:
    """Replace the unknown names of a day's report."""
    slice_ = {"scope_id": scope_id, "day": day, "report": report}
    rows = [
        {**slice_, "kind": kind, "name": name, "occurrences": occurrences}
        for (kind, name), occurrences in sorted(found.items())
    ]
    replace_slice(connection, unknown_names, slice_, rows)


@dataclass(frozen=True)
class UnknownName:
    """A name that this version does not know, with its occurrences on all loaded days."""

    kind: str
    name: str
    occurrences: int
    was_shown: bool


def list_unknown_names(connection: Connection) -> list[UnknownName]:
    """Return the unknown names of all scopes and days."""
    table, shown = unknown_names.c, shown_names.c
    same = sa.and_(shown.kind == table.kind, shown.name == table.name)
    query = (
        sa.select(
            table.kind,
            table.name,
            sa.func.sum(table.occurrences),
            sa.func.max(shown.shown_at).is_not(None),
        )
        .select_from(unknown_names)
        .outerjoin(shown_names, same)
        .group_by(table.kind, table.name)
        .order_by(table.kind, table.name)
    )
    return [
        UnknownName(kind, name, int(occurrences), bool(shown))
        for kind, name, occurrences, shown in connection.execute(query)
    ]


def mark_shown(connection: Connection, names: Sequence[UnknownName]) -> None:
    """Store that a check has warned about these names."""
    now = utc_now()
    rows = [{"kind": each.kind, "name": each.name, "shown_at": now} for each in names]
    if rows:
        statement = upsert_statement(connection, shown_names)
        connection.execute(statement.on_conflict_do_nothing(), rows)


@dataclass(frozen=True)
class Refusal:
    """A report of a day that a token cannot read, with the error message."""

    scope_id: int
    report: str
    day: date
    message: str


def list_refusals(
    connection: Connection, scope_ids: Sequence[int], days: Sequence[date]
) -> list[Refusal]:
    """Return the reports of the scopes and days with the state `no_access`."""
    table = collection_status.c
    query = (
        sa.select(table.scope_id, table.report, table.day, table.message)
        .where(table.scope_id.in_(scope_ids), table.day.in_(days))
        .where(table.state == DayState.NO_ACCESS)
        .order_by(table.scope_id, table.report, table.day)
    )
    return [Refusal(*row) for row in connection.execute(query)]


@dataclass(frozen=True)
class Incomplete:
    """The number of failed days of a report, with the oldest day and an error message."""

    scope_id: int
    report: str
    days: int
    oldest: date
    message: str


def list_incomplete(connection: Connection, scope_ids: Sequence[int]) -> list[Incomplete]:
    """Return the days whose last attempt failed, by scope and report."""
    table = collection_status.c
    failed = sa.or_(
        table.state == DayState.FAILED,
        sa.and_(table.state == DayState.LOADED, table.message.is_not(None)),
    )
    query = (
        sa.select(
            table.scope_id,
            table.report,
            sa.func.count(),
            sa.func.min(table.day),
            sa.func.max(table.message),
        )
        .where(table.scope_id.in_(scope_ids), failed)
        .group_by(table.scope_id, table.report)
        .order_by(table.scope_id, table.report)
    )
    return [Incomplete(*row) for row in connection.execute(query)]


@dataclass(frozen=True)
class FromTheFuture:
    """What a clock that was ahead stored of a report: days and times that have not come yet.

    `days` are statuses of days that are not over, the last of them `last_day`; `times` are statuses
    with a later time than now, the last of them `last_time`.
    """

    scope_id: int
    report: str
    days: int
    last_day: date | None
    times: int
    last_time: datetime | None


def list_from_the_future(
    connection: Connection, scope_ids: Sequence[int], now: datetime
) -> list[FromTheFuture]:
    """The reports of those scopes with such days or times, apart from small differences."""
    table = collection_status.c
    limit = now + CLOCK_TOLERANCE
    times = (table.first_loaded_at, table.last_fetched_at, table.changed_at)
    is_day_ahead = table.day >= limit.date()
    is_time_ahead = sa.or_(*(time > limit for time in times))
    query = (
        sa.select(table.scope_id, table.report, table.day, is_day_ahead, is_time_ahead, *times)
        .where(table.scope_id.in_(scope_ids), sa.or_(is_day_ahead, is_time_ahead))
        .order_by(table.scope_id, table.report)
    )
    rows = connection.execute(query).all()
    found = []
    for (scope_id, report), of_report in groupby(rows, key=lambda row: tuple(row[:2])):
        days, instants = [], []
        for _, _, day, has_day, has_time, *stored in of_report:
            days += [day] if has_day else []
            instants += [max(filter(None, stored))] if has_time else []
        found.append(
            FromTheFuture(
                scope_id,
                report,
                len(days),
                max(days, default=None),
                len(instants),
                max(instants, default=None),
            )
        )
    return found


def _is(scope_id: int, day: date, report: str) -> tuple[sa.ColumnElement[bool], ...]:
    table = collection_status.c
    return table.scope_id == scope_id, table.day == day, table.report == report
