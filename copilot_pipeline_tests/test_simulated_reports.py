"""The simulated reports tell one story: what people did is what their organizations report."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from datetime import date, timedelta
from typing import Any

import httpx
import pytest

from copilot_pipeline.demo import faults
from copilot_pipeline.demo.catalog import report_records
from copilot_pipeline.demo.github import SimulatedGitHub
from copilot_pipeline.demo.organization import Enterprise, NotReady, Organization, ReportFiles
from copilot_pipeline.demo.seats import seats
from copilot_pipeline.demo.usage import COUNTERS
from copilot_pipeline_tests.test_simulated_github import client_of, download

TODAY = date(2026, 11, 20)
DAY = date(2026, 11, 18)
ENTERPRISE = "/enterprises/demo-enterprise/copilot"
SEATS = f"{ENTERPRISE}/billing/seats"
BREAKDOWNS = {
    "totals_by_ide": ["ide"],
    "totals_by_feature": ["feature"],
    "totals_by_language_feature": ["language", "feature"],
    "totals_by_language_model": ["language", "model"],
    "totals_by_model_feature": ["model", "feature"],
    "totals_by_3rd_party_agent": ["agent_id", "agent_name"],
    "totals_by_skill": ["skill"],
    "totals_by_custom_agent": ["custom_agent"],
    "totals_by_mcp": ["mcp"],
    "totals_by_slash_cmd": ["slash_cmd"],
    "totals_by_plugin": ["plugin"],
}
CLIENTS = ("totals_by_cli", "totals_by_copilot_app", "totals_by_vscode_agent")
FLAGS = {
    "daily_active_copilot_cloud_agent_users": "used_copilot_cloud_agent",
    "daily_active_cli_users": "used_cli",
    "daily_active_copilot_code_review_users": "used_copilot_code_review_active",
    "daily_passive_copilot_code_review_users": "used_copilot_code_review_passive",
    "daily_active_copilot_app_users": "used_copilot_app",
    "daily_active_vscode_agent_users": "used_vscode_agent",
}


def demo_enterprise(*seat_counts: int) -> Enterprise:
    names = ("octo-north", "octo-south", "octo-west")
    organizations = [
        Organization(name, seat_count=count)
        for name, count in zip(names, seat_counts, strict=False)
    ]
    return Enterprise("demo-enterprise", organizations)


@pytest.fixture
def github() -> Iterator[SimulatedGitHub]:
    with SimulatedGitHub([], enterprises=[demo_enterprise(60, 50)], today=TODAY) as simulated:
        yield simulated


@pytest.fixture
def api(github: SimulatedGitHub) -> Iterator[httpx.Client]:
    with client_of(github) as client:
        yield client


def get_report(api: httpx.Client, prefix: str, name: str, day: date = DAY) -> httpx.Response:
    query = {} if name.endswith("latest") else {"day": day.isoformat()}
    return api.get(f"{prefix}/metrics/reports/{name}", params=query)


def lines_of(envelope: httpx.Response) -> list[dict[str, Any]]:
    files = [download(link).text for link in envelope.json()["download_links"]]
    return [json.loads(line) for file in files for line in file.splitlines()]


def sums(entries: Iterable[dict[str, Any]], keys: Sequence[str]) -> Counter[tuple[str, ...]]:
    """Every whole number of the entries, added up for each combination of the keys."""
    counted: Counter[tuple[str, ...]] = Counter()
    for entry in entries:
        for name, count in entry.items():
            if isinstance(count, int):
                counted[(*(entry[key] for key in keys), name)] += count
    return +counted


def is_active(person: dict[str, Any]) -> bool:
    sessions = [person[client]["session_count"] for client in CLIENTS if client in person]
    flags = [value for name, value in person.items() if name.startswith("used_")]
    return any([*(person[counter] for counter in COUNTERS), *flags, *sessions])


def assert_people_add_up(people: list[dict[str, Any]], day: dict[str, Any]) -> None:
    assert len({person["user_id"] for person in people}) == len(people)
    assert len(people) == day["daily_active_users"]
    assert all(is_active(person) for person in people)
    for counter in COUNTERS:
        assert sum(person[counter] for person in people) == day[counter]
    for name, keys in BREAKDOWNS.items():
        if people and name in people[0]:
            entries = (entry for person in people for entry in person[name])
            assert sums(entries, keys) == sums(day[name], keys)
    for name in CLIENTS:
        clients = [person[name] for person in people if name in person]
        assert sums(clients, []) == sums([day[name]] if name in day else [], [])
        tokens = [client["token_usage"] for client in clients if "token_usage" in client]
        assert sums(tokens, []) == sums([day.get(name, {}).get("token_usage", {})], [])
    for count, flag in FLAGS.items():
        assert sum(bool(person.get(flag)) for person in people) == day.get(count, 0)
    phases = Counter(
        person["ai_adoption_phase"]["phase_number"]
        for person in people
        if "ai_adoption_phase" in person
    )
    reported = day.get("totals_by_ai_adoption_phase", [])
    assert phases == {phase["phase_number"]: phase["total_engaged_users"] for phase in reported}


def assert_repositories_add_up(repositories: list[dict[str, Any]], day: dict[str, Any]) -> None:
    total = day["pull_requests"]
    for counter in [name for name in total if name.startswith("total_")]:
        parts = [repository["pull_requests"][counter] for repository in repositories]
        assert sum(parts) == total[counter]


# --- organizations ----------------------------------------------------------------------------


@pytest.mark.parametrize("seat_count", [0, 1, 2, 7, 40, 300, 1500])
def test_people_and_repositories_add_up_to_the_organizations_day(seat_count: int) -> None:
    organization = Organization("demo-org", seat_count=seat_count)
    for n in range(0, 340, 23):
        on = DAY - timedelta(days=n)
        (day,) = report_records(organization, "organization-1-day", on)
        assert_people_add_up(report_records(organization, "users-1-day", on), day)
        assert_repositories_add_up(report_records(organization, "repos-1-day", on), day)


def test_nobody_accepts_more_of_a_feature_than_was_generated() -> None:
    for person in report_records(Organization("demo-org", seat_count=200), "users-1-day", DAY):
        for entry in person["totals_by_feature"]:
            accepted = entry["code_acceptance_activity_count"]
            assert accepted <= entry["code_generation_activity_count"]


def test_no_repository_has_more_of_a_part_than_of_the_whole() -> None:
    for record in report_records(Organization("demo-org", seat_count=300), "repos-1-day", DAY):
        pulls = record["pull_requests"]
        for part, whole in (
            ("total_created_by_copilot", "total_created"),
            ("total_reviewed_by_copilot", "total_reviewed"),
            ("total_merged_created_by_copilot", "total_merged"),
            ("total_copilot_suggestions", "total_suggestions"),
            ("total_applied_suggestions", "total_suggestions"),
        ):
            assert pulls[part] <= pulls[whole]
        assert (pulls["median_minutes_to_merge"] is None) == (pulls["total_merged"] == 0)


def test_active_people_hold_seats_that_are_in_use() -> None:
    organization = Organization("demo-org", seat_count=100)
    month_ago = (DAY - timedelta(days=31)).isoformat()
    in_use = {
        seat["assignee"]["id"]
        for seat in seats(organization, DAY, 0, 100)
        if (seat["last_activity_at"] or "") >= month_ago
    }
    for n in range(0, 200, 13):
        people = report_records(organization, "users-1-day", DAY - timedelta(days=n))
        assert {person["user_id"] for person in people} <= in_use


@pytest.mark.parametrize("seat_count", [40, 300])
def test_four_weeks_of_people_are_about_as_many_as_reported(seat_count: int) -> None:
    organization = Organization("demo-org", seat_count=seat_count)
    (day,) = report_records(organization, "organization-1-day", DAY)
    people = report_records(organization, "users-28-day", DAY)
    distinct = {person["user_id"] for person in people}
    last_week = {person["user_id"] for person in people if person["day"] > "2026-11-11"}
    assert 0.9 * day["monthly_active_users"] <= len(distinct) <= day["monthly_active_users"]
    assert len(last_week) <= day["weekly_active_users"]


def test_the_28_days_of_people_are_the_days_one_by_one() -> None:
    organization = Organization("demo-org", first_day=date(2026, 11, 12))
    window = {"report_start_day": "2026-10-22", "report_end_day": "2026-11-18"}
    days = [date(2026, 11, 12) + timedelta(days=n) for n in range(7)]
    expected = [
        {**window, **person}
        for day in days
        for person in report_records(organization, "users-1-day", day)
    ]
    assert report_records(organization, "users-28-day", DAY) == expected


def test_people_have_few_editors_features_and_languages_and_keep_them() -> None:
    organization = Organization("demo-org", seat_count=300)
    people = report_records(organization, "users-28-day", DAY)
    for name, few in {
        "totals_by_ide": 1.5,
        "totals_by_feature": 4,
        "totals_by_language_feature": 5,
    }.items():
        assert 1 <= sum(len(person[name]) for person in people) / len(people) <= few
    languages: dict[int, set[str]] = {}
    for person in people:
        entries = person["totals_by_language_feature"]
        languages.setdefault(person["user_id"], set()).update(each["language"] for each in entries)
    assert sum(map(len, languages.values())) / len(languages) <= 4


def test_some_people_are_known_from_the_server_only_and_some_gave_no_review_signal() -> None:
    people = report_records(Organization("demo-org", seat_count=120), "users-1-day", DAY)
    server_side_only = [person for person in people if not person["totals_by_feature"]]
    assert 1 <= len(server_side_only) <= 5
    for person in server_side_only:
        assert person["used_copilot_cloud_agent"]
        assert not any(person[counter] for counter in COUNTERS)
        assert not any(person[name] for name in BREAKDOWNS)
    signals = {person["used_copilot_code_review_active"] for person in people}
    assert signals == {True, False, None}


def test_fields_of_people_are_absent_before_github_introduced_them() -> None:
    organization = Organization("demo-org", seat_count=120)
    for name, first in {
        "used_copilot_code_review_active": date(2026, 4, 1),
        "ai_adoption_phase": date(2026, 5, 29),
        "ai_credits_used": date(2026, 6, 19),
        "used_copilot_app": date(2026, 7, 1),
        "totals_by_3rd_party_agent": date(2026, 8, 7),
        "used_vscode_agent": date(2026, 9, 11),
        "totals_by_mcp": date(2026, 9, 17),
        "distinct_mcp_use_count": date(2026, 9, 17),
    }.items():
        before = report_records(organization, "users-1-day", first - timedelta(days=1))
        since = report_records(organization, "users-1-day", first)
        assert not any(name in person for person in before)
        assert all(name in person for person in since)
    (early, late) = (
        report_records(organization, "repos-1-day", date(2026, 9, day))[0] for day in (24, 25)
    )
    assert "pull_request_review_times" not in early
    assert "pull_request_review_times" in late


def test_teams_have_five_members_or_none_and_whoever_has_the_seat_from_them() -> None:
    organization = Organization("demo-org", seat_count=80)
    rows = report_records(organization, "user-teams-1-day", DAY)
    members = {(row["team_id"], row["slug"], row["user_id"]) for row in rows}
    assert len(members) == len(rows)
    assert min(Counter(row["team_id"] for row in rows).values()) >= 5
    for seat in seats(organization, DAY, 0, 80):
        if team := seat.get("assigning_team"):
            assert (team["id"], team["slug"], seat["assignee"]["id"]) in members
    assert report_records(Organization("demo-org", seat_count=4), "user-teams-1-day", DAY) == []
    later = report_records(organization, "user-teams-1-day", DAY + timedelta(days=1))
    assert [{**row, "day": "2026-11-18"} for row in later] == rows


def test_a_day_of_a_thousand_seats_is_made_in_no_time() -> None:
    organization = Organization("demo-org", seat_count=1000)
    spent = []
    for n in range(3):
        started = time.process_time()
        report_records(organization, "users-1-day", DAY - timedelta(days=n))
        spent.append(time.process_time() - started)
    assert min(spent) < 0.15


# --- enterprises ------------------------------------------------------------------------------


@pytest.mark.parametrize("seat_counts", [(0,), (3, 2), (60, 50), (200, 150, 20)])
def test_people_and_repositories_add_up_to_the_enterprises_day(
    seat_counts: tuple[int, ...],
) -> None:
    enterprise = demo_enterprise(*seat_counts)
    for n in range(0, 340, 23):
        on = DAY - timedelta(days=n)
        (day,) = report_records(enterprise, "enterprise-1-day", on)
        assert_people_add_up(report_records(enterprise, "users-1-day", on), day)
        assert_repositories_add_up(report_records(enterprise, "repos-1-day", on), day)
        assert "organization_id" not in day
        active = [day[f"{window}_active_users"] for window in ("daily", "weekly", "monthly")]
        assert active == sorted(active)


def test_an_enterprise_counts_people_of_two_organizations_once() -> None:
    enterprise = demo_enterprise(200, 150)
    organizations = enterprise.organizations
    days = [DAY - timedelta(days=n) for n in range(28)]
    in_both = 0
    for day in days:
        of_each = [report_records(each, "users-1-day", day) for each in organizations]
        merged = {
            person["user_id"]: person for person in report_records(enterprise, "users-1-day", day)
        }
        ids = [{person["user_id"] for person in people} for people in of_each]
        assert set(merged) == ids[0] | ids[1]
        in_both += len(ids[0] & ids[1])
        for person in of_each[0]:
            expected = {name: value for name, value in person.items() if name != "organization_id"}
            assert merged[person["user_id"]] == expected
    assert in_both > 0

    people = report_records(enterprise, "users-28-day", DAY)
    (day_record,) = report_records(enterprise, "enterprise-1-day", DAY)
    distinct = {person["user_id"] for person in people}
    last_week = {person["user_id"] for person in people if person["day"] > "2026-11-11"}
    assert len(distinct) <= day_record["monthly_active_users"]
    assert len(last_week) == day_record["weekly_active_users"]


def test_the_enterprises_latest_report_holds_its_days_and_those_of_one_organization_before() -> (
    None
):
    enterprise = demo_enterprise(20, 10)
    enterprise.organizations[0].first_day = date(2026, 11, 15)
    enterprise.organizations[1].first_day = date(2026, 11, 10)
    (report,) = report_records(enterprise, "enterprise-28-day", DAY)
    assert [day["day"] for day in report["day_totals"]][::8] == ["2026-11-10", "2026-11-18"]
    assert report["day_totals"][-1] == report_records(enterprise, "enterprise-1-day", DAY)[0]
    assert report["enterprise_id"] == str(enterprise.id)
    assert "organization_id" not in report


def test_an_enterprises_organizations_are_served_too_and_name_it(
    github: SimulatedGitHub, api: httpx.Client
) -> None:
    enterprise = github.enterprise("Demo-ENTERPRISE")
    assert github.organization("octo-south") is enterprise.organizations[1]
    records = lines_of(get_report(api, "/orgs/octo-south/copilot", "users-1-day"))
    assert {record["enterprise_id"] for record in records} == {str(enterprise.id)}
    assert {record["organization_id"] for record in records} == {
        str(github.organization("octo-south").id)
    }


def test_all_seats_of_an_enterprise_come_page_by_page_and_its_total_counts_people(
    api: httpx.Client,
) -> None:
    listed: list[dict[str, Any]] = []
    totals = set()
    url: str | None = f"{SEATS}?per_page=25"
    while url is not None:
        answer = api.get(url)
        totals.add(answer.json()["total_seats"])
        listed += answer.json()["seats"]
        url = answer.links.get("next", {}).get("url")
    people = {seat["assignee"]["id"] for seat in listed}
    assert totals == {len(people)} == {106}
    payers = Counter((seat["organization"] or {}).get("login") for seat in listed)
    assert payers == {"octo-north": 60, "octo-south": 50, None: 2}
    assert {seat["assigning_team"]["slug"] for seat in listed if not seat["organization"]} == {
        "ent:pioneers"
    }


def test_given_seats_of_an_enterprise_or_an_organization_replace_the_generated_ones(
    github: SimulatedGitHub, api: httpx.Client
) -> None:
    mine = {"created_at": "2026-11-02T00:00:00Z", "assignee": {"login": "demo-user-0001", "id": 7}}
    nobody = {"created_at": "2026-11-02T00:00:00Z", "assignee": None}
    github.organization("octo-south").seats = [mine, nobody]
    assert api.get(SEATS).json()["total_seats"] == 60 + 2
    github.enterprise("demo-enterprise").seats = [mine, mine, nobody, nobody]
    assert api.get(SEATS).json() == {"total_seats": 3, "seats": [mine, mine, nobody, nobody]}


# --- over HTTP --------------------------------------------------------------------------------


@pytest.mark.parametrize("shards", [1, 3])
@pytest.mark.parametrize("prefix", ["/orgs/octo-north/copilot", ENTERPRISE])
def test_every_report_comes_with_all_its_lines(prefix: str, shards: int) -> None:
    enterprise = demo_enterprise(30, 20)
    github = SimulatedGitHub([], enterprises=[enterprise], today=TODAY, shards=shards)
    scope = enterprise if prefix == ENTERPRISE else enterprise.organizations[0]
    kind = "enterprise" if prefix == ENTERPRISE else "organization"
    newest = TODAY - timedelta(days=1)
    with github, client_of(github) as api:
        for name in (kind, "users", "user-teams", "repos"):
            envelope = get_report(api, prefix, f"{name}-1-day")
            assert len(envelope.json()["download_links"]) == shards
            expected = report_records(scope, f"{name}-1-day", DAY)
            assert sorted(map(json.dumps, lines_of(envelope))) == sorted(map(json.dumps, expected))
        for name in (kind, "users"):
            envelope = get_report(api, prefix, f"{name}-28-day/latest")
            expected = report_records(scope, f"{name}-28-day", newest)
            assert sorted(map(json.dumps, lines_of(envelope))) == sorted(map(json.dumps, expected))


@pytest.mark.parametrize("prefix", ["/orgs/octo-north/copilot", ENTERPRISE])
def test_reports_about_teams_and_repositories_do_not_exist_before_their_first_days(
    api: httpx.Client, prefix: str
) -> None:
    for name, first in {
        "user-teams-1-day": date(2026, 5, 14),
        "repos-1-day": date(2026, 7, 17),
        "users-1-day": None,
    }.items():
        before = get_report(api, prefix, name, (first or DAY) - timedelta(days=1))
        assert before.status_code == (204 if first else 200)
        assert get_report(api, prefix, name, first or DAY).status_code == 200
    assert get_report(api, prefix, "users-1-day", TODAY).status_code == 204


def test_what_github_does_not_have_is_not_found(api: httpx.Client) -> None:
    organization = "/orgs/octo-north/copilot"
    for prefix, name in (
        (organization, "enterprise-1-day"),
        (organization, "repos-28-day/latest"),
        (ENTERPRISE, "organization-1-day"),
        (ENTERPRISE, "user-teams-28-day/latest"),
        ("/enterprises/other/copilot", "enterprise-1-day"),
        ("/enterprises/octo-north/copilot", "enterprise-1-day"),
    ):
        assert get_report(api, prefix, name).status_code == 404
    assert api.get(f"{ENTERPRISE}/billing").status_code == 404
    assert api.get("/enterprises/other/copilot/billing/seats").status_code == 404


@pytest.mark.parametrize(
    ("scopes", "status"),
    [
        ("read:enterprise", 200),
        ("read:org, admin:enterprise", 200),
        ("manage_billing:copilot", 200),
        ("manage_billing:enterprise", 403),
        ("admin:org", 403),
        ("", 403),
    ],
)
def test_an_enterprise_admits_the_classic_scopes_that_github_names(
    github: SimulatedGitHub, api: httpx.Client, scopes: str, status: int
) -> None:
    token = "ghp_" + "B" * 36
    github.accept(token, scopes=scopes)
    api.headers["authorization"] = f"Bearer {token}"
    assert api.get(SEATS).status_code == status
    for name in ("enterprise-1-day", "users-28-day/latest"):
        assert get_report(api, ENTERPRISE, name).status_code == status


def test_faults_and_given_reports_serve_an_enterprise_too(
    github: SimulatedGitHub, api: httpx.Client
) -> None:
    given = github.enterprise("demo-enterprise").reports
    given["users-1-day", DAY] = ReportFiles(['{"user_id": 1}\n'])
    given["repos-1-day", DAY] = NotReady.NO_LINKS
    assert lines_of(get_report(api, ENTERPRISE, "users-1-day")) == [{"user_id": 1}]
    assert get_report(api, ENTERPRISE, "repos-1-day").json()["download_links"] == []
    github.faults.add("^/enterprises/.*/enterprise-1-day", **faults.policy_off(), times=1)
    statuses = [get_report(api, ENTERPRISE, "enterprise-1-day").status_code for _ in range(2)]
    assert statuses == [403, 200]
