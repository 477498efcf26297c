"""Compares stored numbers of different reports by scope and day."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from copilot_pipeline.rules import IDLE_DAYS
from copilot_pipeline.sources.aggregate import org_metrics, scope_breakdowns
from copilot_pipeline.sources.breakdowns import BY_FEATURE
from copilot_pipeline.sources.raw import RAW_SEATS
from copilot_pipeline.sources.seats import seats
from copilot_pipeline.sources.users import USERS, user_metrics, was_active
from copilot_pipeline.warehouse.history import DayState
from copilot_pipeline.warehouse.history_tables import collection_status
from copilot_pipeline.warehouse.sums import CounterSum

# Features that a breakdown does not include: the CLI and the app by editor and language, and also
# completions by model.
_NOT_IN_EDITORS = ("copilot_cli", "copilot_app")
_LEFT_OUT = {
    "ide": _NOT_IN_EDITORS,
    "feature": (),
    "language_feature": _NOT_IN_EDITORS,
    "language_model": (*_NOT_IN_EDITORS, "code_completion"),
    "model_feature": (*_NOT_IN_EDITORS, "code_completion"),
}

# The counter that every breakdown has.
_COUNTER = "code_generation_activity_count"


@dataclass(frozen=True)
class Comparison:
    """Two numbers of one scope and day that should agree. `what` names the compared breakdown."""

    scope_id: int
    day: date
    expected: int
    found: int
    what: str = ""


def compare_active_users(
    connection: Connection, scope_ids: Sequence[int], days: Sequence[date]
) -> list[Comparison]:
    """Compare `daily_active_users` with the users with activity, if both reports are loaded."""
    org, users, status = org_metrics.c, user_metrics.c, collection_status.c
    loaded = sa.and_(status.scope_id == org.scope_id, status.day == org.day, _users_are_loaded())
    of_day = sa.and_(users.scope_id == org.scope_id, users.day == org.day, was_active)
    query = (
        sa.select(org.scope_id, org.day, org.total_active_users, sa.func.count(users.user_id))
        .select_from(org_metrics)
        .join(collection_status, loaded)
        .outerjoin(user_metrics, of_day)
        .where(org.scope_id.in_(scope_ids), org.day.in_(days))
        .where(org.total_active_users.is_not(None))
        .group_by(org.scope_id, org.day, org.total_active_users)
        .order_by(org.scope_id, org.day)
    )
    return [Comparison(*row) for row in connection.execute(query)]


def compare_breakdowns(
    connection: Connection, scope_ids: Sequence[int], days: Sequence[date]
) -> list[Comparison]:
    """Compare the total of output events with the sum of each breakdown.

    Some breakdowns cover only a part of the total. If the sum equals this part, `expected` is the
    part.
    """
    features = scope_breakdowns[BY_FEATURE].table
    by_feature: dict[tuple[int, date], dict[str, int]] = {}
    for scope_id, day, feature, count in connection.execute(
        sa.select(
            features.c.scope_id, features.c.day, features.c.feature, features.c[_COUNTER]
        ).where(features.c.scope_id.in_(scope_ids), features.c.day.in_(days))
    ):
        by_feature.setdefault((scope_id, day), {})[feature] = count or 0
    comparisons = []
    for breakdown, target in scope_breakdowns.items():
        table = target.table
        org = org_metrics.c
        query = (
            sa.select(org.scope_id, org.day, org[_COUNTER], CounterSum(table.c[_COUNTER]))
            .select_from(org_metrics)
            .join(table, sa.and_(table.c.scope_id == org.scope_id, table.c.day == org.day))
            .where(org.scope_id.in_(scope_ids), org.day.in_(days), org[_COUNTER].is_not(None))
            .group_by(org.scope_id, org.day, org[_COUNTER])
            .order_by(org.scope_id, org.day)
        )
        for scope_id, day, total, found in connection.execute(query):
            if found is None:
                continue
            of_day = by_feature.get((scope_id, day), {})
            covered = total - sum(of_day.get(name, 0) for name in _LEFT_OUT[breakdown.name])
            expected = covered if found == covered else total
            comparisons.append(Comparison(scope_id, day, expected, int(found), breakdown.name))
    return comparisons


def compare_seats(
    connection: Connection, scope_ids: Sequence[int], days: Sequence[date]
) -> list[Comparison]:
    """Compare the users with activity with those who held a seat, on days with a snapshot."""
    users = user_metrics.c
    held = sa.exists().where(
        seats.c.scope_id == users.scope_id,
        seats.c.day == users.day,
        seats.c.user_id == users.user_id,
    )
    query = (
        sa.select(users.scope_id, users.day, sa.func.count(), sa.func.count().filter(held))
        .where(users.scope_id.in_(scope_ids), users.day.in_(days), was_active)
        .where(_has_snapshot(users.scope_id, users.day))
        .group_by(users.scope_id, users.day)
        .order_by(users.scope_id, users.day)
    )
    return [Comparison(*row) for row in connection.execute(query)]


def compare_idle_seats(
    connection: Connection, scope_ids: Sequence[int], days: Sequence[date]
) -> list[Comparison]:
    """Compare the people idle for 30 days in the seat list with those idle in the users reports.

    The seat list has activity only from editors that send telemetry. Days with a snapshot are
    compared if a users report of the 30 days is loaded.
    """
    comparisons = []
    snapshots = (
        sa.select(seats.c.scope_id, seats.c.day)
        .where(seats.c.scope_id.in_(scope_ids), seats.c.day.in_(days))
        .distinct()
        .order_by(seats.c.scope_id, seats.c.day)
    )
    for scope_id, day in connection.execute(snapshots).all():
        first = day - timedelta(days=IDLE_DAYS - 1)
        status = collection_status.c
        loaded = sa.exists().where(
            status.scope_id == scope_id,
            status.day.between(first, day),
            _users_are_loaded(),
        )
        if not connection.execute(sa.select(loaded)).scalar_one():
            continue
        last_activity = sa.func.max(seats.c.last_activity_at)
        begin = datetime.combine(first, time(), UTC)
        idle = (
            sa.select(seats.c.user_id)
            .where(seats.c.scope_id == scope_id, seats.c.day == day)
            .group_by(seats.c.user_id)
            .having(sa.or_(last_activity.is_(None), last_activity < begin))
            .subquery()
        )
        active = (
            sa.select(user_metrics.c.user_id)
            .where(user_metrics.c.scope_id == scope_id, user_metrics.c.day.between(first, day))
            .where(was_active)
            .distinct()
            .subquery()
        )
        query = sa.select(
            sa.func.count(), sa.func.count().filter(active.c.user_id.is_(None))
        ).select_from(idle.outerjoin(active, active.c.user_id == idle.c.user_id))
        comparisons.append(Comparison(scope_id, day, *connection.execute(query).one()))
    return comparisons


def _users_are_loaded() -> sa.ColumnElement[bool]:
    status = collection_status.c
    return sa.and_(status.report == USERS.name, status.state == DayState.LOADED)


def _has_snapshot(scope_id: sa.Column[int], day: sa.Column[date]) -> sa.ColumnElement[bool]:
    raw_seats = RAW_SEATS.table.c
    return sa.exists().where(raw_seats.scope_id == scope_id, raw_seats.day == day)
