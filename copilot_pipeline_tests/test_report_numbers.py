"""The numbers of the report equal those of the dashboards, for the same scope and days."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, time
from typing import Any

import pandas as pd
import pytest

from copilot_pipeline.collect.selection import select_scopes
from copilot_pipeline.days import Today
from copilot_pipeline.report.numbers import Numbers, Period, ScopeNumbers, read_numbers
from copilot_pipeline.report.words import Overview, teams_of
from copilot_pipeline.warehouse.database import Database
from copilot_pipeline_tests.conftest import ROOT
from copilot_pipeline_tests.grafana.model import Run
from copilot_pipeline_tests.grafana.opening import Frame, Opened, reading
from copilot_pipeline_tests.grafana.time_range import TimeRange

FOLDER = ROOT / "grafana/dashboards/copilot"
SCOPES = ("Octo Corp", "Octo Demo", "Octo Labs")


@pytest.fixture(scope="module")
def run(demo_url: str) -> Iterator[Run]:
    with reading(demo_url) as run:
        yield run


@pytest.fixture(scope="module")
def numbers(demo_url: str) -> Numbers:
    with Database(demo_url) as database:
        return read_numbers(database, Today.from_clock(), select_scopes(database), 90, 10)


@pytest.fixture(params=SCOPES)
def scope(request: pytest.FixtureRequest, numbers: Numbers) -> ScopeNumbers:
    (found,) = [each for each in numbers.scopes if each.label == request.param]
    return found


def panel(name: str, id_: int, run: Run, scope: ScopeNumbers, *, month: bool = False) -> Frame:
    """The panel with this scope and the days of the report, or the 28 newest of them."""
    period = scope.period
    first = period.month_first if month else period.first
    dashboard = json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))
    chosen = {"level": str(scope.scope.kind), "scope": [str(scope.scope.id)]}
    return Opened(dashboard, run, TimeRange(_moment(first), _moment(period.last)), chosen).frame(
        id_
    )


def _moment(day: Any) -> datetime:
    return datetime.combine(day, time(), UTC)


def close(expected: Any) -> Any:
    return pytest.approx(expected, rel=1e-9)


def newest(frame: Frame) -> float | None:
    """What a stat panel shows of its only series."""
    shown = list(frame.newest().values())
    return float(shown[0]) if shown else None


def known(series: "pd.Series[Any]") -> dict[Any, float]:
    return {day: float(value) for day, value in series.dropna().items()}


@pytest.mark.parametrize(
    ("board", "id_", "column"),
    [
        ("adoption", 2, "monthly_active_users"),
        ("adoption", 3, "weekly_active_users"),
        ("adoption", 4, "total_active_users"),
        ("seats", 2, "seats"),
        ("seats", 3, "active_seats"),
        ("seats", 4, "idle_seats"),
        ("seats", 5, "never_used_seats"),
        ("seats", 7, "pending_seats"),
        ("seats", 9, "cost"),
        ("seats", 10, "unused_cost"),
    ],
)
def test_a_figure_is_that_of_the_dashboards_panel(
    run: Run, scope: ScopeNumbers, board: str, id_: int, column: str
) -> None:
    measure = scope.newest(column)
    assert measure is not None
    assert measure.value == newest(panel(board, id_, run, scope))


def test_adoption_is_that_of_the_dashboard_on_each_day(run: Run, scope: ScopeNumbers) -> None:
    (series,) = panel("adoption", 12, run, scope).series().values()
    assert series
    assert known(scope.adoption_by_day) == close(series)


def test_the_share_of_active_seats_is_that_of_the_dashboard(run: Run, scope: ScopeNumbers) -> None:
    share = scope.utilization()
    assert share is not None
    assert share.value == close(newest(panel("seats", 8, run, scope)))


def test_acceptance_is_that_of_the_dashboard(run: Run, scope: ScopeNumbers) -> None:
    rate = panel("adoption", 6, run, scope).records()[0]["rate"]
    by_lines = panel("adoption", 7, run, scope).records()[0]["rate"]
    assert scope.acceptance() == close(rate)
    assert scope.acceptance_by_lines() == close(by_lines)
    series = panel("adoption", 21, run, scope).series()
    assert known(scope.trailing_week("completion_acceptances", "completion_suggestions")) == close(
        series["by count"]
    )


def test_chat_requests_a_day_are_those_of_the_dashboard(run: Run, scope: ScopeNumbers) -> None:
    (series,) = panel("adoption", 31, run, scope).series().values()
    assert known(scope.trailing_week("ide_chats", "total_active_users")) == close(series)


def test_features_languages_editors_and_models_are_those_of_the_dashboards(
    run: Run, scope: ScopeNumbers
) -> None:
    outputs = scope.features.groupby("name")["outputs"].sum()
    features = panel("adoption", 33, run, scope).series()
    assert {name: float(value) for name, value in outputs.items()} == {
        name: float(sum(days.values())) for name, days in features.items()
    }
    for id_, name, value, frame in (
        (3, "Language", "Suggested", scope.languages.rename(columns={"suggested": "n"})),
        (22, "Model", "Prompts", scope.models.rename(columns={"prompts": "n"})),
    ):
        shown = {row[name]: row[value] for row in panel("languages", id_, run, scope).records()}
        assert shown
        ours = dict(zip(frame["name"], frame["n"], strict=True))
        assert {each: float(ours[each]) for each in shown} == {
            each: float(count) for each, count in shown.items()
        }
    events = dict(zip(scope.editors["name"], scope.editors["events"], strict=True))
    whole = sum(events.values())
    assert {name: count / whole for name, count in events.items()} == close(
        {row["Editor"]: row["Share"] for row in panel("languages", 12, run, scope).records()}
    )


def test_teams_are_those_of_the_dashboard(run: Run, scope: ScopeNumbers) -> None:
    rows = panel("users-teams", 11, run, scope, month=True).records()
    assert rows
    teams = teams_of(scope)
    slugs = [team.slug for team in teams]
    ours = {
        team.slug if slugs.count(team.slug) == 1 else f"{team.slug} #{team.id}": (
            team.members,
            team.active,
            team.share,
            team.prompts_a_day,
            team.acceptance,
        )
        for team in teams
    }
    assert ours == {
        row["Team"]: close(
            (
                row["Members"],
                row["Active"],
                row["Adoption"],
                row["Prompts a day"],
                row["Acceptance"],
            )
        )
        for row in rows
    }


def test_gaps_and_restated_days_are_those_of_the_dashboard(run: Run, scope: ScopeNumbers) -> None:
    assert scope.gaps == panel("data-health", 4, run, scope).records()[0]["gaps"]
    assert (
        scope.reports["restated"].sum() == panel("data-health", 6, run, scope).records()[0]["days"]
    )
    reports = {
        row["Report"]: (row["Expected"], row["Loaded"], row["No data"], row["Gaps"])
        for row in panel("data-health", 11, run, scope).records()
    }
    assert {
        row.report: (row.expected, row.loaded, row.no_data, row.gaps)
        for row in scope.reports.itertuples()
    } == reports


def test_the_answers_are_of_the_enterprise_and_not_of_all_scopes_together(
    numbers: Numbers,
) -> None:
    overview = Overview(numbers)
    assert [each.label for each in overview.scopes] == ["Octo Corp"]
    assert overview.total("seats") == numbers.scopes[0].newest("seats").value  # type: ignore[union-attr]


def test_people_of_several_organizations_count_once(run: Run, demo_url: str) -> None:
    with Database(demo_url) as database:
        organizations = [each for each in select_scopes(database) if each.kind == "organization"]
        found = read_numbers(database, Today.from_clock(), organizations, 90, 0)
    period = Period(found.period.month_first, found.period.last)
    dashboard = json.loads((FOLDER / "users-teams.json").read_text(encoding="utf-8"))
    picked = TimeRange(_moment(period.first), _moment(period.last))
    opened = Opened(dashboard, run, picked, {"level": "organization"})
    assert found.people is not None
    assert found.people.now == opened.frame(2).records()[0]["people"]
