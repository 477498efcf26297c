"""Metrics: reports or legacy days into the raw table, and from there into the tool tables."""

from collections.abc import Callable, Iterator, Sequence
from datetime import date
from functools import partial
from typing import Any

import pandas as pd
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from copilot_pipeline.collect.outcomes import Outcome, State, failed
from copilot_pipeline.collect.scopes import OpenClient, Task, collect
from copilot_pipeline.days import DayOutOfReachError, reachable_window
from copilot_pipeline.errors import CopilotPipelineError
from copilot_pipeline.github.client import Document, GitHubClient
from copilot_pipeline.github.errors import GitHubError
from copilot_pipeline.transform import language_metrics, org_metrics
from copilot_pipeline.transform.records import aggregate_day, legacy_day, legacy_days
from copilot_pipeline.transform.values import TransformError, json_text
from copilot_pipeline.warehouse import tables
from copilot_pipeline.warehouse.database import Database
from copilot_pipeline.warehouse.metrics import (
    RawPart,
    read_reports,
    replace_report,
    stored_scope_days,
)
from copilot_pipeline.warehouse.rows import frame_rows, lock_scope, replace_slice
from copilot_pipeline.warehouse.scopes import Scope

LEGACY = "legacy"
AGGREGATES = ("organization-1-day", "enterprise-1-day")

Transform = Callable[[Any], pd.DataFrame]

# Each tool table with its two transforms: of an aggregate report, and of a legacy day.
TRANSFORMS: dict[sa.Table, tuple[Transform, Transform]] = {
    tables.org_metrics: (org_metrics.from_report, org_metrics.from_legacy),
    tables.language_metrics: (language_metrics.from_report, language_metrics.from_legacy),
}


def load_metrics(
    database: Database,
    open_client: OpenClient,
    scopes: Sequence[Scope],
    days: Sequence[date],
    tool_tables: Sequence[sa.Table],
) -> Iterator[Outcome]:
    """Reads the days of all scopes from GitHub and writes raw and tool rows, day by day."""
    loader = _Loader(database, days, tool_tables)
    return collect(database, open_client, scopes, days, loader.tasks)


def rebuild_metrics(
    database: Database,
    scopes: Sequence[Scope],
    days: Sequence[date],
    tool_tables: Sequence[sa.Table],
) -> Iterator[Outcome]:
    """Derives the tool rows of those days from what is stored, without GitHub."""
    with database.read() as connection:
        stored = stored_scope_days(connection, days)
    for scope in scopes:
        for day in days:
            if (scope.id, day) not in stored:
                yield Outcome(str(scope), day, State.NO_REPORT)
                continue
            try:
                with database.write() as connection:
                    lock_scope(connection, scope.id)
                    rows = _derive(connection, scope.id, day, tool_tables)
            except CopilotPipelineError as error:
                yield from failed(str(scope), [day], error)
            else:
                yield Outcome(str(scope), day, State.LOADED, rows)


class _Loader:
    """The tasks of one load. A refusal that concerns a whole scope ends the scope's other days."""

    def __init__(
        self, database: Database, days: Sequence[date], tool_tables: Sequence[sa.Table]
    ) -> None:
        self._database = database
        self._days = days
        self._tool_tables = tool_tables
        self._refusals: dict[int, GitHubError] = {}

    def tasks(self, client: GitHubClient, scope: Scope) -> list[Task]:
        window = reachable_window(scope.metrics_api)
        reachable = [day for day in self._days if day in window]
        beyond = [day for day in self._days if day not in window]
        error = DayOutOfReachError(
            f"GitHub serves {scope.metrics_api} of {scope} from {window} only."
        )
        tasks: list[Task] = [partial(failed, str(scope), beyond, error)]
        if scope.metrics_api != LEGACY:
            tasks += [partial(self._load_report, client, scope, day) for day in reachable]
        elif reachable:
            tasks.append(partial(self._load_legacy, client, scope, reachable))
        return tasks

    def _load_report(self, client: GitHubClient, scope: Scope, day: date) -> list[Outcome]:
        report = f"{scope.kind}-1-day"
        try:
            if scope.id in self._refusals:
                raise self._refusals[scope.id]
            files = client.report(scope.kind, scope.slug, report, day)
            # Parsed before anything is written: a bad line or another day changes nothing.
            if files is None or aggregate_day((file.text for file in files), day) is None:
                return [Outcome(str(scope), day, State.NO_REPORT)]
            return [self._store(scope, day, report, [_part(file) for file in files])]
        except TransformError as error:
            refused = TransformError(f"{report}: {error}. Nothing of that day was changed.")
            return failed(str(scope), [day], refused)
        except CopilotPipelineError as error:
            if isinstance(error, GitHubError) and error.stops_scope:
                self._refusals[scope.id] = error
            return failed(str(scope), [day], error)

    def _load_legacy(self, client: GitHubClient, scope: Scope, days: list[date]) -> list[Outcome]:
        missing = set(days)
        outcomes: list[Outcome] = []
        try:
            pages = client.legacy_metrics(scope.kind, scope.slug, min(days), max(days))
            for page in pages:
                for day, record in legacy_days(page.text).items():
                    if day in missing:
                        missing.discard(day)
                        part = RawPart(page.url, json_text(record), page.fetched_at)
                        outcomes += self._store_legacy(scope, day, part)
        except TransformError as error:
            refused = TransformError(f"the legacy metrics: {error}. Nothing more was changed.")
            return outcomes + failed(str(scope), sorted(missing), refused)
        except CopilotPipelineError as error:
            return outcomes + failed(str(scope), sorted(missing), error)
        return outcomes + [Outcome(str(scope), day, State.NO_REPORT) for day in sorted(missing)]

    def _store_legacy(self, scope: Scope, day: date, part: RawPart) -> list[Outcome]:
        try:
            return [self._store(scope, day, LEGACY, [part])]
        except TransformError as error:
            refused = TransformError(f"the legacy metrics: {error}. That day was not changed.")
            return failed(str(scope), [day], refused)

    def _store(self, scope: Scope, day: date, report: str, parts: list[RawPart]) -> Outcome:
        with self._database.write() as connection:
            raw_rows = replace_report(connection, scope.id, day, report, parts)
            rows = _derive(connection, scope.id, day, self._tool_tables)
        return Outcome(str(scope), day, State.LOADED, {tables.raw_metrics.name: raw_rows, **rows})


def _derive(
    connection: Connection, scope_id: int, day: date, tool_tables: Sequence[sa.Table]
) -> dict[str, int]:
    """Replaces the day's tool rows by what the stored raw rows say; their number by table."""
    reports = read_reports(connection, scope_id, day)
    legacy = reports.get(LEGACY)
    # Where both were collected, the report wins: the legacy definitions are closed.
    report = next((reports[name] for name in AGGREGATES if name in reports), None)
    record = None if report is None else aggregate_day(report, day)
    key = {"scope_id": scope_id, "day": day}
    counts = {}
    for table in tool_tables:
        from_report, from_legacy = TRANSFORMS[table]
        if record is not None:
            frame = from_report(record)
        elif legacy is not None:
            frame = from_legacy(legacy_day(legacy[0], day))
        else:
            continue
        counts[table.name] = replace_slice(connection, table, key, frame_rows(frame, **key))
    return counts


def _part(file: Document) -> RawPart:
    return RawPart(file.url, file.text, file.fetched_at)
