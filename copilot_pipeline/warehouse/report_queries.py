"""The queries of the HTML report, over the same tables and views as the dashboards.

Each function returns a query for both databases. Rows belong to the given scopes and to the days
from `first` to `last`, both included. Definitions are those of the panels in `grafana/source/`.
"""

from collections.abc import Collection, Mapping
from datetime import date
from typing import Any

import sqlalchemy as sa

from copilot_pipeline.rules import MIN_TEAM_MEMBERS, PRICE_BUSINESS, PRICE_ENTERPRISE
from copilot_pipeline.sources import SEATS
from copilot_pipeline.sources.aggregate import language_metrics, org_metrics, scope_breakdowns
from copilot_pipeline.sources.breakdowns import BY_IDE, BY_MODEL_FEATURE
from copilot_pipeline.sources.users import USERS
from copilot_pipeline.warehouse.history import DayState
from copilot_pipeline.warehouse.history_tables import restatements
from copilot_pipeline.warehouse.seat_days import seat_days
from copilot_pipeline.warehouse.sums import CounterSum
from copilot_pipeline.warehouse.views.days import FEATURE_DAYS
from copilot_pipeline.warehouse.views.history import MARKS, REPORT_DAYS, SNAPSHOT_DAYS
from copilot_pipeline.warehouse.views.people import SEAT_PEOPLE, TEAM_MEMBER_DAYS, USER_DAYS

Query = sa.Select[Any]
ScopeIds = Collection[int]

# The people who used a feature in the 28 days that end on a day, by the column of the aggregate.
ADOPTER_COLUMNS = {
    "chat": "monthly_active_chat_users",
    "agent mode": "monthly_active_agent_users",
    "CLI": "monthly_active_cli_users",
    "code review": "monthly_active_copilot_code_review_users",
    "cloud agent": "monthly_active_copilot_cloud_agent_users",
    "app": "monthly_active_copilot_app_users",
}

_DAY_COLUMNS = (
    "source",
    "total_active_users",
    "weekly_active_users",
    "monthly_active_users",
    "completion_suggestions",
    "completion_acceptances",
    "completion_lines_suggested",
    "completion_lines_accepted",
    "ide_chats",
    *ADOPTER_COLUMNS.values(),
)


def scope_days(scopes: ScopeIds, first: date, last: date) -> Query:
    """One row is a scope's day, as GitHub aggregates it."""
    days = org_metrics.c
    columns = (days[name] for name in _DAY_COLUMNS)
    return (
        sa.select(days.scope_id, days.day, *columns)
        .where(*_within(org_metrics, scopes, first, last))
        .order_by(days.scope_id, days.day)
    )


def seat_counts(scopes: ScopeIds, first: date, last: date) -> Query:
    """One row is a scope's snapshot of seats, with its cost in US dollars a month.

    The prices are GitHub's list prices. A seat of an unknown plan has the price of Business.
    """
    days = seat_days.c
    unused = days.idle_seats + days.never_used_seats
    return (
        sa.select(
            *(each for each in days if each.name != "is_stale"),
            unused.label("unused_seats"),
            _cost(days.seats, days.seats_enterprise).label("cost"),
            _cost(unused, days.unused_seats_enterprise).label("unused_cost"),
        )
        .where(*_within(seat_days, scopes, first, last))
        .order_by(days.scope_id, days.day)
    )


def _cost(seats: sa.ColumnElement[Any], enterprise: sa.ColumnElement[Any]) -> Any:
    return (seats - enterprise) * PRICE_BUSINESS + enterprise * PRICE_ENTERPRISE


def feature_days(scopes: ScopeIds, first: date, last: date) -> Query:
    """One row is a feature of a scope's day."""
    days = FEATURE_DAYS.table
    row = days.c
    return sa.select(row.scope_id, row.day, row.name, row.is_chat, row.prompts, row.outputs).where(
        *_within(days, scopes, first, last)
    )


def languages(scopes: ScopeIds, first: date, last: date) -> Query:
    """One row is a language of a scope: its code completions, summed."""
    row = language_metrics.c
    sums = {"suggested": row.suggestions, "accepted": row.acceptances}
    return _summed(language_metrics, row.language, sums, scopes, first, last)


def editors(scopes: ScopeIds, first: date, last: date) -> Query:
    """One row is an editor of a scope: its prompts and output events, summed."""
    table = scope_breakdowns[BY_IDE].table
    events = table.c.user_initiated_interaction_count + table.c.code_generation_activity_count
    return _summed(table, table.c.ide, {"events": events}, scopes, first, last)


def models(scopes: ScopeIds, first: date, last: date) -> Query:
    """One row is a model of a scope: prompts to it in chat and agents, summed."""
    table = scope_breakdowns[BY_MODEL_FEATURE].table
    prompts = table.c.user_initiated_interaction_count
    return _summed(table, table.c.model, {"prompts": prompts}, scopes, first, last)


def _summed(
    table: sa.Table,
    name: sa.ColumnElement[str],
    counts: Mapping[str, sa.ColumnElement[Any]],
    scopes: ScopeIds,
    first: date,
    last: date,
) -> Query:
    sums = (CounterSum(count).label(title) for title, count in counts.items())
    return (
        sa.select(table.c.scope_id, name.label("name"), *sums)
        .where(*_within(table, scopes, first, last))
        .group_by(table.c.scope_id, name)
    )


def teams(scopes: ScopeIds, first: date, last: date) -> Query:
    """One row is a team of at least five: its members on any day, and what they did as members.

    Days without a users report do not count.
    """
    days = TEAM_MEMBER_DAYS.table
    row = days.c
    members = (
        sa.select(
            row.scope_id,
            row.team_id,
            row.user_id,
            sa.func.max(row.team).label("team"),
            sa.func.count().filter(row.is_active).label("active_days"),
            CounterSum(row.prompts).label("prompts"),
            CounterSum(row.completion_suggestions).label("suggested"),
            CounterSum(row.completion_acceptances).label("accepted"),
        )
        .where(*_within(days, scopes, first, last), row.is_known)
        .group_by(row.scope_id, row.team_id, row.user_id)
        .subquery("members")
    )
    member = members.c
    return (
        sa.select(
            member.scope_id,
            member.team_id,
            sa.func.max(member.team).label("team"),
            sa.func.count().label("members"),
            sa.func.count().filter(member.active_days > 0).label("active"),
            sa.func.sum(member.active_days).label("active_days"),
            sa.func.sum(member.prompts).label("prompts"),
            sa.func.sum(member.suggested).label("suggested"),
            sa.func.sum(member.accepted).label("accepted"),
        )
        .group_by(member.scope_id, member.team_id)
        .having(sa.func.count() >= MIN_TEAM_MEMBERS)
    )


def distinct_people(scopes: ScopeIds, first: date, last: date) -> Query:
    """One number: the people with activity on any of the days in any of the scopes."""
    days = USER_DAYS.table
    people = sa.func.count(days.c.user_id.distinct()).label("people")
    return sa.select(people).where(*_within(days, scopes, first, last), days.c.is_active)


def users_reports(scopes: ScopeIds, first: date, last: date) -> Query:
    """One number: the days of which the users report of any of the scopes is loaded."""
    days = REPORT_DAYS.table
    count = sa.func.count(days.c.day.distinct()).label("days")
    return sa.select(count).where(
        *_within(days, scopes, first, last),
        days.c.report == USERS.name,
        days.c.state == DayState.LOADED,
    )


def report_counts(scopes: ScopeIds, first: date, last: date) -> Query:
    """One row is a report of a scope: its expected days by what became of them."""
    days = REPORT_DAYS.table
    row = days.c
    is_gap = sa.and_(sa.not_(row.is_settled), sa.not_(row.is_provisional))
    return (
        sa.select(
            row.scope_id,
            row.report,
            sa.func.count().label("expected"),
            sa.func.count().filter(row.state == DayState.LOADED).label("loaded"),
            sa.func.count().filter(row.state == DayState.NO_DATA).label("no_data"),
            sa.func.count().filter(is_gap).label("gaps"),
            sa.func.count().filter(row.change_count > 0).label("restated"),
            sa.func.max(row.day).filter(row.state == DayState.LOADED).label("newest_day"),
        )
        .where(*_within(days, scopes, first, last))
        .group_by(row.scope_id, row.report)
        .order_by(row.scope_id, row.report)
    )


def report_states(scopes: ScopeIds, first: date, last: date) -> Query:
    """One row is the state of an expected day of a report."""
    days = REPORT_DAYS.table
    row = days.c
    return (
        sa.select(row.scope_id, row.report, row.day, row.state, row.is_provisional)
        .where(*_within(days, scopes, first, last))
        .order_by(row.scope_id, row.report, row.day)
    )


def snapshot_states(scopes: ScopeIds, first: date, last: date) -> Query:
    """One row is the state of a day since the first snapshot of the seats."""
    days = SNAPSHOT_DAYS.table
    row = days.c
    return (
        sa.select(row.scope_id, row.source.label("report"), row.day, row.state)
        .where(*_within(days, scopes, first, last), row.source == SEATS.name)
        .order_by(row.scope_id, row.day)
    )


def restated_numbers(scopes: ScopeIds, first: date, last: date) -> Query:
    """One row is a number of a day that GitHub changed, the newest change first."""
    row = restatements.c
    return (
        sa.select(row.scope_id, row.day, row.report, row.metric, row.old, row.new, row.seen_at)
        .where(*_within(restatements, scopes, first, last))
        .order_by(row.seen_at.desc(), row.day.desc(), row.scope_id, row.metric)
    )


def marks(scopes: ScopeIds, first: date, last: date) -> Query:
    """One row is a day on which a definition changed or a rollout began."""
    row = MARKS.table.c
    return (
        sa.select(row.kind, row.scope_id, row.first_day.label("day"), row.text)
        .where(
            row.kind.in_(["definition", "rollout"]),
            sa.or_(row.scope_id.is_(None), row.scope_id.in_(scopes)),
            row.first_day.between(first, last),
        )
        .order_by(row.first_day, row.text)
    )


def unused_seat_holders(scope_id: int, day: date) -> Query:
    """One row is a person whose seat is idle or was never used, in the snapshot of the day."""
    row = SEAT_PEOPLE.table.c
    return (
        sa.select(
            row.user_login,
            row.team,
            row.plan_type,
            row.is_idle,
            row.last_active_day,
            row.created_day,
            row.editor,
        )
        .where(row.scope_id == scope_id, row.day == day, sa.or_(row.is_idle, row.is_never_used))
        .order_by(row.last_active_day.nulls_first(), row.user_login)
    )


def _within(
    table: sa.FromClause, scopes: ScopeIds, first: date, last: date
) -> tuple[sa.ColumnElement[bool], ...]:
    return table.c.scope_id.in_(scopes), table.c.day.between(first, last)
