"""Where requests may go: endpoints, proxies, download hosts, redirects."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx
import pytest

from copilot_pipeline.accounts import one_account, open_client
from copilot_pipeline.github.client import GitHubClient
from copilot_pipeline.github.errors import GitHubError, RefusedUrlError
from copilot_pipeline.github.urls import (
    DownloadHosts,
    normalize_endpoint,
    normalize_proxy,
    same_origin,
    without_query,
)
from copilot_pipeline.simulated_github import SimulatedGitHub
from copilot_pipeline.warehouse.database import Database
from copilot_pipeline_tests.asking import ask_billing, ask_report, ask_seats
from copilot_pipeline_tests.loading import import_organizations
from copilot_pipeline_tests.test_github_client import client_of, links


@pytest.fixture
def client(github: SimulatedGitHub) -> Iterator[GitHubClient]:
    with client_of(github) as client:
        yield client


# --- endpoints and proxies --------------------------------------------------------------------


def test_plain_http_is_refused_where_a_setting_names_the_host_and_its_port() -> None:
    named = ["ghe.example:80"]
    with pytest.raises(RefusedUrlError, match="must begin with https://"):
        normalize_endpoint("http://ghe.example", named)
    with pytest.raises(RefusedUrlError, match="must begin with https://"):
        DownloadHosts.of("https://api.github.com", named).require("http://ghe.example/file")


@pytest.mark.parametrize(
    ("text", "normal"),
    [
        ("https://api.github.com", "https://api.github.com"),
        (" https://API.GitHub.com:443/ ", "https://api.github.com"),
        ("https://ghe.example/api/v3//", "https://ghe.example/api/v3"),
        ("https://ghe.example:8443", "https://ghe.example:8443"),
        ("https://api.octo.ghe.com/", "https://api.octo.ghe.com"),
        ("http://localhost:8080/", "http://localhost:8080"),
        ("http://[::1]:8080", "http://[::1]:8080"),
    ],
)
def test_an_endpoint_has_one_spelling(text: str, normal: str) -> None:
    named = ["ghe.example", "ghe.example:8443", "localhost", "[::1]"]
    assert normalize_endpoint(text, named) == normal


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("https://ghe.example", []),
        ("https://ghe.example:8443", ["ghe.example"]),
        ("https://ghe.example", ["ghe.example:8443"]),
        ("https://evil.ghe.example", ["ghe.example"]),
        ("https://ghe.example.evil.example", ["ghe.example"]),
        ("https://api.github.com:8443", []),
        ("https://api.github.com.", []),
        ("https://api.github.com.evil.example", []),
        ("https://evil-api.github.com", []),
        ("https://api.a.b.ghe.com", []),
        ("https://api..ghe.com", []),
        ("http://localhost:8080", []),
        ("https://127.0.0.1:8080", []),
        ("http://127.0.0.1:8080", ["localhost", "127.0.0.1:9090"]),
        ("http://[::1]:8080", ["127.0.0.1"]),
    ],
)
def test_an_endpoint_of_a_host_that_is_not_named_is_refused(text: str, named: list[str]) -> None:
    with pytest.raises(RefusedUrlError, match=r"COPILOT_METRICS__ENDPOINTS|URL is not valid"):
        normalize_endpoint(text, named)


def test_a_host_that_is_named_without_a_port_is_any_port_of_this_machine() -> None:
    address = "http://127.0.0.1:8080"
    assert normalize_endpoint(address, ["127.0.0.1"]) == address
    assert normalize_endpoint(address, ["127.0.0.1:8080"]) == address


@pytest.mark.parametrize(
    ("text", "endpoint"),
    [
        ("https://github.com", "https://api.github.com"),
        ("https://www.github.com/octo-org", "https://api.github.com"),
        ("https://octo.ghe.com/", "https://api.octo.ghe.com"),
    ],
)
def test_the_address_of_githubs_pages_is_answered_with_the_endpoint(
    text: str, endpoint: str
) -> None:
    with pytest.raises(RefusedUrlError, match=f"the endpoint is {endpoint}$"):
        normalize_endpoint(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "api.github.com",
        "/api/v3",
        "https://",
        "https://[::1",
        "https://ghe.example:99999",
        "http://api.github.com",
        "http://127.0.0.1.evil.example",
        "ftp://127.0.0.1",
        "https://user@ghe.example",
        "https://user:s3cret@ghe.example",
        "https://ghe.example?token=s3cret",
        "https://ghe.example#s3cret",
    ],
)
def test_an_endpoint_that_is_unsafe_or_no_address_is_refused_without_being_quoted(
    text: str,
) -> None:
    with pytest.raises(RefusedUrlError) as raised:
        normalize_endpoint(text, ["ghe.example", "127.0.0.1"])
    assert "s3cret" not in str(raised.value)


@pytest.mark.parametrize(
    ("text", "normal"),
    [
        ("http://proxy.example:8080/", "http://proxy.example:8080"),
        ("https://proxy.example", "https://proxy.example"),
    ],
)
def test_a_proxy_is_http_or_https_anywhere(text: str, normal: str) -> None:
    assert normalize_proxy(text) == normal


@pytest.mark.parametrize(
    "text",
    [
        "",
        "proxy.example:8080",
        "socks5://proxy.example:1080",
        "http://user@proxy.example",
        "http://user:s3cret@proxy.example",
        "http://proxy.example?auth=s3cret",
        "http://proxy.example/s3cret",
        "http://proxy.example#s3cret",
    ],
)
def test_a_proxy_of_another_kind_or_with_credentials_is_refused(text: str) -> None:
    with pytest.raises(RefusedUrlError) as raised:
        normalize_proxy(text)
    assert "s3cret" not in str(raised.value)


def test_what_is_shown_of_an_address_has_no_signature_and_no_credentials() -> None:
    url = httpx.URL("https://user:s3cret@files.example:8443/a/b.json?sig=s3cret#s3cret")
    assert without_query(url) == "https://files.example:8443/a/b.json"


@pytest.mark.parametrize(
    ("first", "second", "same"),
    [
        ("https://ghe.example/a", "https://GHE.example:443/b?c", True),
        ("http://ghe.example", "http://ghe.example:80", True),
        ("https://ghe.example", "http://ghe.example", False),
        ("https://ghe.example", "http://ghe.example:443", False),
        ("https://ghe.example", "https://ghe.example:8443", False),
        ("https://ghe.example", "https://api.ghe.example", False),
    ],
)
def test_an_origin_is_scheme_host_and_port(first: str, second: str, same: bool) -> None:
    assert same_origin(httpx.URL(first), httpx.URL(second)) is same


# --- download hosts ---------------------------------------------------------------------------

GITHUB = "https://api.github.com"
RESIDENT = "https://api.octo.ghe.com"


@pytest.mark.parametrize(
    ("endpoint", "further", "link"),
    [
        (GITHUB, [], "https://copilot-reports.github.com/a?sig=b"),
        (GITHUB, [], "HTTPS://Copilot-Reports.GitHub.com:443/a"),
        (GITHUB, [], "https://copilot-reports-x1.b01.azurefd.net/a"),
        (GITHUB, [], "https://account.blob.core.windows.net/a"),
        (RESIDENT, [], "https://copilot-reports.octo.ghe.com/a"),
        ("http://127.0.0.1:8000", [], "http://127.0.0.1:9000/a"),
        (GITHUB, ["files.example"], "https://files.example/a"),
        (GITHUB, ["*.files.example"], "https://eu.files.example/a"),
        (GITHUB, ["files.example:8443"], "https://files.example:8443/a"),
        (GITHUB, ["files.example:443"], "https://files.example/a"),
        (GITHUB, ["files-*.octo.example"], "https://files-eu.octo.example/a"),
        (GITHUB, ["127.0.0.1"], "http://127.0.0.1:9000/a"),
        ("http://[::1]:8000", [], "http://[::1]:9000/a"),
    ],
)
def test_a_report_may_come_from_githubs_hosts_and_from_those_that_were_added(
    endpoint: str, further: list[str], link: str
) -> None:
    assert DownloadHosts.of(endpoint, further).require(link) == httpx.URL(link)


@pytest.mark.parametrize(
    ("endpoint", "further", "link"),
    [
        (GITHUB, [], "https://elsewhere.example/a"),
        (GITHUB, [], "https://api.github.com/a"),
        (GITHUB, [], "https://copilot-reports.github.com.evil.example/a"),
        (GITHUB, [], "https://copilot-reports.github.com@evil.example/a"),
        (GITHUB, [], "https://evil.example/copilot-reports.github.com"),
        (GITHUB, [], "https://evilblob.core.windows.net/a"),
        (GITHUB, [], "https://copilot-reports.octo.ghe.com/a"),
        (RESIDENT, [], "https://copilot-reports.other.ghe.com/a"),
        ("https://api.octo.ghe.com.evil.example", [], "https://copilot-reports.octo.ghe.com/a"),
        (GITHUB, [], "http://copilot-reports.github.com/a"),
        (GITHUB, ["files.example"], "http://files.example/a"),
        (GITHUB, [], "http://127.0.0.1:9000/a"),
        (GITHUB, ["files.example:8443"], "https://files.example/a"),
        (GITHUB, ["files.example"], "https://eu.files.example/a"),
        (GITHUB, ["files.example"], "https://files.example:8443/a"),
        (GITHUB, ["*.files.example"], "https://files.example/a"),
        (GITHUB, ["*.files.example"], "https://a.eu.files.example/a"),
        (GITHUB, ["*.files.example"], "https://.files.example/a"),
        (GITHUB, ["files-*.octo.example"], "https://files-1.evil.example/a?.octo.example"),
        (GITHUB, [], "https://copilot-reports-x.evil.b01.azurefd.net/a"),
        (GITHUB, [], "https://a.b.blob.core.windows.net/a"),
        (GITHUB, [], "https://blob.core.windows.net/a"),
        (GITHUB, [], "https://copilot-reports.github.com:8443/a"),
        (RESIDENT, [], "https://copilot-reports.octo.ghe.com:8443/a"),
        (GITHUB, ["127.0.0.1:9000"], "http://127.0.0.1:9001/a"),
        (GITHUB, [], "/reports/a"),
        (GITHUB, [], "//copilot-reports.github.com/a"),
        (GITHUB, [], "file:///etc/passwd"),
    ],
)
def test_a_report_may_not_come_from_anywhere_else(
    endpoint: str, further: list[str], link: str
) -> None:
    with pytest.raises(RefusedUrlError):
        DownloadHosts.of(endpoint, further).require(f"{link}?sig=s3cret")


def test_named_storage_accounts_stand_in_the_place_of_all() -> None:
    hosts = DownloadHosts.of(GITHUB, ["files.example"], ["octoreports", "octomore"])
    for name in ("octoreports.blob.core.windows.net", "octomore.blob.core.windows.net"):
        assert hosts.require(f"https://{name}/a").host == name
    assert hosts.require("https://files.example/a")
    assert hosts.require("https://copilot-reports.github.com/a")
    with pytest.raises(RefusedUrlError, match=r"'evil\.blob\.core\.windows\.net', which is not"):
        hosts.require("https://evil.blob.core.windows.net/a")


def test_the_setting_of_storage_accounts_reaches_the_download(
    warehouse_environment: str, github: SimulatedGitHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    account_id = import_organizations(warehouse_environment, github, "octo-demo")
    links(github, "https://evil.blob.core.windows.net/a?sig=s3cret")
    monkeypatch.setenv("COPILOT_METRICS__STORAGE_ACCOUNTS", "octoreports")
    with Database(warehouse_environment) as database:
        account, _ = one_account(database, account_id)
        with open_client(database, account) as client, pytest.raises(RefusedUrlError) as raised:
            ask_report(client, github.newest_day)
    assert "'evil.blob.core.windows.net', which is not allowed" in str(raised.value)


@pytest.mark.parametrize(
    "link",
    [
        "https://elsewhere.example/file?sig=s3cret",
        "http://elsewhere.example/file?sig=s3cret",
        "http://localhost:1/file?sig=s3cret",
        "/relative/file?sig=s3cret",
    ],
)
def test_a_link_that_is_not_allowed_is_refused_before_anything_is_sent(
    github: SimulatedGitHub, client: GitHubClient, link: str
) -> None:
    links(github, link)
    with pytest.raises(RefusedUrlError) as raised:
        ask_report(client, github.newest_day)
    message = str(raised.value)
    assert "account demo-admin, organization octo-demo, GET /orgs/octo-demo/" in message
    assert "s3cret" not in message
    assert len(github.requests) == 1


def test_a_host_that_was_added_serves_downloads_too(github: SimulatedGitHub) -> None:
    port = httpx.URL(github.download_url).port
    path = "/files/report.json"
    links(github, github.signed_link(path).replace("127.0.0.1", "localhost"))
    github.faults.add(path, origin="download", body="{}")
    with client_of(github, download_hosts=(f"localhost:{port}",)) as client:
        documents = ask_report(client, github.newest_day).files
    assert [document.url for document in documents or []] == [f"http://localhost:{port}{path}"]


# --- redirects --------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_redirect_of_the_api_to_another_host_is_refused_and_the_token_stays(
    github: SimulatedGitHub, client: GitHubClient, other: SimulatedGitHub, status: int
) -> None:
    github.faults.add("/user$", redirect_to=f"{other.url}/user", status=status)
    with pytest.raises(RefusedUrlError, match=r"GET /user.*the token is not sent there"):
        client.user()
    assert other.requests == []
    assert len(github.requests) == 1


@pytest.mark.parametrize("absolute", [True, False])
def test_a_redirect_of_the_api_to_its_own_host_is_followed_with_the_token(
    github: SimulatedGitHub, client: GitHubClient, absolute: bool
) -> None:
    target = "/orgs/octo-demo/copilot/billing"
    address = f"{github.url}{target}" if absolute else target
    github.faults.add("^/orgs/old-name/", redirect_to=address, status=301)
    assert ask_billing(client, slug="old-name").url == f"{github.url}{target}"
    assert github.requests[1].headers["authorization"] == f"Bearer {github.token}"


def test_a_redirect_of_a_download_to_another_host_is_refused(
    github: SimulatedGitHub, client: GitHubClient, other: SimulatedGitHub
) -> None:
    foreign = f"http://localhost:{httpx.URL(other.download_url).port}/file?sig=s3cret"
    github.faults.add(".", origin="download", redirect_to=foreign)
    with pytest.raises(RefusedUrlError, match=r"'localhost:\d+', which is not allowed") as raised:
        ask_report(client, github.newest_day)
    assert "s3cret" not in str(raised.value)
    assert other.requests == []


def test_a_redirect_of_a_download_to_an_allowed_host_is_followed(
    github: SimulatedGitHub, client: GitHubClient, other: SimulatedGitHub
) -> None:
    other.faults.add("/file$", origin="download", body="moved")
    github.faults.add(".", origin="download", redirect_to=f"{other.download_url}/file?sig=1")
    documents = ask_report(client, github.newest_day).files
    assert [(d.url, d.content().decode()) for d in documents or []] == [
        (f"{other.download_url}/file", "moved")
    ]
    assert "authorization" not in other.requests[0].headers


def test_redirects_in_a_circle_come_to_an_end(
    github: SimulatedGitHub, client: GitHubClient
) -> None:
    github.faults.add("/user$", redirect_to="/user")
    with pytest.raises(GitHubError, match="more than 3 redirects"):
        client.user()
    assert len(github.requests) == 4
    github.faults.add(".", origin="download", redirect_to="/again?sig=s3cret")
    with pytest.raises(GitHubError, match="more than 3 redirects") as raised:
        ask_report(client, github.newest_day)
    assert "s3cret" not in str(raised.value)


@pytest.mark.parametrize(
    ("status", "location"),
    [
        (300, None),
        (302, None),
        (304, None),
        (399, None),
        (302, "mailto:admin@elsewhere.example"),
        (302, "https://"),
        (302, "http://[half-an-address"),
    ],
)
def test_a_redirect_to_nowhere_is_an_error_that_says_for_what(
    github: SimulatedGitHub, client: GitHubClient, status: int, location: str | None
) -> None:
    github.faults.add("/user$", status=status, headers={"location": location} if location else {})
    with pytest.raises(GitHubError, match=r"^127[.0-9:]+, account demo-admin, GET /user: "):
        client.user()


# --- the account's proxy ----------------------------------------------------------------------


@pytest.fixture
def proxy() -> Iterator[tuple[str, list[str]]]:
    """A proxy that answers itself: its address, and the request lines it saw."""
    seen: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            seen.append(self.requestline)
            body = json.dumps({"id": 7, "login": "seen-by-the-proxy"}).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            """Silence."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}", seen
        server.shutdown()
        thread.join()


def test_the_accounts_proxy_is_used(github: SimulatedGitHub, proxy: tuple[str, list[str]]) -> None:
    address, seen = proxy
    with client_of(github, proxy=address) as client:
        assert client.user().login == "seen-by-the-proxy"
    assert seen == [f"GET {github.url}/user HTTP/1.1"]
    assert github.requests == []


def test_the_machines_proxy_is_not_used(
    github: SimulatedGitHub, proxy: tuple[str, list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    address, seen = proxy
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "all_proxy"):
        monkeypatch.setenv(name, address)
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    with client_of(github) as client:
        assert client.user().login == "demo-admin"
        assert ask_report(client, github.newest_day).files
        assert list(ask_seats(client))
    assert seen == []
