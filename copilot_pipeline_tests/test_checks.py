"""The asset checks on the collected numbers: what differs is told in numbers."""

import json
from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any

import dagster as dg
import pytest

from copilot_pipeline.checks import METRICS_CHECKS, numbers
from copilot_pipeline.definitions import defs
from copilot_pipeline.simulated_github import (
    Organization,
    ReportFiles,
    SimulatedGitHub,
    faults,
    report_records,
)
from copilot_pipeline.warehouse.database import DatabaseError
from copilot_pipeline_tests.loading import (
    ORGANIZATION,
    USERS,
    execute,
    failure,
    import_organizations,
    newest_complete_day,
    read_table,
)

DAY = newest_complete_day()


@pytest.fixture
def octo(github: SimulatedGitHub, warehouse_environment: str) -> Organization:
    """An organization whose account is imported."""
    import_organizations(warehouse_environment, github, "octo-demo", reports=("all",))
    return github.organization("octo-demo")


def collect(day: date = DAY) -> dict[str, dg.AssetCheckEvaluation]:
    """Collects the day, and gives the checks by name."""
    result = execute("daily_copilot", [day])
    assert result.success
    return {check.check_name: check for check in result.get_asset_check_evaluations()}


def serve(octo: Organization, report: str, records: Sequence[Any], day: date = DAY) -> None:
    octo.reports[report, day] = ReportFiles(["\n".join(json.dumps(each) for each in records)])


def counts(check: dg.AssetCheckEvaluation) -> dict[str, Any]:
    return {name: value.value for name, value in check.metadata.items() if name != "details"}


def details(check: dg.AssetCheckEvaluation) -> list[dict[str, Any]]:
    """The rows of the check's table."""
    table = check.metadata["details"]
    assert isinstance(table, dg.TableMetadataValue)
    return [dict(record.data) for record in table.records]


@pytest.mark.usefixtures("octo")
@pytest.mark.both_databases
def test_numbers_that_agree_pass_every_check() -> None:
    collect()
    # The day's seats may have come after its metrics; now they are there.
    checks = collect()
    assert {name for name, check in checks.items() if not check.passed} == set()
    assert counts(checks["active_users_agree"]) == {"compared": 1, "differing": 0}
    assert counts(checks["breakdowns_agree"]) == {"compared": 5, "differing": 0}
    assert counts(checks["active_users_have_seats"]) == {"compared": 1, "differing": 0}
    assert counts(checks["idle_seats_are_idle"]) == {"compared": 1, "differing": 0}


@pytest.mark.both_databases
def test_active_users_that_differ_are_a_warning_with_both_numbers(octo: Organization) -> None:
    users = report_records(octo, USERS, DAY)
    serve(octo, USERS, users[1:])
    check = collect()["active_users_agree"]
    assert not check.passed
    assert check.severity is dg.AssetCheckSeverity.WARN
    (aggregate,) = report_records(octo, ORGANIZATION, DAY)
    active = aggregate["daily_active_users"]
    assert check.description == (
        f"organization octo-demo, {DAY}: {active} active users, {active - 1} with activity (-1)"
    )


def test_a_user_without_any_activity_is_not_counted(octo: Organization) -> None:
    idle = {"day": str(DAY), "user_id": 1, "user_login": "demo-idle", "used_chat": False}
    serve(octo, USERS, [*report_records(octo, USERS, DAY), idle])
    assert collect()["active_users_agree"].passed


@pytest.mark.parametrize(
    "activity",
    [
        {"loc_deleted_sum": 1},
        {"used_copilot_code_review_passive": True},
        {"totals_by_cli": {"session_count": 1}},
        {"totals_by_vscode_agent": {"session_count": 1}},
    ],
)
def test_any_sign_of_activity_counts(octo: Organization, activity: dict[str, Any]) -> None:
    serve(octo, USERS, [{"day": str(DAY), "user_id": 1, **activity}])
    serve(octo, ORGANIZATION, [{"day": str(DAY), "daily_active_users": 1}])
    assert collect()["active_users_agree"].passed


def test_a_breakdown_that_does_not_sum_to_the_total_is_a_warning(octo: Organization) -> None:
    entry = {"feature": "code_completion", "code_generation_activity_count": 90}
    record = {"day": str(DAY), "code_generation_activity_count": 100, "totals_by_feature": [entry]}
    serve(octo, ORGANIZATION, [record])
    check = collect()["breakdowns_agree"]
    assert counts(check) == {"compared": 1, "differing": 1}
    assert check.description == (
        f"organization octo-demo, {DAY}: 100 output events in total, 90 by feature (-10)"
    )


@pytest.mark.both_databases
def test_users_without_a_seat_are_counted(octo: Organization) -> None:
    stranger = {"day": str(DAY), "user_id": 1, "used_chat": True}
    serve(octo, USERS, [*report_records(octo, USERS, DAY), stranger])
    # The seats of the day are taken in the same run, perhaps after the users: collected again.
    collect()
    check = collect()["active_users_have_seats"]
    users = len(report_records(octo, USERS, DAY)) + 1
    assert check.description == (
        f"organization octo-demo, {DAY}: {users} users with activity, {users - 1} of them with a "
        "seat (-1)"
    )


@pytest.mark.both_databases
def test_idle_seats_of_people_who_were_active_are_counted(octo: Organization) -> None:
    octo.seats = [
        {"assignee": {"login": f"demo-{n}", "id": n}, "created_at": "2025-01-01T00:00:00Z"}
        for n in (1, 2, 3)
    ]
    active = [{"day": str(DAY), "user_id": n, "used_chat": True} for n in (1, 2)]
    serve(octo, USERS, active)
    collect()
    check = collect()["idle_seats_are_idle"]
    assert check.description == (
        f"organization octo-demo, {DAY}: 3 seat holders idle, 1 without activity (-2)"
    )
    # Whoever was active before the 30 days is idle.
    earlier = DAY - timedelta(days=30)
    serve(octo, USERS, [{"day": str(DAY), "user_id": 3}])
    serve(octo, USERS, [{**each, "day": str(earlier)} for each in active], earlier)
    assert execute("metrics_backfill", [earlier]).success
    assert collect()["idle_seats_are_idle"].passed


def test_an_unknown_name_is_a_warning_once(octo: Organization, warehouse_environment: str) -> None:
    (record,) = report_records(octo, ORGANIZATION, DAY)
    feature = {"feature": "telepathy", "code_generation_activity_count": 0}
    changed = {
        **record,
        "new_field": {"of": "tomorrow"},
        "totals_by_feature": [*record["totals_by_feature"], feature],
        "totals_by_language_model": [{"language": "elvish", "model": "gpt-99"}],
    }
    serve(octo, ORGANIZATION, [changed])
    check = collect()["names_are_known"]
    assert str(check.description).splitlines() == [
        "This version does not know 4 names.",
        "feature 'telepathy': 1 times",
        "field 'new_field': 1 times",
        "language 'elvish': 1 times",
        "and 1 more",
    ]
    assert details(check)[3] == {"kind": "model", "name": "gpt-99", "occurrences": 1}
    again = collect()["names_are_known"]
    assert again.passed
    assert counts(again) == {"new_names": 0, "unknown_names": 4}
    rows = read_table(warehouse_environment, "_tool_copilot_metrics_by_feature")
    assert "telepathy" in {row["feature"] for row in rows}


def test_a_report_that_is_refused_is_a_warning_and_the_others_are_collected(
    octo: Organization, github: SimulatedGitHub, warehouse_environment: str
) -> None:
    github.faults.add("/reports/users-1-day$", **faults.not_owner())
    check = collect()["reports_are_readable"]
    assert not check.passed
    assert counts(check) == {"refused_reports": 1, "refused_days": 1}
    (detail,) = details(check)
    assert (detail["scope"], detail["report"]) == ("organization octo-demo", USERS)
    assert f"organization octo-demo, {DAY}" in str(check.description)
    assert "must be an owner" in str(check.description)
    states = {
        row["report"]: (row["state"], row["http_status"])
        for row in read_table(warehouse_environment, "_tool_copilot_collection_status")
    }
    assert states.pop(USERS) == ("no_access", 403)
    assert set(states.values()) == {("loaded", 200)}
    assert len(read_table(warehouse_environment, "_tool_copilot_org_metrics")) == 1


def test_the_report_that_carries_a_scope_must_be_readable(
    octo: Organization, github: SimulatedGitHub, warehouse_environment: str
) -> None:
    github.faults.add("/reports/organization-1-day$", **faults.not_owner())
    result = execute("daily_copilot", [DAY])
    assert not result.success
    checks = {
        (check.asset_key.path[-1], check.check_name): check
        for check in result.get_asset_check_evaluations()
    }
    readable = checks["raw_metrics", "reports_are_readable"]
    assert not readable.passed
    assert f"organization octo-demo, {DAY}" in str(readable.description)
    collected = checks["raw_metrics", "scopes_are_collected"]
    assert (collected.passed, collected.severity) == (False, dg.AssetCheckSeverity.ERROR)
    (row,) = details(collected)
    assert (row["scope"], row["collected"]) == ("organization octo-demo", "no")
    assert "must be an owner" in row["message"]
    assert checks["raw_seats", "scopes_are_collected"].passed
    # What can be read is there all the same.
    assert read_table(warehouse_environment, "_tool_copilot_user_metrics")


@pytest.mark.usefixtures("octo")
@pytest.mark.both_databases
def test_checks_that_run_alone_look_at_what_is_stored_of_four_weeks() -> None:
    collect()
    job = defs.resolve_implicit_global_asset_job_def()
    only_checks = [check.key for check in METRICS_CHECKS]
    subset = job.get_subset(asset_selection=set(), asset_check_selection=set(only_checks))
    result = subset.execute_in_process(instance=dg.DagsterInstance.ephemeral())
    assert result.success
    checks = {check.check_name: check for check in result.get_asset_check_evaluations()}
    assert len(checks) == len(METRICS_CHECKS)
    assert counts(checks["active_users_have_seats"]) == {"compared": 1, "differing": 0}


def test_a_day_that_failed_is_told_until_it_is_collected(octo: Organization) -> None:
    octo.reports[USERS, DAY] = ReportFiles(["{broken"])
    result = execute("daily_copilot", [DAY])
    assert not result.success
    found = {check.check_name: check for check in result.get_asset_check_evaluations()}
    said = str(found["history_is_complete"].description)
    assert said.startswith(f"organization octo-demo, {USERS}: 1 days, the oldest {DAY}: ")
    assert "not JSON" in said
    octo.reports.clear()
    assert collect()["history_is_complete"].passed


@pytest.mark.both_databases
def test_of_many_new_names_those_that_were_not_shown_are_shown_next(octo: Organization) -> None:
    fields = {f"field_{number:03}": 1 for number in range(110)}
    serve(octo, ORGANIZATION, [{"day": str(DAY), **fields}])
    checks = [collect()["names_are_known"] for _ in range(2)]
    assert [len(details(each)) for each in checks] == [100, 10]
    assert str(checks[0].description).splitlines()[-1] == "and 107 more"


@pytest.mark.both_databases
def test_a_person_with_one_seat_in_use_is_not_idle(octo: Organization) -> None:
    seat = {"assignee": {"login": "demo-1", "id": 1}, "created_at": "2025-01-01T00:00:00Z"}
    octo.seats = [
        {**seat, "organization": {"login": "a"}},
        {**seat, "organization": {"login": "b"}, "last_activity_at": f"{DAY}T09:00:00Z"},
    ]
    serve(octo, USERS, [{"day": str(DAY), "user_id": 1, "used_chat": True}])
    collect()
    check = collect()["idle_seats_are_idle"]
    assert check.passed
    assert counts(check) == {"compared": 1, "differing": 0}


def test_a_check_that_fails_is_a_warning_and_the_run_goes_on(
    octo: Organization, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert octo

    def broken(*_: object) -> list[Any]:
        raise DatabaseError("out of order")

    comparisons = [
        (spec, broken if spec is numbers.SEATS else compare, words)
        for spec, compare, words in numbers.COMPARISONS
    ]
    monkeypatch.setattr(numbers, "COMPARISONS", comparisons)
    found = collect()
    assert found["active_users_have_seats"].description == "The check failed: out of order"
    assert found["active_users_agree"].passed


def test_a_snapshot_that_failed_is_no_gap_that_the_schedule_fills(
    octo: Organization, github: SimulatedGitHub
) -> None:
    assert octo
    github.faults.add("/copilot/billing", status=200, body="nonsense")
    result = execute("daily_copilot", [DAY])
    assert "not JSON" in failure(result)
    evaluations = result.get_asset_check_evaluations()
    checks = {check.check_name: check for check in evaluations}
    assert checks["history_is_complete"].passed
    assert checks["reports_are_readable"].passed
    failed = {check.asset_key.path[-1]: check for check in evaluations if not check.passed}
    assert {check.check_name for check in failed.values()} == {"scopes_are_collected"}
    assert set(failed) == {"raw_billing", "raw_seats"}
