"""The simulated company: its reports agree with each other and have GitHub's documented shapes."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from jsonschema import Draft202012Validator

from copilot_pipeline.days import day_range
from copilot_pipeline.demo import story
from copilot_pipeline.demo.octo_corp import octo_corp
from copilot_pipeline.simulated_github import (
    Enterprise,
    Organization,
    ReportFiles,
    SimulatedGitHub,
    report_records,
)
from copilot_pipeline.simulated_github.aggregates import AUDIENCES, BREAKDOWNS_OF_DAY
from copilot_pipeline.simulated_github.legacy import legacy_day
from copilot_pipeline.simulated_github.seats import seat_total, seats
from copilot_pipeline.simulated_github.usage import COUNTERS
from copilot_pipeline_tests.loading import REPOS, USERS
from copilot_pipeline_tests.test_simulated_github import (
    BILLING,
    DAY,
    ENTERPRISE,
    LATEST,
    ONE_DAY,
    SEATS,
    TODAY,
    client_of,
    demo_enterprise,
)

CORP = octo_corp(DAY)
FLAGS = {
    "active_copilot_cloud_agent": "used_copilot_cloud_agent",
    "active_cli": "used_cli",
    "active_copilot_code_review": "used_copilot_code_review_active",
    "passive_copilot_code_review": "used_copilot_code_review_passive",
    "active_copilot_app": "used_copilot_app",
    "active_vscode_agent": "used_vscode_agent",
}

Scope = Enterprise | Organization
SCOPES: list[Scope] = [CORP, *CORP.organizations]


def kind_of(scope: Scope) -> str:
    return "enterprise" if isinstance(scope, Enterprise) else "organization"


def sums(entries: Iterable[dict[str, Any]], keys: Sequence[str]) -> Counter[tuple[str, ...]]:
    """Every whole number of the entries, added up for each combination of the keys."""
    counted: Counter[tuple[str, ...]] = Counter()
    for entry in entries:
        for name, count in entry.items():
            if isinstance(count, int):
                counted[(*(entry[key] for key in keys), name)] += count
    return +counted


# --- the parts agree


@pytest.mark.parametrize("scope", SCOPES, ids=lambda scope: scope.slug)
@pytest.mark.parametrize("age", [0, 3, 50, 200, 400])
def test_users_and_repositories_add_up_to_the_aggregate_of_the_day(scope: Scope, age: int) -> None:
    on = DAY - timedelta(days=age)
    (day,) = report_records(scope, f"{kind_of(scope)}-1-day", on)
    people = report_records(scope, USERS, on)
    assert len({person["user_id"] for person in people}) == len(people)
    assert len(people) == day["daily_active_users"]
    for counter in COUNTERS:
        assert sum(person[counter] for person in people) == day[counter]
    for name, (first_day, keys, _) in BREAKDOWNS_OF_DAY.items():
        if on >= first_day:
            entries = (entry for person in people for entry in person[name])
            assert sums(entries, keys) == sums(day[name], keys)
    for name in ("totals_by_cli", "totals_by_copilot_app", "totals_by_vscode_agent"):
        clients = [person[name] for person in people if name in person]
        assert sums(clients, []) == sums([day[name]] if name in day else [], [])
    for name, (_, first_day) in AUDIENCES.items():
        used = sum(bool(person.get(FLAGS[name])) for person in people)
        assert used == day.get(f"daily_{name}_users", 0)
        assert used == 0 or on >= first_day
    for phase in day.get("totals_by_ai_adoption_phase", []):
        number = phase["phase_number"]
        own = [each for each in people if each["ai_adoption_phase"]["phase_number"] == number]
        assert len(own) == phase["total_engaged_users"] <= phase["users_in_phase_28d"]
    for counter, count in day["pull_requests"].items():
        if counter.startswith("total_"):
            repositories = report_records(scope, REPOS, on)
            assert sum(each["pull_requests"][counter] for each in repositories) == count


@pytest.mark.parametrize("scope", SCOPES, ids=lambda scope: scope.slug)
def test_weekly_and_monthly_users_are_those_of_the_days(scope: Scope) -> None:
    (day,) = report_records(scope, f"{kind_of(scope)}-1-day", DAY)
    people = report_records(scope, "users-28-day", DAY)
    week_ago = str(DAY - timedelta(days=6))
    assert len({each["user_id"] for each in people}) == day["monthly_active_users"]
    assert (
        len({each["user_id"] for each in people if each["day"] >= week_ago})
        == day["weekly_active_users"]
    )
    for field, flag in {"chat": "used_chat", "agent": "used_agent"}.items():
        users = {each["user_id"] for each in people if each[flag]}
        assert len(users) == day[f"monthly_active_{field}_users"]
    (report,) = report_records(scope, f"{kind_of(scope)}-28-day", DAY)
    assert report["day_totals"][-1] == day
    engaged = report["copilot_feature_engagement"]["totals_by_feature"]
    for feature in engaged:
        users = {
            each["user_id"]
            for each in people
            if any(entry["feature"] == feature["feature"] for entry in each["totals_by_feature"])
        }
        assert len(users) == feature["engaged_user_count"]


def test_an_enterprise_counts_people_of_two_organizations_once() -> None:
    of_each = [
        {each["user_id"]: each for each in report_records(scope, USERS, DAY)} for scope in SCOPES
    ]
    merged, old, new = of_each
    assert set(merged) == set(old) | set(new)
    for user_id, record in (new | old).items():
        assert merged[user_id] == {k: v for k, v in record.items() if k != "organization_id"}
    days = day_range(DAY - timedelta(days=27), DAY)
    both = [
        {each["user_id"] for day in days for each in report_records(scope, USERS, day)}
        for scope in CORP.organizations
    ]
    assert both[0] & both[1]


def test_a_legacy_day_counts_the_same_people_and_completions_as_the_report() -> None:
    (report,) = report_records(CORP, "enterprise-1-day", DAY)
    legacy = legacy_day(CORP.staffs, DAY)
    assert legacy["total_active_users"] == report["daily_active_users"]
    assert legacy["total_engaged_users"] <= legacy["total_active_users"]
    leaves = [
        language
        for editor in legacy["copilot_ide_code_completions"]["editors"]
        for model in editor["models"]
        for language in model["languages"]
    ]
    (completions,) = (
        each for each in report["totals_by_feature"] if each["feature"] == "code_completion"
    )
    for name, counter in {
        "total_code_suggestions": "code_generation_activity_count",
        "total_code_acceptances": "code_acceptance_activity_count",
        "total_code_lines_suggested": "loc_suggested_to_add_sum",
        "total_code_lines_accepted": "loc_added_sum",
    }.items():
        assert sum(leaf[name] for leaf in leaves) == completions[counter]


def test_a_seats_last_activity_is_its_holders_last_day_in_the_users_report() -> None:
    for organization in CORP.organizations:
        last: dict[int, str] = {}
        for day in day_range(DAY - timedelta(days=99), DAY):
            for each in report_records(organization, USERS, day):
                last[each["user_id"]] = str(day)
        held = {each["assignee"]["id"]: each for each in seats(organization, DAY, 0, 100)}
        for user_id, seat in held.items():
            said = seat["last_activity_at"]
            if user_id in last or (said or "") >= str(DAY - timedelta(days=99)):
                assert said is not None
                assert said.startswith(last[user_id])
        members = report_records(organization, "user-teams-1-day", DAY)
        assert {each["user_id"] for each in members} <= set(held)
        assert min(Counter(each["team_id"] for each in members).values()) >= 5


def test_two_simulated_githubs_agree_about_a_day_whatever_today_is() -> None:
    bodies = []
    for today in (TODAY, TODAY + timedelta(days=40)):
        simulated = SimulatedGitHub([Organization("demo-org")], today=today)
        with simulated as github, client_of(github) as api:
            envelope = api.get(ONE_DAY, params={"day": str(DAY)}).json()
            bodies.append(httpx.get(envelope["download_links"][0], trust_env=False).content)
    assert bodies[0] == bodies[1]


# --- it looks like a company


def rates(entries: Iterable[dict[str, Any]], key: str) -> dict[str, float]:
    """The acceptance rates of completions by a key of the entries."""
    totals = {name: Counter[str]() for name in ("generation", "acceptance")}
    for entry in entries:
        for name, counted in totals.items():
            counted[entry[key]] += entry[f"code_{name}_activity_count"]
    generated, accepted = totals["generation"], totals["acceptance"]
    return {each: accepted[each] / count for each, count in generated.items() if count > 500}


def test_languages_and_editors_differ_and_the_whole_is_plausible() -> None:
    days = [report_records(CORP, "enterprise-1-day", DAY - timedelta(days=n))[0] for n in range(28)]
    completions = [
        entry
        for day in days
        for entry in day["totals_by_language_feature"]
        if entry["feature"] == "code_completion"
    ]
    assert all(0.2 <= rate <= 0.35 for rate in rates(completions, "feature").values())
    for by in (
        rates(completions, "language"),
        rates((e for d in days for e in d["totals_by_ide"]), "ide"),
    ):
        assert max(by.values()) > 1.2 * min(by.values())
    working, weekend = (
        [
            day["daily_active_users"]
            for day in days
            if (date.fromisoformat(day["day"]).weekday() < 5) is is_work
        ]
        for is_work in (True, False)
    )
    assert min(working) > max(weekend) > 0


def test_a_model_is_replaced_agents_gain_ground_and_teams_begin_one_after_another() -> None:
    def of_day(day: date) -> tuple[set[str], int, int]:
        (record,) = report_records(CORP, "enterprise-1-day", day)
        prompts = Counter[str]()
        for entry in record["totals_by_model_feature"]:
            prompts[entry["model"]] += entry["user_initiated_interaction_count"]
        teams = report_records(CORP.organizations[0], "user-teams-1-day", day)
        return (
            {name for name, count in prompts.items() if count > 0.15 * prompts.total()},
            record["monthly_active_agent_users"],
            len({each["slug"] for each in teams}),
        )

    before, after = of_day(DAY - timedelta(days=85)), of_day(DAY)
    assert "claude-sonnet-4.5" in before[0] - after[0]
    assert "claude-sonnet-4.6" in after[0] - before[0]
    assert after[1] > 2 * before[1]
    assert (before[2], after[2]) == (1, 4)


@pytest.mark.parametrize("newest", [DAY, date(2026, 12, 31), date(2027, 3, 1)])
def test_the_demos_seats_grow_and_some_are_unused_whenever_it_runs(newest: date) -> None:
    old, new = octo_corp(newest).organizations
    first = newest - timedelta(days=99)
    assert (seat_total(old, newest), seat_total(new, newest)) == (60, 30)
    assert seat_total(old, first) < 30
    assert seat_total(new, first) == 0
    month_ago = str(newest - timedelta(days=30))
    idle = [
        seat for seat in seats(old, newest, 0, 60) if (seat["last_activity_at"] or "") < month_ago
    ]
    assert 6 <= len(idle) <= 18
    assert any(seat["last_activity_at"] for seat in idle)


def test_a_thousand_people_are_made_fast() -> None:
    organization = Organization("demo-org", seat_count=1000)
    report_records(organization, "organization-1-day", DAY)
    started = time.process_time()
    report_records(organization, "organization-1-day", DAY - timedelta(days=1))
    assert time.process_time() - started < 1
    assert len(seats(Organization("demo-org", seat_count=100_000), DAY, 99_900, 100_000)) == 100


# --- the demo's story


@pytest.mark.parametrize(("count", "legacy"), [(100, 30), (365, 30), (30, 9), (10, 3)])
def test_the_demos_story_fits_any_number_of_days(count: int, legacy: int) -> None:
    enterprise = octo_corp(DAY)
    told = story.begin(enterprise, DAY, DAY - timedelta(days=count - 1))
    assert len(told.legacy) == legacy
    assert enterprise.reports_since == told.legacy[-1] + timedelta(days=1)
    # A run that reads the newest four days again meets no gap among them.
    assert told.legacy[-1] < min(told.gap, told.lasting_gap) < DAY - timedelta(days=3)
    assert max(told.gap, told.lasting_gap) < DAY - timedelta(days=3)


def test_every_report_of_the_demo_has_one_gap_and_one_of_them_stays() -> None:
    enterprise = octo_corp(DAY)
    scopes: list[Scope] = [enterprise, *enterprise.organizations]

    def broken() -> Counter[tuple[str, str, date]]:
        return Counter(
            (scope.slug, report, day)
            for scope in scopes
            for (report, day), given in scope.reports.items()
            if isinstance(given, ReportFiles) and given.files == ['{"day": "']
        )

    told = story.begin(enterprise, DAY, DAY - timedelta(days=99))
    assert len(broken()) == len({each[:2] for each in broken()}) == 12
    story.end(enterprise, told)
    assert set(broken()) == {
        ("octo-labs", REPOS, told.lasting_gap),
        ("octo-corp", REPOS, told.lasting_gap),
    }


# --- GitHub's documented shapes


@pytest.fixture(scope="module")
def api() -> Iterator[httpx.Client]:
    github = SimulatedGitHub([], enterprises=[demo_enterprise()], today=TODAY)
    with github, client_of(github) as client:
        yield client


@pytest.mark.parametrize("scope", [CORP, CORP.organizations[0]], ids=kind_of)
def test_generated_reports_follow_the_record_schema_and_use_every_field(
    reference: Path, scope: Scope
) -> None:
    schema = json.loads((reference / "openapi/report-records.schema.json").read_text())
    for name, record_name in {
        f"{kind_of(scope)}-1-day": "aggregate_day",
        f"{kind_of(scope)}-28-day": "report_28_day",
        "users-1-day": "user_day",
        "users-28-day": "user_day",
        "user-teams-1-day": "user_team",
        "repos-1-day": "repo_day",
    }.items():
        ref = {"$ref": f"#/$defs/{record_name}", "$defs": schema["$defs"]}
        validator = Draft202012Validator(ref)
        days = 1 if name.endswith("-28-day") else 400
        for age in range(0, days, 83):
            for record in report_records(scope, name, DAY - timedelta(days=age))[-30:]:
                validator.validate(record)
        expected = set(schema["$defs"][record_name]["properties"])
        expected -= {"etl_id", "day_partition", "entity_id_partition"}
        if name == "users-1-day":
            expected -= {"report_start_day", "report_end_day"}
        if scope is CORP and record_name != "repo_day":
            expected -= {"organization_id"}
        if scope is not CORP and record_name == "user_team":
            expected -= {"enterprise_id"}
        assert {field for each in report_records(scope, name, DAY) for field in each} == expected


def openapi_validator(reference: Path, file: str, name: str) -> Draft202012Validator:
    description = json.loads((reference / "openapi" / file).read_text())
    components = as_json_schema(description["components"])
    return Draft202012Validator({"$ref": f"#/components/schemas/{name}", "components": components})


def as_json_schema(node: Any) -> Any:
    """OpenAPI 3.0's `nullable` as JSON Schema says it."""
    if isinstance(node, list):
        return [as_json_schema(each) for each in node]
    if not isinstance(node, dict):
        return node
    plain = {name: as_json_schema(each) for name, each in node.items() if name != "nullable"}
    return {"anyOf": [plain, {"type": "null"}]} if node.get("nullable") is True else plain


@pytest.mark.parametrize(
    ("path", "schema"),
    [
        ("/user", "public-user"),
        (BILLING, "copilot-organization-details"),
        (f"{ONE_DAY}?day=2026-11-18", "copilot-usage-metrics-1-day-report"),
        (LATEST, "copilot-usage-metrics-28-day-report"),
        (SEATS, "copilot-seat-details"),
        (f"{ENTERPRISE}/billing/seats?per_page=100&page=2", "copilot-seat-details"),
    ],
)
def test_answers_follow_the_openapi_description(
    reference: Path, api: httpx.Client, path: str, schema: str
) -> None:
    answer = api.get(path).json()
    validator = openapi_validator(reference, "openapi-copilot.json", schema)
    for each in answer.get("seats", [answer]):
        validator.validate(each)


def test_legacy_days_follow_the_openapi_description(reference: Path) -> None:
    file, name = "openapi-copilot-legacy-metrics.json", "copilot-usage-metrics-day"
    for age in range(14):
        record = legacy_day(CORP.staffs, DAY - timedelta(days=age))
        openapi_validator(reference, file, name).validate(record)
