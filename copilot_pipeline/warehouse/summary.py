"""Reads the summary of a scope from the tool tables."""

from dataclasses import dataclass
from datetime import date, timedelta

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from copilot_pipeline.sources.aggregate import language_metrics, org_metrics
from copilot_pipeline.warehouse.seat_days import seat_days
from copilot_pipeline.warehouse.sums import CounterSum

# The days over which rates and languages are summed, the newest day included.
PERIOD_DAYS = 28


@dataclass(frozen=True)
class Language:
    """Code completions of a language in the period."""

    name: str
    suggestions: int
    acceptances: int


@dataclass(frozen=True)
class Summary:
    """The adoption of a scope on its newest loaded day. None means unknown.

    Active users are people. Suggestions, acceptances and languages are sums over the 28 days that
    end on the day. Seats are the people with a seat in the newest snapshot, and `seats_idle` those
    who are idle or never used it.
    """

    day: date
    days_loaded: int
    active_users_1d: int | None
    active_users_7d: int | None
    active_users_28d: int | None
    suggestions: int | None
    acceptances: int | None
    languages: list[Language]
    snapshot_day: date | None
    seat_total: int | None
    seats_idle: int | None


def read_summary(connection: Connection, scope_id: int) -> Summary | None:
    """Return the summary of the scope, or None if no day is loaded."""
    table = org_metrics
    of_scope = sa.select(table).where(table.c.scope_id == scope_id)
    newest = connection.execute(of_scope.order_by(table.c.day.desc()).limit(1)).one_or_none()
    if newest is None:
        return None
    in_period = table.c.day > newest.day - timedelta(days=PERIOD_DAYS)
    sums = connection.execute(
        sa.select(
            sa.func.count(),
            CounterSum(sa.case((in_period, table.c.completion_suggestions))),
            CounterSum(sa.case((in_period, table.c.completion_acceptances))),
        ).where(table.c.scope_id == scope_id)
    ).one()
    snapshot_day, seat_total, seats_idle = _seats(connection, scope_id)
    return Summary(
        day=newest.day,
        days_loaded=sums[0],
        active_users_1d=newest.total_active_users,
        active_users_7d=newest.weekly_active_users,
        active_users_28d=newest.monthly_active_users,
        suggestions=None if sums[1] is None else int(sums[1]),
        acceptances=None if sums[2] is None else int(sums[2]),
        languages=_languages(connection, scope_id, newest.day),
        snapshot_day=snapshot_day,
        seat_total=seat_total,
        seats_idle=seats_idle,
    )


def _languages(connection: Connection, scope_id: int, last: date) -> list[Language]:
    table = language_metrics
    suggestions = sa.func.coalesce(CounterSum(table.c.suggestions), 0)
    query = (
        sa.select(
            table.c.language, suggestions, sa.func.coalesce(CounterSum(table.c.acceptances), 0)
        )
        .where(table.c.scope_id == scope_id, table.c.day > last - timedelta(days=PERIOD_DAYS))
        .group_by(table.c.language)
        .order_by(suggestions.desc(), table.c.language)
    )
    return [Language(name, int(s), int(a)) for name, s, a in connection.execute(query)]


def _seats(connection: Connection, scope_id: int) -> tuple[date | None, int | None, int | None]:
    counts = seat_days.c
    query = (
        sa.select(counts.day, counts.seats, counts.idle_seats + counts.never_used_seats)
        .where(counts.scope_id == scope_id)
        .order_by(counts.day.desc())
        .limit(1)
    )
    newest = connection.execute(query).one_or_none()
    return (None, None, None) if newest is None else (newest[0], newest[1], newest[2])
