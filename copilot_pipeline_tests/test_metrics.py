"""Loading metrics: from the simulated GitHub through the real job into both databases."""

import json
from datetime import UTC, date, datetime, timedelta
from typing import Any

import dagster as dg
import pytest
import sqlalchemy as sa

from copilot_pipeline import settings
from copilot_pipeline.accounts import AccountOptions, import_account
from copilot_pipeline.days import day_range
from copilot_pipeline.simulated_github import (
    NotReady,
    Organization,
    ReportFiles,
    SimulatedGitHub,
    faults,
    report_records,
)
from copilot_pipeline.warehouse.database import Database
from copilot_pipeline_tests.loading import (
    execute,
    failure,
    import_organizations,
    load_metrics,
    newest_complete_day,
    read_table,
)

ORG = "_tool_copilot_org_metrics"
LANGUAGES = "_tool_copilot_language_metrics"
RAW = "_raw_copilot_metrics"
REPORT = "organization-1-day"


def last_days(count: int) -> list[date]:
    newest = newest_complete_day()
    return day_range(newest - timedelta(days=count - 1), newest)


def record(day: date, **values: object) -> str:
    return json.dumps({"day": str(day), "daily_active_users": 3, **values})


def test_a_hundred_days_are_one_run_and_equal_what_was_served(
    warehouse_environment: str, github: SimulatedGitHub
) -> None:
    import_organizations(warehouse_environment, github, "octo-demo")
    days = last_days(100)

    result = execute("metrics_backfill", days)

    assert result.success
    rows = {as_date(row["day"]): row for row in read_table(warehouse_environment, ORG)}
    assert sorted(rows) == days
    languages = read_table(warehouse_environment, LANGUAGES, "day, language")
    for day in days:
        (served,) = report_records(github.organization("octo-demo"), REPORT, day)
        completion = next(
            f for f in served["totals_by_feature"] if f["feature"] == "code_completion"
        )
        chats = [
            f["user_initiated_interaction_count"]
            for f in served["totals_by_feature"]
            if f["feature"].startswith("chat_")
        ]
        row = rows[day]
        assert row["source"] == "reports"
        assert row["total_active_users"] == served["daily_active_users"]
        assert row["weekly_active_users"] == served["weekly_active_users"]
        assert row["loc_added_sum"] == served["loc_added_sum"]
        assert row["completion_suggestions"] == completion["code_generation_activity_count"]
        assert row["completion_acceptances"] == completion["code_acceptance_activity_count"]
        assert row["completion_lines_suggested"] == completion["loc_suggested_to_add_sum"]
        assert row["completion_lines_accepted"] == completion["loc_added_sum"]
        assert row["ide_chats"] == sum(chats)
        assert row["total_engaged_users"] is None
        assert row["dotcom_chats"] is None
        assert {
            (r["editor"], r["language"], r["suggestions"], r["acceptances"])
            for r in languages
            if as_date(r["day"]) == day
        } == {
            (
                "all",
                entry["language"],
                entry["code_generation_activity_count"],
                entry["code_acceptance_activity_count"],
            )
            for entry in served["totals_by_language_feature"]
            if entry["feature"] == "code_completion"
        }


def test_legacy_days_are_summed_over_editors_models_and_languages(
    warehouse_environment: str,
) -> None:
    day = newest_complete_day()
    languages = [
        {
            "name": name,
            "total_engaged_users": people,
            "total_code_suggestions": 10,
            "total_code_acceptances": 4,
            "total_code_lines_suggested": 20,
            "total_code_lines_accepted": 6,
        }
        for name, people in (("python", 3), (" ", 1))
    ]
    models = [{"name": "default", "languages": languages}, {"name": "b", "languages": languages}]
    served = {
        "date": str(day),
        "total_active_users": 9,
        "total_engaged_users": 7,
        "copilot_ide_code_completions": {"editors": [{"name": "vscode", "models": models}]},
        "copilot_ide_chat": None,
    }
    organization = Organization("old-demo", legacy=True, legacy_days={day: served})
    with SimulatedGitHub([organization]) as github:
        import_organizations(warehouse_environment, github, "old-demo", metrics_api="legacy")
        assert execute("metrics_backfill", last_days(3)).success

    (row,) = read_table(warehouse_environment, ORG)
    assert row["source"] == "legacy"
    assert (row["total_active_users"], row["total_engaged_users"]) == (9, 7)
    assert (row["completion_suggestions"], row["completion_acceptances"]) == (40, 16)
    assert row["ide_chats"] is None
    assert [
        (r["editor"], r["language"], r["engaged_users"], r["suggestions"])
        for r in read_table(warehouse_environment, LANGUAGES, "language")
    ] == [("vscode", "python", 3, 20), ("vscode", "unknown", 1, 20)]


def test_legacy_days_that_were_not_asked_for_are_left_out(
    warehouse_environment: str, github: SimulatedGitHub
) -> None:
    import_organizations(warehouse_environment, github, "octo-demo", metrics_api="legacy")
    days = last_days(2)
    served = [{"date": str(day), "total_active_users": 1} for day in days]
    github.faults.add("/copilot/metrics$", status=200, body=json.dumps(served))
    assert load_metrics(days[1:]) == []
    assert [str(row["day"]) for row in read_table(warehouse_environment, ORG)] == [str(days[1])]


def test_a_bad_legacy_day_fails_alone(warehouse_environment: str) -> None:
    days = last_days(4)
    served = {day: {"date": str(day), "total_active_users": 1} for day in days}
    served[days[1]]["total_active_users"] = "one"
    with SimulatedGitHub([Organization("old-demo", legacy=True, legacy_days=served)]) as github:
        import_organizations(warehouse_environment, github, "old-demo", metrics_api="legacy")
        result = execute("metrics_backfill", days)
    assert not result.success
    assert f"organization old-demo, {days[1]}: legacy: " in failure(result)
    assert "total_active_users" in failure(result)
    assert len(read_table(warehouse_environment, ORG)) == 3


def test_a_page_of_legacy_days_that_makes_no_sense_fails_them_all_and_is_named(
    warehouse_environment: str,
) -> None:
    days = last_days(2)
    with SimulatedGitHub([Organization("old-demo", legacy=True)]) as github:
        import_organizations(warehouse_environment, github, "old-demo", metrics_api="legacy")
        github.faults.add("/copilot/metrics$", status=200, body='{"date": "2026-01-01"}')
        result = execute("metrics_backfill", days)
    assert (
        f"{days[0]} to {days[1]} (2 days): legacy: the answer is not an array of days. "
        "Nothing more was changed."
    ) in failure(result)


@pytest.mark.both_databases
def test_a_restated_legacy_day_is_told_with_its_old_and_new_numbers(
    warehouse_environment: str,
) -> None:
    (day,) = last_days(1)
    served: dict[date, Any] = {day: {"date": str(day), "total_active_users": 1}}
    with SimulatedGitHub([Organization("old-demo", legacy=True, legacy_days=served)]) as github:
        import_organizations(warehouse_environment, github, "old-demo", metrics_api="legacy")
        assert execute("metrics_backfill", [day]).success
        served[day]["total_active_users"] = 2
        assert execute("metrics_backfill", [day]).success
    (row,) = read_table(warehouse_environment, "_tool_copilot_restatements")
    assert (row["metric"], row["old"], row["new"]) == ("total_active_users", 1, 2)


@pytest.mark.both_databases
def test_a_database_that_fails_for_one_scope_does_not_stop_the_others(
    warehouse_environment: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(settings.FAIL_RUN_ON, settings.FailRunOn.ANY_SCOPE)
    with SimulatedGitHub([Organization("one-demo"), Organization("two-demo")]) as github:
        import_organizations(warehouse_environment, github, "one-demo", "two-demo")
        break_scope(warehouse_environment, scope_id=1)
        result = execute("metrics_backfill", last_days(2))
    assert not result.success
    assert "organization one-demo" in failure(result)
    assert {row["scope_id"] for row in read_table(warehouse_environment, ORG)} == {2}


def break_scope(url: str, scope_id: int) -> None:
    """Makes every write of the scope's organization rows fail in the database itself."""
    with Database(url) as database, database.write() as connection:
        if database.is_sqlite:
            statement = (
                f"CREATE TRIGGER broken BEFORE INSERT ON {ORG} WHEN NEW.scope_id = {scope_id} "
                "BEGIN SELECT RAISE(ABORT, 'broken'); END"
            )
        else:
            statement = f"ALTER TABLE {ORG} ADD CHECK (scope_id <> {scope_id})"
        connection.execute(sa.text(statement))


def test_a_day_without_a_partition_is_explained(warehouse_environment: str) -> None:
    result = execute("daily_copilot")
    assert not result.success
    assert "needs a partition" in failure(result)


@pytest.mark.slow
def test_a_hundred_legacy_days_come_page_by_page(warehouse_environment: str) -> None:
    with SimulatedGitHub([Organization("old-demo", legacy=True)]) as github:
        import_organizations(warehouse_environment, github, "old-demo", metrics_api="legacy")
        assert execute("metrics_backfill", last_days(100)).success
    assert len(read_table(warehouse_environment, ORG)) == 100


@pytest.mark.both_databases
def test_loading_a_day_twice_gives_the_same_rows(
    warehouse_environment: str, github: SimulatedGitHub
) -> None:
    import_organizations(warehouse_environment, github, "octo-demo")
    execute("metrics_backfill", last_days(2))
    before = [read_table(warehouse_environment, table) for table in (ORG, LANGUAGES)]
    execute("metrics_backfill", last_days(2))
    assert [read_table(warehouse_environment, table) for table in (ORG, LANGUAGES)] == before


@pytest.mark.both_databases
def test_a_restated_day_replaces_all_of_its_rows(
    warehouse_environment: str, github: SimulatedGitHub
) -> None:
    import_organizations(warehouse_environment, github, "octo-demo")
    days = last_days(1)
    execute("metrics_backfill", days)
    restated = ReportFiles([record(days[0], totals_by_language_feature=[])])
    github.organization("octo-demo").reports[REPORT, days[0]] = restated
    execute("metrics_backfill", days)
    assert [r["total_active_users"] for r in read_table(warehouse_environment, ORG)] == [3]
    assert read_table(warehouse_environment, LANGUAGES) == []


@pytest.mark.both_databases
@pytest.mark.parametrize("answer", list(NotReady))
def test_a_day_without_a_report_is_no_error_and_overwrites_nothing(
    warehouse_environment: str, github: SimulatedGitHub, answer: NotReady
) -> None:
    import_organizations(warehouse_environment, github, "octo-demo")
    days = last_days(2)
    execute("metrics_backfill", days)
    before = read_table(warehouse_environment, ORG)
    github.organization("octo-demo").reports[REPORT, days[1]] = answer
    result = execute("metrics_backfill", days)
    assert result.success
    assert read_table(warehouse_environment, ORG) == before


@pytest.mark.parametrize(
    ("files", "words"),
    [
        (["{}"], "about no day"),
        ([record(date(2026, 1, 1))], "about 2026-01-01"),
        ([record(newest_complete_day()) + "\n{broken"], "line 2"),
        (
            [record(newest_complete_day()), record(newest_complete_day(), loc_added_sum=1)],
            "two different",
        ),
        ([record(newest_complete_day(), loc_added_sum="many")], "loc_added_sum"),
    ],
)
def test_a_bad_file_changes_nothing_and_is_named(
    warehouse_environment: str, github: SimulatedGitHub, files: list[str | bytes], words: str
) -> None:
    import_organizations(warehouse_environment, github, "octo-demo")
    days = last_days(1)
    execute("metrics_backfill", days)
    before = [read_table(warehouse_environment, table) for table in (RAW, ORG, LANGUAGES)]
    github.organization("octo-demo").reports[REPORT, days[0]] = ReportFiles(files)
    result = execute("metrics_backfill", days)
    assert not result.success
    assert words in failure(result)
    assert "octo-demo" in failure(result)
    after = [read_table(warehouse_environment, table) for table in (RAW, ORG, LANGUAGES)]
    assert after == before


@pytest.mark.parametrize(
    "files",
    [
        pytest.param(["DAY\n", ""], id="several shards, one of them empty"),
        pytest.param(["DAY", "DAY"], id="the same record in two shards"),
        pytest.param(["[DAY]"], id="array"),
        pytest.param(['{"day_totals": [DAY]}'], id="day_totals"),
        pytest.param(["\ufeff\r\nDAY\r\n\r\n"], id="byte order mark and blank lines"),
    ],
)
def test_every_form_of_a_report_gives_the_same_row(
    warehouse_environment: str, github: SimulatedGitHub, files: list[str]
) -> None:
    import_organizations(warehouse_environment, github, "octo-demo")
    day = newest_complete_day()
    served: list[str | bytes] = [text.replace("DAY", record(day)) for text in files]
    github.organization("octo-demo").reports[REPORT, day] = ReportFiles(served)
    assert execute("metrics_backfill", [day]).success
    assert [r["total_active_users"] for r in read_table(warehouse_environment, ORG)] == [3]
    assert len(read_table(warehouse_environment, RAW)) == len(files)


@pytest.mark.both_databases
def test_raw_rows_keep_the_file_as_received_without_the_signature(
    warehouse_environment: str, github: SimulatedGitHub
) -> None:
    import_organizations(warehouse_environment, github, "octo-demo")
    day = newest_complete_day()
    body = record(day, a_field_of_tomorrow={"deep": [1, None]})
    github.organization("octo-demo").reports[REPORT, day] = ReportFiles([body])
    execute("metrics_backfill", [day])
    (row,) = read_table(warehouse_environment, RAW)
    assert row["payload"] == body
    assert row["report"] == REPORT
    assert row["url"].startswith(github.download_url)
    assert "?" not in row["url"]


def test_one_failing_organization_does_not_stop_the_others(
    warehouse_environment: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(settings.FAIL_RUN_ON, settings.FailRunOn.ANY_SCOPE)
    with SimulatedGitHub([Organization("good-demo"), Organization("bad-demo")]) as github:
        import_organizations(warehouse_environment, github, "bad-demo", "good-demo", "wrong-demo")
        github.faults.add("/orgs/bad-demo/", **faults.policy_off())
        result = execute("daily_copilot", last_days(1))
    assert not result.success
    assert len(read_table(warehouse_environment, ORG)) == 1
    assert len(read_table(warehouse_environment, "_tool_copilot_seats")) == 40
    said = failure(result)
    assert "organization bad-demo" in said
    assert "policy 'Copilot usage metrics' is off" in said
    assert "organization wrong-demo" in said
    assert "good-demo" not in said


def test_days_that_loaded_stay_materialized_when_another_day_fails(
    warehouse_environment: str, github: SimulatedGitHub
) -> None:
    import_organizations(warehouse_environment, github, "octo-demo")
    days = last_days(3)
    github.organization("octo-demo").reports[REPORT, days[1]] = ReportFiles(["broken"])
    result = execute("metrics_backfill", days)
    assert not result.success
    materialized = {
        event.partition
        for event in result.all_events
        if event.is_step_materialization and event.asset_key == dg.AssetKey("org_metrics")
    }
    assert materialized == {str(days[0]), str(days[2])}
    assert len(read_table(warehouse_environment, ORG)) == 2


def test_a_scope_that_is_refused_is_not_asked_for_every_day(
    warehouse_environment: str, github: SimulatedGitHub
) -> None:
    import_organizations(warehouse_environment, github, "octo-demo")
    github.faults.add("/reports/", **faults.bad_credentials())
    result = execute("metrics_backfill", last_days(50))
    assert not result.success
    assert "import the account again" in failure(result)
    assert "(50 days)" in failure(result)
    asked = [request for request in github.requests if "/reports/" in request.path]
    assert len(asked) <= 8  # those that were in flight when the first refusal came


def test_a_day_out_of_reach_is_refused_with_the_window(
    warehouse_environment: str,
) -> None:
    with SimulatedGitHub([Organization("old-demo", legacy=True)]) as github:
        import_organizations(warehouse_environment, github, "old-demo", metrics_api="legacy")
        days = last_days(101)
        result = execute("metrics_backfill", days)
    assert not result.success
    assert f"from {days[1]} to {days[-1]} only" in failure(result)
    assert len(read_table(warehouse_environment, ORG)) == 100


@pytest.mark.both_databases
def test_tool_tables_are_rebuilt_offline_from_the_raw_ones(
    warehouse_environment: str, github: SimulatedGitHub
) -> None:
    import_organizations(warehouse_environment, github, "octo-demo")
    days = last_days(3)
    execute("daily_copilot", days[-1:])
    execute("metrics_backfill", days)
    tables = (ORG, LANGUAGES, "_tool_copilot_seats")
    before = [read_table(warehouse_environment, table) for table in tables]
    with Database(warehouse_environment) as database, database.write() as connection:
        for table in tables:
            connection.execute(sa.text(f"DELETE FROM {table}"))
    github.__exit__()

    assert execute("metrics_backfill", days, assets=["org_metrics", "language_metrics"]).success
    assert execute("daily_copilot", days[-1:], assets=["seats"]).success
    assert [read_table(warehouse_environment, table) for table in tables] == before


def test_a_day_that_counts_as_loaded_is_so_in_every_table(
    warehouse_environment: str, github: SimulatedGitHub
) -> None:
    import_organizations(warehouse_environment, github, "octo-demo")
    days = last_days(7)
    assert execute("metrics_backfill", days, assets=["raw_metrics"]).success
    for table in (RAW, ORG):
        assert len(read_table(warehouse_environment, table)) == 7


def test_several_days_are_fetched_at_once_up_to_the_limit(
    warehouse_environment: str, github: SimulatedGitHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    import_organizations(warehouse_environment, github, "octo-demo")
    github.faults.add("/reports/", delay=1)
    monkeypatch.setenv("COPILOT_METRICS__CONCURRENCY", "8")
    before = datetime.now(UTC)
    execute("metrics_backfill", last_days(16))
    assert datetime.now(UTC) - before < timedelta(seconds=16)


def test_a_run_may_be_limited_to_some_organizations(warehouse_environment: str) -> None:
    with SimulatedGitHub([Organization("one-demo"), Organization("two-demo")]) as github:
        import_organizations(warehouse_environment, github, "one-demo", "two-demo")
        config = {"metrics": {"config": {"organizations": ["Two-Demo"]}}}
        assert execute("metrics_backfill", last_days(1), config=config).success
        asked = {
            request.path.split("/")[2] for request in github.requests if "/orgs/" in request.path
        }
    assert asked == {"two-demo"}


def test_without_an_account_a_run_says_what_to_do(warehouse_environment: str) -> None:
    result = execute("metrics_backfill", last_days(1))
    assert not result.success
    assert "accounts import" in failure(result)


def as_date(value: object) -> date:
    """SQLite gives dates of a text query as text."""
    return value if isinstance(value, date) else date.fromisoformat(str(value))


def test_an_enterprise_is_collected_under_a_scope_of_its_own(
    warehouse_environment: str, github: SimulatedGitHub
) -> None:
    day = newest_complete_day()
    with Database(warehouse_environment) as database:
        wanted = AccountOptions(github.url, None, ["octo-demo"], ["octo-demo"])
        import_account(database, github.token, wanted)
    envelope = {"download_links": [github.signed_link("/ent.json")], "report_day": str(day)}
    github.faults.add("^/enterprises/.*/enterprise-1-day", status=200, body=envelope)
    served = record(day, daily_active_users=777)
    github.faults.add("^/ent.json", origin="download", status=200, body=served)
    seats = {"total_seats": 0, "seats": []}
    github.faults.add("^/enterprises/.*/billing/seats", status=200, body=seats)
    assert execute("daily_copilot", [day]).success
    users = {r["scope_id"]: r["total_active_users"] for r in read_table(warehouse_environment, ORG)}
    assert users[2] == 777
    assert users[1] != 777
