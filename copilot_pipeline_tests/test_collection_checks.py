"""The checks of the collection: green means that the data is there."""

from datetime import date, timedelta
from typing import Any

import dagster as dg
import pytest

from copilot_pipeline.accounts import open_client
from copilot_pipeline.checks.collection import check_data, check_readable, check_scopes
from copilot_pipeline.cli import run_command
from copilot_pipeline.collect.loader import load
from copilot_pipeline.collect.outcomes import Outcome, OutcomeState
from copilot_pipeline.collect.plan import LoadRequest
from copilot_pipeline.collect.selection import select_scopes
from copilot_pipeline.days import Today, day_range
from copilot_pipeline.simulated_github import Organization, SimulatedGitHub
from copilot_pipeline.sources import SEATS
from copilot_pipeline.sources.reports import METRICS_STEP
from copilot_pipeline.warehouse.database import Database
from copilot_pipeline.warehouse.history import DayState
from copilot_pipeline.warehouse.scopes import Scope, list_scopes
from copilot_pipeline_tests.commands import Output
from copilot_pipeline_tests.loading import (
    ORGANIZATION,
    USERS,
    import_organizations,
    newest_complete_day,
)
from copilot_pipeline_tests.test_collection_health import (
    METRICS,
    NEWEST,
    SNAPSHOTS,
    TODAY,
    Stored,
    ago,
    refusal,
)


@pytest.fixture
def stored(database: Database) -> Stored:
    return Stored(database)


def scopes(stored: Stored) -> list[Scope]:
    with stored.database.read() as connection:
        return list_scopes(connection)


def details(check: dg.AssetCheckResult) -> list[dict[str, Any]]:
    table = check.metadata["details"]
    assert isinstance(table, dg.TableMetadataValue)
    return [dict(record.data) for record in table.records]


def test_has_data_passes_with_the_facts_of_each_source(stored: Stored) -> None:
    stored.healthy(stored.scope(stored.account("demo-owner"), "acme"))
    check = check_data(stored.database, scopes(stored), TODAY)
    assert check.passed
    rows = details(check)
    assert [row["source"] for row in rows] == [*METRICS, *SNAPSHOTS]
    assert rows[0]["newest day"] == str(ago(2))
    assert (rows[0]["loaded"], rows[0]["not ready"], rows[2]["missing"]) == (39, 2, 0)


def test_a_scope_that_never_had_a_report_is_a_warning(stored: Stored) -> None:
    account = stored.account("demo-owner")
    stored.healthy(stored.scope(account, "acme"))
    never = stored.scope(account, "initech", added=NEWEST)
    stored.days(never, METRICS, day_range(ago(9), ago(3)), DayState.NO_DATA, http_status=204)
    check = check_data(stored.database, scopes(stored), TODAY)
    assert (check.passed, check.severity) == (False, dg.AssetCheckSeverity.WARN)
    assert str(check.description).startswith("organization initech: GitHub has never had a report")
    # What needs a person comes first.
    assert details(check)[0]["scope"] == "organization initech"


def test_a_scope_without_new_data_is_an_error_and_several_are_counted(stored: Stored) -> None:
    account = stored.account("demo-owner")
    for slug in ("acme", "initech"):
        scope = stored.scope(account, slug)
        stored.healthy(scope)
        stored.days(scope, METRICS, day_range(ago(9), ago(3)), DayState.NO_DATA)
        stored.days(scope, METRICS, day_range(ago(2), NEWEST), DayState.NOT_READY)
    check = check_data(stored.database, scopes(stored), TODAY)
    assert (check.passed, check.severity) == (False, dg.AssetCheckSeverity.ERROR)
    lines = str(check.description).splitlines()
    assert lines[0] == "2 scopes have no data or no new data."
    assert len(lines) == 3


def test_a_description_has_few_lines_and_the_table_is_bounded(stored: Stored) -> None:
    account = stored.account("demo-owner")
    for number in range(30):
        scope = stored.scope(account, f"acme-{number}", added=NEWEST)
        stored.days(scope, METRICS, [ago(5)], DayState.NO_DATA)
    check = check_data(stored.database, scopes(stored), TODAY)
    lines = str(check.description).splitlines()
    assert (len(lines), lines[-1]) == (5, "and 27 more")
    assert len(details(check)) == 100


@pytest.mark.both_databases
def test_a_refused_main_report_is_not_readable(stored: Stored) -> None:
    scope = stored.scope(stored.account("demo-owner"), "acme")
    stored.healthy(scope)
    days = day_range(ago(11), NEWEST)
    message = refusal("demo-owner", "organization acme", "/x", "403 Forbidden. Policy is off.")
    # Days that were loaded before keep their rows and their state.
    for source in METRICS:
        stored.days(scope, [source], days[:6], DayState.LOADED, message=message, http_status=403)
        stored.days(scope, [source], days[6:], DayState.NO_ACCESS, message=message, http_status=403)
    check = check_readable(stored.database, scopes(stored), days)
    assert not check.passed
    assert check.metadata["refused_days"] == dg.MetadataValue.int(24)
    assert check.metadata["refused_reports"] == dg.MetadataValue.int(2)
    assert f"organization acme, {days[0]} to {days[-1]} (12 days): " in str(check.description)


def test_each_scope_has_a_row_that_says_whether_it_was_collected(stored: Stored) -> None:
    account = stored.account("demo-owner")
    stored.healthy(stored.scope(account, "acme"))
    refused = stored.scope(account, "initech")
    stored.healthy(refused)
    stored.days(
        refused,
        [ORGANIZATION],
        [NEWEST],
        DayState.NO_ACCESS,
        message="403 no",
        http_status=403,
        hours_ago=1,
    )
    check = check_scopes(stored.database, scopes(stored), TODAY, METRICS_STEP)
    assert (check.passed, check.severity) == (False, dg.AssetCheckSeverity.ERROR)
    assert [(row["scope"], row["collected"]) for row in details(check)] == [
        ("organization initech", "no"),
        ("organization acme", "yes"),
    ]
    assert check_scopes(stored.database, scopes(stored), TODAY, SEATS.step).passed


def test_a_report_that_may_be_refused_does_not_make_the_scope_fail(stored: Stored) -> None:
    scope = stored.scope(stored.account("demo-owner"), "acme")
    stored.healthy(scope)
    stored.days(
        scope, [USERS], [NEWEST], DayState.NO_ACCESS, message="no", http_status=403, hours_ago=1
    )
    assert check_scopes(stored.database, scopes(stored), TODAY, METRICS_STEP).passed


def test_a_missed_snapshot_is_a_warning_although_todays_is_there(stored: Stored) -> None:
    scope = stored.scope(stored.account("demo-owner"), "acme", added=ago(3))
    stored.days(scope, ["seats"], [ago(3), ago(1), NEWEST])
    check = check_scopes(stored.database, scopes(stored), TODAY, SEATS.step)
    assert (check.passed, check.severity) == (False, dg.AssetCheckSeverity.WARN)
    assert str(ago(2)) in str(check.description)
    assert [row["collected"] for row in details(check)] == ["yes"]


def test_a_scope_of_which_nothing_was_asked_in_the_run_is_not_collected(stored: Stored) -> None:
    stored.healthy(stored.scope(stored.account("demo-owner"), "acme"))
    (scope,) = scopes(stored)
    outcome = Outcome(
        str(scope), ORGANIZATION, NEWEST, OutcomeState.FAILED, message="the secret is another one"
    )
    check = check_scopes(stored.database, [scope], TODAY, METRICS_STEP, [outcome])
    assert not check.passed
    assert "the secret is another one" in str(check.description)


def test_days_without_data_are_not_kept_the_second_time(warehouse_environment: str) -> None:
    newest = newest_complete_day()
    days = day_range(newest - timedelta(days=9), newest)
    never = Organization("octo-never", seat_count=2, reports_since=date.max)
    with SimulatedGitHub([never]) as github, Database(warehouse_environment) as database:
        import_organizations(warehouse_environment, github, "octo-never")
        request = LoadRequest(Today.from_clock(), days)
        for _ in range(2):
            scopes_of_run = select_scopes(database)
            outcomes = load(database, open_client, scopes_of_run, METRICS_STEP, request)
    states = {outcome.day: outcome.state for outcome in outcomes}
    assert [states[day] for day in days] == (
        [OutcomeState.NO_DATA] * 7 + [OutcomeState.NOT_READY] * 3
    )


def test_a_run_for_an_organization_without_any_report_warns_on_stderr(
    warehouse_environment: str, capsys: Output
) -> None:
    never = Organization("octo-never", seat_count=2, reports_since=date.max)
    with SimulatedGitHub([never]) as github:
        import_organizations(warehouse_environment, github, "octo-never")
        assert run_command(["run", "--last", "10"]) == 0
    warning = capsys.readouterr().err
    assert "has_data" in warning
    assert "organization octo-never: GitHub has never had a report" in warning
    assert "or it is the wrong organization" in warning
