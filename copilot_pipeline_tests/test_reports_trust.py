"""The history can be trusted: the same rows in any order, and a status that says the truth."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
import sqlalchemy as sa

from copilot_pipeline import settings
from copilot_pipeline.days import Today, day_range
from copilot_pipeline.github.retries import Retries
from copilot_pipeline.schema import metadata
from copilot_pipeline.simulated_github import (
    NotReady,
    Organization,
    ReportFiles,
    SimulatedGitHub,
    faults,
)
from copilot_pipeline.warehouse.database import Database
from copilot_pipeline_tests.loading import execute, import_organizations, load_metrics
from copilot_pipeline_tests.test_reports_edges import (
    AGGREGATE,
    ON_SQLITE,
    REPOS,
    SLUG,
    TEAMS,
    USERS,
    full_aggregate,
    full_repo,
    full_team,
    full_user,
    load_records,
)
from copilot_pipeline_tests.test_reports_oracle import (
    Record,
    Rows,
    assert_rows,
    import_scopes,
    in_order,
    last_days,
    served,
    stored,
)

pytestmark = pytest.mark.both_databases

ORG = "_tool_copilot_org_metrics"
STATUS = "_tool_copilot_collection_status"
RESTATEMENTS = "_tool_copilot_restatements"
UNKNOWN = "_tool_copilot_unknown_names"

# When something was fetched or seen; the instants that GitHub states are rows like any other.
# Not what was loaded: the last one differs between the databases.
OTHERS = ("_tool_copilot_scopes", "_tool_copilot_shown_names", "_tool_copilot_definitions")

# When and how often something was stored, which is not what was stored.
INSTANTS = (
    "fetched_at",
    "first_loaded_at",
    "last_fetched_at",
    "changed_at",
    "seen_at",
    "shown_at",
    "attempt",
)


def give(github: SimulatedGitHub, report: str, day: date, *files: Any) -> None:
    """The report of that day from now on: its files, each of records or a text; or no report."""
    texts = [
        file
        if isinstance(file, str | bytes)
        else "".join(json.dumps(record) + "\n" for record in file)
        for file in files
    ]
    github.organization(SLUG).reports[report, day] = ReportFiles(texts)


def all_rows(url: str, *without: str) -> dict[str, list[list[tuple[str, str]]]]:
    """The rows of all raw and tool tables, apart from instants and from these tables or columns.

    Which names a check has shown depends on how often it ran.
    """
    names = [name for name in metadata.tables if name.startswith(("_raw_", "_tool_"))]
    found = {}
    with Database(url) as database, database.read() as connection:
        for name in names:
            if name in (*without, *OTHERS):
                continue
            rows = [
                dict(row._mapping) for row in connection.execute(sa.select(metadata.tables[name]))
            ]
            left_out = {*INSTANTS, *without}
            found[name] = in_order(
                [{key: row[key] for key in row if key not in left_out} for row in rows]
            )
    return found


def no_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Retries, "_sleep", lambda *_: None)


# --- order --------------------------------------------------------------------------------------


def test_any_order_of_days_and_reports_ends_in_the_rows_of_one_load(
    warehouse_environment: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    days = last_days(3)
    with SimulatedGitHub([Organization(SLUG, seat_count=30)], shards=2) as github:
        import_organizations(warehouse_environment, github, SLUG, reports=(USERS, REPOS))
        assert load_metrics([days[2]]) == []
        import_scopes(warehouse_environment, github, [SLUG])
        for report, record in ((AGGREGATE, full_aggregate), (USERS, full_user), (TEAMS, full_team)):
            give(github, report, days[0], [record(days[0])])
        for day in (days[0], days[1]):
            assert load_metrics([day]) == []
        github.organization(SLUG).reports.clear()
        assert load_metrics([days[0]]) == []
        assert execute("daily_copilot", [days[2]]).success
        assert load_metrics(days) == []

        fresh = f"sqlite:///{tmp_path / 'fresh.db'}"
        monkeypatch.setenv(settings.DATABASE_URL, fresh)
        import_scopes(fresh, github, [SLUG])
        assert execute("daily_copilot", [days[2]]).success
        assert load_metrics(days) == []
    history = (RESTATEMENTS, "change_count")
    assert all_rows(warehouse_environment, *history) == all_rows(fresh, *history)
    changes = [row["change_count"] for row in stored(warehouse_environment, STATUS, 1, days[0])]
    # Of the four reports, repos-1-day is the one that stayed the same.
    assert sorted(changes) == [0, 1, 1, 1]


# --- status -------------------------------------------------------------------------------------


def status_of(url: str, day: date, report: str = AGGREGATE) -> Record:
    (row,) = [row for row in stored(url, STATUS, 1, day) if row["report"] == report]
    return row


def test_every_answer_has_its_state_and_status(
    warehouse_environment: str, github: SimulatedGitHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    no_waits(monkeypatch)
    days = last_days(10)
    reports = github.organization(SLUG).reports
    answers: Sequence[tuple[date, NotReady]] = [
        (days[1], NotReady.NO_CONTENT),
        (days[2], NotReady.EMPTY_STRING),
        (days[3], NotReady.NO_LINKS),
        (days[7], NotReady.NO_CONTENT),
        (days[8], NotReady.NO_LINKS),
    ]
    for day, answer in answers:
        reports[AGGREGATE, day] = answer
    github.faults.add("organization-1-day", **faults.not_found(), query={"day": str(days[4])})
    give(github, AGGREGATE, days[5], json.dumps({"day": str(days[5])}) + "\n{broken")
    github.faults.add("organization-1-day", **faults.server_error(), query={"day": str(days[6])})
    import_organizations(warehouse_environment, github, SLUG)
    assert load_metrics(days) != []

    with Database(warehouse_environment) as database, database.read() as connection:
        count = connection.execute(sa.select(sa.func.count()).select_from(metadata.tables[STATUS]))
        assert count.scalar_one() == len(days)
    rows = [status_of(warehouse_environment, day) for day in days]
    assert [(row["state"], row["http_status"]) for row in rows] == [
        ("loaded", 200),
        ("no_data", 204),
        ("no_data", 200),
        ("no_data", 200),
        ("no_data", 404),
        ("failed", 200),
        ("failed", 500),
        ("not_ready", 204),
        ("not_ready", 200),
        ("loaded", 200),
    ]
    for row in rows:
        assert (row["message"] is not None) == (row["state"] == "failed")
        is_loaded = row["state"] == "loaded"
        for column in ("row_count", "sha256", "first_loaded_at"):
            assert (row[column] is not None) == is_loaded
        assert (row["change_count"], row["changed_at"]) == (0, None)
    assert "line 2" in rows[5]["message"]


@ON_SQLITE
def test_a_report_that_is_refused_has_no_access_on_every_day_and_the_others_load(
    warehouse_environment: str, github: SimulatedGitHub
) -> None:
    github.faults.add("/users-1-day", **faults.not_owner())
    import_scopes(warehouse_environment, github, [SLUG])
    days = last_days(2)
    assert load_metrics(days) == []
    for day in days:
        states = {
            row["report"]: (row["state"], row["http_status"])
            for row in stored(warehouse_environment, STATUS, 1, day)
        }
        assert states == {
            AGGREGATE: ("loaded", 200),
            USERS: ("no_access", 403),
            TEAMS: ("loaded", 200),
            REPOS: ("loaded", 200),
        }


@ON_SQLITE
def test_a_loaded_day_stays_loaded_with_its_rows_whatever_comes_later(
    warehouse_environment: str, github: SimulatedGitHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    no_waits(monkeypatch)
    (day,) = last_days(1)
    import_organizations(warehouse_environment, github, SLUG)
    assert load_metrics([day]) == []
    without = ("http_status", "message")
    before = all_rows(warehouse_environment, *without)
    first = status_of(warehouse_environment, day)
    answers = [faults.server_error(), faults.not_owner(), faults.not_found()]
    for answer in answers:
        github.faults.add("organization-", **answer)
        assert load_metrics([day]) != []
        github.faults.clear()
        row = status_of(warehouse_environment, day)
        assert (row["state"], row["http_status"]) == ("loaded", answer["status"])
        assert row["message"]
        assert row["first_loaded_at"] == first["first_loaded_at"]
    github.organization(SLUG).reports[AGGREGATE, day] = NotReady.NO_CONTENT
    assert load_metrics([day]) == []
    row = status_of(warehouse_environment, day)
    assert (row["state"], row["http_status"], row["message"]) == ("loaded", 204, None)
    assert all_rows(warehouse_environment, *without) == before


# --- restatements -------------------------------------------------------------------------------


def restated(url: str, day: date) -> dict[str, tuple[float | None, float | None]]:
    rows = stored(url, RESTATEMENTS, 1, day)
    return {row["metric"]: (row["old"], row["new"]) for row in rows}


def test_a_restated_aggregate_tells_exactly_the_headlines_that_changed(
    warehouse_environment: str, github: SimulatedGitHub
) -> None:
    days = last_days(3)
    old = {"daily_active_users": 3, "loc_added_sum": 7, "monthly_active_users": 9}
    completion = {"feature": "code_completion", "code_generation_activity_count": 4}
    of_days = [{"day": str(day), **old, "totals_by_feature": [completion]} for day in days]
    load_records(warehouse_environment, github, AGGREGATE, [[record] for record in of_days])

    merges = {"median_minutes_to_merge": 2.5, "total_merged": 1}
    completion = {**completion, "code_generation_activity_count": 5, "loc_added_sum": 0}
    new = {"daily_active_users": 4, "monthly_active_users": None, "pull_requests": merges}
    give(github, AGGREGATE, days[0], [{**of_days[0], **new, "totals_by_feature": [completion]}])
    give(github, AGGREGATE, days[1], [{**of_days[1], "etl_id": "2", "day_partition": "x"}])
    give(github, AGGREGATE, days[2], [dict(reversed(of_days[2].items()))], [], [of_days[2]])
    assert load_metrics(days) == []

    assert restated(warehouse_environment, days[0]) == {
        "total_active_users": (3, 4),
        "monthly_active_users": (9, None),
        "completion_suggestions": (4, 5),
        "completion_lines_accepted": (None, 0),
        "pull_requests_total_merged": (None, 1),
        "pull_requests_median_minutes_to_merge": (None, 2.5),
    }
    row = status_of(warehouse_environment, days[0])
    assert row["change_count"] == 1
    assert row["changed_at"] == row["last_fetched_at"] > row["first_loaded_at"]
    for day in days[1:]:
        row = status_of(warehouse_environment, day)
        assert (row["change_count"], row["changed_at"]) == (0, None)
        assert restated(warehouse_environment, day) == {}

    give(github, AGGREGATE, days[0], [of_days[0]])
    assert load_metrics(days) == []
    assert status_of(warehouse_environment, days[0])["change_count"] == 2
    assert len(stored(warehouse_environment, RESTATEMENTS, 1, days[0])) == 12


@ON_SQLITE
def test_a_restated_report_of_many_records_tells_the_sums_that_changed(
    warehouse_environment: str, github: SimulatedGitHub
) -> None:
    days = last_days(4)

    def users(day: date) -> Rows:
        return [full_user(day, 1), full_user(day, 2, etl_id="a"), full_user(day, 3)]

    load_records(warehouse_environment, github, USERS, [users(day) for day in days])
    give(github, USERS, days[0], users(days[0])[:2], [])
    one, two, three = users(days[1])
    give(github, USERS, days[1], [three, {**two, "etl_id": "b"}], [one, three])
    one, two, three = users(days[2])
    give(github, USERS, days[2], [{**one, "loc_added_sum": 0, "ai_credits_used": 1.5}, two, three])
    one, two, three = users(days[3])
    give(github, USERS, days[3], [{**one, "used_chat": None}, two, three])
    assert load_metrics(days) == []

    counts = [status_of(warehouse_environment, day, USERS)["change_count"] for day in days]
    assert counts == [1, 0, 1, 1]
    found = restated(warehouse_environment, days[0])
    assert found["row_count"] == (3, 2)
    assert set(found) == {"row_count", "ai_credits_used", *(name for name in found if "_" in name)}
    assert len(found) == 9
    assert restated(warehouse_environment, days[1]) == {}
    found = restated(warehouse_environment, days[2])
    lines = full_user(days[2], 1)["loc_added_sum"]
    old, new = found["loc_added_sum"]
    assert set(found) == {"loc_added_sum", "ai_credits_used"}
    assert (old or 0) - (new or 0) == lines
    assert found["ai_credits_used"] == pytest.approx((3 * 12.34, 1.5 + 2 * 12.34))
    # Something else than a headline changed: there is nothing to tell but that it did.
    assert restated(warehouse_environment, days[3]) == {}


@ON_SQLITE
@pytest.mark.parametrize(("report", "full"), [(TEAMS, full_team), (REPOS, full_repo)])
def test_a_membership_or_repository_that_goes_is_a_restatement(
    warehouse_environment: str, github: SimulatedGitHub, report: str, full: Any
) -> None:
    (day,) = last_days(1)
    two = [full(day), full(day, user_id=2, repo_id=78, pull_requests={"total_created": 1})]
    load_records(warehouse_environment, github, report, [two])
    give(github, report, day, two[:1])
    assert load_metrics([day]) == []
    assert_rows(warehouse_environment, 1, day, report, two[:1])
    created = full_repo(day)["pull_requests"]["total_created"]
    of_repos = {"total_created": (created + 1, created)} if report == REPOS else {}
    assert restated(warehouse_environment, day) == {"row_count": (2, 1), **of_repos}


# --- unknown names ------------------------------------------------------------------------------


def warnings(result: dg.ExecuteInProcessResult) -> list[str]:
    """The lines of the check `names_are_known` where it warns."""
    checks = [
        event.asset_check_evaluation_data
        for event in result.all_events
        if event.event_type is dg.DagsterEventType.ASSET_CHECK_EVALUATION
    ]
    (check,) = [check for check in checks if check.check_name == "names_are_known"]
    return [] if check.passed else (check.description or "").splitlines()


@ON_SQLITE
def test_the_check_warns_of_a_name_once_whatever_day_it_comes_on(
    warehouse_environment: str, github: SimulatedGitHub
) -> None:
    days = last_days(3)
    import_organizations(warehouse_environment, github, SLUG)
    for day in days:
        features = [{"feature": "new_feature"}, {"feature": "others"}, {"feature": ""}]
        record = {"day": str(day), "totals_by_feature": features, "a_field": 1}
        give(github, AGGREGATE, day, [record])
    first = warnings(execute("metrics_backfill", days[:2]))
    assert first[1:] == ["feature 'new_feature': 2 times", "field 'a_field': 2 times"]
    assert warnings(execute("metrics_backfill", days)) == []
    give(github, AGGREGATE, days[0], [{"day": str(days[0]), "another_field": None}])
    assert warnings(execute("metrics_backfill", days)) == ["field 'another_field': 1 times"]
    assert warnings(execute("metrics_backfill", days)) == []


# --- what a second run fetches ------------------------------------------------------------------


def asked_days(github: SimulatedGitHub) -> list[str]:
    """The days of which a report was asked for since the last time, in order."""
    days = [
        request.query["day"]
        for request in list(github.requests)
        if request.origin == "api" and "day" in request.query
    ]
    github.requests.clear()
    return days


@ON_SQLITE
def test_a_second_load_fetches_what_github_revises_and_refetch_fetches_all(
    warehouse_environment: str, github: SimulatedGitHub
) -> None:
    days = last_days(7)
    import_organizations(warehouse_environment, github, SLUG)
    github.organization(SLUG).reports[AGGREGATE, days[0]] = NotReady.NO_CONTENT
    give(github, AGGREGATE, days[1], "broken")
    assert load_metrics(days) != []
    # What is no JSON is asked for twice in each load.
    broken = str(days[1])
    assert sorted(asked_days(github)) == sorted([broken, *(str(day) for day in days)])
    before = all_rows(warehouse_environment)
    assert load_metrics(days) != []
    assert sorted(asked_days(github)) == [broken] * 2 + [str(day) for day in days[3:]]
    assert all_rows(warehouse_environment) == before
    assert load_metrics(days, refetch=True) != []
    assert sorted(asked_days(github)) == sorted([broken, *(str(day) for day in days)])
    assert all_rows(warehouse_environment) == before


def settle(url: str, days: Sequence[date]) -> None:
    """Every day before these counts as loaded."""
    earlier = day_range(Today.from_clock().window(365).first, days[0])[:-1]
    known = {"scope_id": 1, "report": AGGREGATE, "state": "loaded", "change_count": 0}
    rows = [{**known, "day": day, "last_fetched_at": datetime.now(UTC)} for day in earlier]
    with Database(url) as database, database.write() as connection:
        connection.execute(sa.insert(metadata.tables[STATUS]), rows)


@pytest.mark.parametrize(
    ("database_url", "requests"),
    [("sqlite", 3), pytest.param("postgresql", 9, marks=pytest.mark.slow)],
    indirect=["database_url"],
)
def test_a_killed_load_goes_on_where_it_stopped_and_ends_in_the_same_rows(
    warehouse_environment: str, requests: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with SimulatedGitHub([Organization(SLUG, seat_count=30)], shards=2) as github:
        import_scopes(warehouse_environment, github, [SLUG])
        github.faults.add("", delay=0.1)
        monkeypatch.setenv(settings.CONCURRENCY, "1")
        command = [sys.executable, "-m", "copilot_pipeline", "run", "--last", "3"]
        github.requests.clear()
        with subprocess.Popen(
            command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=dict(os.environ)
        ) as process:
            while len(github.requests) < requests:
                assert process.poll() is None
                time.sleep(0.01)
            process.send_signal(signal.SIGKILL)
        github.faults.clear()
        ended = subprocess.run(command, capture_output=True, text=True, check=False)
        assert ended.returncode == 0, ended.stderr

        fresh = f"sqlite:///{tmp_path / 'fresh.db'}"
        monkeypatch.setenv(settings.DATABASE_URL, fresh)
        import_scopes(fresh, github, [SLUG])
        days = last_days(3)
        assert execute("daily_copilot", days[2:]).success
        assert load_metrics(days) == []
        for report in (AGGREGATE, USERS, TEAMS, REPOS):
            records = served(github, f"orgs/{SLUG}", report, days[0])
            assert_rows(warehouse_environment, 1, days[0], report, records)
    assert all_rows(warehouse_environment) == all_rows(fresh)


@ON_SQLITE
def test_gaps_heal_oldest_first_and_so_many_at_a_time(
    warehouse_environment: str, github: SimulatedGitHub
) -> None:
    days = last_days(8)
    import_organizations(warehouse_environment, github, SLUG)
    settle(warehouse_environment, days)
    give(github, AGGREGATE, days[1], "broken")
    assert load_metrics(days[1:2]) != []
    github.organization(SLUG).reports.clear()
    asked_days(github)
    newest = [str(day) for day in days[6:]]

    assert load_metrics(days[6:], gap_days=2) == []
    # The day that failed just now lets the others go first.
    assert sorted(asked_days(github)) == [str(days[0]), str(days[2]), *newest]
    assert load_metrics(days[6:], gap_days=3) == []
    assert sorted(asked_days(github)) == [*(str(day) for day in days[3:6]), *newest]
    assert load_metrics(days[6:], gap_days=9) == []
    assert sorted(asked_days(github)) == [str(days[1]), *newest]
    assert status_of(warehouse_environment, days[1])["state"] == "loaded"
    assert load_metrics(days[6:], gap_days=9) == []
    assert sorted(asked_days(github)) == newest
    states = [status_of(warehouse_environment, day)["state"] for day in days]
    assert states == ["loaded"] * 8


@ON_SQLITE
def test_days_without_access_heal_once_access_is_granted(
    warehouse_environment: str, github: SimulatedGitHub
) -> None:
    days = last_days(7)
    import_organizations(warehouse_environment, github, SLUG)
    settle(warehouse_environment, days)
    github.faults.add("/reports/", **faults.policy_off())
    assert "policy" in "\n".join(load_metrics(days))
    states = [status_of(warehouse_environment, day)["state"] for day in days]
    assert states == ["no_access"] * 7
    github.faults.clear()
    asked_days(github)
    assert load_metrics(days[5:], gap_days=9) == []
    assert sorted(asked_days(github)) == [str(day) for day in days]
    assert {status_of(warehouse_environment, day)["state"] for day in days} == {"loaded"}
    for day in days:
        records = served(github, f"orgs/{SLUG}", AGGREGATE, day)
        assert_rows(warehouse_environment, 1, day, AGGREGATE, records)


def test_a_digest_of_an_earlier_version_restates_nothing_where_the_content_is_the_same(
    warehouse_environment: str, github: SimulatedGitHub
) -> None:
    (day,) = last_days(1)
    import_organizations(warehouse_environment, github, SLUG)
    assert load_metrics([day]) == []
    with Database(warehouse_environment) as database, database.write() as connection:
        connection.execute(sa.update(metadata.tables[STATUS]).values(sha256="0" * 64))
    assert load_metrics([day]) == []
    status = status_of(warehouse_environment, day)
    assert status["change_count"] == 0
    assert status["sha256"] != "0" * 64
    assert stored(warehouse_environment, "_tool_copilot_restatements", 1, day) == []


def test_days_are_fetched_from_the_oldest_on(
    warehouse_environment: str, github: SimulatedGitHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(settings.CONCURRENCY, "1")
    days = last_days(4)
    import_organizations(warehouse_environment, github, SLUG)
    github.requests.clear()
    assert load_metrics(days) == []
    asked = [each.query["day"] for each in github.requests if "day" in each.query]
    assert asked == [str(day) for day in days]


def test_a_legacy_day_does_not_replace_the_numbers_of_a_report(
    warehouse_environment: str, github: SimulatedGitHub
) -> None:
    (day,) = last_days(1)
    import_organizations(warehouse_environment, github, SLUG)
    assert load_metrics([day]) == []
    before = stored(warehouse_environment, "_tool_copilot_org_metrics", 1, day)
    github.organization(SLUG).legacy = True
    import_organizations(warehouse_environment, github, SLUG, metrics_api="legacy", reports=())
    assert load_metrics([day]) == []
    assert status_of(warehouse_environment, day, "legacy")["state"] == "loaded"
    assert stored(warehouse_environment, "_tool_copilot_org_metrics", 1, day) == before


def test_after_a_rate_limit_no_other_report_of_the_scope_is_asked_for(
    warehouse_environment: str, github: SimulatedGitHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(settings.CONCURRENCY, "1")
    (day,) = last_days(1)
    import_organizations(warehouse_environment, github, SLUG, reports=(AGGREGATE, USERS))
    # Longer than any run waits.
    github.faults.add(f"/{AGGREGATE}$", **faults.too_many_requests(100_000))
    github.requests.clear()
    (failed,) = load_metrics([day])
    assert "429" in failed
    assert {each.path.rsplit("/", 1)[-1] for each in github.requests} == {AGGREGATE}


def test_another_snapshot_of_the_same_day_is_no_restatement(
    warehouse_environment: str, github: SimulatedGitHub
) -> None:
    (day,) = last_days(1)
    import_organizations(warehouse_environment, github, SLUG)
    for count in (2, 1):
        assignees = [{"id": number, "login": f"octo-{number}"} for number in range(1, count + 1)]
        github.organization(SLUG).seats = [{"assignee": each} for each in assignees]
        assert execute("daily_copilot", [day], assets=["raw_seats", "seats"]).success
    assert len(stored(warehouse_environment, "_tool_copilot_seats", 1, day)) == 1
    assert status_of(warehouse_environment, day, "seats")["change_count"] == 0
    assert stored(warehouse_environment, "_tool_copilot_restatements", 1, day) == []
