"""Reads the numbers of the report. They equal those of the dashboards."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from functools import cached_property
from typing import Any

import pandas as pd
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from copilot_pipeline.collection_health import Problem, problems
from copilot_pipeline.days import Today, day_range
from copilot_pipeline.github.kinds import ScopeKind
from copilot_pipeline.rules import ACTIVE_DAYS, PROVISIONAL_DAYS
from copilot_pipeline.sources.users import USERS
from copilot_pipeline.warehouse import report_queries as queries
from copilot_pipeline.warehouse.accounts import list_accounts
from copilot_pipeline.warehouse.database import Database
from copilot_pipeline.warehouse.scopes import Scope
from copilot_pipeline.warehouse.views.scopes import SCOPES

# A rate is of the seven days that end on a day.
WEEK = 7


@dataclass(frozen=True)
class Measure:
    """A number, and the day that it is about."""

    value: float
    day: date


@dataclass(frozen=True)
class Period:
    """The days of the report, both included. The last one is the newest complete day."""

    first: date
    last: date

    @property
    def bounds(self) -> tuple[date, date]:
        return self.first, self.last

    @property
    def provisional_from(self) -> date:
        return self.last - timedelta(days=PROVISIONAL_DAYS - 1)

    @property
    def month_first(self) -> date:
        """The first of the 28 days that end on the last day."""
        return self.last - timedelta(days=ACTIVE_DAYS - 1)


@dataclass(frozen=True)
class ScopeNumbers:
    """The numbers of a scope.

    `days` and `seats` have a row for each day with an aggregate or a snapshot, and begin 28 days
    before the period. `teams` are about the last 28 days. `features` to `states` are empty if the
    scope has no charts.
    """

    scope: Scope
    label: str
    period: Period
    days: pd.DataFrame
    seats: pd.DataFrame
    teams: pd.DataFrame
    reports: pd.DataFrame
    features: pd.DataFrame
    languages: pd.DataFrame
    editors: pd.DataFrame
    models: pd.DataFrame
    states: pd.DataFrame
    restated: pd.DataFrame
    has_charts: bool
    # The organizations of an enterprise's teams, if the report has these organizations too.
    team_owners: Mapping[int, str]

    @property
    def is_empty(self) -> bool:
        """Whether the period has neither an aggregate nor a snapshot."""
        return self.days_in_period.empty and self.seats_in_period.empty

    @cached_property
    def days_in_period(self) -> pd.DataFrame:
        return self._in_period(self.days)

    @cached_property
    def seats_in_period(self) -> pd.DataFrame:
        return self._in_period(self.seats)

    def _in_period(self, frame: pd.DataFrame) -> pd.DataFrame:
        return between(frame, self.period.first, self.period.last)

    def newest(self, column: str) -> Measure | None:
        """Return the newest number of the column in the period."""
        frame = self.days_in_period if column in self.days.columns else self.seats_in_period
        known = frame[column].dropna()
        return None if known.empty else Measure(float(known.iloc[-1]), known.index[-1])

    def active(self) -> Measure | None:
        """Return the people active in 28 days, on the newest day of which GitHub says it."""
        return self.newest("monthly_active_users")

    def active_before(self) -> Measure | None:
        """Return the people active in the 28 days before those of `active`."""
        now = self.active()
        if now is None:
            return None
        day = now.day - timedelta(days=ACTIVE_DAYS)
        known = self.days["monthly_active_users"].dropna()
        return Measure(float(known[day]), day) if day in known.index else None

    def change(self) -> float | None:
        """Return the change of `active` in 28 days as a share."""
        now, before = self.active(), self.active_before()
        if now is None or before is None or not before.value:
            return None
        return now.value / before.value - 1

    def adoption(self) -> Measure | None:
        """Return the share of seat holders who were active in 28 days."""
        known = self.adoption_by_day.dropna()
        return None if known.empty else Measure(float(known.iloc[-1]), known.index[-1])

    @cached_property
    def adoption_by_day(self) -> pd.Series[float]:
        seats = self.seats_in_period
        return seats["active_users"] / seats["seats"].where(seats["seats"] > 0)

    def utilization(self) -> Measure | None:
        """Return the share of seat holders active in 28 days by the seat list or users reports."""
        known = self.seats_in_period[["active_seats", "seats"]].dropna()
        share = (known["active_seats"] / known["seats"].where(known["seats"] > 0)).dropna()
        return None if share.empty else Measure(float(share.iloc[-1]), share.index[-1])

    def newest_of_seats(self, column: str) -> tuple[float, float] | None:
        """Return the newest number of the column, and the seats of the same snapshot."""
        known = self.seats_in_period[[column, "seats"]].dropna()
        return None if known.empty else (float(known[column].iloc[-1]), known["seats"].iloc[-1])

    @property
    def loaded_user_days(self) -> int:
        """The days of the period whose users report is loaded."""
        reports = self.reports
        return int(reports.loc[reports["report"] == USERS.name, "loaded"].sum())

    def acceptance(self) -> float | None:
        """Return the acceptance rate of code completions by count over the period."""
        return self._rate("completion_acceptances", "completion_suggestions")

    def acceptance_by_lines(self) -> float | None:
        return self._rate("completion_lines_accepted", "completion_lines_suggested")

    def _rate(self, above: str, below: str) -> float | None:
        sums = self.days_in_period[[above, below]].sum()
        return float(sums[above] / sums[below]) if sums[below] else None

    def trailing_week(self, above: str, below: str) -> pd.Series[float]:
        """Return a ratio of sums over the seven days that end on each day of the period.

        A day counts only if both numbers are known.
        """
        both = self.days[[above, below]].dropna()
        calendar = day_range(self.period.first - timedelta(days=WEEK - 1), self.period.last)
        sums = both.reindex(calendar).rolling(WEEK, min_periods=1).sum()
        ratio = sums[above] / sums[below].where(sums[below] > 0)
        return ratio.reindex(self.days_in_period.index)

    @property
    def gaps(self) -> int:
        return int(self.reports["gaps"].sum())

    @property
    def newest_day(self) -> date | None:
        """The newest day of the period with an aggregate."""
        days = self.days_in_period.index
        return None if days.empty else max(days)


@dataclass(frozen=True)
class People:
    """The people of several scopes who were active in 28 days, each counted once."""

    now: int
    before: int | None


@dataclass(frozen=True)
class Numbers:
    """The numbers of the report.

    `people` are those of the scopes of the highest level, if it has several scopes whose users
    reports are loaded. `marks` are the days on which a definition changed or a rollout began.
    """

    period: Period
    scopes: list[ScopeNumbers]
    people: People | None
    marks: pd.DataFrame
    problems: list[Problem]
    logins: Mapping[int, str]

    @property
    def highest(self) -> list[ScopeNumbers]:
        """The enterprises, or the organizations if there is no enterprise: they are not mixed."""
        return _highest(self.scopes)


def read_numbers(
    database: Database, today: Today, scopes: Sequence[Scope], days: int, max_charts: int
) -> Numbers:
    """Read the numbers of the scopes for the newest complete days.

    The `max_charts` scopes with the most active users, enterprises first, get what their charts
    need.
    """
    period = Period(today.newest - timedelta(days=days - 1), today.newest)
    ids = [scope.id for scope in scopes]
    # The growth of the first day needs the 28 days before it.
    early = min(period.first, period.month_first) - timedelta(days=ACTIVE_DAYS)
    with database.read() as connection:
        reader = _Reader(connection, period)
        labels = reader.labels()
        aggregates = reader.of_scopes(queries.scope_days(ids, early, period.last), index="day")
        seats = reader.of_scopes(queries.seat_counts(ids, early, period.last), index="day")
        ordered = sorted(scopes, key=lambda each: _rank(each, aggregates.of(each.id)))
        charted = [scope.id for scope in ordered[:max_charts]]
        read = {
            "days": aggregates,
            "seats": seats,
            "teams": reader.of_scopes(queries.teams(ids, period.month_first, period.last)),
            "reports": reader.of_scopes(queries.report_counts(ids, *period.bounds)),
            "restated": reader.of_scopes(queries.restated_numbers(ids, *period.bounds)),
            **{
                name: reader.of_scopes(query(charted, *period.bounds))
                for name, query in {
                    "features": queries.feature_days,
                    "languages": queries.languages,
                    "editors": queries.editors,
                    "models": queries.models,
                }.items()
            },
            "states": reader.of_scopes(
                queries.report_states(charted, *period.bounds),
                queries.snapshot_states(charted, *period.bounds),
            ),
        }
        owners = {
            int(team_id): labels.get(scope.id, scope.slug)
            for scope in scopes
            if scope.kind is ScopeKind.ORGANIZATION
            for team_id in read["teams"].of(scope.id)["team_id"]
        }
        numbers = [
            ScopeNumbers(
                scope=scope,
                label=labels.get(scope.id, scope.slug),
                period=period,
                has_charts=scope.id in charted,
                team_owners=owners if scope.kind is ScopeKind.ENTERPRISE else {},
                **{name: frames.of(scope.id) for name, frames in read.items()},
            )
            for scope in ordered
        ]
        highest = [each.scope.id for each in _highest(numbers)]
        people = reader.people(highest) if len(highest) > 1 else None
        marks = reader.frame(queries.marks(ids, *period.bounds))
        logins = {account.id: account.login for account in list_accounts(connection)}
    return Numbers(period, numbers, people, marks, problems(database, today, scopes), logins)


def read_unused_seats(database: Database, scope: ScopeNumbers) -> pd.DataFrame:
    """Read the holders of idle and never used seats in the newest snapshot."""
    newest = scope.newest("seats")
    if newest is None:
        return pd.DataFrame()
    with database.read() as connection:
        return _Reader(connection, scope.period).frame(
            queries.unused_seat_holders(scope.scope.id, newest.day)
        )


def between(frame: pd.DataFrame, first: date, last: date) -> pd.DataFrame:
    """Return the rows of the days from `first` to `last`, of a frame whose index are days."""
    return frame.loc[[day for day in frame.index if first <= day <= last]]


def rows_of(frame: pd.DataFrame) -> list[Any]:
    """Return the rows as named tuples."""
    return list(frame.itertuples())


def _rank(scope: Scope, days: pd.DataFrame) -> tuple[Any, ...]:
    """Enterprises come first, then the scopes with the most users."""
    people = days[["monthly_active_users", "total_active_users"]].max()
    monthly, daily = (-float(each) if pd.notna(each) else 0.0 for each in people)
    return scope.kind is not ScopeKind.ENTERPRISE, monthly, daily, scope.slug


def _highest(scopes: list[ScopeNumbers]) -> list[ScopeNumbers]:
    enterprises = [each for each in scopes if each.scope.kind is ScopeKind.ENTERPRISE]
    return enterprises or scopes


@dataclass(frozen=True)
class _Frames:
    """The rows of a query by scope."""

    groups: Mapping[int, pd.DataFrame]
    empty: pd.DataFrame

    def of(self, scope_id: int) -> pd.DataFrame:
        return self.groups.get(scope_id, self.empty)


@dataclass(frozen=True)
class _Reader:
    connection: Connection
    period: Period

    def frame(self, query: sa.Select[Any]) -> pd.DataFrame:
        """Return the rows with numbers as numbers: PostgreSQL returns sums as decimals."""
        result = self.connection.execute(query)
        frame = pd.DataFrame(result.all(), columns=list(result.keys()))
        for name, column in frame.items():
            if column.dtype == object and _are_numbers(column):
                frame[name] = pd.to_numeric(column, errors="coerce")
        return frame

    def of_scopes(self, *wanted: sa.Select[Any], index: str | None = None) -> _Frames:
        frame = pd.concat([self.frame(query) for query in wanted], ignore_index=True)
        by_scope: Any = frame.groupby("scope_id", sort=False)
        groups = {int(id_): rows.drop(columns="scope_id") for id_, rows in by_scope}
        empty = frame.iloc[:0].drop(columns="scope_id")
        if index:
            groups = {id_: rows.set_index(index) for id_, rows in groups.items()}
            empty = empty.set_index(index)
        return _Frames(groups, empty)

    def labels(self) -> dict[int, str]:
        row = SCOPES.table.c
        rows = self.connection.execute(sa.select(row.id, row.label))
        return {int(each.id): str(each.label) for each in rows}

    def people(self, ids: Collection[int]) -> People | None:
        last = self.period.last
        now, before = (self._people(ids, last - timedelta(days=days)) for days in (0, ACTIVE_DAYS))
        return None if now is None else People(now, before)

    def _people(self, ids: Collection[int], last: date) -> int | None:
        """Return the people active in the 28 days that end on the day, if reports cover them.

        A few days may be missing: the newest ones are not ready yet, and weekends are quiet.
        """
        first = last - timedelta(days=ACTIVE_DAYS - 1)
        loaded = self.connection.execute(queries.users_reports(ids, first, last)).scalar_one()
        if loaded < ACTIVE_DAYS - WEEK:
            return None
        people = self.connection.execute(queries.distinct_people(ids, first, last))
        return int(people.scalar_one())


def _are_numbers(column: pd.Series[Any]) -> bool:
    known = column.dropna()
    return bool(len(known)) and all(isinstance(each, int | float | Decimal) for each in known)
