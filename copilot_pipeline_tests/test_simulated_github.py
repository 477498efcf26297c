"""The simulated GitHub answers over real HTTP as GitHub's documentation says."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import httpx
import pytest

from copilot_pipeline.simulated_github import (
    Enterprise,
    Organization,
    SimulatedGitHub,
    Tenure,
    authenticated_user,
    faults,
    report_records,
)

TODAY = date(2026, 11, 20)
DAY = date(2026, 11, 18)
ORGANIZATION = "/orgs/demo-org/copilot"
ENTERPRISE = "/enterprises/demo-enterprise/copilot"
ONE_DAY = f"{ORGANIZATION}/metrics/reports/organization-1-day"
LATEST = f"{ORGANIZATION}/metrics/reports/organization-28-day/latest"
BILLING = f"{ORGANIZATION}/billing"
SEATS = f"{ORGANIZATION}/billing/seats"
LEGACY = f"{ORGANIZATION}/metrics"


def demo_enterprise() -> Enterprise:
    organizations = [Organization("demo-org", 60), Organization("demo-labs", 50)]
    return Enterprise("demo-enterprise", organizations)


@pytest.fixture
def github() -> Iterator[SimulatedGitHub]:
    with SimulatedGitHub([], enterprises=[demo_enterprise()], today=TODAY) as simulated:
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


def one_day(api: httpx.Client, day: date | str = DAY, path: str = ONE_DAY) -> httpx.Response:
    return api.get(path, params={"day": str(day)})


def lines_of(envelope: httpx.Response) -> list[dict[str, Any]]:
    files = [download(link).text for link in envelope.json()["download_links"]]
    return [json.loads(line) for file in files for line in file.splitlines()]


# --- who may ask


def test_a_request_without_a_known_token_or_a_user_agent_is_refused(
    github: SimulatedGitHub, api: httpx.Client
) -> None:
    assert httpx.get(f"{github.url}/user", trust_env=False).status_code == 401
    wrong = api.get("/user", headers={"Authorization": "Bearer ghp_wrong"})
    assert (wrong.status_code, wrong.json()["message"]) == (401, "Bad credentials")
    assert api.get("/user", headers={"User-Agent": ""}).status_code == 403


def test_the_user_comes_with_scopes_expiration_and_rate_limit_headers(
    github: SimulatedGitHub, api: httpx.Client
) -> None:
    answer = api.get("/user")
    assert answer.json()["login"] == "demo-admin"
    assert answer.headers["x-oauth-scopes"] == "manage_billing:copilot, read:org"
    expires_on = datetime.now(UTC).date() + timedelta(days=90)
    expiration = answer.headers["github-authentication-token-expiration"]
    assert expiration == f"{expires_on} 00:00:00 UTC"
    assert answer.headers["x-ratelimit-remaining"] == "4999"

    token = "github_pat_" + "A" * 82
    github.accept(token, authenticated_user("demo-user-0002", 5_000_002))
    answer = api.get("/user", headers={"Authorization": f"token {token}"})
    assert answer.json()["login"] == "demo-user-0002"
    assert "x-oauth-scopes" not in answer.headers


@pytest.mark.parametrize(
    ("scopes", "status"),
    [("read:enterprise", 200), ("read:org, admin:enterprise", 200), ("admin:org", 403), ("", 403)],
)
def test_an_enterprise_admits_the_classic_scopes_that_github_names(
    github: SimulatedGitHub, api: httpx.Client, scopes: str, status: int
) -> None:
    token = "ghp_" + "B" * 36
    github.accept(token, scopes=scopes)
    api.headers["authorization"] = f"Bearer {token}"
    assert api.get(f"{ENTERPRISE}/billing/seats").status_code == status
    path = f"{ENTERPRISE}/metrics/reports/enterprise-1-day"
    assert one_day(api, path=path).status_code == status


def test_what_github_does_not_have_is_not_found(api: httpx.Client) -> None:
    reports = "metrics/reports"
    for path in (
        "/orgs/other/copilot/billing",
        "/nothing",
        f"{ENTERPRISE}/billing",
        f"{ORGANIZATION}/{reports}/enterprise-1-day",
        f"{ORGANIZATION}/{reports}/repos-28-day/latest",
        f"{ENTERPRISE}/{reports}/organization-1-day",
        f"/enterprises/demo-org/copilot/{reports}/enterprise-1-day",
    ):
        answer = one_day(api, path=path)
        assert (answer.status_code, answer.json()["message"]) == (404, "Not Found")
    assert api.get("/orgs/Demo-ORG/copilot/billing").status_code == 200


# --- seats and billing


@pytest.mark.parametrize(("path", "rows", "people"), [(SEATS, 60, 60), (ENTERPRISE, 112, 104)])
def test_all_seats_come_page_by_page_along_the_link_header(
    api: httpx.Client, path: str, rows: int, people: int
) -> None:
    if path == ENTERPRISE:
        path += "/billing/seats"
    assert len(api.get(path).json()["seats"]) == 50
    ids: list[int] = []
    url: str | None = f"{path}?per_page=25"
    while url is not None:
        answer = api.get(url)
        assert answer.json()["total_seats"] == people
        ids += [seat["assignee"]["id"] for seat in answer.json()["seats"]]
        url = answer.links.get("next", {}).get("url")
    assert (len(ids), len(set(ids))) == (rows, people)
    assert set(answer.links) == {"prev", "first"}


def test_a_seat_is_listed_from_the_day_on_which_it_was_given_until_its_month_ends(
    github: SimulatedGitHub, api: httpx.Client
) -> None:
    organization = github.organization("demo-org")
    cancelled, given = Tenure(cancelled=date(2026, 10, 20)), Tenure(given=date(2026, 11, 3))
    organization.tenures = {0: cancelled, 1: given}
    listed = []
    for day in (date(2026, 10, 19), date(2026, 10, 31), date(2026, 11, 1), date(2026, 11, 3)):
        with github.as_of(day):
            seats = api.get(SEATS, params={"per_page": 100}).json()["seats"]
            breakdown = api.get(BILLING).json()["seat_breakdown"]
        logins = {seat["assignee"]["login"] for seat in seats}
        assert breakdown["total"] == len(logins)
        held = ("demo-user-0001" in logins, "demo-user-0002" in logins)
        listed.append((*held, breakdown["pending_cancellation"], breakdown["added_this_cycle"]))
    assert listed == [
        (True, False, 0, 0),
        (True, False, 1, 0),
        (False, False, 0, 0),
        (False, True, 0, 1),
    ]


# --- reports


def test_a_report_is_an_envelope_with_signed_links_that_need_no_token(
    github: SimulatedGitHub, api: httpx.Client
) -> None:
    envelope = one_day(api)
    assert envelope.json()["report_day"] == "2026-11-18"
    (link,) = envelope.json()["download_links"]
    assert link.startswith(github.download_url)
    assert set(httpx.URL(link).params) == {"se", "sp", "st", "sig"}
    assert [line["day"] for line in lines_of(envelope)] == ["2026-11-18"]
    assert download(link, Authorization=f"Bearer {github.token}").status_code == 400
    for wrong in (link.replace("se=20", "se=30"), link.split("?")[0], f"{link}0"):
        assert download(wrong).status_code == 403
    missing = download(github.signed_link("/no/such/blob.json"))
    assert (missing.status_code, "<Code>BlobNotFound</Code>" in missing.text) == (404, True)
    github.link_lifetime = -1
    expired = download(one_day(api).json()["download_links"][0])
    assert (expired.status_code, "AuthenticationFailed" in expired.text) == (403, True)


@pytest.mark.parametrize("prefix", [ORGANIZATION, ENTERPRISE])
def test_every_report_comes_with_all_its_lines_in_any_number_of_files(prefix: str) -> None:
    enterprise = demo_enterprise()
    scope = enterprise if prefix == ENTERPRISE else enterprise.organizations[0]
    kind = "enterprise" if prefix == ENTERPRISE else "organization"
    github = SimulatedGitHub([], enterprises=[enterprise], today=TODAY, shards=3)
    with github, client_of(github) as api:
        for name in (f"{kind}-1-day", "users-1-day", "user-teams-1-day", "repos-1-day"):
            envelope = one_day(api, path=f"{prefix}/metrics/reports/{name}")
            assert len(set(envelope.json()["download_links"])) == 3
            expected = report_records(scope, name, DAY)
            assert sorted(map(json.dumps, lines_of(envelope))) == sorted(map(json.dumps, expected))
        for name in (f"{kind}-28-day", "users-28-day"):
            envelope = api.get(f"{prefix}/metrics/reports/{name}/latest")
            assert envelope.json()["report_end_day"] == "2026-11-19"
            expected = report_records(scope, name, date(2026, 11, 19))
            assert len(lines_of(envelope)) == len(expected)


def test_days_without_a_report_have_no_content_and_no_day_is_unprocessable(
    github: SimulatedGitHub, api: httpx.Client
) -> None:
    organization = github.organization("demo-org")
    organization.first_day = date(2026, 11, 10)
    days = ("2026-11-09", "2026-11-10", "2026-11-19", "2026-11-20")
    assert [one_day(api, day).status_code for day in days] == [204, 200, 200, 204]
    with github.as_of(DAY):
        assert one_day(api, "2026-11-19").status_code == 204
    organization.reports_since = date(2026, 11, 12)
    assert [one_day(api, f"2026-11-{n}").status_code for n in (11, 12)] == [204, 200]
    for day in ("", "20261118", "2026-02-30"):
        assert one_day(api, day).status_code == 422
    for name, first in {
        "user-teams-1-day": date(2026, 5, 14),
        "repos-1-day": date(2026, 7, 17),
    }.items():
        path = f"{ENTERPRISE}/metrics/reports/{name}"
        days_around = (first - timedelta(days=1), first)
        assert [one_day(api, day, path).status_code for day in days_around] == [204, 200]


def test_the_legacy_endpoint_is_closed_unless_opened_and_takes_a_range_and_pages(
    github: SimulatedGitHub, api: httpx.Client
) -> None:
    assert "closed down" in api.get(LEGACY).json()["message"]
    organization = github.organization("demo-org")
    organization.legacy = True

    def days(**query: str) -> list[str]:
        return [day["date"] for day in api.get(LEGACY, params=query).json()]

    everything = days()
    assert (len(everything), everything[0], everything[-1]) == (100, "2026-08-12", "2026-11-19")
    assert days(since="2026-11-10", until="2026-11-11T23:59:59Z") == ["2026-11-10", "2026-11-11"]
    assert days(since="2026-11-10", per_page="4", page="2")[0] == "2026-11-14"
    assert "next" in api.get(LEGACY, params={"per_page": "28"}).links
    assert api.get(LEGACY, params={"since": "yesterday"}).status_code == 422
    organization.legacy_days = {date(2024, 6, 25): {"date": "2024-06-25"}}
    assert api.get(LEGACY).json() == [{"date": "2024-06-25"}]


# --- faults


def test_a_fault_meets_the_requests_that_it_names_as_often_as_told(
    github: SimulatedGitHub, api: httpx.Client
) -> None:
    github.faults.add("/user$", **faults.server_error(503), times=2)
    assert [api.get("/user").status_code for _ in range(3)] == [503, 503, 200]
    assert len(github.requests) == 3
    github.faults.add("organization-1-day", **faults.policy_off(), query={"day": "2026-11-17"})
    assert [one_day(api, f"2026-11-{n}").status_code for n in (16, 17, 18)] == [200, 403, 200]
    github.faults.clear()
    assert one_day(api, "2026-11-17").status_code == 200
    github.faults.add("/user", redirect_to="https://elsewhere.example/user", status=301)
    answer = api.get("/user")
    assert (answer.status_code, answer.headers["location"]) == (
        301,
        "https://elsewhere.example/user",
    )


@pytest.mark.parametrize("length", [0, 10])
def test_a_cut_download_is_a_protocol_error_for_the_client(
    github: SimulatedGitHub, api: httpx.Client, length: int
) -> None:
    github.faults.add(".", origin="download", cut_after=length, times=1)
    (link,) = one_day(api).json()["download_links"]
    with pytest.raises((httpx.RemoteProtocolError, httpx.ReadError)):
        download(link)
    assert download(link).status_code == 200


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
    assert time.monotonic() - stopping < 1
    waiting.join(timeout=5)
    assert not [t for t in threading.enumerate() if t.name == "simulated-github"]
