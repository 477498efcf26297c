"""What Dagster records of a run: days with data, their metadata, and which runs fail."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta

import dagster as dg
import pytest

from copilot_pipeline import settings
from copilot_pipeline.accounts import all_accounts
from copilot_pipeline.collect.failing import fails_run
from copilot_pipeline.collect.outcomes import Outcome, OutcomeState
from copilot_pipeline.days import Today, day_range
from copilot_pipeline.definitions import defs
from copilot_pipeline.run_origin import run_tags
from copilot_pipeline.running import run_days
from copilot_pipeline.settings import FailRunOn
from copilot_pipeline.simulated_github import NotReady, Organization, SimulatedGitHub, faults
from copilot_pipeline.warehouse.database import Database
from copilot_pipeline_tests.loading import (
    ORGANIZATION,
    REPOS,
    USER_TEAMS,
    USERS,
    execute,
    failure,
    import_organizations,
    newest_complete_day,
    read_table,
)

NEWEST = newest_complete_day()
DAYS = day_range(NEWEST - timedelta(days=2), NEWEST)

FAILED, LOADED = OutcomeState.FAILED, OutcomeState.LOADED
NO_DATA, NOT_READY = OutcomeState.NO_DATA, OutcomeState.NOT_READY

Recorded = dict[tuple[str, str], dict[str, object]]


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as instance:
        yield instance


def recorded(result: dg.ExecuteInProcessResult) -> Recorded:
    """The metadata of each materialization of a run by asset and day."""
    found: Recorded = {}
    for event in result.all_events:
        if event.is_step_materialization:
            materialization = event.step_materialization_data.materialization
            key = (materialization.asset_key.to_user_string(), str(materialization.partition))
            assert key not in found
            found[key] = {name: each.value for name, each in materialization.metadata.items()}
    return found


def days_of(found: Recorded, asset: str) -> list[str]:
    return sorted(day for name, day in found if name == asset)


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_day_without_data_is_not_materialized(
    warehouse_environment: str, github: SimulatedGitHub
) -> None:
    import_organizations(warehouse_environment, github, "octo-demo")
    github.organization("octo-demo").reports[ORGANIZATION, DAYS[1]] = NotReady.NO_CONTENT
    result = execute("metrics_backfill", DAYS)
    assert result.success
    found = recorded(result)
    with_data = [str(DAYS[0]), str(DAYS[2])]
    assert days_of(found, "raw_metrics") == with_data
    assert days_of(found, "org_metrics") == with_data
    # No scope collects these reports.
    assert {asset for asset, _ in found}.isdisjoint({"user_metrics", "user_teams", "repo_metrics"})


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_run_for_a_day_without_any_data_succeeds_and_materializes_nothing(
    warehouse_environment: str, github: SimulatedGitHub, instance: dg.DagsterInstance
) -> None:
    import_organizations(warehouse_environment, github, "octo-demo")
    github.organization("octo-demo").reports[ORGANIZATION, NEWEST] = NotReady.NO_CONTENT
    result = execute("metrics_backfill", [NEWEST], instance=instance)
    assert result.success
    assert recorded(result) == {}
    messages = [entry.user_message for entry in instance.all_logs(result.run_id)]
    assert f"org_metrics: no scope has data of {NEWEST}: not ready." in messages


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_the_metadata_of_a_day_is_about_that_day(warehouse_environment: str) -> None:
    with SimulatedGitHub([Organization("one-demo"), Organization("two-demo")]) as github:
        import_organizations(warehouse_environment, github, "one-demo", "two-demo")
        github.organization("two-demo").reports[ORGANIZATION, DAYS[1]] = NotReady.NO_CONTENT
        found = recorded(execute("metrics_backfill", DAYS))
    assert found["org_metrics", str(DAYS[0])] == {
        "scopes": "organization one-demo, organization two-demo",
        "dagster/partition_row_count": 2,
    }
    assert found["org_metrics", str(DAYS[1])] == {
        "scopes": "organization one-demo",
        "scopes_not_ready": "organization two-demo",
        "dagster/partition_row_count": 1,
    }
    assert found["org_metrics", str(DAYS[2])]["dagster/row_count"] == 5


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_loading_records_the_days_of_assets_that_begin_later(
    warehouse_environment: str, github: SimulatedGitHub, instance: dg.DagsterInstance
) -> None:
    reports = (ORGANIZATION, USERS, USER_TEAMS, REPOS)
    import_organizations(warehouse_environment, github, "octo-demo", reports=reports)
    # GitHub has teams since 2026-05-14, and repositories since 2026-07-17.
    days = [date(2026, 7, 16), date(2026, 7, 17)]
    found = recorded(execute("metrics_backfill", days, instance=instance))
    assert days_of(found, "user_teams") == [str(day) for day in days]
    assert days_of(found, "repo_metrics") == ["2026-07-17"]
    # Their own steps derive them again from what is stored.
    github.__exit__()
    job = defs.resolve_implicit_global_asset_job_def()
    again = job.execute_in_process(
        asset_selection=[dg.AssetKey("repo_metrics")],
        partition_key="2026-07-17",
        instance=instance,
    )
    assert recorded(again)["repo_metrics", "2026-07-17"]["scopes"] == "organization octo-demo"


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_days_that_are_only_kept_are_recorded_once_in_each_instance(
    warehouse_environment: str, github: SimulatedGitHub, instance: dg.DagsterInstance
) -> None:
    import_organizations(warehouse_environment, github, "octo-demo")
    days = day_range(NEWEST - timedelta(days=7), NEWEST)
    all_days, reread = [str(day) for day in days], [str(day) for day in days[-4:]]
    assert days_of(recorded(execute("metrics_backfill", days, instance=instance)), "org_metrics")
    again = execute("metrics_backfill", days, instance=instance)
    assert days_of(recorded(again), "org_metrics") == reread
    # Another instance learns what the warehouse has.
    elsewhere = recorded(execute("metrics_backfill", days))
    assert days_of(elsewhere, "org_metrics") == all_days
    assert elsewhere["org_metrics", all_days[0]]["dagster/partition_row_count"] == 1


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_refused_organization_leaves_the_run_and_the_assets_of_the_others_in_order(
    warehouse_environment: str, capfd: pytest.CaptureFixture[str]
) -> None:
    with SimulatedGitHub([Organization("good-demo"), Organization("bad-demo")]) as github:
        import_organizations(warehouse_environment, github, "good-demo", "bad-demo")
        github.faults.add("/orgs/bad-demo/", **faults.policy_off())
        result = execute("daily_copilot", [NEWEST])
        assert result.success, failure(result)
        found = recorded(result)
        for asset in ("raw_metrics", "org_metrics", "raw_seats", "seats", "billing"):
            assert found[asset, str(NEWEST)]["scopes"] == "organization good-demo"
            assert found[asset, str(NEWEST)]["scopes_failed"] == "organization bad-demo"
        logged = capfd.readouterr().err
        assert "organization bad-demo, " in logged
        assert "policy 'Copilot usage metrics' is off" in logged


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_refused_organization_that_worked_before_fails_the_run_and_is_named(
    warehouse_environment: str,
) -> None:
    with SimulatedGitHub([Organization("good-demo"), Organization("bad-demo")]) as github:
        import_organizations(warehouse_environment, github, "good-demo", "bad-demo")
        assert execute("metrics_backfill", [DAYS[0]]).success
        github.faults.add("/orgs/bad-demo/", **faults.policy_off())
        result = execute("metrics_backfill", [NEWEST])
    assert not result.success
    assert "organization bad-demo" in failure(result)
    assert "good-demo" not in failure(result)
    found = recorded(result)
    assert found["org_metrics", str(NEWEST)]["scopes"] == "organization good-demo"
    assert len(read_table(warehouse_environment, "_tool_copilot_org_metrics")) == 3


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_late_day_is_missing_and_not_failed_after_a_run_that_failed_for_another_scope(
    warehouse_environment: str,
) -> None:
    with SimulatedGitHub([Organization("good-demo"), Organization("bad-demo")]) as github:
        import_organizations(warehouse_environment, github, "good-demo", "bad-demo")
        assert execute("metrics_backfill", [DAYS[0]]).success
        github.faults.add("/orgs/bad-demo/", **faults.policy_off())
        github.organization("good-demo").reports[ORGANIZATION, NEWEST] = NotReady.NO_CONTENT
        with Database(warehouse_environment) as database:
            assert not run_days(database, Today.from_clock(), [NEWEST]).success
    key = dg.AssetKey("org_metrics")
    partitions = defs.resolve_asset_graph().get(key).partitions_def
    assert partitions is not None
    with dg.DagsterInstance.get() as instance:
        status = instance.get_status_by_partition(key, [str(NEWEST)], partitions)
        assert instance.get_runs()[0].status is dg.DagsterRunStatus.FAILURE
    assert status == {str(NEWEST): None}


def outcome(scope: str, state: OutcomeState, source: str = ORGANIZATION) -> Outcome:
    return Outcome(scope, source, NEWEST, state)


@pytest.mark.parametrize(
    ("outcomes", "with_data", "failing"),
    [
        pytest.param([("a", LOADED)], {"a"}, set(), id="nothing failed"),
        pytest.param([("a", NO_DATA)], set(), set(), id="no data is no failure"),
        pytest.param([("a", FAILED)], {"b"}, set(FailRunOn), id="the only scope failed"),
        pytest.param([("a", FAILED), ("b", NO_DATA)], set(), set(FailRunOn), id="no scope works"),
        pytest.param(
            [("a", FAILED), ("b", NOT_READY)],
            {"b"},
            {FailRunOn.ANY_SCOPE},
            id="a scope failed that never worked, and the day of the others is late",
        ),
        pytest.param(
            [("a", FAILED), ("b", LOADED)],
            {"a", "b"},
            {FailRunOn.ANY_SCOPE, FailRunOn.WORKING_SCOPE},
            id="a scope failed that worked before",
        ),
    ],
)
def test_the_setting_decides_which_failed_scopes_fail_a_run(
    outcomes: list[tuple[str, OutcomeState]], with_data: set[str], failing: set[FailRunOn]
) -> None:
    done = [outcome(scope, state) for scope, state in outcomes]
    reports = {(scope, ORGANIZATION) for scope in with_data}
    assert {rule for rule in FailRunOn if fails_run(rule, done, reports)} == failing


def test_a_scope_that_worked_for_another_source_only_does_not_fail_the_run() -> None:
    done = [outcome("a", FAILED), outcome("b", LOADED)]
    reports = {("a", USERS), ("b", ORGANIZATION)}
    assert not fails_run(FailRunOn.WORKING_SCOPE, done, reports)


def test_the_setting_has_a_default_and_names_its_values(monkeypatch: pytest.MonkeyPatch) -> None:
    assert settings.fail_run_on() is FailRunOn.WORKING_SCOPE
    monkeypatch.setenv(settings.FAIL_RUN_ON, "Any-Scope")
    assert settings.fail_run_on() is FailRunOn.ANY_SCOPE
    monkeypatch.setenv(settings.FAIL_RUN_ON, "sometimes")
    with pytest.raises(settings.SettingError, match="any-scope, working-scope, all-scopes"):
        settings.fail_run_on()


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_run_of_the_command_line_belongs_to_the_code_location_and_has_tags(
    warehouse_environment: str, github: SimulatedGitHub
) -> None:
    import_organizations(warehouse_environment, github, "octo-demo")
    with Database(warehouse_environment) as database:
        run_days(database, Today.from_clock(), DAYS)
    with dg.DagsterInstance.get() as instance:
        runs = {run.job_name: run for run in instance.get_runs()}
        assert "create_run_for_job" not in vars(instance)
    for job, days in (
        ("daily_copilot", str(NEWEST)),
        ("metrics_backfill", f"{DAYS[0]} to {NEWEST}"),
    ):
        assert runs[job].tags["copilot/account"] == "1-demo-admin"
        assert runs[job].tags["copilot/days"] == days
        # A long load of the command line is not called failed while it goes on.
        assert runs[job].tags["dagster/max_runtime"] == ("21600" if days == str(NEWEST) else "0")
        origin = runs[job].remote_job_origin
        # The timeline, the page of the job and Dagster's sensors look for these.
        assert origin is not None
        assert (origin.location_name, origin.job_name) == ("copilot_pipeline", job)
        assert origin.repository_origin.repository_name == defs.get_repository_def().name


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_the_tag_of_a_run_names_its_accounts_or_counts_many(
    database: Database, github: SimulatedGitHub, database_url: str
) -> None:
    import_organizations(database_url, github, "octo-demo")
    ((account, _),) = all_accounts(database)
    accounts = [replace(account, id=number, login=f"admin-{number}") for number in range(1, 21)]
    assert run_tags(accounts[:1], DAYS)["copilot/account"] == "1-admin-1"
    assert run_tags(accounts[1::-1], DAYS)["copilot/account"] == "1-admin-1, 2-admin-2"
    assert run_tags(accounts, DAYS)["copilot/account"] == "20 accounts"
