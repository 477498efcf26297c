"""The views of the days of scopes: metrics with seats, and features."""

from typing import Any

import sqlalchemy as sa

from copilot_pipeline.sources.activity import CLIENT_USE
from copilot_pipeline.sources.aggregate import org_metrics, scope_breakdowns
from copilot_pipeline.sources.breakdowns import BY_FEATURE
from copilot_pipeline.sources.raw import RAW_SEATS
from copilot_pipeline.sources.seats import seats
from copilot_pipeline.sources.shape import columns
from copilot_pipeline.warehouse.views.view import View

# Display names of GitHub's features.
FEATURE_NAMES = {
    "code_completion": "Code completion",
    "chat_inline": "Inline chat",
    "chat_panel_ask_mode": "Chat: ask",
    "chat_panel_edit_mode": "Chat: edit",
    "chat_panel_agent_mode": "Chat: agent",
    "chat_panel_plan_mode": "Chat: plan",
    "chat_panel_custom_mode": "Chat: custom",
    "chat_panel_unknown_mode": "Chat: unknown",
    "agent_edit": "Agent edits",
    "copilot_cli": "Copilot CLI",
    "copilot_app": "Copilot app",
}


def _org_days() -> sa.Select[Any]:
    metrics = org_metrics.alias("metrics")
    raw = RAW_SEATS.table
    snapshots = sa.select(raw.c.scope_id, raw.c.day).distinct().subquery("snapshots")
    # A person may hold several seats of an enterprise.
    was_active = sa.case((seats.c.last_activity_at.is_not(None), seats.c.user_id))
    held = (
        sa.select(
            seats.c.scope_id,
            seats.c.day,
            sa.func.count(seats.c.user_id.distinct()).label("total"),
            sa.func.count(was_active.distinct()).label("active"),
        )
        .group_by(seats.c.scope_id, seats.c.day)
        .subquery("held")
    )

    def of_snapshot(count: sa.ColumnElement[int]) -> sa.ColumnElement[int | None]:
        """NULL instead of 0 if the day has no snapshot."""
        return sa.case((snapshots.c.day.is_(None), sa.null()), else_=sa.func.coalesce(count, 0))

    # The columns of the seats come before the columns that were added later.
    later = {each.name for each in columns(CLIENT_USE)}
    is_later = [each.name in later or each.name.startswith("pull_requests_") for each in metrics.c]
    first = [each for each, late in zip(metrics.c, is_later, strict=True) if not late]
    last = [each for each, late in zip(metrics.c, is_later, strict=True) if late]
    return (
        sa.select(
            *first,
            of_snapshot(held.c.total).label("seat_total"),
            of_snapshot(held.c.active).label("seat_active_count"),
            *last,
        )
        .select_from(metrics)
        .outerjoin(snapshots, _same_day(snapshots, metrics))
        .outerjoin(held, _same_day(held, metrics))
    )


def _same_day(one: sa.FromClause, other: sa.FromClause) -> sa.ColumnElement[bool]:
    return sa.and_(one.c.scope_id == other.c.scope_id, one.c.day == other.c.day)


def _feature_days() -> sa.Select[Any]:
    table = scope_breakdowns[BY_FEATURE].table.c
    is_chat = sa.or_(
        table.feature == "chat_inline", table.feature.startswith("chat_panel_", autoescape=True)
    )
    return sa.select(
        table.scope_id,
        table.day,
        table.feature,
        sa.case(FEATURE_NAMES, value=table.feature, else_=table.feature).label("name"),
        is_chat.label("is_chat"),
        table.user_initiated_interaction_count.label("prompts"),
        table.code_generation_activity_count.label("outputs"),
        table.code_acceptance_activity_count.label("acceptances"),
        table.loc_added_sum.label("lines_added"),
        table.loc_deleted_sum.label("lines_deleted"),
    )


ORG_DAYS = View("copilot_org_days", _org_days())
FEATURE_DAYS = View("copilot_feature_days", _feature_days())
