"""The simulated reports tell one story: what people did is what their organizations report."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime, timedelta
from itertools import pairwise
from typing import Any

import httpx
import pytest

from copilot_pipeline.days import day_range
from copilot_pipeline.demo import faults, story
from copilot_pipeline.demo.catalog import report_records
from copilot_pipeline.demo.enterprise_seats import enterprise_seat_total, enterprise_seats
from copilot_pipeline.demo.github import SimulatedGitHub
from copilot_pipeline.demo.legacy import legacy_day
from copilot_pipeline.demo.octo_corp import octo_corp
from copilot_pipeline.demo.organization import Enterprise, NotReady, Organization, ReportFiles
from copilot_pipeline.demo.people import active_people, monthly_people
from copilot_pipeline.demo.seats import billing, seat_total, seats
from copilot_pipeline.demo.usage import COUNTERS
from copilot_pipeline.demo.users import FIRST_USER_ID
from copilot_pipeline.reports import ORGANIZATION, REPOS, USERS
from copilot_pipeline.transform.unknown import unknown_names
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


def test_a_legacy_day_of_an_enterprise_counts_the_uses_of_all_and_each_person_once() -> None:
    enterprise = demo_enterprise(200, 150)
    enterprise.organizations[1].first_day = DAY
    for day in (DAY - timedelta(days=1), DAY):
        record = legacy_day(enterprise, day)
        (report,) = report_records(enterprise, "enterprise-1-day", day)
        assert record["total_active_users"] == report["daily_active_users"]
        organizations = [each for each in enterprise.organizations if each.has_day(day)]
        parts = [legacy_day(each, day) for each in organizations]
        assert completions(record) == sum((completions(part) for part in parts), Counter())


def completions(record: dict[str, Any]) -> Counter[str]:
    """The leaves of a legacy day's code completions, added up."""
    counted: Counter[str] = Counter()
    for editor in record["copilot_ide_code_completions"]["editors"]:
        for model in editor["models"]:
            for language in model["languages"]:
                counted += Counter(
                    {k: n for k, n in language.items() if k.startswith("total_code")}
                )
    return counted


def test_the_legacy_endpoint_of_an_enterprise_is_closed_unless_opened(
    github: SimulatedGitHub, api: httpx.Client
) -> None:
    assert "closed down" in api.get(f"{ENTERPRISE}/metrics").json()["message"]
    github.enterprise("demo-enterprise").legacy = True
    query = {"since": "2026-11-10", "until": "2026-11-12"}
    days = api.get(f"{ENTERPRISE}/metrics", params=query).json()
    assert [day["date"] for day in days] == ["2026-11-10", "2026-11-11", "2026-11-12"]
    assert len(api.get(f"{ENTERPRISE}/metrics").json()) == 100
    github.enterprise("demo-enterprise").legacy_days = {DAY: {"date": "2024-06-25"}}
    assert api.get(f"{ENTERPRISE}/metrics").json() == [{"date": "2024-06-25"}]


# --- the demo's enterprise --------------------------------------------------------------------

HUNDRED_DAYS = day_range(DAY - timedelta(days=99), DAY)


def scopes_of(enterprise: Enterprise) -> list[tuple[str, Enterprise | Organization]]:
    organizations = [("organization", each) for each in enterprise.organizations]
    return [("enterprise", enterprise), *organizations]


def test_the_demos_organizations_grow_from_48_and_from_no_seats() -> None:
    old, new = octo_corp(DAY).organizations
    totals = [(seat_total(old, day), seat_total(new, day)) for day in HUNDRED_DAYS]
    assert (totals[0], totals[-1]) == ((48, 0), (60, 30))
    assert new.first_day is not None
    began = new.first_day
    assert seat_total(new, began - timedelta(days=1)) == 0
    assert 0 < seat_total(new, began) < seat_total(new, began + timedelta(days=9)) == 30
    assert {seat["plan_type"] for seat in seats(new, DAY, 0, 30)} == {"enterprise"}
    assert {seat["plan_type"] for seat in seats(old, DAY, 0, 60)} == {"business"}
    # Cancelled seats end.
    assert any(later < earlier for (earlier, _), (later, _) in pairwise(totals))


@pytest.mark.parametrize("newest", [DAY, date(2026, 12, 31), date(2027, 1, 1), date(2027, 3, 1)])
def test_the_demos_seats_agree_on_every_day_wherever_they_are_counted(newest: date) -> None:
    enterprise = octo_corp(newest)
    held_before: set[int] = set()
    for day in day_range(newest - timedelta(days=99), newest):
        listed = enterprise_seats(enterprise, day, 0, 200)
        people = {seat["assignee"]["id"] for seat in listed}
        assert enterprise_seat_total(enterprise, day) == len(people)
        pages = [enterprise_seats(enterprise, day, start, start + 25) for start in (0, 25, 50, 75)]
        assert [seat for page in pages for seat in page] == listed
        for organization in enterprise.organizations:
            held = seats(organization, day, 0, 100)
            payers = [(seat["organization"] or {}).get("login") for seat in listed]
            counted = billing(organization, day)["seat_breakdown"]["total"]
            assert counted == len(held) == seat_total(organization, day)
            assert payers.count(organization.slug) == len(held)
            assert all(seat["created_at"] < (day + timedelta(days=1)).isoformat() for seat in held)
            for seat in held:
                created, active = seat["created_at"], seat["last_activity_at"]
                assert not active or datetime.fromisoformat(created) < datetime.fromisoformat(
                    active
                )
        for seat in listed:
            if seat["assignee"]["id"] not in held_before and day > newest - timedelta(days=99):
                assert seat["created_at"].startswith(day.isoformat())
        held_before |= people
    assert seat_total(enterprise.organizations[0], newest) == 60


def test_nobody_of_the_demo_uses_copilot_or_is_in_a_team_without_a_seat() -> None:
    for organization in octo_corp(DAY).organizations:
        monthly: list[int] = []
        for day in HUNDRED_DAYS:
            held = {organization.first_user + index for index in organization.held_seats(day)}
            users = monthly_people(organization, day)
            assert users[: len(monthly)] == monthly
            assert set(users) <= held
            assert set(active_people(organization, day)) <= set(users)
            monthly = users
            members = report_records(organization, "user-teams-1-day", day)
            assert {row["user_id"] - FIRST_USER_ID for row in members} <= held


def test_the_demo_has_team_members_who_never_use_copilot() -> None:
    for organization in octo_corp(DAY).organizations:
        members = {row["user_id"] for row in report_records(organization, "user-teams-1-day", DAY)}
        users = {
            person["user_id"]
            for day in HUNDRED_DAYS
            if organization.has_day(day)
            for person in report_records(organization, USERS, day)
        }
        assert members & users
        assert len(members - users) >= 3


def test_people_and_repositories_of_the_demo_add_up() -> None:
    enterprise = octo_corp(DAY)
    for day in HUNDRED_DAYS[::9]:
        for kind, scope in scopes_of(enterprise):
            if scope.has_day(day):
                (record,) = report_records(scope, f"{kind}-1-day", day)
                assert_people_add_up(report_records(scope, USERS, day), record)
                assert_repositories_add_up(report_records(scope, REPOS, day), record)


# --- the demo's story -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("count", "legacy", "reports_since"),
    [
        (100, 30, "2026-09-10"),
        (365, 30, "2026-09-10"),
        (30, 9, "2026-10-29"),
        (10, 3, "2026-11-12"),
    ],
)
def test_the_demos_enterprise_begins_with_legacy_days_and_goes_on_with_reports(
    count: int, legacy: int, reports_since: str
) -> None:
    enterprise = octo_corp(DAY)
    told = story.begin(enterprise, DAY, DAY - timedelta(days=count - 1))
    assert enterprise.legacy
    assert str(enterprise.reports_since) == reports_since
    assert len(told.legacy) == legacy
    assert told.legacy[-1] == date.fromisoformat(reports_since) - timedelta(days=1)
    assert min(told.gap, told.lasting_gap) > told.legacy[-1]
    # A run that reads the newest four days again meets no gap among them.
    assert max(told.gap, told.lasting_gap) < DAY - timedelta(days=3)
    story.close_legacy(enterprise)
    assert not enterprise.legacy


def test_every_report_of_the_demo_has_one_gap_and_one_of_them_stays() -> None:
    enterprise = octo_corp(DAY)
    told = story.begin(enterprise, DAY, HUNDRED_DAYS[0])
    broken = [
        (scope.slug, report, day)
        for _, scope in scopes_of(enterprise)
        for (report, day), given in scope.reports.items()
        if isinstance(given, ReportFiles) and given.files == ['{"day": "']
    ]
    assert len(broken) == len({(slug, report) for slug, report, _ in broken}) == 12
    lasting = {("octo-labs", REPOS), ("octo-corp", REPOS)}
    days = {(slug, report): day for slug, report, day in broken}
    assert {days[each] for each in lasting} == {told.lasting_gap}
    assert {day for each, day in days.items() if each not in lasting} == {told.gap}

    story.end(enterprise, told)
    left = {
        (scope.slug, report)
        for _, scope in scopes_of(enterprise)
        for (report, day), given in scope.reports.items()
        if isinstance(given, ReportFiles) and given.files == ['{"day": "']
    }
    assert left == lasting


def test_an_organization_and_the_enterprise_of_the_demo_are_restated() -> None:
    enterprise = octo_corp(DAY)
    told = story.begin(enterprise, DAY, HUNDRED_DAYS[0])
    for kind, scope in scopes_of(enterprise)[:2]:
        report = f"{kind}-1-day"
        given = scope.reports[report, told.restated]
        assert isinstance(given, ReportFiles)
        first = json.loads(given.files[0])
        (last,) = report_records(scope, report, told.restated)
        assert first["daily_active_users"] < last["daily_active_users"]
        assert first["code_generation_activity_count"] < last["code_generation_activity_count"]


def test_names_of_a_later_time_come_on_some_days_of_the_demo_and_stay() -> None:
    enterprise = octo_corp(DAY)
    told = story.begin(enterprise, DAY, HUNDRED_DAYS[0])
    organization = enterprise.organizations[0]
    first = {day: organization.reports[ORGANIZATION, day] for day in told.new_names}
    story.end(enterprise, told)
    for day in told.new_names:
        given = organization.reports[ORGANIZATION, day]
        assert given == first[day]
        assert isinstance(given, ReportFiles)
        record = json.loads(given.files[0])
        assert set(unknown_names(ORGANIZATION, [record])) == {
            ("ide", "octo-editor"),
            ("language", "octo-script"),
            ("model", "octo-model-1"),
        }
        (plain,) = report_records(organization, ORGANIZATION, day)
        for counter in COUNTERS:
            assert record[counter] == plain[counter]


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
