"""The view of the collection's health: what is stored of each source of each scope."""

from typing import Any

import sqlalchemy as sa

from copilot_pipeline.rules import LATE_DAYS
from copilot_pipeline.sources import LEGACY, SOURCES
from copilot_pipeline.sources.source import MetricsApi, PeriodKind, Source
from copilot_pipeline.warehouse.history import DayState, was_refused
from copilot_pipeline.warehouse.history_tables import collection_status
from copilot_pipeline.warehouse.views.scopes import SCOPES
from copilot_pipeline.warehouse.views.sql import DaysBetween, LaterOf, Today, UtcDay, days_before
from copilot_pipeline.warehouse.views.view import View


def select_health(newest: sa.ColumnElement[Any]) -> sa.Select[Any]:
    """Select one row for each source that a scope collects, as of the newest complete day.

    `missing` are the days that were never requested although GitHub serves them, and for snapshots
    those since the scope was added. `last_…` is about the last attempt. `failing` are recent days
    without data whose last attempt failed, with `failing_first` and `failing_message`; of a
    snapshot it can only be the newest day, because an older one cannot be requested again.
    """
    # Otherwise SQLite reads the stored status once for each part of the union.
    expected = _expected(newest).cte("expected").prefix_with("MATERIALIZED")
    asked = _asked(newest)
    days = DaysBetween(expected.c.first_expected, newest) + 1
    days_expected = sa.case((days > 0, days), else_=0)
    asked_expected = (
        sa.select(sa.func.count())
        .where(
            collection_status.c.scope_id == expected.c.scope_id,
            collection_status.c.report == expected.c.source,
            collection_status.c.day.between(expected.c.first_expected, newest),
        )
        .scalar_subquery()
    )
    counted = [
        sa.func.coalesce(asked.c[name], 0).label(name)
        for name in ("loaded", "not_ready", "no_data", "refused", "failed")
    ]
    return (
        sa.select(
            expected.c.scope_id,
            expected.c.source,
            expected.c.position,
            expected.c.first_expected,
            asked.c.first_day,
            asked.c.newest_day,
            asked.c.first_asked,
            asked.c.newest_asked,
            asked.c.newest_no_data,
            counted[0],
            (days_expected - asked_expected).label("missing"),
            *counted[1:],
            asked.c.last_attempt,
            asked.c.last_status,
            asked.c.last_message,
            sa.func.coalesce(asked.c.last_is_refusal, 0).label("last_is_refusal"),
            sa.func.coalesce(asked.c.failing, 0).label("failing"),
            asked.c.failing_first,
            asked.c.failing_message,
            sa.func.coalesce(asked.c.last_message, asked.c.failing_message, asked.c.message).label(
                "message"
            ),
        )
        .select_from(expected)
        .outerjoin(
            asked,
            sa.and_(asked.c.scope_id == expected.c.scope_id, asked.c.report == expected.c.source),
        )
    )


def _expected(newest: sa.ColumnElement[Any]) -> sa.CompoundSelect[Any]:
    """Each source that a scope collects, with the first day that GitHub serves."""
    selects = []
    for position, source in enumerate(SOURCES):
        for kind, served in source.served.items():
            scope = SCOPES.table.alias(f"scope_{position}_{kind}")
            first: sa.ColumnElement[Any] = days_before(newest, source.reach_days - 1)
            if source.period is PeriodKind.SNAPSHOT:
                # The snapshot of the day on which the scope was added is taken on the next day.
                first = UtcDay(scope.c.created_at)
            elif served.since is not None:
                first = LaterOf(sa.literal(served.since), first)
            selects.append(
                sa.select(
                    scope.c.id.label("scope_id"),
                    sa.literal(source.name).label("source"),
                    sa.literal(position).label("position"),
                    first.label("first_expected"),
                ).where(
                    scope.c.kind == kind.value,
                    sa.not_(scope.c.is_removed),
                    *_is_collected(source, scope),
                )
            )
    return sa.union_all(*selects)


def _is_collected(source: Source, scope: sa.FromClause) -> list[sa.ColumnElement[bool]]:
    """Whether the scope collects the source, as `sources_of` says."""
    if source.period is PeriodKind.SNAPSHOT:
        return []
    is_legacy = scope.c.metrics_api == MetricsApi.LEGACY.value
    if source is LEGACY:
        return [is_legacy]
    chosen = (sa.literal(",") + scope.c.reports + ",").like(f"%,{source.name},%")
    return [sa.not_(is_legacy), sa.or_(scope.c.reports.is_(None), chosen)]


def _asked(newest: sa.ColumnElement[Any]) -> sa.Subquery:
    """What the stored status says of each scope and source."""
    status = collection_status.c
    first_retried = sa.case(
        (status.report.in_(_SNAPSHOTS), newest), else_=days_before(newest, LATE_DAYS - 1)
    )
    of_source = [status.scope_id, status.report]
    # A loaded day whose revision could not be fetched has data, and is requested again.
    is_failing = sa.and_(status.state == DayState.FAILED, status.day >= first_retried)
    rank = sa.func.row_number().over(
        partition_by=of_source, order_by=[status.last_fetched_at.desc(), status.day.desc()]
    )
    ranked = sa.select(
        *of_source,
        status.day,
        status.state,
        status.last_fetched_at,
        status.http_status,
        status.message,
        sa.case((was_refused, 1), else_=0).label("was_refused"),
        is_failing.label("is_failing"),
        rank.label("rank"),
    ).subquery("ranked")
    row, loaded = ranked.c, ranked.c.state == DayState.LOADED

    def count(state: DayState) -> sa.ColumnElement[int]:
        return sa.func.count().filter(row.state == state)

    last = row.rank == 1
    return (
        sa.select(
            row.scope_id,
            row.report,
            sa.func.min(row.day).filter(loaded).label("first_day"),
            sa.func.max(row.day).filter(loaded).label("newest_day"),
            sa.func.min(row.day).label("first_asked"),
            sa.func.max(row.day).label("newest_asked"),
            sa.func.max(row.day).filter(row.state == DayState.NO_DATA).label("newest_no_data"),
            count(DayState.LOADED).label("loaded"),
            count(DayState.NOT_READY).label("not_ready"),
            count(DayState.NO_DATA).label("no_data"),
            count(DayState.NO_ACCESS).label("refused"),
            count(DayState.FAILED).label("failed"),
            sa.func.max(row.last_fetched_at).label("last_attempt"),
            sa.func.max(row.http_status).filter(last).label("last_status"),
            sa.func.max(row.message).filter(last).label("last_message"),
            sa.func.max(row.was_refused).filter(last).label("last_is_refusal"),
            sa.func.count().filter(row.is_failing).label("failing"),
            sa.func.min(row.day).filter(row.is_failing).label("failing_first"),
            sa.func.max(row.message).filter(row.is_failing).label("failing_message"),
            sa.func.max(row.message).label("message"),
        )
        .group_by(row.scope_id, row.report)
        .subquery("asked")
    )


_SNAPSHOTS = [source.name for source in SOURCES if source.period is PeriodKind.SNAPSHOT]

COLLECTION_HEALTH = View("copilot_collection_health", select_health(days_before(Today(), 1)))
