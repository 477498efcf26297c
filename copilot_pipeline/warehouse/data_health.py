"""Reads what is wrong with the collected history: refused, failed and impossible days."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from itertools import groupby

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from copilot_pipeline.warehouse.history import CLOCK_TOLERANCE, DayState, was_refused
from copilot_pipeline.warehouse.history_tables import (
    collection_status,
)


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
    """Return the reports of the scopes and days whose last attempt GitHub refused."""
    table = collection_status.c
    query = (
        sa.select(table.scope_id, table.report, table.day, table.message)
        .where(table.scope_id.in_(scope_ids), table.day.in_(days))
        .where(was_refused)
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
    """Return the days whose last attempt failed without a refusal, by scope and report."""
    table = collection_status.c
    failed = sa.or_(
        table.state == DayState.FAILED,
        sa.and_(table.state == DayState.LOADED, table.message.is_not(None), sa.not_(was_refused)),
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
