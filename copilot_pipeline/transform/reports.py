"""What each report becomes: its records, and from them the rows of its tool tables."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import date
from functools import partial

import pandas as pd
import sqlalchemy as sa

from copilot_pipeline.reports import AGGREGATES, LEGACY, REPOS, USER_TEAMS, USERS
from copilot_pipeline.transform import (
    adoption_phases,
    breakdowns,
    language_metrics,
    org_metrics,
    repo_metrics,
    user_metrics,
    user_teams,
)
from copilot_pipeline.transform.records import File, aggregate_day, day_batches, legacy_day
from copilot_pipeline.transform.values import Json
from copilot_pipeline.warehouse import report_tables, tables

Transform = Callable[[Sequence[Json]], pd.DataFrame]

_AGGREGATE: dict[sa.Table, Transform] = {
    tables.org_metrics: lambda records: org_metrics.from_report(records[0]),
    tables.language_metrics: lambda records: language_metrics.from_report(records[0]),
    **{
        table: partial(breakdowns.of_scope, breakdown)
        for breakdown, table in report_tables.scope_breakdowns.items()
    },
    report_tables.adoption_phases: adoption_phases.from_records,
}

# The tables of each report; the first has a row for each of its records.
TRANSFORMS: Mapping[str, Mapping[sa.Table, Transform]] = {
    **dict.fromkeys(AGGREGATES.values(), _AGGREGATE),
    LEGACY: {
        tables.org_metrics: lambda records: org_metrics.from_legacy(records[0]),
        tables.language_metrics: lambda records: language_metrics.from_legacy(records[0]),
    },
    USERS: {
        report_tables.user_metrics: user_metrics.from_records,
        **{
            table: partial(breakdowns.of_users, breakdown)
            for breakdown, table in report_tables.user_breakdowns.items()
        },
    },
    USER_TEAMS: {report_tables.user_teams: user_teams.from_records},
    REPOS: {report_tables.repo_metrics: repo_metrics.from_records},
}


def record_batches(report: str, files: Iterable[File], day: date) -> Iterator[list[Json]]:
    """The records of that day in a report's files, in batches; no batch: the report holds nothing.

    A report about another day, or one that makes no sense, raises `TransformError`.
    """
    if report == LEGACY:
        for file in files:
            yield [legacy_day(file, day)]
    elif report in AGGREGATES.values():
        record = aggregate_day(files, day)
        if record is not None:
            yield [record]
    else:
        # A day without a single user or repository is a day too.
        yield from day_batches(files, day)


def derive(report: str, records: Sequence[Json]) -> dict[sa.Table, pd.DataFrame]:
    """The rows of the report's tables, without scope and day."""
    return {table: transform(records) for table, transform in TRANSFORMS[report].items()}
