"""SQL functions for days and times that differ between the two databases.

SQLite stores days as text, and times as text in UTC.
"""

from datetime import date
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement


class DaysAfter(FunctionElement[date]):
    """The day a number of days after a day, or before it if the number is negative."""

    type = sa.Date()
    inherit_cache = True

    def __init__(self, day: sa.ColumnElement[Any], days: int) -> None:
        super().__init__(day, sa.literal(days))


class UtcDay(FunctionElement[date]):
    """The UTC day of a point in time."""

    type = sa.Date()
    inherit_cache = True


class Today(FunctionElement[date]):
    """The current UTC day."""

    type = sa.Date()
    inherit_cache = True


class LaterOf(FunctionElement[date]):
    """The later of two days. NULL is ignored."""

    type = sa.Date()
    inherit_cache = True


class DaysBetween(FunctionElement[int]):
    """The number of days from a day to a later one."""

    type = sa.Integer()
    inherit_cache = True


def days_before(day: sa.ColumnElement[Any], days: int) -> DaysAfter:
    return DaysAfter(day, -days)


@compiles(DaysAfter, "postgresql")
def _days_after_in_postgresql(element: DaysAfter, compiler: SQLCompiler, **kw: Any) -> str:
    day, days = _arguments(element, compiler, **kw)
    return f"({day} + {days})"


@compiles(DaysAfter, "sqlite")
def _days_after_in_sqlite(element: DaysAfter, compiler: SQLCompiler, **kw: Any) -> str:
    day, days = _arguments(element, compiler, **kw)
    return f"date({day}, {days} || ' days')"


@compiles(UtcDay, "postgresql")
def _utc_day_in_postgresql(element: UtcDay, compiler: SQLCompiler, **kw: Any) -> str:
    (instant,) = _arguments(element, compiler, **kw)
    return f"CAST({instant} AT TIME ZONE 'UTC' AS DATE)"


@compiles(UtcDay, "sqlite")
def _utc_day_in_sqlite(element: UtcDay, compiler: SQLCompiler, **kw: Any) -> str:
    (instant,) = _arguments(element, compiler, **kw)
    return f"date({instant})"


@compiles(Today, "postgresql")
def _today_in_postgresql(element: Today, compiler: SQLCompiler, **kw: Any) -> str:
    return "CAST(now() AT TIME ZONE 'UTC' AS DATE)"


@compiles(Today, "sqlite")
def _today_in_sqlite(element: Today, compiler: SQLCompiler, **kw: Any) -> str:
    return "date('now')"


@compiles(LaterOf, "postgresql")
def _later_of_in_postgresql(element: LaterOf, compiler: SQLCompiler, **kw: Any) -> str:
    one, other = _arguments(element, compiler, **kw)
    return f"greatest({one}, {other})"


@compiles(LaterOf, "sqlite")
def _later_of_in_sqlite(element: LaterOf, compiler: SQLCompiler, **kw: Any) -> str:
    # max() with several arguments is NULL if one of them is NULL.
    one, other = _arguments(element, compiler, **kw)
    return f"coalesce(max({one}, {other}), {one}, {other})"


@compiles(DaysBetween, "postgresql")
def _days_between_in_postgresql(element: DaysBetween, compiler: SQLCompiler, **kw: Any) -> str:
    first, last = _arguments(element, compiler, **kw)
    return f"({last} - {first})"


@compiles(DaysBetween, "sqlite")
def _days_between_in_sqlite(element: DaysBetween, compiler: SQLCompiler, **kw: Any) -> str:
    first, last = _arguments(element, compiler, **kw)
    return f"CAST(julianday({last}) - julianday({first}) AS INTEGER)"


def _arguments(element: FunctionElement[Any], compiler: SQLCompiler, **kw: Any) -> list[str]:
    return [compiler.process(clause, **kw) for clause in element.clauses]
