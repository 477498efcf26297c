"""Odd cases that once went wrong, each in its smallest form."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from copilot_pipeline.accounts import open_client
from copilot_pipeline.collect.loader import load
from copilot_pipeline.collect.plan import LoadRequest
from copilot_pipeline.collect.selection import select_scopes
from copilot_pipeline.days import Today
from copilot_pipeline.github.client import GitHubClient
from copilot_pipeline.schema import metadata
from copilot_pipeline.simulated_github import NotReady, SimulatedGitHub, faults
from copilot_pipeline.sources.reports import METRICS_STEP
from copilot_pipeline.warehouse.database import Database
from copilot_pipeline.warehouse.history import CLOCK_TOLERANCE, heal_future_times
from copilot_pipeline.warehouse.raw import compress
from copilot_pipeline_tests.loading import execute, import_organizations, load_metrics
from copilot_pipeline_tests.test_reports_edges import (
    AGGREGATE,
    ON_SQLITE,
    REPOS,
    SLUG,
    TEAMS,
    full_repo,
    full_team,
    load_records,
)
from copilot_pipeline_tests.test_reports_oracle import assert_rows, last_days, stored
from copilot_pipeline_tests.test_reports_trust import (
    ORG,
    RESTATEMENTS,
    give,
    no_waits,
    settle,
    status_of,
    warnings,
)

pytestmark = pytest.mark.both_databases


@ON_SQLITE
def test_a_day_that_was_stored_before_a_rule_existed_is_replaced_by_a_sound_report(
    warehouse_environment: str, github: SimulatedGitHub
) -> None:
    (day,) = last_days(1)
    import_organizations(warehouse_environment, github, SLUG)
    of_then = {"day": str(day), "pull_requests": {"total_created": 1.5}}
    raw = metadata.tables["_raw_copilot_metrics"]
    with Database(warehouse_environment) as database, database.write() as connection:
        connection.execute(
            sa.insert(raw),
            {
                "scope_id": 1,
                "day": day,
                "report": AGGREGATE,
                "part": 0,
                "fetched_at": datetime.now(UTC),
                "url": "https://example.invalid/0.json",
                "payload": compress([json.dumps(of_then).encode()]),
                "sha256": "",
            },
        )
    assert load_metrics([day]) == []


@ON_SQLITE
def test_days_that_fail_for_ever_do_not_keep_later_gaps_from_healing(
    warehouse_environment: str, github: SimulatedGitHub
) -> None:
    days = last_days(6)
    import_organizations(warehouse_environment, github, SLUG)
    settle(warehouse_environment, days)
    give(github, AGGREGATE, days[0], "broken")
    for _ in range(2):
        load_metrics(days[2:], gap_days=1)
    rows = stored(warehouse_environment, ORG, 1, days[1])
    assert len(rows) == 1


@ON_SQLITE
@pytest.mark.parametrize(
    ("report", "full", "table"),
    [
        (TEAMS, full_team, "_tool_copilot_user_teams"),
        (REPOS, full_repo, "_tool_copilot_repo_metrics"),
    ],
)
def test_a_restated_report_whose_files_hold_no_record_empties_the_day(
    warehouse_environment: str,
    github: SimulatedGitHub,
    report: str,
    full: Any,
    table: str,
) -> None:
    (day,) = last_days(1)
    load_records(warehouse_environment, github, report, [[full(day)]])
    give(github, report, day, "[]")
    assert load_metrics([day]) == []
    assert stored(warehouse_environment, table, 1, day) == []


@ON_SQLITE
def test_a_404_is_a_failure_where_the_scope_could_not_be_asked(
    warehouse_environment: str, github: SimulatedGitHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    no_waits(monkeypatch)
    day = last_days(9)[0]
    import_organizations(warehouse_environment, github, SLUG)
    github.faults.add("organization-1-day", **faults.not_found())
    github.faults.add("organization-28-day", **faults.server_error())
    load_metrics([day])
    assert status_of(warehouse_environment, day)["state"] == "failed"


@ON_SQLITE
def test_the_headlines_of_an_aggregate_agree_with_its_breakdown_by_feature(
    warehouse_environment: str, github: SimulatedGitHub
) -> None:
    (day,) = last_days(1)
    features = [
        {"feature": "code_completion ", "code_generation_activity_count": 1},
        {"feature": "code_completion", "code_generation_activity_count": 2},
        {"feature": " chat_inline", "user_initiated_interaction_count": 4},
    ]
    record = {"day": str(day), "totals_by_feature": features}
    load_records(warehouse_environment, github, AGGREGATE, [[record]])
    by_feature = stored(warehouse_environment, "_tool_copilot_metrics_by_feature", 1, day)
    assert {row["feature"]: row["code_generation_activity_count"] for row in by_feature} == {
        "chat_inline": None,
        "code_completion": 3,
    }
    (row,) = stored(warehouse_environment, ORG, 1, day)
    assert (row["completion_suggestions"], row["ide_chats"]) == (3, 4)


@ON_SQLITE
def test_a_name_that_was_shown_is_not_shown_again_when_its_first_day_is_restated(
    warehouse_environment: str, github: SimulatedGitHub
) -> None:
    days = last_days(2)
    import_organizations(warehouse_environment, github, SLUG)
    plain = [{"day": str(day)} for day in days]
    with_name = [{**record, "a_field": 1} for record in plain]
    give(github, AGGREGATE, days[0], [with_name[0]])
    give(github, AGGREGATE, days[1], [plain[1]])
    assert warnings(execute("metrics_backfill", days)) == ["field 'a_field': 1 times"]
    give(github, AGGREGATE, days[1], [with_name[1]])
    assert warnings(execute("metrics_backfill", days)) == []
    give(github, AGGREGATE, days[0], [plain[0]])
    assert warnings(execute("metrics_backfill", days)) == []


@ON_SQLITE
def test_one_language_or_editor_in_any_case_is_one_row(
    warehouse_environment: str, github: SimulatedGitHub
) -> None:
    (day,) = last_days(1)
    ides = ("JetBrains", "IntelliJ", "intellij")
    languages = ("CSharp", "C#", "c#")
    record = {
        "day": str(day),
        "totals_by_ide": [{"ide": name} for name in ides],
        "totals_by_language_model": [{"language": name, "model": "o3"} for name in languages],
    }
    load_records(warehouse_environment, github, AGGREGATE, [[record]])
    found = [
        row[dimension]
        for name, dimension in (("ide", "ide"), ("language_model", "language"))
        for row in stored(warehouse_environment, f"_tool_copilot_metrics_by_{name}", 1, day)
    ]
    assert found == ["intellij", "c#"]


@ON_SQLITE
def test_phases_that_have_only_numbers_stay_apart(
    warehouse_environment: str, github: SimulatedGitHub
) -> None:
    (day,) = last_days(1)
    phases = [{"phase_number": number, "total_engaged_users": 9 - number} for number in (1, 2)]
    record = {"day": str(day), "totals_by_ai_adoption_phase": phases}
    load_records(warehouse_environment, github, AGGREGATE, [[record]])
    rows = stored(warehouse_environment, "_tool_copilot_adoption_phases", 1, day)
    assert [(row["phase_number"], row["total_engaged_users"]) for row in rows] == [(1, 8), (2, 7)]


@ON_SQLITE
def test_an_aggregate_that_comes_twice_with_other_housekeeping_is_one_record(
    warehouse_environment: str, github: SimulatedGitHub
) -> None:
    (day,) = last_days(1)
    import_organizations(warehouse_environment, github, SLUG)
    record = {"day": str(day), "daily_active_users": 3}
    give(github, AGGREGATE, day, *([{**record, "etl_id": name}] for name in "ab"))
    assert load_metrics([day]) == []
    assert_rows(warehouse_environment, 1, day, AGGREGATE, [record])


@ON_SQLITE
def test_a_restated_sum_above_what_a_float_holds_is_told(
    warehouse_environment: str, github: SimulatedGitHub
) -> None:
    (day,) = last_days(1)
    of_day = [{"day": str(day), "loc_added_sum": 2**53 + change} for change in (0, 1)]
    load_records(warehouse_environment, github, AGGREGATE, [of_day[:1]])
    give(github, AGGREGATE, day, of_day[1:])
    assert load_metrics([day]) == []
    assert len(stored(warehouse_environment, RESTATEMENTS, 1, day)) == 1


@ON_SQLITE
def test_an_older_day_whose_files_were_missing_is_a_gap_that_heals(
    warehouse_environment: str, github: SimulatedGitHub
) -> None:
    days = last_days(6)
    import_organizations(warehouse_environment, github, SLUG)
    settle(warehouse_environment, days)
    github.faults.add("", origin="download", **faults.blob_not_found())
    load_metrics(days[:2])
    github.faults.clear()
    load_metrics(days[2:], gap_days=9)
    assert [status_of(warehouse_environment, day)["state"] for day in days] == ["loaded"] * 6


@ON_SQLITE
def test_a_report_that_comes_later_than_its_provisional_days_is_a_gap_that_heals(
    warehouse_environment: str, github: SimulatedGitHub
) -> None:
    days = last_days(6)
    import_organizations(warehouse_environment, github, SLUG)
    settle(warehouse_environment, days)
    github.organization(SLUG).reports[AGGREGATE, days[0]] = NotReady.NO_CONTENT
    assert load_metrics(days) == []
    github.organization(SLUG).reports.clear()
    assert load_metrics(days[2:], gap_days=9) == []
    assert status_of(warehouse_environment, days[0])["state"] == "loaded"


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_a_name_longer_than_an_index_holds_does_not_break_the_day(
    warehouse_environment: str, github: SimulatedGitHub
) -> None:
    (day,) = last_days(1)
    import_organizations(warehouse_environment, github, SLUG)
    # Characters that do not repeat: PostgreSQL compresses what does.
    name = "".join(chr(0x4E00 + number * 7919 % 20_000) for number in range(3000))
    record = {"day": str(day), "daily_active_users": 3, "totals_by_ide": [{"ide": name}]}
    give(github, AGGREGATE, day, [record])
    assert load_metrics([day]) == []


@ON_SQLITE
@pytest.mark.parametrize("is_loaded", [False, True])
def test_an_older_answer_does_not_replace_a_newer_one(
    warehouse_environment: str,
    github: SimulatedGitHub,
    monkeypatch: pytest.MonkeyPatch,
    is_loaded: bool,
) -> None:
    (day,) = last_days(1)
    import_organizations(warehouse_environment, github, SLUG)
    give(github, AGGREGATE, day, [{"day": str(day), "daily_active_users": 1}])
    if is_loaded:
        assert load_metrics([day]) == []
    report = GitHubClient.report

    def slow(self: GitHubClient, *asked: Any) -> Any:
        # Another run asks later than this one, and is faster.
        answer = report(self, *asked)
        monkeypatch.setattr(GitHubClient, "report", report)
        give(github, AGGREGATE, day, [{"day": str(day), "daily_active_users": 2}])
        assert load_metrics([day]) == []
        return answer

    monkeypatch.setattr(GitHubClient, "report", slow)
    assert load_metrics([day]) == []
    (row,) = stored(warehouse_environment, ORG, 1, day)
    assert row["total_active_users"] == 2
    changes = stored(warehouse_environment, RESTATEMENTS, 1, day)
    assert [(each["old"], each["new"]) for each in changes] == [(1, 2)] * is_loaded


@ON_SQLITE
def test_a_database_that_refuses_a_status_fails_that_day_alone(
    warehouse_environment: str, github: SimulatedGitHub
) -> None:
    days = last_days(2)
    import_organizations(warehouse_environment, github, SLUG)
    github.organization(SLUG).reports[AGGREGATE, days[0]] = NotReady.NO_CONTENT
    with Database(warehouse_environment) as database, database.write() as connection:
        connection.execute(
            sa.text(
                "CREATE TRIGGER broken BEFORE INSERT ON _tool_copilot_collection_status "
                "WHEN NEW.state = 'not_ready' BEGIN SELECT RAISE(ABORT, 'broken'); END"
            )
        )
    assert "broken" in "\n".join(load_metrics(days))
    assert [len(stored(warehouse_environment, ORG, 1, day)) for day in days] == [0, 1]


@ON_SQLITE
def test_an_outcome_does_not_hold_the_report_that_it_is_about(
    warehouse_environment: str, github: SimulatedGitHub
) -> None:
    (day,) = last_days(1)
    import_organizations(warehouse_environment, github, SLUG)
    give(github, AGGREGATE, day, "{broken")
    with Database(warehouse_environment) as database:
        scopes = select_scopes(database)
        request = LoadRequest(Today.from_clock(), [day])
        (outcome,) = load(database, open_client, scopes, METRICS_STEP, request)
    # An exception's traceback would hold what its frames held, for every day that failed.
    assert isinstance(outcome.message, str)
    assert "broken" not in outcome.message


@ON_SQLITE
def test_a_blank_file_of_a_provisional_day_overwrites_nothing(
    warehouse_environment: str, github: SimulatedGitHub
) -> None:
    (day,) = last_days(1)
    load_records(warehouse_environment, github, REPOS, [[full_repo(day)]])
    give(github, REPOS, day, "\n")
    assert load_metrics([day]) == []
    assert len(stored(warehouse_environment, "_tool_copilot_repo_metrics", 1, day)) == 1


def test_only_times_beyond_the_tolerance_of_clocks_are_healed(database: Database) -> None:
    now, days = datetime.now(UTC), last_days(2)
    known = {"scope_id": 1, "report": AGGREGATE, "state": "loaded", "change_count": 0}
    fetched = [now + CLOCK_TOLERANCE + timedelta(seconds=each) for each in (-1, 1)]
    rows = [
        {**known, "day": day, "last_fetched_at": instant}
        for day, instant in zip(days, fetched, strict=True)
    ]
    table = metadata.tables["_tool_copilot_collection_status"]
    with database.write() as connection:
        connection.execute(sa.insert(table), rows)
        assert heal_future_times(connection, 1, now) == 1
        query = sa.select(table.c.last_fetched_at).order_by(table.c.day)
        assert list(connection.execute(query).scalars()) == [fetched[0], now]
