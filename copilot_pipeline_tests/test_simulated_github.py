"""The simulated GitHub answers over real HTTP what GitHub's documentation says."""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from jsonschema import Draft202012Validator

from copilot_pipeline.demo import faults
from copilot_pipeline.demo.catalog import report_records
from copilot_pipeline.demo.enterprise_seats import enterprise_seats
from copilot_pipeline.demo.github import SimulatedGitHub
from copilot_pipeline.demo.legacy import legacy_day
from copilot_pipeline.demo.organization import (
    Enterprise,
    NotReady,
    Organization,
    ReportFiles,
    Tenure,
)
from copilot_pipeline.demo.reports import organization_28_day, organization_day
from copilot_pipeline.demo.seats import seats
from copilot_pipeline.demo.users import authenticated_user

TODAY = date(2026, 11, 20)
DAY = date(2026, 11, 18)
ONE_DAY = "/orgs/demo-org/copilot/metrics/reports/organization-1-day"
LATEST = "/orgs/demo-org/copilot/metrics/reports/organization-28-day/latest"
BILLING = "/orgs/demo-org/copilot/billing"
SEATS = "/orgs/demo-org/copilot/billing/seats"
LEGACY = "/orgs/demo-org/copilot/metrics"


@pytest.fixture
def github() -> Iterator[SimulatedGitHub]:
    with SimulatedGitHub([Organization("demo-org")], today=TODAY) as simulated:
        yield simulated


@pytest.fixture
def api(github: SimulatedGitHub) -> Iterator[httpx.Client]:
    with client_of(github) as client:
        yield client


def client_of(github: SimulatedGitHub) -> httpx.Client:
    headers = {"Authorization": f"Bearer {github.token}"}
    return httpx.Client(base_url=github.url, headers=headers, trust_env=False)


def download(link: str, **headers: str) -> httpx.Response:
    return httpx.get(link, headers=headers, trust_env=False)


def link_to_report(api: httpx.Client, day: date = DAY) -> str:
    link: str = api.get(ONE_DAY, params={"day": day.isoformat()}).json()["download_links"][0]
    return link


# --- who may ask ------------------------------------------------------------------------------


def test_a_request_without_a_known_token_is_unauthorized(github: SimulatedGitHub) -> None:
    assert httpx.get(f"{github.url}/user", trust_env=False).status_code == 401
    wrong = httpx.get(
        f"{github.url}/user", headers={"Authorization": "Bearer ghp_wrong"}, trust_env=False
    )
    assert wrong.status_code == 401
    assert wrong.json()["message"] == "Bad credentials"


def test_a_request_without_a_user_agent_is_forbidden(api: httpx.Client) -> None:
    assert api.get("/user", headers={"User-Agent": ""}).status_code == 403


def test_the_user_comes_with_scopes_expiration_and_rate_limit_headers(api: httpx.Client) -> None:
    answer = api.get("/user")
    assert answer.json()["login"] == "demo-admin"
    assert answer.headers["x-oauth-scopes"] == "manage_billing:copilot, read:org"
    expires_on = datetime.now(UTC).date() + timedelta(days=90)
    expiration = answer.headers["github-authentication-token-expiration"]
    assert expiration == f"{expires_on} 00:00:00 UTC"
    assert answer.headers["x-ratelimit-remaining"] == "4999"
    assert answer.headers["x-github-request-id"]


def test_a_second_token_gets_its_own_user(github: SimulatedGitHub, api: httpx.Client) -> None:
    token = "github_pat_" + "A" * 82
    github.accept(token, authenticated_user("demo-user-0002", 5_000_002))
    answer = api.get("/user", headers={"Authorization": f"token {token}"})
    assert answer.json()["login"] == "demo-user-0002"
    assert "x-oauth-scopes" not in answer.headers


def test_an_unknown_organization_report_or_path_is_not_found(api: httpx.Client) -> None:
    for path in ("/orgs/other/copilot/billing", ONE_DAY.replace("organization", "x"), "/nothing"):
        answer = api.get(path, params={"day": DAY.isoformat()})
        assert (answer.status_code, answer.json()["message"]) == (404, "Not Found")


def test_slugs_compare_without_case(github: SimulatedGitHub, api: httpx.Client) -> None:
    assert api.get("/orgs/Demo-ORG/copilot/billing").status_code == 200
    assert github.organization("DEMO-org").slug == "demo-org"


def test_requests_are_recorded_in_order(github: SimulatedGitHub, api: httpx.Client) -> None:
    download(link_to_report(api))
    envelope, file = github.requests
    assert (envelope.origin, envelope.method, envelope.path) == ("api", "GET", ONE_DAY)
    assert envelope.query == {"day": "2026-11-18"}
    assert envelope.headers["authorization"] == f"Bearer {github.token}"
    assert file.origin == "download"
    assert "authorization" not in file.headers


# --- seats and billing ------------------------------------------------------------------------


def test_250_seats_come_page_by_page_along_the_link_header(
    github: SimulatedGitHub, api: httpx.Client
) -> None:
    github.organization("demo-org").seat_count = 250
    logins: list[str] = []
    pages = 0
    url: str | None = f"{SEATS}?per_page=100"
    while url is not None:
        answer = api.get(url)
        pages += 1
        assert answer.json()["total_seats"] == 250
        logins += [seat["assignee"]["login"] for seat in answer.json()["seats"]]
        url = answer.links.get("next", {}).get("url")
    assert pages == 3
    assert len(set(logins)) == len(logins) == 250
    assert set(answer.links) == {"prev", "first"}


def test_a_page_of_seats_has_50_by_default_and_100_at_most(
    github: SimulatedGitHub, api: httpx.Client
) -> None:
    github.organization("demo-org").seat_count = 250
    first = api.get(SEATS)
    assert len(first.json()["seats"]) == 50
    assert first.links["last"]["url"].endswith("page=5")
    assert len(api.get(SEATS, params={"per_page": "500"}).json()["seats"]) == 100


def test_billing_counts_the_seats_it_is_about(api: httpx.Client) -> None:
    seats = api.get(SEATS).json()["seats"]
    breakdown = api.get(BILLING).json()["seat_breakdown"]
    pending = [seat for seat in seats if seat["pending_cancellation_date"]]
    active = [seat for seat in seats if (seat["last_activity_at"] or "") >= "2026-11-01"]
    assert breakdown["total"] == len(seats) == 40
    assert breakdown["pending_cancellation"] == len(pending) > 0
    assert breakdown["active_this_cycle"] == len(active)
    assert breakdown["inactive_this_cycle"] == 40 - len(active)


def test_seats_hold_idle_unused_team_and_direct_assignments_in_plausible_parts() -> None:
    held = seats(Organization("demo-org", seat_count=400), DAY, 0, 400)
    month_ago = datetime(2026, 10, 19, tzinfo=UTC)
    last = [
        datetime.fromisoformat(seat["last_activity_at"])
        for seat in held
        if seat["last_activity_at"]
    ]
    assert 40 <= len(held) - len(last) <= 56
    assert 52 <= sum(moment < month_ago for moment in last) <= 68
    assert 200 <= sum("assigning_team" in seat for seat in held) <= 280
    assert all(seat["assignee"] for seat in held)
    assert {seat["created_at"][-6:] for seat in held if not seat["created_at"].endswith("Z")} == {
        "-06:00"
    }
    for seat in held:
        activity = seat["last_activity_at"]
        if activity:
            created = datetime.fromisoformat(seat["created_at"])
            assert created < datetime.fromisoformat(activity)


def test_a_persons_last_activity_never_moves_back() -> None:
    organization = Organization("demo-org")
    days = [DAY + timedelta(days=n) for n in range(30)]
    for index in range(organization.seat_count):
        seen = [seats(organization, day, index, index + 1)[0] for day in days]
        moments = [
            datetime.fromisoformat(s["last_activity_at"]) for s in seen if s["last_activity_at"]
        ]
        assert moments == sorted(moments)


def test_given_seats_and_billing_replace_the_generated_ones(
    github: SimulatedGitHub, api: httpx.Client
) -> None:
    organization = github.organization("demo-org")
    organization.seats = [{"created_at": "2026-11-02T00:00:00Z", "assignee": None}]
    assert api.get(SEATS).json() == {"total_seats": 1, "seats": organization.seats}
    assert api.get(BILLING).json()["seat_breakdown"]["added_this_cycle"] == 1
    organization.billing = {"seat_breakdown": {"total": 7}}
    assert api.get(BILLING).json() == organization.billing


def test_a_seat_is_listed_from_the_day_on_which_it_was_given_until_its_month_ends(
    github: SimulatedGitHub, api: httpx.Client
) -> None:
    organization = github.organization("demo-org")
    organization.tenures = {
        38: Tenure(cancelled=date(2026, 10, 20)),
        39: Tenure(given=date(2026, 11, 3)),
    }
    last, unused = "demo-user-0040", "demo-user-0039"
    listed = {}
    for day in (date(2026, 10, 19), date(2026, 10, 31), date(2026, 11, 1), date(2026, 11, 3)):
        with github.as_of(day):
            answer = api.get(SEATS).json()
            breakdown = api.get(BILLING).json()["seat_breakdown"]
        by_login = {seat["assignee"]["login"]: seat for seat in answer["seats"]}
        assert answer["total_seats"] == breakdown["total"] == len(by_login)
        pending = [seat for seat in by_login.values() if seat["pending_cancellation_date"]]
        assert breakdown["pending_cancellation"] == len(pending)
        listed[day] = (last in by_login, unused in by_login, len(pending))
    assert list(listed.values()) == [
        (False, True, 0),
        (False, True, 1),
        (False, False, 0),
        (True, False, 0),
    ]
    assert by_login[last]["created_at"].startswith("2026-11-03")
    assert breakdown["added_this_cycle"] >= 1


def test_seats_as_of_a_past_day_are_those_that_were_shown_on_the_next_morning(
    github: SimulatedGitHub, api: httpx.Client
) -> None:
    with github.as_of(DAY):
        then = api.get(SEATS).json(), api.get(BILLING).json()
        assert api.get(ONE_DAY, params={"day": "2026-11-19"}).status_code == 204
    assert api.get(ONE_DAY, params={"day": "2026-11-19"}).status_code == 200
    tomorrow = DAY + timedelta(days=1)
    earlier = SimulatedGitHub([Organization("demo-org")], today=tomorrow)
    with earlier as github, client_of(github) as api:
        assert then == (api.get(SEATS).json(), api.get(BILLING).json())


# --- reports ----------------------------------------------------------------------------------


def test_a_report_is_an_envelope_with_a_signed_link_that_needs_no_token(
    github: SimulatedGitHub, api: httpx.Client
) -> None:
    answer = api.get(ONE_DAY, params={"day": "2026-11-18"})
    assert answer.json()["report_day"] == "2026-11-18"
    (link,) = answer.json()["download_links"]
    assert link.startswith(github.download_url)
    assert github.download_url != github.url
    assert set(httpx.URL(link).params) == {"se", "sp", "st", "sig"}
    lines = download(link).text.splitlines()
    assert [json.loads(line)["day"] for line in lines] == ["2026-11-18"]


def test_the_latest_28_day_report_ends_yesterday(api: httpx.Client) -> None:
    envelope = api.get(LATEST).json()
    assert (envelope["report_start_day"], envelope["report_end_day"]) == (
        "2026-10-23",
        "2026-11-19",
    )
    report = download(envelope["download_links"][0]).json()
    assert [day["day"] for day in report["day_totals"]][::27] == ["2026-10-23", "2026-11-19"]


def test_a_report_in_shards_has_its_lines_once() -> None:
    with SimulatedGitHub([Organization("demo-org")], today=TODAY, shards=3) as github:
        with client_of(github) as api:
            links = api.get(ONE_DAY, params={"day": DAY.isoformat()}).json()["download_links"]
        assert len(set(links)) == 3
        lines = [line for link in links for line in download(link).text.splitlines()]
        assert len(lines) == 1


def test_the_download_host_refuses_a_token(github: SimulatedGitHub, api: httpx.Client) -> None:
    answer = download(link_to_report(api), Authorization=f"Bearer {github.token}")
    assert answer.status_code == 400


def test_an_expired_link_is_refused() -> None:
    with SimulatedGitHub([Organization("demo-org")], link_lifetime=-1) as github:
        with client_of(github) as api:
            link = link_to_report(api)
        answer = download(link)
        assert answer.status_code == 403
        assert "<Code>AuthenticationFailed</Code>" in answer.text


def test_a_link_that_was_changed_or_has_no_signature_is_refused(
    github: SimulatedGitHub, api: httpx.Client
) -> None:
    link = link_to_report(api)
    for wrong in (link.replace("se=20", "se=30"), link.split("?")[0], f"{link}0"):
        assert download(wrong).status_code == 403


def test_a_signed_link_to_nothing_says_blob_not_found(github: SimulatedGitHub) -> None:
    answer = download(github.signed_link("/no/such/blob.json"))
    assert answer.status_code == 404
    assert "<Code>BlobNotFound</Code>" in answer.text


@pytest.mark.parametrize("query", [{}, {"day": ""}, {"day": "20261118"}, {"day": "2026-02-30"}])
def test_a_report_without_a_valid_day_is_unprocessable(
    api: httpx.Client, query: dict[str, str]
) -> None:
    assert api.get(ONE_DAY, params=query).status_code == 422


def test_days_before_the_first_and_from_today_on_have_no_report(
    github: SimulatedGitHub, api: httpx.Client
) -> None:
    github.organization("demo-org").first_day = date(2026, 11, 10)

    def status(day: str) -> int:
        return api.get(ONE_DAY, params={"day": day}).status_code

    assert [status("2026-11-09"), status("2026-11-10")] == [204, 200]
    assert [status("2026-11-19"), status("2026-11-20"), status("2026-12-24")] == [200, 204, 204]


def test_reports_may_begin_later_than_the_organization(
    github: SimulatedGitHub, api: httpx.Client
) -> None:
    organization = github.organization("demo-org")
    organization.reports_since = date(2026, 11, 10)
    organization.legacy = True
    statuses = [api.get(ONE_DAY, params={"day": f"2026-11-{n}"}).status_code for n in ("09", "10")]
    assert statuses == [204, 200]
    assert len(api.get(LEGACY, params={"since": "2026-11-09", "until": "2026-11-10"}).json()) == 2


def test_github_has_three_ways_to_say_that_a_report_is_not_ready(
    github: SimulatedGitHub, api: httpx.Client
) -> None:
    answers = []
    for form in NotReady:
        github.organization("demo-org").reports["organization-1-day", DAY] = form
        answer = api.get(ONE_DAY, params={"day": DAY.isoformat()})
        answers.append((answer.status_code, answer.text and answer.json()))
    no_links = {"download_links": [], "report_day": "2026-11-18"}
    assert answers == [(204, ""), (200, ""), (200, no_links)]


def test_given_report_files_are_served_as_they_are(
    github: SimulatedGitHub, api: httpx.Client
) -> None:
    given = ReportFiles([b"\xef\xbb\xbf{}", "not json"], report_day=date(2026, 11, 17))
    github.organization("demo-org").reports["organization-1-day", DAY] = given
    envelope = api.get(ONE_DAY, params={"day": DAY.isoformat()}).json()
    assert envelope["report_day"] == "2026-11-17"
    bodies = [download(link).content for link in envelope["download_links"]]
    assert bodies == [b"\xef\xbb\xbf{}", b"not json"]

    given.links = ["https://elsewhere.example/file"]
    envelope = api.get(ONE_DAY, params={"day": DAY.isoformat()}).json()
    assert envelope["download_links"] == given.links


# --- the closed endpoint ----------------------------------------------------------------------


def test_the_legacy_endpoint_says_that_it_is_closed(api: httpx.Client) -> None:
    answer = api.get(LEGACY)
    assert answer.status_code == 404
    assert "closed down" in answer.json()["message"]


def test_legacy_days_are_cut_by_since_until_and_page(
    github: SimulatedGitHub, api: httpx.Client
) -> None:
    github.organization("demo-org").legacy = True

    def days(**query: str) -> list[str]:
        return [day["date"] for day in api.get(LEGACY, params=query).json()]

    everything = days()
    assert (len(everything), everything[0], everything[-1]) == (100, "2026-08-12", "2026-11-19")
    assert days(since="2026-11-10", until="2026-11-12T23:59:59Z") == [
        "2026-11-10",
        "2026-11-11",
        "2026-11-12",
    ]
    assert days(since="2026-11-10", per_page="4", page="2")[0] == "2026-11-14"
    assert days(since="2026-11-19", page="2") == []
    assert "next" in api.get(LEGACY, params={"per_page": "28"}).links
    assert api.get(LEGACY, params={"since": "yesterday"}).status_code == 422


def test_given_legacy_days_are_the_only_ones(github: SimulatedGitHub, api: httpx.Client) -> None:
    organization = github.organization("demo-org")
    organization.legacy = True
    organization.legacy_days = {date(2024, 6, 25): {"date": "2024-06-25"}}
    assert api.get(LEGACY).json() == [{"date": "2024-06-25"}]


def test_a_legacy_day_counts_the_same_completions_as_the_report() -> None:
    organization = Organization("demo-org")
    legacy = legacy_day(organization, DAY)["copilot_ide_code_completions"]
    leaves = [
        language
        for editor in legacy["editors"]
        for model in editor["models"]
        for language in model["languages"]
    ]
    report = feature_of(organization_day(organization, DAY), "code_completion")
    for name, counter in {
        "total_code_suggestions": "code_generation_activity_count",
        "total_code_acceptances": "code_acceptance_activity_count",
        "total_code_lines_suggested": "loc_suggested_to_add_sum",
        "total_code_lines_accepted": "loc_added_sum",
    }.items():
        assert sum(leaf[name] for leaf in leaves) == report[counter]
    assert all(len(editor["models"]) == 2 for editor in legacy["editors"])


@pytest.mark.parametrize("seat_count", [0, 1, 2, 40, 300])
def test_engaged_users_of_a_legacy_day_are_fewer_than_active_ones(seat_count: int) -> None:
    for n in range(14):
        organization = Organization("demo-org", seat_count=seat_count)
        record = legacy_day(organization, DAY - timedelta(days=n))
        active, engaged = record["total_active_users"], record["total_engaged_users"]
        assert engaged < active or active == engaged <= 1
        for part in ("copilot_ide_code_completions", "copilot_ide_chat"):
            assert record[part]["total_engaged_users"] <= engaged


# --- faults -----------------------------------------------------------------------------------


@pytest.mark.parametrize("length", [0, 10])
def test_a_cut_download_is_a_protocol_error_for_the_client(
    github: SimulatedGitHub, api: httpx.Client, length: int
) -> None:
    github.faults.add(".", origin="download", cut_after=length, times=1)
    link = link_to_report(api)
    with pytest.raises((httpx.RemoteProtocolError, httpx.ReadError)):
        download(link)
    assert download(link).status_code == 200


def test_a_fault_answers_as_often_as_told_and_is_recorded(
    github: SimulatedGitHub, api: httpx.Client
) -> None:
    github.faults.add("/user$", **faults.server_error(503), times=2)
    assert [api.get("/user").status_code for _ in range(3)] == [503, 503, 200]
    assert len(github.requests) == 3


def test_a_fault_may_depend_on_the_query_and_be_cleared(
    github: SimulatedGitHub, api: httpx.Client
) -> None:
    github.faults.add("organization-1-day", **faults.policy_off(), query={"day": "2026-11-17"})
    statuses = [api.get(ONE_DAY, params={"day": f"2026-11-{n}"}).status_code for n in (16, 17, 18)]
    assert statuses == [200, 403, 200]
    github.faults.clear()
    assert api.get(ONE_DAY, params={"day": "2026-11-17"}).status_code == 200


def test_a_fault_can_redirect(github: SimulatedGitHub, api: httpx.Client) -> None:
    github.faults.add("/user", redirect_to="https://elsewhere.example/user", status=301)
    answer = api.get("/user")
    assert (answer.status_code, answer.headers["location"]) == (
        301,
        "https://elsewhere.example/user",
    )


def test_a_delay_keeps_the_true_answer_and_stopping_does_not_wait_for_it() -> None:
    with SimulatedGitHub([Organization("demo-org")]) as github:
        github.faults.add("/user", delay=0.05, times=1, headers={"sunset": "soon"})
        with client_of(github) as api:
            started = time.monotonic()
            answer = api.get("/user")
        assert (answer.status_code, answer.headers["sunset"]) == (200, "soon")
        assert time.monotonic() - started >= 0.05

        github.faults.add("/user", delay=30)
        waiting = threading.Thread(target=lambda: client_of(github).get("/user", timeout=30))
        waiting.start()
        while len(github.requests) < 2:
            time.sleep(0.005)
        stopping = time.monotonic()
    assert time.monotonic() - stopping < 0.3
    waiting.join(timeout=5)
    assert not [t for t in threading.enumerate() if t.name == "simulated-github"]


@pytest.mark.parametrize(
    ("answer", "status", "headers"),
    [
        (faults.bad_credentials(), 401, {}),
        (faults.not_owner(), 403, {"x-oauth-scopes": "read:org"}),
        (faults.sso(), 403, {"x-github-sso": None}),
        (faults.fine_grained_permission(), 403, {"x-accepted-github-permissions": None}),
        (faults.metrics_disabled(), 422, {}),
        (faults.billing_problem(), 422, {}),
        (faults.secondary_limit(7), 403, {"retry-after": "7"}),
        (faults.too_many_requests(7), 429, {"retry-after": "7"}),
        (
            faults.too_many_requests(datetime(2026, 11, 20, 12, tzinfo=UTC)),
            429,
            {"retry-after": "Fri, 20 Nov 2026 12:00:00 GMT"},
        ),
        (faults.too_many_requests(None), 429, {"x-ratelimit-remaining": "4999"}),
        (
            faults.primary_limit(datetime(2026, 11, 20, tzinfo=UTC)),
            403,
            {"x-ratelimit-remaining": "0", "x-ratelimit-reset": "1795132800"},
        ),
        (faults.server_error(), 500, {}),
    ],
)
def test_the_well_known_answers_arrive_as_github_sends_them(
    github: SimulatedGitHub,
    api: httpx.Client,
    answer: faults.Answer,
    status: int,
    headers: dict[str, str | None],
) -> None:
    github.faults.add("/user", **answer)
    got = api.get("/user")
    assert got.status_code == status
    assert got.json() == answer["body"]
    for name, text in headers.items():
        assert got.headers[name] == (text or got.headers[name])


# --- the numbers ------------------------------------------------------------------------------


def feature_of(record: dict[str, Any], name: str) -> dict[str, Any]:
    (entry,) = [entry for entry in record["totals_by_feature"] if entry["feature"] == name]
    return dict(entry)


def test_two_instances_agree_about_a_day_whatever_today_is() -> None:
    bodies = []
    for today in (TODAY, TODAY + timedelta(days=40)):
        simulated = SimulatedGitHub([Organization("demo-org")], today=today)
        with simulated as github, client_of(github) as api:
            bodies.append(download(link_to_report(api)).content)
    assert bodies[0] == bodies[1]


def test_organizations_differ() -> None:
    one, other = (organization_day(Organization(slug), DAY) for slug in ("one", "other"))
    assert one["totals_by_feature"] != other["totals_by_feature"]


@pytest.mark.parametrize("seat_count", [0, 1, 2, 40, 3000])
def test_breakdowns_sum_to_the_totals_and_users_fit_their_windows(seat_count: int) -> None:
    organization = Organization("demo-org", seat_count=seat_count)
    counters = ("code_generation_activity_count", "code_acceptance_activity_count", "loc_added_sum")
    daily: list[int] = []
    for n in range(35):
        record = organization_day(organization, date(2026, 10, 1) + timedelta(days=n))
        daily.append(record["daily_active_users"])
        assert max(daily[-7:]) <= record["weekly_active_users"]
        assert record["weekly_active_users"] <= record["monthly_active_users"] <= seat_count
        for counter in (*counters, "user_initiated_interaction_count"):
            assert sum(row[counter] for row in record["totals_by_feature"]) == record[counter]
        completion = [
            row
            for row in record["totals_by_language_feature"]
            if row["feature"] == "code_completion"
        ]
        for counter in counters:
            total = feature_of(record, "code_completion")[counter] if completion else 0
            assert sum(row[counter] for row in completion) == total
        for row in record["totals_by_language_feature"]:
            assert row[counters[1]] <= row[counters[0]]


def test_people_accept_between_25_and_32_percent_of_completions() -> None:
    for n in range(0, 365, 5):
        record = organization_day(Organization("demo-org"), date(2025, 11, 19) + timedelta(n))
        entry = feature_of(record, "code_completion")
        rate = entry["code_acceptance_activity_count"] / entry["code_generation_activity_count"]
        assert 0.25 <= rate <= 0.32


def test_fields_are_absent_before_github_introduced_them() -> None:
    early = organization_day(Organization("demo-org"), date(2026, 3, 2))
    late = organization_day(Organization("demo-org"), DAY)
    for name in (
        "daily_active_copilot_code_review_users",
        "totals_by_ai_adoption_phase",
        "totals_by_copilot_app",
        "totals_by_vscode_agent",
    ):
        assert name not in early
        assert name in late


# --- against the published shapes -------------------------------------------------------------


@pytest.fixture(scope="module")
def reference() -> Path:
    folder = os.environ.get("COPILOT_PIPELINE_REFERENCE")
    if folder is None:
        pytest.skip("COPILOT_PIPELINE_REFERENCE names no folder with GitHub's schemas")
    return Path(folder) / "openapi"


def record_validator(reference: Path, name: str) -> Draft202012Validator:
    schema = json.loads((reference / "report-records.schema.json").read_text())
    return Draft202012Validator({"$ref": f"#/$defs/{name}", "$defs": schema["$defs"]})


def openapi_validator(reference: Path, file: str, schema: dict[str, Any]) -> Draft202012Validator:
    description = json.loads((reference / file).read_text())
    components = as_json_schema(description["components"])
    return Draft202012Validator({**schema, "components": components})


def as_json_schema(node: Any) -> Any:
    """OpenAPI 3.0's `nullable` as JSON Schema says it."""
    if isinstance(node, list):
        return [as_json_schema(each) for each in node]
    if not isinstance(node, dict):
        return node
    plain = {name: as_json_schema(each) for name, each in node.items() if name != "nullable"}
    return {"anyOf": [plain, {"type": "null"}]} if node.get("nullable") is True else plain


def test_generated_reports_follow_the_record_schema_and_use_every_field(reference: Path) -> None:
    validator = record_validator(reference, "aggregate_day")
    organization = Organization("demo-org")
    for n in range(0, 400, 7):
        validator.validate(organization_day(organization, DAY - timedelta(days=n)))
    known = validator.schema["$defs"]["aggregate_day"]["properties"]
    housekeeping = {"etl_id", "day_partition", "entity_id_partition"}
    assert set(organization_day(organization, DAY)) == set(known) - housekeeping
    record_validator(reference, "report_28_day").validate(organization_28_day(organization, DAY))


@pytest.mark.parametrize("kind", ["organization", "enterprise"])
def test_every_generated_report_follows_the_record_schema(reference: Path, kind: str) -> None:
    enterprise = Enterprise(
        "demo-enterprise",
        [Organization("demo-org", seat_count=60), Organization("other-org", seat_count=30)],
    )
    scope = enterprise if kind == "enterprise" else enterprise.organizations[0]
    for name, schema in {
        f"{kind}-1-day": "aggregate_day",
        f"{kind}-28-day": "report_28_day",
        "users-1-day": "user_day",
        "users-28-day": "user_day",
        "user-teams-1-day": "user_team",
        "repos-1-day": "repo_day",
    }.items():
        validator = record_validator(reference, schema)
        days = (
            [DAY] if name.endswith("-28-day") else [DAY - timedelta(n) for n in range(0, 340, 37)]
        )
        for day in days:
            for record in report_records(scope, name, day):
                validator.validate(record)
        known = set(validator.schema["$defs"][schema]["properties"])
        seen = {field for record in report_records(scope, name, DAY) for field in record}
        housekeeping = {"etl_id", "day_partition", "entity_id_partition"}
        other_scope = set()
        if kind == "organization" and schema == "user_team":
            other_scope = {"enterprise_id"}
        if kind == "enterprise" and schema != "repo_day":
            other_scope = {"organization_id"}
        window = {"report_start_day", "report_end_day"} if name == "users-1-day" else set()
        assert seen == known - housekeeping - other_scope - window


@pytest.mark.parametrize(
    ("path", "schema"),
    [
        ("/user", "public-user"),
        (BILLING, "copilot-organization-details"),
        (f"{ONE_DAY}?day=2026-11-18", "copilot-usage-metrics-1-day-report"),
        (LATEST, "copilot-usage-metrics-28-day-report"),
    ],
)
def test_answers_follow_the_openapi_description(
    reference: Path, api: httpx.Client, path: str, schema: str
) -> None:
    ref = {"$ref": f"#/components/schemas/{schema}"}
    openapi_validator(reference, "openapi-copilot.json", ref).validate(api.get(path).json())


def test_seats_follow_the_openapi_description(reference: Path, api: httpx.Client) -> None:
    ref = {"$ref": "#/components/schemas/copilot-seat-details"}
    validator = openapi_validator(reference, "openapi-copilot.json", ref)
    for seat in api.get(SEATS).json()["seats"]:
        validator.validate(seat)


def test_enterprise_seats_follow_the_openapi_description(reference: Path) -> None:
    ref = {"$ref": "#/components/schemas/copilot-seat-details"}
    validator = openapi_validator(reference, "openapi-copilot.json", ref)
    enterprise = Enterprise("demo-enterprise", [Organization("demo-org"), Organization("other")])
    for seat in enterprise_seats(enterprise, DAY, 0, 100):
        validator.validate(seat)


def test_legacy_days_follow_the_openapi_description(reference: Path) -> None:
    ref = {"$ref": "#/components/schemas/copilot-usage-metrics-day"}
    validator = openapi_validator(reference, "openapi-copilot-legacy-metrics.json", ref)
    for n in range(14):
        validator.validate(legacy_day(Organization("demo-org"), DAY - timedelta(days=n)))


def test_the_rate_limit_follows_the_openapi_description(reference: Path, api: httpx.Client) -> None:
    ref = {"$ref": "#/components/schemas/rate-limit"}
    validator = openapi_validator(reference, "openapi-rate-limit-versions.json", ref)
    answer = api.get("/rate_limit").json()
    validator.validate(answer["rate"])
    validator.validate(answer["resources"]["core"])
