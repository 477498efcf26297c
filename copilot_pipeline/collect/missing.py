"""Finds what of the newest days is not stored yet."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from copilot_pipeline.collect.plan import LoadRequest, plan, statuses_of
from copilot_pipeline.days import Today, day_range
from copilot_pipeline.rules import REREAD_DAYS
from copilot_pipeline.sources.source import PeriodKind, Source
from copilot_pipeline.warehouse.database import Database
from copilot_pipeline.warehouse.history import DayState, read_statuses
from copilot_pipeline.warehouse.scopes import Scope


@dataclass(frozen=True)
class Report:
    """A report or snapshot of one scope and day."""

    scope: Scope
    source: Source
    day: date

    @property
    def is_snapshot(self) -> bool:
        return self.source.period is PeriodKind.SNAPSHOT


@dataclass(frozen=True)
class Missing:
    """What is not stored: reports that may be available now, and reports refused today."""

    available: list[Report]
    refused: list[Report]


def find_missing(database: Database, scopes: Sequence[Scope], today: Today) -> Missing:
    """Return what is missing of the newest complete day, and of the days that GitHub revises.

    A load with `only_missing` requests what is `available`. Only the newest day has a snapshot that
    can still be taken.
    """
    days = day_range(today.newest - timedelta(days=REREAD_DAYS - 1), today.newest)
    request = LoadRequest(today, days, only_missing=True)
    available: list[Report] = []
    refused: list[Report] = []
    with database.read() as connection:
        for scope in scopes:
            statuses = read_statuses(connection, scope.id)
            for source in scope.sources:
                of_source = statuses_of(statuses, source)
                fetch = [period.first for period in plan(request, source, of_source).fetch]
                available += [Report(scope, source, day) for day in fetch]
                window = today.window(source.reach_days)
                refused += [
                    Report(scope, source, day)
                    for day, status in of_source.items()
                    if day in days
                    and day in window
                    and day not in fetch
                    and status.state is DayState.NO_ACCESS
                ]
    return Missing(available, refused)
