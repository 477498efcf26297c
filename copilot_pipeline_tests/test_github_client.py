"""What the client asks GitHub for, and what it makes of the answers: users, pages, reports."""

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from copilot_pipeline.github import client as client_module
from copilot_pipeline.github.client import GitHubClient
from copilot_pipeline.github.credentials import PersonalAccessToken
from copilot_pipeline.github.errors import GitHubError, LinkExpiredError, RefusedUrlError
from copilot_pipeline.github.kinds import ScopeKind
from copilot_pipeline.github.retries import RetryPolicy
from copilot_pipeline.github.transport import ConnectionSettings
from copilot_pipeline.simulated_github import (
    Body,
    NotReady,
    Organization,
    ReportFiles,
    SimulatedGitHub,
    authenticated_user,
    faults,
)
from copilot_pipeline.simulated_github.seats import billing
from copilot_pipeline_tests.asking import ask_billing, ask_legacy, ask_report, ask_seats

QUICK = RetryPolicy(attempts=3, first_wait=0.01, max_wait=0.05, unhinted_wait=0.05)


def client_of(github: SimulatedGitHub, policy: RetryPolicy = QUICK, **options: Any) -> GitHubClient:
    """A client of the simulated GitHub; `options` replace fields of its `ConnectionSettings`."""
    connection = ConnectionSettings(
        endpoint=github.url, credential=PersonalAccessToken(github.token), retry_policy=policy
    )
    return GitHubClient(replace(connection, **options), "demo-admin")


@pytest.fixture
def client(github: SimulatedGitHub) -> Iterator[GitHubClient]:
    with client_of(github) as client:
        yield client


def origins(github: SimulatedGitHub) -> list[str]:
    return [request.origin for request in github.requests]


def give(github: SimulatedGitHub, files: list[bytes | str], day: date, **more: Any) -> None:
    given = ReportFiles(files, **more)
    github.organization("octo-demo").reports["organization-1-day", day] = given


def links(github: SimulatedGitHub, *addresses: str) -> None:
    """Makes the newest day's report an envelope with these links."""
    give(github, [], github.newest_day, links=list(addresses))


# --- users ------------------------------------------------------------------------------------


def test_the_user_comes_with_what_github_says_of_the_token(
    github: SimulatedGitHub, client: GitHubClient
) -> None:
    user = client.user()
    body = authenticated_user("demo-admin", 9_000_001)
    assert (user.login, user.id) == ("demo-admin", 9_000_001)
    assert (user.node_id, user.avatar_url) == (body["node_id"], body["avatar_url"])
    assert user.token_scopes == "manage_billing:copilot, read:org"
    expires_at = datetime.combine(github.today, datetime.min.time(), UTC) + timedelta(days=90)
    assert user.token_expires_at == expires_at


def test_a_fine_grained_token_has_no_scopes_and_may_have_no_expiry(github: SimulatedGitHub) -> None:
    token = "github_pat_" + "A" * 82
    github.accept(token, authenticated_user("octocat", 7))
    with client_of(github, credential=PersonalAccessToken(token)) as client:
        user = client.user()
    assert (user.login, user.token_scopes, user.token_expires_at) == ("octocat", None, None)


@pytest.mark.parametrize(
    ("text", "instant"),
    [
        ("2026-12-01 08:00:00 UTC", datetime(2026, 12, 1, 8, tzinfo=UTC)),
        ("2026-12-01 08:00:00 -0600", datetime(2026, 12, 1, 14, tzinfo=UTC)),
        ("2026-12-01 08:00:00 +0200", datetime(2026, 12, 1, 6, tzinfo=UTC)),
        ("never", None),
    ],
)
def test_the_token_expiry_is_an_instant_in_any_of_githubs_forms(
    github: SimulatedGitHub, client: GitHubClient, text: str, instant: datetime | None
) -> None:
    github.faults.add("/user$", headers={"github-authentication-token-expiration": text})
    assert client.user().token_expires_at == instant


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"login": "octocat"},
        {"id": 7, "login": ""},
        {"id": "7", "login": "octocat"},
        {"id": True, "login": "octocat"},
        "[]",
        "",
        "<html>Sign in to the Wi-Fi</html>",
        b"\xff",
    ],
)
def test_an_answer_that_names_no_user_points_at_the_endpoint(
    github: SimulatedGitHub, client: GitHubClient, body: Body
) -> None:
    github.faults.add("/user$", body=body)
    with pytest.raises(GitHubError, match=r"account demo-admin, GET /user: .*Check the endpoint"):
        client.user()


def test_every_api_request_carries_the_headers_github_asks_for(
    github: SimulatedGitHub, client: GitHubClient
) -> None:
    client.user()
    headers = github.requests[0].headers
    assert headers["accept"] == "application/vnd.github+json"
    assert headers["authorization"] == f"Bearer {github.token}"
    assert headers["x-github-api-version"] == "2026-03-10"
    assert headers["user-agent"] == "copilot_pipeline"


def test_paths_lie_below_the_endpoints_own_path(github: SimulatedGitHub) -> None:
    github.faults.add("^/api/v3/user$", body={"id": 7, "login": "octocat"})
    with client_of(github, endpoint=f"{github.url}/api/v3") as client:
        assert client.user().login == "octocat"


@pytest.mark.parametrize(
    ("kind", "slug", "path"),
    [
        ("organization", "octo-demo", "/orgs/octo-demo/copilot/billing"),
        ("enterprise", "octo-corp", "/enterprises/octo-corp/copilot/billing"),
        ("organization", "../user?a=b#c", "/orgs/../user?a=b#c/copilot/billing"),
    ],
)
def test_a_slug_is_one_part_of_the_path_whatever_it_holds(
    github: SimulatedGitHub, client: GitHubClient, kind: str, slug: str, path: str
) -> None:
    github.faults.add(".", body={})
    ask_billing(client, ScopeKind(kind), slug)
    assert [(request.path, request.query) for request in github.requests] == [(path, {})]


# --- billing and pages ------------------------------------------------------------------------


def test_billing_comes_as_received(github: SimulatedGitHub, client: GitHubClient) -> None:
    before = datetime.now(UTC)
    document = ask_billing(client)
    assert json.loads(document.content()) == billing(Organization("octo-demo"), github.newest_day)
    assert document.url == f"{github.url}/orgs/octo-demo/copilot/billing"
    assert before <= document.fetched_at <= datetime.now(UTC)


def test_250_seats_come_in_three_pages_of_100(
    github: SimulatedGitHub, client: GitHubClient
) -> None:
    github.organization("octo-demo").seat_count = 250
    pages = [json.loads(page.content())["seats"] for page in ask_seats(client)]
    assert [len(page) for page in pages] == [100, 100, 50]
    assert len({seat["assignee"]["id"] for page in pages for seat in page}) == 250
    assert [request.query for request in github.requests] == [
        {"per_page": "100"},
        {"per_page": "100", "page": "2"},
        {"per_page": "100", "page": "3"},
    ]


def test_the_next_page_is_asked_for_as_github_gives_its_address(
    github: SimulatedGitHub, client: GitHubClient
) -> None:
    opaque = f"{github.url}/orgs/octo-demo/copilot/billing/seats?after=b3BhcXVl%3D%3D"
    link = f'<{github.url}/elsewhere>; rel="last", <{opaque}>; rel="next"'
    github.faults.add("/seats$", headers={"link": link}, times=1)
    assert len(list(ask_seats(client))) == 2
    assert github.requests[1].query == {"after": "b3BhcXVl=="}


def test_a_page_that_fails_is_not_the_last_page(
    github: SimulatedGitHub, client: GitHubClient
) -> None:
    github.organization("octo-demo").seat_count = 250
    github.faults.add("/seats$", query={"page": "2"}, **faults.not_found())
    with pytest.raises(GitHubError, match="404"):
        list(ask_seats(client))


def test_a_next_page_on_another_host_is_refused_and_never_sees_the_token(
    github: SimulatedGitHub, client: GitHubClient
) -> None:
    with SimulatedGitHub([Organization("octo-demo")]) as other:
        for address in (f"{other.url}/seats", "//elsewhere.example/seats", "https://127.0.0.1/"):
            github.faults.add("/seats$", headers={"link": f'<{address}>; rel="next"'}, times=1)
            with pytest.raises(RefusedUrlError, match="the token is not sent there"):
                list(ask_seats(client))
        assert other.requests == []


def test_pages_that_go_in_a_circle_come_to_an_end(
    github: SimulatedGitHub, client: GitHubClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client_module, "MAX_PAGES", 4)
    github.faults.add("/seats$", headers={"link": '</orgs/octo-demo/seats>; rel="next"'}, body={})
    with pytest.raises(GitHubError, match="more than 4 pages"):
        list(ask_seats(client))


def test_legacy_days_come_page_by_page_between_both_days(
    github: SimulatedGitHub, client: GitHubClient
) -> None:
    organization = github.organization("octo-demo")
    organization.legacy = True
    days = [date(2026, 1, 1) + timedelta(days=n) for n in range(200)]
    organization.legacy_days = {day: {"date": str(day)} for day in days}
    pages = [json.loads(page.content()) for page in ask_legacy(client, days[10], days[159])]
    assert [len(page) for page in pages] == [100, 50]
    assert [pages[0][0]["date"], pages[-1][-1]["date"]] == [str(days[10]), str(days[159])]
    first = {"since": str(days[10]), "until": str(days[159]), "per_page": "100"}
    assert [request.query for request in github.requests] == [first, first | {"page": "2"}]


def test_no_content_is_no_page(github: SimulatedGitHub, client: GitHubClient) -> None:
    github.faults.add("/copilot/metrics$", status=204)
    assert list(ask_legacy(client, github.newest_day, github.newest_day)) == []


# --- reports ----------------------------------------------------------------------------------


def test_a_report_is_all_of_its_files_without_the_signatures(
    github: SimulatedGitHub, client: GitHubClient
) -> None:
    day = github.newest_day
    give(github, ['{"part": 1}', b'\xef\xbb\xbf{"part": 2}', '{"part": "\u00e9"}'], day)
    documents = ask_report(client, day).files
    assert documents is not None
    assert [document.content().decode() for document in documents] == [
        '{"part": 1}',
        '{"part": 2}',
        '{"part": "\u00e9"}',
    ]
    paths = [request.path for request in github.requests if request.origin == "download"]
    assert [document.url for document in documents] == [github.download_url + p for p in paths]
    assert github.requests[0].query == {"day": str(day)}


def test_downloads_carry_neither_the_token_nor_a_cookie(
    github: SimulatedGitHub, client: GitHubClient
) -> None:
    # Cookies know no ports: the API's would go to the download host of the same name.
    for origin in ("api", "download"):
        github.faults.add(".", origin=origin, headers={"set-cookie": "session=1; Path=/"})
    give(github, ["{}", "{}"], github.newest_day)
    assert ask_report(client, github.newest_day).files
    client.user()
    assert origins(github) == ["api", "download", "download", "api"]
    assert all("cookie" not in request.headers for request in github.requests)
    assert all("authorization" not in request.headers for request in github.requests[1:3])


@pytest.mark.parametrize("form", NotReady)
def test_a_report_that_is_not_there_yet_is_none(
    github: SimulatedGitHub, client: GitHubClient, form: NotReady
) -> None:
    day = github.newest_day
    github.organization("octo-demo").reports["organization-1-day", day] = form
    assert ask_report(client, day).files == []
    assert origins(github) == ["api"]


@pytest.mark.parametrize("body", ["", " \n", "null", '""', '"no data"', '{"download_links": []}'])
def test_an_answer_without_links_is_no_report(
    github: SimulatedGitHub, client: GitHubClient, body: Body
) -> None:
    github.faults.add("organization-1-day$", body=body)
    assert ask_report(client, github.newest_day).files == []


@pytest.mark.parametrize(
    "body", ["{}", "[]", "<html>", '{"download_links": null}', '{"download_links": [null]}', "7"]
)
def test_an_envelope_of_another_shape_is_an_error_and_not_a_day_without_data(
    github: SimulatedGitHub, client: GitHubClient, body: Body
) -> None:
    github.faults.add("organization-1-day$", body=body)
    with pytest.raises(GitHubError, match=r"no list of download links|not JSON"):
        ask_report(client, github.newest_day)


def test_the_report_of_another_day_is_refused_before_it_is_downloaded(
    github: SimulatedGitHub, client: GitHubClient
) -> None:
    day = github.newest_day
    give(github, ["{}"], day, report_day=day - timedelta(days=1))
    with pytest.raises(GitHubError, match=f"octo-demo.*a day other than {day}"):
        ask_report(client, day)
    assert origins(github) == ["api"]


def test_a_file_that_is_not_utf_8_is_an_error(
    github: SimulatedGitHub, client: GitHubClient
) -> None:
    give(github, ["{}", b'{"name": "\xe9"}'], github.newest_day)
    with pytest.raises(GitHubError, match="not UTF-8"):
        ask_report(client, github.newest_day)


def test_an_expired_link_leads_to_a_new_envelope_and_to_all_files_again(
    github: SimulatedGitHub, client: GitHubClient
) -> None:
    give(github, ["first", "second"], github.newest_day)
    github.faults.add("-1.json$", origin="download", times=1, **faults.link_expired())
    documents = ask_report(client, github.newest_day).files
    assert [document.content().decode() for document in documents or []] == ["first", "second"]
    assert origins(github) == ["api", "download", "download"] * 2


def test_links_that_stay_expired_are_asked_for_three_times(github: SimulatedGitHub) -> None:
    github.link_lifetime = -1
    with client_of(github) as client, pytest.raises(LinkExpiredError) as raised:
        ask_report(client, github.newest_day)
    assert origins(github) == ["api", "download"] * 3
    assert "octo-demo" in str(raised.value)
    assert "sig=" not in str(raised.value)


def test_a_file_that_stays_missing_is_a_report_that_is_not_ready(
    github: SimulatedGitHub, client: GitHubClient
) -> None:
    give(github, ["{}"], github.newest_day, links=[github.signed_link("/no/such/file.json")])
    assert ask_report(client, github.newest_day).files == []
    assert origins(github) == ["api", "download"] * 3


def test_a_file_that_appears_with_a_new_envelope_is_read(
    github: SimulatedGitHub, client: GitHubClient
) -> None:
    github.faults.add(".", origin="download", times=2, **faults.blob_not_found())
    assert ask_report(client, github.newest_day).files
    assert origins(github) == ["api", "download"] * 3


@pytest.mark.parametrize(
    "link",
    [
        '<{url}?page=2;a,b>; rel="next", <{url}?page=3>; rel="last"',
        '<{url}?page=3>; rel="last", <{url}?page=2>; title="x"; rel="prefetch next"',
        "<{url}?page=2>; REL=next",
        '<?page=2>; rel="next"',
    ],
)
def test_every_form_of_a_next_link_is_followed(
    github: SimulatedGitHub, client: GitHubClient, link: str
) -> None:
    url = f"{github.url}/orgs/octo-demo/copilot/billing/seats"
    headers = {"link": link.format(url=url)}
    github.faults.add("/seats$", status=200, body={"seats": []}, headers=headers, times=1)
    assert len(list(ask_seats(client))) == 2
    assert github.requests[-1].query["page"].startswith("2")


def test_a_next_link_that_is_no_address_is_refused(
    github: SimulatedGitHub, client: GitHubClient
) -> None:
    headers = {"link": '<http://[broken>; rel="next"'}
    github.faults.add("/seats$", status=200, body={"seats": []}, headers=headers)
    with pytest.raises(RefusedUrlError, match="octo-demo/copilot/billing/seats: GitHub points to"):
        list(ask_seats(client))


def test_a_report_of_too_many_files_is_refused_before_any_is_fetched(
    github: SimulatedGitHub, client: GitHubClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client_module, "MAX_FILES", 2)
    links(github, *[github.signed_link(f"/{number}") for number in range(3)])
    with pytest.raises(GitHubError, match="more than 2 files"):
        ask_report(client, github.newest_day)
    assert "download" not in origins(github)


def test_an_answer_with_a_nul_byte_is_refused(
    github: SimulatedGitHub, client: GitHubClient
) -> None:
    give(github, [b'{"day": "\0"}'], github.newest_day)
    with pytest.raises(GitHubError, match="NUL byte"):
        ask_report(client, github.newest_day)


@pytest.mark.parametrize("relation", ["nextpage", "prev-next", "last"])
def test_only_the_relation_next_is_followed(
    github: SimulatedGitHub, client: GitHubClient, relation: str
) -> None:
    link = {"link": f'<{github.url}/orgs/octo-demo/copilot/billing/seats?page=2>; rel="{relation}"'}
    github.faults.add("/seats$", headers=link, body={"seats": []})
    assert len(list(ask_seats(client))) == 1
