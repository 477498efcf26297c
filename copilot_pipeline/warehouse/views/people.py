"""The views of people: their days, their teams and their seats."""

from typing import Any

import sqlalchemy as sa

from copilot_pipeline.rules import ACTIVE_DAYS, GRACE_DAYS, IDLE_DAYS
from copilot_pipeline.sources.breakdowns import BY_FEATURE
from copilot_pipeline.sources.seats import seats
from copilot_pipeline.sources.user_teams import user_teams
from copilot_pipeline.sources.users import USERS, user_breakdowns, user_metrics, was_active
from copilot_pipeline.warehouse.history import DayState
from copilot_pipeline.warehouse.history_tables import collection_status
from copilot_pipeline.warehouse.views.sql import LaterOf, UtcDay, days_before
from copilot_pipeline.warehouse.views.view import View


def _user_days() -> sa.Select[Any]:
    """The use of each user and day.

    `is_active` is NULL if a counter or flag is not reported and the others show no activity.
    """
    usage, completion = user_metrics.c, user_breakdowns[BY_FEATURE].table.alias("completion")
    return sa.select(
        usage.scope_id,
        usage.day,
        usage.user_id,
        usage.user_login,
        was_active.label("is_active"),
        usage.ai_adoption_phase_number,
        usage.ai_adoption_phase,
        usage.user_initiated_interaction_count.label("prompts"),
        usage.loc_added_sum.label("lines_added"),
        usage.loc_deleted_sum.label("lines_deleted"),
        usage.ai_credits_used,
        completion.c.code_generation_activity_count.label("completion_suggestions"),
        completion.c.code_acceptance_activity_count.label("completion_acceptances"),
    ).outerjoin(
        completion,
        sa.and_(
            completion.c.scope_id == usage.scope_id,
            completion.c.day == usage.day,
            completion.c.user_id == usage.user_id,
            completion.c.feature == "code_completion",
        ),
    )


USER_DAYS = View("copilot_user_days", _user_days())


def _team_member_days() -> sa.Select[Any]:
    """The use of each team member and day, including members without activity.

    `is_known` is false if the users report of the day is not loaded.
    """
    member, usage, status = user_teams.c, USER_DAYS.table.alias("usage"), collection_status.c
    team = sa.func.coalesce(
        sa.func.nullif(member.slug, ""), sa.literal("team ") + sa.cast(member.team_id, sa.Text)
    )
    return (
        sa.select(
            member.scope_id,
            member.day,
            member.team_id,
            team.label("team"),
            member.user_id,
            sa.func.coalesce(member.user_login, usage.c.user_login).label("user_login"),
            status.day.is_not(None).label("is_known"),
            usage.c.user_id.is_not(None).label("is_active"),
            usage.c.prompts,
            usage.c.lines_added,
            usage.c.completion_suggestions,
            usage.c.completion_acceptances,
        )
        .outerjoin(
            usage,
            sa.and_(
                usage.c.scope_id == member.scope_id,
                usage.c.day == member.day,
                usage.c.user_id == member.user_id,
                usage.c.is_active,
            ),
        )
        .outerjoin(
            collection_status,
            sa.and_(
                status.scope_id == member.scope_id,
                status.day == member.day,
                status.report == USERS.name,
                status.state == DayState.LOADED,
            ),
        )
    )


TEAM_MEMBER_DAYS = View("copilot_team_member_days", _team_member_days())

# The plans ordered by price.
_PLAN_RANKS = {"business": 1, "enterprise": 2}


def _seat_people() -> sa.Select[Any]:
    """One row per person. A person may hold several seats of an enterprise.

    The row has the highest plan, the earliest assignment, and the latest activity with its editor
    and team. A cancellation is pending if all seats are canceled. Windows of days end on the day of
    the snapshot.
    """
    seat = _newest_seats()
    ranks = {rank: plan for plan, rank in _PLAN_RANKS.items()}
    person = (
        sa.select(
            seat.c.scope_id,
            seat.c.day,
            seat.c.user_id,
            seat.c.user_login,
            seat.c.team,
            seat.c.editor,
            sa.case(ranks, value=seat.c.plan_rank, else_="unknown").label("plan_type"),
            seat.c.created_at,
            UtcDay(seat.c.created_at).label("created_day"),
            seat.c.last_activity_at,
            seat.c.last_used_day,
            LaterOf(UtcDay(seat.c.last_activity_at), seat.c.last_used_day).label("last_active_day"),
            sa.case((seat.c.canceled_seats == seat.c.held_seats, seat.c.canceled_on)).label(
                "pending_cancellation_date"
            ),
        )
        .where(seat.c.position == 1)
        .subquery("person")
    )
    ended, last_active = person.c.pending_cancellation_date, person.c.last_active_day
    idle_since = days_before(person.c.day, IDLE_DAYS)
    grace_begins = days_before(person.c.day, GRACE_DAYS)
    is_settled = sa.and_(ended.is_(None), person.c.created_day <= grace_begins)
    return sa.select(
        person.c.scope_id,
        person.c.day,
        person.c.user_id,
        person.c.user_login,
        person.c.plan_type,
        person.c.team,
        person.c.editor,
        person.c.created_at,
        person.c.created_day,
        person.c.last_activity_at,
        person.c.last_used_day,
        last_active,
        ended,
        _surely(last_active > days_before(person.c.day, ACTIVE_DAYS)).label("is_active"),
        _surely(sa.and_(is_settled, last_active <= idle_since)).label("is_idle"),
        _surely(sa.and_(is_settled, last_active.is_(None))).label("is_never_used"),
        _surely(person.c.created_day > grace_begins).label("is_new"),
        ended.is_not(None).label("is_pending"),
    )


def _newest_seats() -> sa.Subquery:
    """Each seat with aggregates over all seats of its person. The last used seat has position 1."""
    held = seats.alias("held")
    of_person = [held.c.scope_id, held.c.day, held.c.user_id]
    plan_rank = sa.case(_PLAN_RANKS, value=held.c.plan_type, else_=0)
    newest = sa.func.row_number().over(
        partition_by=of_person,
        order_by=[held.c.last_activity_at.desc().nulls_last(), held.c.organization],
    )
    usage = user_metrics.c
    last_used_day = (
        sa.select(usage.day)
        .where(usage.scope_id == held.c.scope_id, usage.user_id == held.c.user_id)
        .where(usage.day <= held.c.day, was_active)
        .order_by(usage.day.desc())
        .limit(1)
        .scalar_subquery()
    )

    def over(value: sa.FunctionElement[Any]) -> sa.Over[Any]:
        return value.over(partition_by=of_person)

    return sa.select(
        *of_person,
        held.c.user_login,
        held.c.assigning_team_slug.label("team"),
        held.c.last_activity_editor.label("editor"),
        over(sa.func.max(plan_rank)).label("plan_rank"),
        over(sa.func.min(held.c.created_at)).label("created_at"),
        held.c.last_activity_at,
        over(sa.func.count()).label("held_seats"),
        over(sa.func.count(held.c.pending_cancellation_date)).label("canceled_seats"),
        over(sa.func.max(held.c.pending_cancellation_date)).label("canceled_on"),
        newest.label("position"),
        last_used_day.label("last_used_day"),
    ).subquery("seat")


def _surely(condition: sa.ColumnElement[bool]) -> sa.ColumnElement[bool]:
    """Return the condition with false instead of NULL."""
    return sa.func.coalesce(condition, sa.false())


SEAT_PEOPLE = View("copilot_seat_people", _seat_people())
