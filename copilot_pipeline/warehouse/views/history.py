"""The views of the history: expected days, their states, and marks for charts."""

from typing import Any

import sqlalchemy as sa

from copilot_pipeline.rules import PROVISIONAL_DAYS
from copilot_pipeline.sources import LEGACY, REPORTS, SOURCES
from copilot_pipeline.sources.aggregate import org_metrics
from copilot_pipeline.sources.source import MetricsApi, PeriodKind
from copilot_pipeline.warehouse.history import DayState
from copilot_pipeline.warehouse.history_tables import collection_status, definition_changes
from copilot_pipeline.warehouse.views.scopes import SCOPES
from copilot_pipeline.warehouse.views.sql import DaysAfter, Today, days_before
from copilot_pipeline.warehouse.views.view import View

MISSING = "missing"
SETTLED = (DayState.LOADED, DayState.NO_DATA)

_SNAPSHOTS = [source.name for source in SOURCES if source.period is PeriodKind.SNAPSHOT]
_yesterday = days_before(Today(), 1)
_provisional_from = days_before(Today(), PROVISIONAL_DAYS)


def _report_spans() -> sa.Select[Any]:
    """The first and the last expected day of each report.

    The last day is yesterday, or the last requested day if the report is no longer collected.

    Snapshots are not included, because a missed snapshot cannot be collected later.
    """
    status = collection_status.c
    asked = (
        sa.select(
            status.scope_id,
            status.report,
            sa.func.min(status.day).label("first_day"),
            sa.func.max(status.day).label("last_day"),
        )
        .where(status.report.not_in(_SNAPSHOTS))
        .group_by(status.scope_id, status.report)
        .subquery("asked")
    )
    scope = SCOPES.table.alias("scope")
    is_legacy = asked.c.report == LEGACY.name
    chosen = sa.literal(",") + scope.c.reports + ","
    last_day = sa.case(
        (scope.c.is_removed, asked.c.last_day),
        (is_legacy != (scope.c.metrics_api == MetricsApi.LEGACY), asked.c.last_day),
        (sa.or_(is_legacy, scope.c.reports.is_(None)), _yesterday),
        (chosen.like(sa.literal("%,") + asked.c.report + ",%"), _yesterday),
        else_=asked.c.last_day,
    )
    return sa.select(
        asked.c.scope_id, asked.c.report, asked.c.first_day, last_day.label("last_day")
    ).join(scope, scope.c.id == asked.c.scope_id)


REPORT_SPANS = View("copilot_report_spans", _report_spans())


def _report_days() -> sa.Select[Any]:
    """Every expected day. A day without a status is missing."""
    spans = sa.select(*REPORT_SPANS.table.c).cte("spans")
    calendar = _calendar(spans)
    expected = (
        sa.select(spans.c.scope_id, spans.c.report, calendar.c.day)
        .join(calendar, calendar.c.day.between(spans.c.first_day, spans.c.last_day))
        .cte("expected")
    )
    status = collection_status.c
    state = sa.func.coalesce(status.state, MISSING)
    # GitHub serves the newest `reach_days` complete days of a source.
    reach = {source.name: source.reach_days for source in (*REPORTS, LEGACY)}
    out_of_reach = sa.case(
        *(
            (expected.c.report.in_(names), DaysAfter(expected.c.day, days + 1))
            for days, names in _names_by_reach(reach).items()
        )
    )
    return sa.select(
        expected.c.scope_id,
        expected.c.report,
        expected.c.day,
        state.label("state"),
        state.in_(SETTLED).label("is_settled"),
        (expected.c.day >= _provisional_from).label("is_provisional"),
        out_of_reach.label("out_of_reach_on"),
        status.row_count,
        status.first_loaded_at,
        status.last_fetched_at,
        status.changed_at,
        status.change_count,
        status.http_status,
        status.message,
    ).outerjoin(
        collection_status,
        sa.and_(
            status.scope_id == expected.c.scope_id,
            status.report == expected.c.report,
            status.day == expected.c.day,
        ),
    )


def _names_by_reach(reach: dict[str, int]) -> dict[int, list[str]]:
    names: dict[int, list[str]] = {}
    for name, days in reach.items():
        names.setdefault(days, []).append(name)
    return names


def _calendar(spans: sa.CTE) -> sa.CTE:
    """Every day from the first of all spans to yesterday."""
    first: sa.Select[Any] = sa.select(sa.func.min(spans.c.first_day).label("day"))
    calendar = first.cte("calendar", recursive=True)
    next_day = sa.select(DaysAfter(calendar.c.day, 1)).where(calendar.c.day < _yesterday)
    return calendar.union_all(next_day)


REPORT_DAYS = View("copilot_report_days", _report_days())


def _snapshot_days() -> sa.Select[Any]:
    """Every day from the first snapshot of a scope and source to yesterday, with its state."""
    status, scope = collection_status.c, SCOPES.table.alias("scope")
    asked = (
        sa.select(
            status.scope_id,
            status.report,
            sa.func.min(status.day).filter(status.state == DayState.LOADED).label("first_day"),
            sa.func.max(status.day).label("asked_last"),
        )
        .where(status.report.in_(_SNAPSHOTS))
        .group_by(status.scope_id, status.report)
        .subquery("asked")
    )
    last_day = sa.case((scope.c.is_removed, asked.c.asked_last), else_=_yesterday)
    spans = (
        sa.select(asked.c.scope_id, asked.c.report, asked.c.first_day, last_day.label("last_day"))
        .join(scope, scope.c.id == asked.c.scope_id)
        .cte("spans")
    )
    calendar = _calendar(spans)
    return (
        sa.select(
            spans.c.scope_id,
            spans.c.report.label("source"),
            calendar.c.day,
            sa.func.coalesce(status.state, MISSING).label("state"),
            status.message,
            status.http_status,
            status.last_fetched_at.label("fetched_at"),
        )
        .select_from(spans)
        .join(calendar, calendar.c.day.between(spans.c.first_day, spans.c.last_day))
        .outerjoin(
            collection_status,
            sa.and_(
                status.scope_id == spans.c.scope_id,
                status.report == spans.c.report,
                status.day == calendar.c.day,
            ),
        )
    )


SNAPSHOT_DAYS = View("copilot_snapshot_days", _snapshot_days())


def _marks() -> sa.CompoundSelect[Any]:
    """The marks of charts. A mark without a scope applies to all scopes."""
    changes, scope = definition_changes.c, SCOPES.table.c
    metrics = org_metrics.c
    days = sa.select(
        metrics.scope_id,
        metrics.day,
        metrics.source,
        sa.func.lag(metrics.source, type_=sa.Text)
        .over(partition_by=metrics.scope_id, order_by=metrics.day)
        .label("source_before"),
    ).subquery("days")
    definitions = sa.select(
        sa.literal("definition").label("kind"),
        sa.cast(sa.null(), sa.BigInteger).label("scope_id"),
        changes.day.label("first_day"),
        changes.day.label("last_day"),
        changes.what_changed.label("text"),
    ).where(changes.kind.not_in(["status", "transport"]))
    switches = sa.select(
        sa.literal("definition"),
        days.c.scope_id,
        days.c.day,
        days.c.day,
        sa.literal("From here on the numbers come from the reports, not from the old metrics API"),
    ).where(
        days.c.source == MetricsApi.REPORTS,
        days.c.source_before == MetricsApi.LEGACY,
    )
    rollouts = sa.select(
        sa.literal("rollout"),
        scope.id,
        scope.implementation_date,
        scope.implementation_date,
        scope.label + ": the rollout begins",
    ).where(scope.implementation_date.is_not(None))
    provisional = sa.select(
        sa.literal("provisional"),
        sa.null(),
        _provisional_from,
        Today(),
        sa.literal("Provisional: GitHub may still revise these days, or not have them yet"),
    )
    return sa.union_all(definitions, switches, rollouts, provisional)


MARKS = View("copilot_marks", _marks())
