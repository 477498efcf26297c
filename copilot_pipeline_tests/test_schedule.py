"""The schedule: the morning's runs, later ticks that take only what is missing, and retries."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import dagster as dg
import pytest
import sqlalchemy as sa
from dagster._core.events import JobFailureData, RunFailureReason
from dagster._core.execution.retries import auto_reexecution_should_retry_run

from copilot_pipeline.accounts import remove_account
from copilot_pipeline.clock import utc_now
from copilot_pipeline.days import day_range
from copilot_pipeline.definitions import defs
from copilot_pipeline.schedules import RETRY_TAGS
from copilot_pipeline.simulated_github import Organization, SimulatedGitHub, faults
from copilot_pipeline.warehouse.database import Database
from copilot_pipeline.warehouse.history_tables import collection_status
from copilot_pipeline_tests.loading import (
    execute,
    failure,
    import_organizations,
    load_metrics,
    newest_complete_day,
    read_table,
)
from copilot_pipeline_tests.test_definitions import METRICS_ASSETS

SNAPSHOT_ASSETS = {"raw_billing", "billing", "raw_seats", "seats"}
MORNING = datetime(2026, 11, 22, 6, tzinfo=UTC)
BILLING, SEATS = "/orgs/octo-demo/copilot/billing", "/orgs/octo-demo/copilot/billing/seats"


@pytest.fixture
def two() -> Any:
    with SimulatedGitHub([Organization("octo-demo"), Organization("octo-labs")]) as simulated:
        yield simulated


def tick(when: datetime) -> Any:
    """What the schedule does at this time, on the instance of DAGSTER_HOME."""
    schedule = defs.resolve_schedule_def("daily_copilot_schedule")
    resources = {"copilot_warehouse": (defs.resources or {})["copilot_warehouse"]}
    with (
        dg.DagsterInstance.get() as instance,
        dg.build_schedule_context(
            instance=instance,
            scheduled_execution_time=when,
            repository_def=defs.get_repository_def(),
            resources=resources,
        ) as context,
    ):
        return schedule.evaluate_tick(context)


def today_at(hour: int) -> datetime:
    return utc_now().replace(hour=hour, minute=0, second=0, microsecond=0)


def newest_days() -> list[date]:
    """The days that GitHub may still revise."""
    newest = newest_complete_day()
    return day_range(newest - timedelta(days=3), newest)


def run(request: dg.RunRequest) -> dg.ExecuteInProcessResult:
    """Runs what a tick requests. Its days are a partition, or a range in its tags."""
    range_start = request.tags.get("dagster/asset_partition_range_start")
    if range_start:
        last = date.fromisoformat(request.tags["dagster/asset_partition_range_end"])
        days = day_range(date.fromisoformat(range_start), last)
    else:
        days = [date.fromisoformat(str(request.partition_key))]
    assets = [key.to_user_string() for key in request.asset_selection or []]
    return execute("daily_copilot", days, config=request.run_config.get("ops"), assets=assets)


def paths(github: SimulatedGitHub) -> list[str]:
    return [request.path for request in github.requests]


@pytest.mark.usefixtures("warehouse_environment")
def test_without_an_account_the_schedule_skips_and_says_so() -> None:
    skipped = tick(MORNING)
    assert not skipped.run_requests
    assert "No account with an organization is imported yet" in skipped.skip_message


def test_the_schedule_asks_for_the_newest_day_and_three_days_before(
    warehouse_environment: str, github: SimulatedGitHub
) -> None:
    import_organizations(warehouse_environment, github, "octo-demo")
    daily, revised = tick(MORNING).run_requests
    assert daily.partition_key == "2026-11-21"
    assert daily.asset_selection is None
    assert revised.tags["dagster/asset_partition_range_start"] == "2026-11-18"
    assert revised.tags["dagster/asset_partition_range_end"] == "2026-11-20"
    assert {key.to_user_string() for key in revised.asset_selection} == METRICS_ASSETS
    assert revised.run_config == {"ops": {"metrics": {"config": {"accounts": [1], "gap_days": 30}}}}
    assert daily.tags["copilot/account"] == revised.tags["copilot/account"] == "1-demo-admin"
    assert daily.tags["copilot/days"] == "2026-11-21"
    assert revised.tags["copilot/days"] == "2026-11-18 to 2026-11-20"


@pytest.fixture
def two_accounts(warehouse_environment: str, github: SimulatedGitHub) -> Iterator[SimulatedGitHub]:
    """Account 1 collects octo-demo of `github`, account 2 octo-labs of this server."""
    with SimulatedGitHub([Organization("octo-labs")]) as labs:
        import_organizations(warehouse_environment, github, "octo-demo")
        import_organizations(warehouse_environment, labs, "octo-labs")
        yield labs


def test_each_account_gets_runs_of_its_own_that_read_its_scopes(
    warehouse_environment: str, github: SimulatedGitHub, two_accounts: SimulatedGitHub
) -> None:
    newest = newest_complete_day()
    requests = tick(today_at(6)).run_requests
    # Both have the login demo-admin, each on a server of its own.
    assert [request.tags["copilot/account"] for request in requests] == [
        *("1-demo-admin", "1-demo-admin"),
        *("2-demo-admin", "2-demo-admin"),
    ]
    assert len({request.run_key for request in requests}) == 4
    daily = requests[2]
    assert daily.partition_key == str(newest)
    assert set(daily.run_config["ops"]) == {"metrics", "seat_snapshot", "billing_snapshot"}
    github.requests.clear()
    assert run(daily).success
    assert github.requests == []
    assert {path for path in paths(two_accounts) if "octo-" in path} >= {
        "/orgs/octo-labs/copilot/billing",
        "/orgs/octo-labs/copilot/billing/seats",
    }
    assert len(read_table(warehouse_environment, "_tool_copilot_org_metrics")) == 1


def test_a_later_tick_waits_for_the_run_of_the_same_account_only(
    warehouse_environment: str, two_accounts: SimulatedGitHub
) -> None:
    with dg.DagsterInstance.get() as instance:
        job = defs.resolve_job_def("daily_copilot")
        instance.create_run_for_job(
            job, status=dg.DagsterRunStatus.STARTED, tags={"copilot/account": "1-demo-admin"}
        )
        snapshots, reports = tick(today_at(9)).run_requests
        for request in (snapshots, reports):
            assert request.tags["copilot/account"] == "2-demo-admin"
            assert all(op["config"]["accounts"] == [2] for op in request.run_config["ops"].values())
        # One of the command line, of both accounts.
        both = instance.create_run_for_job(
            job,
            status=dg.DagsterRunStatus.STARTED,
            tags={"copilot/account": "1-demo-admin, 2-demo-admin"},
        )
        skipped = tick(today_at(9))
        assert not skipped.run_requests
        assert skipped.skip_message == (
            f"The run {both.run_id} is still collecting snapshots. "
            f"The run {both.run_id} is still collecting reports."
        )


def test_a_run_of_an_account_that_was_removed_fails_and_names_it(
    warehouse_environment: str, two_accounts: SimulatedGitHub
) -> None:
    daily = tick(today_at(6)).run_requests[2]
    with Database(warehouse_environment) as database:
        remove_account(database, 2)
    assert "account 2 collects nothing, or was removed" in failure(run(daily))


def test_a_later_tick_opens_no_run_when_nothing_is_missing(
    warehouse_environment: str, github: SimulatedGitHub
) -> None:
    import_organizations(warehouse_environment, github, "octo-demo")
    assert execute("daily_copilot", [newest_complete_day()]).success
    load_metrics(newest_days())
    github.requests.clear()
    skipped = tick(today_at(9))
    assert not skipped.run_requests
    assert skipped.skip_message == "No snapshots are missing. No reports are missing."
    assert github.requests == []


def test_a_later_tick_takes_the_snapshot_that_failed_in_the_morning_and_no_other(
    warehouse_environment: str, two: SimulatedGitHub
) -> None:
    import_organizations(warehouse_environment, two, "octo-demo", "octo-labs")
    newest = newest_complete_day()
    two.faults.add(f"{SEATS}$", times=1, status=200, body="nonsense")
    execute("daily_copilot", [newest], assets=sorted(SNAPSHOT_ASSETS))
    load_metrics(newest_days())
    two.requests.clear()
    (request,) = tick(today_at(12)).run_requests
    assert request.partition_key == str(newest)
    assert run(request).success
    assert set(paths(two)) == {SEATS}
    seats = read_table(warehouse_environment, "_tool_copilot_seats")
    assert len({row["scope_id"] for row in seats}) == 2
    assert not tick(today_at(15)).run_requests


def test_a_morning_without_any_run_is_made_up_for_snapshots_first(
    warehouse_environment: str, github: SimulatedGitHub
) -> None:
    import_organizations(warehouse_environment, github, "octo-demo")
    snapshots, reports = tick(today_at(9)).run_requests
    assert {key.to_user_string() for key in snapshots.asset_selection} == SNAPSHOT_ASSETS
    assert {key.to_user_string() for key in reports.asset_selection} == METRICS_ASSETS
    assert run(snapshots).success
    assert run(reports).success
    stored = read_table(warehouse_environment, "_tool_copilot_org_metrics")
    assert [str(row["day"]) for row in stored] == [str(day) for day in newest_days()]
    assert not tick(today_at(12)).run_requests


def test_a_later_tick_asks_for_the_reports_that_were_not_ready(
    warehouse_environment: str, github: SimulatedGitHub
) -> None:
    import_organizations(warehouse_environment, github, "octo-demo")
    newest = newest_complete_day()
    assert execute("daily_copilot", [newest], assets=sorted(SNAPSHOT_ASSETS)).success
    github.faults.add("/reports/", query={"day": str(newest)}, times=1, status=204)
    load_metrics(newest_days())
    (request,) = tick(today_at(9)).run_requests
    assert request.partition_key == str(newest)
    github.requests.clear()
    assert run(request).success
    assert {each.query.get("day") for each in github.requests if "/reports/" in each.path} == {
        str(newest)
    }
    assert not tick(today_at(12)).run_requests


def test_what_was_refused_today_is_asked_again_tomorrow_only(
    warehouse_environment: str, github: SimulatedGitHub
) -> None:
    import_organizations(warehouse_environment, github, "octo-demo")
    github.faults.add(f"{SEATS}$", **faults.not_owner())
    assert not execute("daily_copilot", [newest_complete_day()]).success
    load_metrics(newest_days())
    skipped = tick(today_at(9))
    assert not skipped.run_requests
    assert "asked again tomorrow: organization octo-demo seats." in skipped.skip_message
    with Database(warehouse_environment) as database, database.write() as connection:
        yesterday = utc_now() - timedelta(days=1)
        connection.execute(sa.update(collection_status).values(last_fetched_at=yesterday))
    assert tick(today_at(9)).run_requests


def test_a_later_tick_waits_for_the_run_that_is_still_collecting(
    warehouse_environment: str, github: SimulatedGitHub
) -> None:
    import_organizations(warehouse_environment, github, "octo-demo")
    with dg.DagsterInstance.get() as instance:
        job = defs.resolve_job_def("daily_copilot")
        started = instance.create_run_for_job(job, status=dg.DagsterRunStatus.STARTED)
        skipped = tick(today_at(9))
        assert not skipped.run_requests
        assert f"The run {started.run_id} is still collecting snapshots." in skipped.skip_message
        instance.report_run_canceled(started)
        assert len(tick(today_at(9)).run_requests) == 2


def test_a_tick_that_comes_on_another_day_collects_nothing(
    warehouse_environment: str, github: SimulatedGitHub
) -> None:
    import_organizations(warehouse_environment, github, "octo-demo")
    skipped = tick(today_at(9) - timedelta(days=1))
    assert not skipped.run_requests
    assert "is late" in skipped.skip_message


def test_every_run_of_a_day_has_a_key_of_its_own(
    warehouse_environment: str, github: SimulatedGitHub
) -> None:
    import_organizations(warehouse_environment, github, "octo-demo")
    requests = [
        each for hour in (6, 9, 12, 15, 18, 21) for each in tick(today_at(hour)).run_requests
    ]
    assert len(requests) == len({each.run_key for each in requests}) == 12


@pytest.mark.parametrize(
    ("tags", "reason", "is_retried"),
    [
        (RETRY_TAGS, RunFailureReason.UNKNOWN, True),
        # A step failed: GitHub refused, or did not answer.
        (RETRY_TAGS, RunFailureReason.STEP_FAILURE, False),
        # Somebody started it, and may have ended it.
        ({}, RunFailureReason.UNKNOWN, False),
    ],
)
def test_a_scheduled_run_that_crashed_is_retried_once_and_no_other_failure(
    tags: dict[str, str], reason: RunFailureReason, is_retried: bool
) -> None:
    with dg.DagsterInstance.get() as instance:
        assert instance.run_retries_enabled
        job = defs.resolve_job_def("daily_copilot")
        first = instance.create_run_for_job(job, tags=tags, status=dg.DagsterRunStatus.STARTED)
        instance.report_run_failed(first, "gone", JobFailureData(None, reason))
        failed = instance.get_run_by_id(first.run_id)
        assert failed is not None
        assert auto_reexecution_should_retry_run(instance, failed, reason) is is_retried
        again = instance.create_run_for_job(
            job,
            tags={**tags, "dagster/root_run_id": first.run_id},
            status=dg.DagsterRunStatus.STARTED,
            root_run_id=first.run_id,
            parent_run_id=first.run_id,
        )
        instance.report_run_failed(again, "gone", JobFailureData(None, reason))
        failed = instance.get_run_by_id(again.run_id)
        assert failed is not None
        assert not auto_reexecution_should_retry_run(instance, failed, reason)


def test_the_runs_of_every_tick_carry_the_retry(
    warehouse_environment: str, github: SimulatedGitHub
) -> None:
    import_organizations(warehouse_environment, github, "octo-demo")
    for hour in (6, 9):
        for request in tick(today_at(hour)).run_requests:
            assert RETRY_TAGS.items() <= request.tags.items()
