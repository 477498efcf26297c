"""Metrics: the tool tables derived anew from what is stored, without GitHub."""

from collections.abc import Iterator, Sequence
from datetime import date

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from copilot_pipeline.collect.derived import Derived, Writing
from copilot_pipeline.collect.outcomes import Outcome, State, failed
from copilot_pipeline.collect.seat_days import count_stale_days
from copilot_pipeline.errors import CopilotPipelineError
from copilot_pipeline.transform.reports import record_batches
from copilot_pipeline.warehouse.database import Database
from copilot_pipeline.warehouse.metrics import read_report, stored_reports
from copilot_pipeline.warehouse.rows import lock_scope
from copilot_pipeline.warehouse.scopes import Scope


def rebuild_metrics(
    database: Database,
    scopes: Sequence[Scope],
    days: Sequence[date],
    tool_tables: Sequence[sa.Table],
) -> Iterator[Outcome]:
    """Derives the tool rows of those days from what is stored, without GitHub."""
    for scope in scopes:
        for day in days:
            try:
                with database.read() as connection:
                    reports = stored_reports(connection, scope.id, day)
            except CopilotPipelineError as error:
                yield from failed(str(scope), scope.collected_reports[0], [day], error)
                continue
            if not reports:
                yield Outcome(str(scope), scope.collected_reports[0], day, State.NOT_STORED)
            for report in reports:
                try:
                    with database.write() as connection:
                        lock_scope(connection, scope.id)
                        rows = _rebuild(connection, scope.id, day, report, tool_tables)
                except CopilotPipelineError as error:
                    yield from failed(str(scope), report, [day], error)
                else:
                    yield Outcome(str(scope), report, day, State.LOADED, rows)
    count_stale_days(database)


def _rebuild(
    connection: Connection,
    scope_id: int,
    day: date,
    report: str,
    tool_tables: Sequence[sa.Table],
) -> dict[str, int]:
    files = (part.payload for part in read_report(connection, scope_id, day, report))
    writing = Writing(connection, scope_id, day, report, tool_tables)
    for records in record_batches(report, files, day):
        writing.add(Derived.of(report, records))
    return writing.end()
