"""Stores the seat counts of each day, because the view `copilot_seat_people` is slow over a year.

The counts change when a users report of the day or an earlier day is loaded later. The transaction
that writes the report marks them as stale. They are counted again at the end of the load.
"""

from collections.abc import Collection
from datetime import date, timedelta

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from copilot_pipeline.rules import ACTIVE_DAYS, COVERED_DAYS
from copilot_pipeline.schema import day, metadata, scope_id
from copilot_pipeline.sources.raw import RAW_SEATS
from copilot_pipeline.sources.seats import seats
from copilot_pipeline.sources.users import USERS, user_metrics
from copilot_pipeline.warehouse.history import DayState
from copilot_pipeline.warehouse.history_tables import collection_status
from copilot_pipeline.warehouse.rows import replace_slice

seat_days = sa.Table(
    "_tool_copilot_seat_days",
    metadata,
    scope_id(),
    day("The newest complete UTC day when the snapshot was taken"),
    sa.Column("seats", sa.BigInteger, comment="People who hold a seat"),
    sa.Column(
        "seats_enterprise",
        sa.BigInteger,
        comment="People who hold a seat with the plan Copilot Enterprise",
    ),
    sa.Column(
        "active_users",
        sa.BigInteger,
        comment=(
            "People with a seat and activity in the users reports of the 28 days; NULL if these "
            "reports do not cover the 28 days"
        ),
    ),
    sa.Column(
        "active_seats",
        sa.BigInteger,
        comment="People with activity in the 28 days in the seat list or the users reports",
    ),
    sa.Column(
        "idle_seats",
        sa.BigInteger,
        comment=(
            "People whose last activity is 30 days ago or more, with a seat for 30 days, not "
            "canceled"
        ),
    ),
    sa.Column(
        "never_used_seats",
        sa.BigInteger,
        comment="People without any activity, with a seat for 30 days, not canceled",
    ),
    sa.Column(
        "unused_seats_enterprise",
        sa.BigInteger,
        comment="Idle and never used seats with the plan Copilot Enterprise",
    ),
    sa.Column("new_seats", sa.BigInteger, comment="People whose seat was assigned in the 30 days"),
    sa.Column(
        "pending_seats",
        sa.BigInteger,
        comment="People whose seat is canceled and ends with the billing cycle",
    ),
    sa.Column(
        "is_stale",
        sa.Boolean,
        nullable=False,
        comment="A users report was loaded later; counted again at the end of the load",
    ),
    comment="One row is a scope's seats on one day, counted by person.",
)

_people = sa.table(
    "copilot_seat_people",
    *(
        sa.column(name, type_)
        for name, type_ in {
            "scope_id": sa.BigInteger,
            "day": sa.Date,
            "plan_type": sa.Text,
            "last_used_day": sa.Date,
            "is_active": sa.Boolean,
            "is_idle": sa.Boolean,
            "is_never_used": sa.Boolean,
            "is_new": sa.Boolean,
            "is_pending": sa.Boolean,
        }.items()
    ),
)


def after_writing(
    connection: Connection, scope_id: int, day: date, written: Collection[sa.Table]
) -> None:
    """Counts the seats, or marks counts as stale, after tables of a day were written."""
    if seats in written:
        count_seat_day(connection, scope_id, day)
    if user_metrics in written:
        mark_stale(connection, scope_id, day)


def count_seat_day(connection: Connection, scope_id: int, day: date) -> None:
    """Counts the stored snapshot of the day, including an empty one."""
    people = _people.c
    is_enterprise = people.plan_type == "enterprise"
    is_unused = sa.or_(people.is_idle, people.is_never_used)
    month = day - timedelta(days=ACTIVE_DAYS)
    used = _count(people.last_used_day > month)
    counts = {
        "seats": sa.func.count(),
        "seats_enterprise": _count(is_enterprise),
        "active_users": sa.case((_users_cover(scope_id, day), used)),
        "active_seats": _count(people.is_active),
        "idle_seats": _count(people.is_idle),
        "never_used_seats": _count(people.is_never_used),
        "unused_seats_enterprise": _count(sa.and_(is_enterprise, is_unused)),
        "new_seats": _count(people.is_new),
        "pending_seats": _count(people.is_pending),
    }
    query = sa.select(*(count.label(name) for name, count in counts.items())).where(
        people.scope_id == scope_id, people.day == day
    )
    row = connection.execute(query).mappings().one()
    key = {"scope_id": scope_id, "day": day}
    replace_slice(connection, seat_days, key, [{**key, **row, "is_stale": False}])


def mark_stale(connection: Connection, scope_id: int, since: date) -> None:
    """Marks the counts since the day as stale, because its users report was written."""
    later = (seat_days.c.scope_id == scope_id, seat_days.c.day >= since)
    fresh = seat_days.c.is_stale.is_(False)
    connection.execute(sa.update(seat_days).where(*later, fresh).values(is_stale=True))


def list_uncounted_days(connection: Connection) -> list[tuple[int, date]]:
    """Return the scopes and days with a snapshot whose counts are stale or missing."""
    raw_seats = RAW_SEATS.table
    counted = sa.exists().where(
        seat_days.c.scope_id == raw_seats.c.scope_id,
        seat_days.c.day == raw_seats.c.day,
        seat_days.c.is_stale.is_(False),
    )
    query = (
        sa.select(raw_seats.c.scope_id, raw_seats.c.day)
        .where(~counted)
        .distinct()
        .order_by(raw_seats.c.scope_id, raw_seats.c.day)
    )
    return [(row.scope_id, row.day) for row in connection.execute(query)]


def _count(condition: sa.ColumnElement[bool]) -> sa.ColumnElement[int]:
    return sa.func.count().filter(condition)


def _users_cover(scope_id: int, day: date) -> sa.ColumnElement[bool]:
    """Whether the loaded users reports cover the 28 days.

    Days in between may be missing, and the newest days may not be available yet.
    """
    status = collection_status.c
    loaded = (
        status.scope_id == scope_id,
        status.report == USERS.name,
        status.state == DayState.LOADED,
    )
    return sa.and_(
        sa.exists().where(*loaded, status.day <= day - timedelta(days=ACTIVE_DAYS - 1)),
        sa.exists().where(*loaded, status.day.between(day - timedelta(days=COVERED_DAYS), day)),
    )
