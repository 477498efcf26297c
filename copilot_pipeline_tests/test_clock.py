"""Clocks: one that was ahead does no lasting harm and is told; a run has one newest day."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import Any

import dagster as dg
import pytest

from copilot_pipeline import clock
from copilot_pipeline.accounts import open_client
from copilot_pipeline.assets import collecting
from copilot_pipeline.checks import PAST_TIMES
from copilot_pipeline.collect.loader import load
from copilot_pipeline.collect.outcomes import Outcome
from copilot_pipeline.collect.plan import LoadRequest
from copilot_pipeline.collect.selection import select_scopes
from copilot_pipeline.days import Today, day_range
from copilot_pipeline.definitions import defs
from copilot_pipeline.running import run_days
from copilot_pipeline.simulated_github import SimulatedGitHub
from copilot_pipeline.sources import SEAT_BILLING, SEATS
from copilot_pipeline.sources.raw import RAW_SEATS
from copilot_pipeline.sources.reports import METRICS_STEP
from copilot_pipeline.warehouse.database import Database
from copilot_pipeline_tests.loading import (
    ORGANIZATION,
    execute,
    failure,
    import_organizations,
    newest_complete_day,
    read_table,
)
from copilot_pipeline_tests.test_reports_trust import give

SLUG = "octo-demo"
AHEAD = timedelta(days=10)
STATUS = "_tool_copilot_collection_status"


class ClockThatIsAhead:
    """A clock that is ten days ahead."""

    @classmethod
    def now(cls, tz: tzinfo) -> datetime:
        return datetime.now(tz) + AHEAD


@contextmanager
def clock_ahead() -> Iterator[None]:
    """Every reading of the time by the pipeline is ten days ahead."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(clock, "datetime", ClockThatIsAhead)
        yield


def load_days(url: str, step: str, today: Today, *days: date, refetch: bool = False) -> None:
    with Database(url) as database:
        order = LoadRequest(today, days, refetch)
        outcomes: list[Outcome] = load(database, open_client, select_scopes(database), step, order)
    assert [outcome.message for outcome in outcomes if outcome.message] == []


def check_times() -> dg.AssetCheckEvaluation:
    """The check by itself, as the UI runs it."""
    job = defs.resolve_implicit_global_asset_job_def()
    alone = job.get_subset(asset_selection=set(), asset_check_selection={PAST_TIMES.key})
    result = alone.execute_in_process(instance=dg.DagsterInstance.ephemeral())
    (check,) = result.get_asset_check_evaluations()
    return check


def counts(check: dg.AssetCheckEvaluation) -> dict[str, Any]:
    return {name: value.value for name, value in check.metadata.items() if name != "details"}


def test_a_clock_that_was_ahead_freezes_no_day_and_is_warned_of(
    warehouse_environment: str, github: SimulatedGitHub, caplog: pytest.LogCaptureFixture
) -> None:
    url, day = warehouse_environment, newest_complete_day()
    import_organizations(url, github, SLUG)
    give(github, ORGANIZATION, day, [{"day": str(day), "daily_active_users": 1}])
    with clock_ahead():
        load_days(url, METRICS_STEP, Today.from_clock(), day)
        assert check_times().passed
    check = check_times()
    assert not check.passed
    assert check.severity is dg.AssetCheckSeverity.WARN
    assert counts(check) == {"days_in_the_future": 0, "times_in_the_future": 1}
    said = str(check.description)
    assert said.startswith(f"organization {SLUG}, {ORGANIZATION}: 1 days with times in the future")
    assert f"the last {datetime.now(UTC) + AHEAD:%Y-%m-%d}" in said
    assert "set it right" in said

    give(github, ORGANIZATION, day, [{"day": str(day), "daily_active_users": 2}])
    load_days(url, METRICS_STEP, Today.from_clock(), day, refetch=True)
    (row,) = read_table(url, "_tool_copilot_org_metrics")
    assert row["total_active_users"] == 2
    (status,) = read_table(url, STATUS)
    times = [status[name] for name in ("first_loaded_at", "last_fetched_at", "changed_at")]
    now = datetime.now(UTC)
    assert all(datetime.fromisoformat(str(time)).astimezone(UTC) <= now for time in times)
    assert "The clock was ahead" in caplog.text
    assert check_times().passed


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_snapshot_of_a_day_that_is_not_over_is_named_and_replaced_on_its_day(
    warehouse_environment: str, github: SimulatedGitHub
) -> None:
    url = warehouse_environment
    import_organizations(url, github, SLUG)
    load_days(url, SEATS.step, Today.from_clock(), newest_complete_day())
    with clock_ahead():
        day = newest_complete_day()
        load_days(url, SEATS.step, Today.from_clock(), day)
    check = check_times()
    assert not check.passed
    assert counts(check) == {"days_in_the_future": 1, "times_in_the_future": 1}
    first = str(check.description).splitlines()[1]
    assert first.startswith(
        f"organization {SLUG}, {SEATS.name}: 1 days that are not over, the last {day}"
    )
    github.organization(SLUG).seats = [
        {"assignee": {"login": "demo-1", "id": 1}, "created_at": "2025-01-01T00:00:00Z"}
    ]
    # Its day has come.
    with clock_ahead():
        load_days(url, SEATS.step, Today.from_clock(), day)
    seats = read_table(url, "_tool_copilot_seats")
    assert len([row for row in seats if str(row["day"]) == str(day)]) == 1


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_run_of_hours_takes_its_own_times_for_no_clock_that_was_ahead(
    warehouse_environment: str, github: SimulatedGitHub, caplog: pytest.LogCaptureFixture
) -> None:
    url = warehouse_environment
    import_organizations(url, github, SLUG)
    # Decided when the run began; its steps come an hour after that.
    today = Today(datetime.now(UTC) - timedelta(hours=1))
    load_days(url, METRICS_STEP, today, today.newest)
    before = read_table(url, STATUS)
    load_days(url, SEATS.step, today, today.newest)
    assert [row for row in read_table(url, STATUS) if row["report"] == ORGANIZATION] == before
    assert "ahead" not in caplog.text


# --- one newest day in a run


class Midnight:
    """A clock that each reading takes a step further, over midnight."""

    def __init__(self, first: datetime, step: timedelta) -> None:
        self._next, self._step = first, step
        self.days: set[date] = set()

    def now(self, tz: tzinfo) -> datetime:
        current, self._next = self._next, self._next + self._step
        self.days.add(current.astimezone(UTC).date())
        return current.astimezone(tz)


def approach_midnight(monkeypatch: pytest.MonkeyPatch) -> Midnight:
    """Sets the pipeline's clock to just before the last midnight; each reading takes a minute."""
    last_midnight = datetime.combine(datetime.now(UTC).date(), time(), UTC)
    moving = Midnight(last_midnight - timedelta(minutes=2), timedelta(minutes=1))
    monkeypatch.setattr(clock, "datetime", moving)
    return moving


def newest_days_seen(monkeypatch: pytest.MonkeyPatch) -> dict[str, set[date]]:
    """The newest day of every order that a step of the pipeline loads, by step."""
    seen: dict[str, set[date]] = {}

    def watched(*arguments: Any) -> list[Outcome]:
        *_, step, order, _on_outcome = arguments
        seen.setdefault(step, set()).add(order.today.newest)
        return load(*arguments)

    monkeypatch.setattr(collecting, "load", watched)
    return seen


STEPS = {METRICS_STEP, SEATS.step, SEAT_BILLING.step}


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_the_steps_of_a_run_over_midnight_see_one_newest_day(
    warehouse_environment: str,
    github: SimulatedGitHub,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    import_organizations(warehouse_environment, github, SLUG)
    before = datetime.now(UTC).date() - timedelta(days=2)
    seen = newest_days_seen(monkeypatch)
    midnight = approach_midnight(monkeypatch)
    result = execute("daily_copilot", [before])
    assert len(midnight.days) == 2
    assert seen == {step: {before} for step in STEPS}
    assert result.success, failure(result)


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize("count", [1, 2])
def test_the_command_over_midnight_collects_what_was_asked_for_before(
    warehouse_environment: str,
    github: SimulatedGitHub,
    monkeypatch: pytest.MonkeyPatch,
    count: int,
) -> None:
    import_organizations(warehouse_environment, github, SLUG)
    before = datetime.now(UTC).date() - timedelta(days=2)
    today = Today(datetime.combine(before + timedelta(days=1), time(23, 59), UTC))
    days = day_range(before - timedelta(days=count - 1), before)
    seen = newest_days_seen(monkeypatch)
    midnight = approach_midnight(monkeypatch)
    with Database(warehouse_environment) as database:
        result = run_days(database, today, days)
    assert result.success, result.failures
    assert len(midnight.days) == 2
    assert seen == {step: {before} for step in STEPS}
    assert {str(row["day"]) for row in read_table(warehouse_environment, RAW_SEATS.table.name)} == {
        str(before)
    }
