"""What a hostile or broken server cannot do: lure the token away, fill memory, hold us for ever."""

import gzip
import json
import os
import re
import socket
import socketserver
import stat
import threading
import time
import tracemalloc
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
import sqlalchemy as sa

from copilot_pipeline.accounts import AccountOptions, import_account, one_account, open_client
from copilot_pipeline.cli import run_command
from copilot_pipeline.github import transport
from copilot_pipeline.github.client import GitHubClient
from copilot_pipeline.github.errors import (
    GitHubError,
    RateLimitedError,
    RefusedUrlError,
    RetryableError,
)
from copilot_pipeline.github.urls import normalize_proxy
from copilot_pipeline.simulated_github import Answer, ReportFiles, SimulatedGitHub, faults
from copilot_pipeline.warehouse.database import Database
from copilot_pipeline_tests.asking import ask_billing, ask_report, ask_seats
from copilot_pipeline_tests.commands import Output, fail, import_with, succeed
from copilot_pipeline_tests.loading import (
    execute,
    import_organizations,
    newest_complete_day,
    read_table,
)
from copilot_pipeline_tests.test_github_client import QUICK, client_of, links

ONCE = replace(QUICK, attempts=1, rate_limit_attempts=1)
MIB = 1024 * 1024

# What a server sends in answer to a request's head.
Script = Callable[[socket.socket, str], None]


@contextmanager
def wire(script: Script) -> Iterator[tuple[str, list[str]]]:
    """A server that says what no web framework would: its address, and the heads it received."""
    seen: list[str] = []

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            head = b""
            with suppress(OSError):
                while b"\r\n\r\n" not in head:
                    received = self.request.recv(65536)
                    if not received:
                        return
                    head += received
                seen.append(head.decode())
                script(self.request, head.decode())

    class Server(socketserver.ThreadingTCPServer):
        daemon_threads = True
        block_on_close = False

    with Server(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}", seen
        finally:
            server.shutdown()
            thread.join()


def send_json(connection: socket.socket, body: object) -> None:
    payload = json.dumps(body).encode()
    connection.sendall(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: ")
    connection.sendall(f"{len(payload)}\r\n\r\n".encode() + payload)


def drip(connection: socket.socket, piece: bytes, seconds: float = 4.0) -> None:
    """The piece again and again; not for ever, so that a test without a limit fails and ends."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        connection.sendall(piece)
        time.sleep(0.01)


@pytest.fixture
def client(github: SimulatedGitHub) -> Iterator[GitHubClient]:
    with client_of(github) as client:
        yield client


def elsewhere(github: SimulatedGitHub, other: SimulatedGitHub) -> dict[str, str]:
    """Addresses that are not the endpoint, and which of its three parts makes the difference."""
    port = httpx.URL(github.url).port
    return {
        "port": f"{other.url}/user",
        "host": f"http://localhost:{port}/user",
        "scheme": f"https://127.0.0.1:{port}/user",
        "user": f"http://127.0.0.1:{port}@localhost:{httpx.URL(other.url).port}/user",
        "no scheme": f"//localhost:{httpx.URL(other.url).port}/user",
    }


PARTS = ["port", "host", "scheme", "user", "no scheme"]


# --- the token stays at its endpoint ------------------------------------------------------------


@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_redirect_to_another_host_port_or_scheme_is_refused_before_it_is_called(
    github: SimulatedGitHub, client: GitHubClient, other: SimulatedGitHub, status: int, part: str
) -> None:
    github.faults.add("/user$", redirect_to=elsewhere(github, other)[part], status=status)
    with pytest.raises(RefusedUrlError, match="the token is not sent there"):
        client.user()
    assert len(github.requests) == 1
    assert other.requests == []


@pytest.mark.parametrize("hops", [1, 2])
def test_a_redirect_within_the_endpoint_does_not_lead_out_of_it_later(
    github: SimulatedGitHub, client: GitHubClient, other: SimulatedGitHub, hops: int
) -> None:
    github.faults.add("/user$", redirect_to="/hop1")
    for hop in range(1, hops):
        github.faults.add(f"/hop{hop}$", redirect_to=f"/hop{hop + 1}")
    github.faults.add(f"/hop{hops}$", redirect_to=f"{other.url}/user")
    with pytest.raises(RefusedUrlError, match="the token is not sent there"):
        client.user()
    assert len(github.requests) == hops + 1
    assert other.requests == []


@pytest.mark.parametrize("part", PARTS)
def test_a_next_page_on_another_host_port_or_scheme_is_refused_before_it_is_called(
    github: SimulatedGitHub, client: GitHubClient, other: SimulatedGitHub, part: str
) -> None:
    link = f'<{elsewhere(github, other)[part]}>; rel="next"'
    github.faults.add("/seats$", headers={"link": link})
    with pytest.raises(RefusedUrlError, match="the token is not sent there"):
        list(ask_seats(client))
    assert len(github.requests) == 1
    assert other.requests == []


def test_a_next_page_that_redirects_elsewhere_is_refused(
    github: SimulatedGitHub, client: GitHubClient, other: SimulatedGitHub
) -> None:
    github.faults.add("/seats$", headers={"link": '</page2>; rel="next"'})
    github.faults.add("/page2$", redirect_to=f"{other.url}/seats")
    with pytest.raises(RefusedUrlError, match="the token is not sent there"):
        list(ask_seats(client))
    assert other.requests == []


def test_a_download_link_to_the_api_itself_is_called_without_the_token(
    github: SimulatedGitHub, client: GitHubClient
) -> None:
    links(github, f"{github.url}/user")
    with pytest.raises(GitHubError, match="401"):
        ask_report(client, github.newest_day)
    envelopes = [request for request in github.requests if request.path != "/user"]
    downloads = [request for request in github.requests if request.path == "/user"]
    assert downloads
    assert all("authorization" in request.headers for request in envelopes)
    assert all("authorization" not in request.headers for request in downloads)


def test_a_download_that_is_redirected_to_the_api_or_elsewhere_carries_no_token(
    github: SimulatedGitHub, client: GitHubClient, other: SimulatedGitHub
) -> None:
    github.faults.add(".", origin="download", redirect_to=f"{other.download_url}/one")
    other.faults.add("/one$", origin="download", redirect_to=f"{github.url}/two")
    github.faults.add("/two$", redirect_to=f"{github.url}/three", status=307)
    github.faults.add("/three$", body="{}")
    assert ask_report(client, github.newest_day).files
    requests = [*github.requests, *other.requests]
    with_token = [request.path for request in requests if "authorization" in request.headers]
    assert with_token == ["/orgs/octo-demo/copilot/metrics/reports/organization-1-day"]
    assert len(requests) == 5


# --- download hosts, hop by hop -----------------------------------------------------------------


@pytest.mark.parametrize("hops", [1, 2, 3])
@pytest.mark.parametrize(
    "foreign",
    [
        "https://elsewhere.example/file?sig=s3cret",
        "http://localhost:1/file?sig=s3cret",
        "http://files.example/file?sig=s3cret",
        "//elsewhere.example/file?sig=s3cret",
    ],
)
def test_every_hop_of_a_download_must_be_an_allowed_host_and_https_off_this_machine(
    github: SimulatedGitHub, hops: int, foreign: str
) -> None:
    links(github, f"{github.download_url}/hop1?sig=s3cret")
    for hop in range(1, hops):
        address = f"/hop{hop + 1}?sig=s3cret"
        github.faults.add(f"/hop{hop}$", origin="download", redirect_to=address)
    github.faults.add(f"/hop{hops}$", origin="download", redirect_to=foreign)
    with (
        client_of(github, download_hosts=("files.example",)) as client,
        pytest.raises(
            RefusedUrlError, match=r"octo-demo.*(not allowed|must begin with https)"
        ) as e,
    ):
        ask_report(client, github.newest_day)
    assert "s3cret" not in str(e.value)
    assert len(github.requests) == hops + 1


@pytest.mark.parametrize("origin", ["api", "download"])
def test_three_redirects_are_followed_and_a_fourth_is_not(
    github: SimulatedGitHub, client: GitHubClient, origin: faults.Origin
) -> None:
    links(github, f"{github.download_url}/hop1")
    for hop in (1, 2, 3):
        github.faults.add(f"/hop{hop}$", origin=origin, redirect_to=f"/hop{hop + 1}", times=2)
    github.faults.add("/user$", redirect_to="/hop2")
    github.faults.add("/hop4$", origin=origin, body={"id": 7, "login": "octocat"}, times=1)
    github.faults.add("/hop4$", origin=origin, redirect_to="/hop5")

    def call() -> object:
        if origin == "api":
            return client.user()
        return ask_report(client, github.newest_day)

    assert call()
    reached = len(github.requests)
    with pytest.raises(GitHubError, match="more than 3 redirects"):
        call()
    assert len(github.requests) == 2 * reached
    assert not any(request.path == "/hop5" for request in github.requests)


# --- size ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("compressed", [True, False])
@pytest.mark.parametrize("origin", ["api", "download"])
def test_an_answer_one_byte_over_the_limit_is_refused_and_one_at_the_limit_is_not(
    github: SimulatedGitHub,
    client: GitHubClient,
    monkeypatch: pytest.MonkeyPatch,
    origin: faults.Origin,
    compressed: bool,
) -> None:
    monkeypatch.setattr(transport, "MAX_ANSWER_BYTES", MIB)
    monkeypatch.setattr(transport, "MAX_FILE_BYTES", MIB)

    def give(size: int) -> None:
        body = b'{"id": 7, "login": "octocat"}'.ljust(size)
        headers = {"content-encoding": "gzip"} if compressed else {}
        sent = gzip.compress(body) if compressed else body
        path = "/user$" if origin == "api" else "."
        github.faults.clear()
        github.faults.add(path, origin=origin, status=200, body=sent, headers=headers)

    def call() -> object:
        if origin == "api":
            return client.user()
        return ask_report(client, github.newest_day)

    give(MIB)
    assert call()
    github.requests.clear()
    give(MIB + 1)
    with pytest.raises(GitHubError, match="larger than 1 MiB"):
        call()
    assert [request.origin for request in github.requests].count(origin) == 1


@pytest.mark.parametrize("origin", ["api", "download"])
@pytest.mark.parametrize("members", [1, 64])
def test_a_small_answer_that_unpacks_to_a_huge_one_is_not_unpacked_in_memory(
    github: SimulatedGitHub,
    client: GitHubClient,
    monkeypatch: pytest.MonkeyPatch,
    origin: faults.Origin,
    members: int,
) -> None:
    monkeypatch.setattr(transport, "MAX_ANSWER_BYTES", MIB)
    monkeypatch.setattr(transport, "MAX_FILE_BYTES", MIB)
    bomb = gzip.compress(bytes(128 * MIB // members)) * members
    assert len(bomb) < MIB // 2
    path = "/user$" if origin == "api" else "."
    headers = {"content-encoding": "gzip"}
    github.faults.add(path, origin=origin, status=200, body=bomb, headers=headers)
    tracemalloc.start()
    try:
        with pytest.raises(GitHubError, match="larger than 1 MiB"):
            client.user() if origin == "api" else ask_report(client, github.newest_day)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 32 * MIB


@pytest.mark.parametrize("encoding", ["gzip, gzip", "deflate", "br", "zstd", "gzip;q=1"])
def test_compression_that_was_not_asked_for_is_refused(
    github: SimulatedGitHub, client: GitHubClient, encoding: str
) -> None:
    twice = gzip.compress(gzip.compress(b'{"id": 7, "login": "octocat"}'))
    body = zlib.compress(b'{"id": 7, "login": "octocat"}') if encoding == "deflate" else twice
    github.faults.add("/user$", status=200, body=body, headers={"content-encoding": encoding})
    with pytest.raises(GitHubError, match="compression of the response is not supported"):
        client.user()


def test_a_stream_without_an_end_is_given_up_at_the_size_limit(
    monkeypatch: pytest.MonkeyPatch, github: SimulatedGitHub
) -> None:
    monkeypatch.setattr(transport, "MAX_ANSWER_BYTES", MIB)
    monkeypatch.setattr(transport, "MAX_FILE_BYTES", MIB)
    monkeypatch.setattr(transport, "MAX_ANSWER_SECONDS", 5)

    def endless(connection: socket.socket, head: str) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        until = time.monotonic() + 10
        while time.monotonic() < until:
            connection.sendall(b"10000\r\n" + bytes(0x10000) + b"\r\n")

    with wire(endless) as (address, _):
        links(github, f"{address}/file")
        with (
            client_of(github, endpoint=address) as api,
            pytest.raises(GitHubError, match="larger than 1 MiB"),
        ):
            api.user()
        with (
            client_of(github) as downloads,
            pytest.raises(GitHubError, match="larger than 1 MiB"),
        ):
            ask_report(downloads, github.newest_day)


# --- time ---------------------------------------------------------------------------------------

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"

# What is sent at once, and what then comes again and again, long before any timeout of a read.
DRIPS: dict[str, tuple[bytes, bytes]] = {
    "body": (HEAD + b"Content-Length: 100000\r\n\r\n", b"x"),
    "chunks": (HEAD + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n"),
    "body without a length": (HEAD + b"Connection: close\r\n\r\n", b"x"),
}
HEADER_DRIPS: dict[str, tuple[bytes, bytes]] = {
    "status line": (b"", b"H"),
    "one header": (HEAD + b"X-Drip: ", b"x"),
    "many headers": (HEAD, b"X-Drip: x\r\n"),
    "interim answers": (b"", b"HTTP/1.1 103 Early Hints\r\n\r\n"),
    "chunk size": (HEAD + b"Transfer-Encoding: chunked\r\n\r\n", b"0"),
    "trailers": (HEAD + b"Transfer-Encoding: chunked\r\n\r\n0\r\n", b"X-Drip: x\r\n"),
}


def assert_given_up_in_time(github: SimulatedGitHub, first: bytes, then: bytes) -> None:
    """As an answer of the API and as a download: it ends soon, and may be tried again."""

    def dripping(connection: socket.socket, head: str) -> None:
        connection.sendall(first)
        drip(connection, then)

    with wire(dripping) as (address, _):
        links(github, f"{address}/file?sig=s3cret")
        with (
            client_of(github, ONCE, endpoint=address) as api,
            client_of(github, ONCE) as downloads,
        ):
            for call in (api.user, lambda: ask_report(downloads, github.newest_day)):
                started = time.monotonic()
                with pytest.raises(RetryableError) as raised:
                    call()
                assert time.monotonic() - started < 2.5
                assert "s3cret" not in str(raised.value)


@pytest.mark.parametrize("name", DRIPS)
def test_a_body_that_drips_for_ever_is_given_up_after_the_longest_time(
    github: SimulatedGitHub, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setattr(transport, "MAX_ANSWER_SECONDS", 0.5)
    assert_given_up_in_time(github, *DRIPS[name])


@pytest.mark.parametrize("name", HEADER_DRIPS)
def test_headers_that_drip_for_ever_are_given_up_after_the_longest_time(
    github: SimulatedGitHub, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setattr(transport, "MAX_ANSWER_SECONDS", 0.5)
    assert_given_up_in_time(github, *HEADER_DRIPS[name])


def test_headers_without_an_end_are_given_up_at_a_size(github: SimulatedGitHub) -> None:
    def endless(connection: socket.socket, head: str) -> None:
        connection.sendall(HEAD)
        for _ in range(2000):
            connection.sendall(b"X-Long: " + b"x" * 1000 + b"\r\n")

    with (
        wire(endless) as (address, _),
        client_of(github, ONCE, endpoint=address) as client,
        pytest.raises(RetryableError, match=r"^127[.0-9:]+, .*incomplete response"),
    ):
        client.user()


# --- numbers and dates of a hostile server ------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "9" * 5000,
        "Mon, 05 Jan 2026 00:00:00 +99999999999999999999",
        "Mon, 05 Jan 99999999999999999999 00:00:00 GMT",
        "Mon, 05 Jan 2026 99999999999999999999:00:00 GMT",
        "Fri, 31 Dec 9999 23:59:59 -2300",
    ],
)
@pytest.mark.parametrize("origin", ["api", "download"])
def test_an_absurd_retry_after_is_a_rate_limit_that_is_given_up(
    github: SimulatedGitHub, text: str, origin: faults.Origin
) -> None:
    github.faults.add(".", origin=origin, status=429, headers={"retry-after": text})
    with (
        client_of(github, ONCE) as client,
        pytest.raises(RateLimitedError, match="octo-demo"),
    ):
        ask_report(client, github.newest_day)


@pytest.mark.parametrize("text", ["0001-01-01 00:00:00 +0200", "9999-12-31 23:59:59 -0200"])
def test_an_absurd_token_expiry_does_not_stop_an_import(
    warehouse_environment: str,
    github: SimulatedGitHub,
    monkeypatch: pytest.MonkeyPatch,
    capsys: Output,
    text: str,
) -> None:
    monkeypatch.setenv("GITHUB_TOKEN", github.token)
    github.faults.add("/user$", headers={"github-authentication-token-expiration": text})
    succeed(import_with(github, "--org", "octo-demo"), capsys)
    assert succeed(["accounts", "show", "1"], capsys)["token_expires_at"] is None


# --- the account's proxy ------------------------------------------------------------------------


@contextmanager
def recording_proxy(github: SimulatedGitHub) -> Iterator[tuple[str, list[str]]]:
    """A proxy that answers plain requests itself, refuses tunnels, and notes both."""

    def answer(connection: socket.socket, head: str) -> None:
        method, address = head.split(" ", 2)[:2]
        if method == "CONNECT":
            connection.sendall(b"HTTP/1.1 502 No Tunnel\r\nContent-Length: 0\r\n\r\n")
        elif "/reports/" in address:
            wanted = github.organization("octo-demo").reports
            (given,) = (files.links for files in wanted.values() if isinstance(files, ReportFiles))
            send_json(connection, {"download_links": given, "report_day": None})
        else:
            send_json(connection, {"id": 7, "login": "seen-by-the-proxy"})

    with wire(answer) as (address, seen):
        yield address, seen


def test_all_calls_of_an_account_go_through_its_proxy(github: SimulatedGitHub) -> None:
    plain, secure = f"{github.download_url}/file", "https://files.example/file"
    with recording_proxy(github) as (address, seen):
        options: dict[str, Any] = {"proxy": address, "download_hosts": ("files.example",)}
        with client_of(github, ONCE, **options) as client:
            assert client.user().login == "seen-by-the-proxy"
            links(github, plain)
            assert ask_report(client, github.newest_day).files
            links(github, secure)
            with pytest.raises(RetryableError, match="ProxyError"):
                ask_report(client, github.newest_day)
        options["endpoint"] = "https://api.octo.example"
        with (
            client_of(github, ONCE, **options) as client,
            pytest.raises(RetryableError, match=r"GET /user.*ProxyError.*Check.* the proxy"),
        ):
            client.user()
    assert github.requests == []
    path = "/orgs/octo-demo/copilot/metrics/reports/organization-1-day"
    assert [" ".join(head.split(" ")[:2]) for head in seen] == [
        f"GET {github.url}/user",
        f"GET {github.url}{path}?day={github.newest_day}",
        f"GET {plain}",
        f"GET {github.url}{path}?day={github.newest_day}",
        "CONNECT files.example:443",
        "CONNECT api.octo.example:443",
    ]
    assert not any(
        github.token in head for head in seen if not head.startswith(f"GET {github.url}")
    )


def test_the_machines_proxy_is_not_used_for_https_either(
    github: SimulatedGitHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    links(github, "https://127.0.0.1:9/file")
    with recording_proxy(github) as (address, seen):
        for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
            monkeypatch.setenv(name, address)
            monkeypatch.setenv(name.lower(), address)
        for name in ("NO_PROXY", "no_proxy"):
            monkeypatch.delenv(name, raising=False)
        with (
            client_of(github, ONCE) as client,
            pytest.raises(RetryableError, match="ConnectError"),
        ):
            ask_report(client, github.newest_day)
        with (
            client_of(github, ONCE, endpoint="https://127.0.0.1:9") as client,
            pytest.raises(RetryableError, match="ConnectError"),
        ):
            client.user()
    assert seen == []


def test_the_proxy_of_an_import_is_kept_and_used_afterwards(
    database: Database, github: SimulatedGitHub
) -> None:
    with recording_proxy(github) as (address, seen):
        wanted = AccountOptions(github.url, f"{address}/", ["octo-demo"])
        account_id = import_account(database, github.token, wanted)
        account, _ = one_account(database, account_id)
        assert account.proxy == address
        with open_client(database, account) as client:
            assert client.user().login == "seen-by-the-proxy"
    assert len(seen) == 2
    assert github.requests == []


@pytest.mark.parametrize(
    "proxy", ["http://someone:s3cret@proxy.example:8080", "https://s3cret@proxy.example"]
)
def test_a_proxy_with_credentials_is_refused_with_advice(
    github: SimulatedGitHub,
    monkeypatch: pytest.MonkeyPatch,
    capsys: Output,
    proxy: str,
) -> None:
    monkeypatch.setenv("GITHUB_TOKEN", github.token)
    with pytest.raises(RefusedUrlError, match="use a proxy that admits this machine without them"):
        normalize_proxy(proxy)
    said = fail(import_with(github, "--proxy", proxy), capsys)
    assert "use a proxy that admits this machine without them" in said
    assert "s3cret" not in said
    assert github.requests == []
    assert succeed(["accounts", "list"], capsys) == []


# --- files --------------------------------------------------------------------------------------


@pytest.mark.parametrize("journal", ["WAL", "DELETE"])
def test_sqlite_files_are_private_whatever_the_umask(tmp_path: Path, journal: str) -> None:
    before = os.umask(0)
    try:
        with Database(f"sqlite:///{tmp_path / 'private.db'}") as database:
            with database.connect() as connection:
                # Outside of a transaction, which is where SQLite takes it.
                raw = connection.connection.dbapi_connection
                assert raw is not None
                raw.execute(f"PRAGMA journal_mode = {journal}")
            with database.write() as connection:
                connection.execute(sa.text("CREATE TABLE scratch (a TEXT)"))
                connection.execute(sa.text("INSERT INTO scratch VALUES ('x')"))
                modes = {
                    file.name: stat.S_IMODE(file.stat().st_mode)
                    for file in tmp_path.glob("private.db*")
                }
    finally:
        os.umask(before)
    names = ["-wal", "-shm"] if journal == "WAL" else ["-journal"]
    assert modes == {f"private.db{name}": 0o600 for name in ["", *names]}


# --- hostile names ------------------------------------------------------------------------------

NAMES = {
    "quotes": "o'brien\" `x` \\",
    "sql": "x'); DROP TABLE copilot_github_accounts; --",
    "placeholders": "%s %(a)s :a ? $1 {0}",
    "newlines": "octo\r\nError: forged\n",
    "nul": "octo\x00cat",
    "right to left": "octo\u202etac\u2066\u200f",
    "terminal": "octo\x1b[2J\x9b31mcat\x7f",
    "separators": "octo\u2028cat\u2029cat\x85cat",
    "long": "x" * 300,
    "emoji": "\U0001f600 \U0001f468\u200d\U0001f469\u200d\U0001f467",
    "surrogates": "octo\ud800cat\udc00",
    "markup": "<script>alert(1)</script>[a](https://elsewhere.example)",
}
UNSHOWABLE = re.compile(
    r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]"
)


def stored(name: str) -> str:
    for character in "\x00\ud800\udc00":
        name = name.replace(character, "\ufffd")
    return name


def accept_named(github: SimulatedGitHub, user_id: int, name: str) -> str:
    """A token whose owner has that name in every form; JSON in ASCII can say all of them."""
    token = f"ghp_{user_id:036}"
    user = {"id": user_id, "login": name, "node_id": name, "avatar_url": name}
    github.accept(token, user)
    github.faults.add("/user$", status=200, body=json.dumps(user), times=1)
    return token


@pytest.mark.both_databases
def test_accounts_of_any_name_are_stored_and_shown(
    warehouse_environment: str,
    github: SimulatedGitHub,
    monkeypatch: pytest.MonkeyPatch,
    capsys: Output,
) -> None:
    broken = []
    for number, name in enumerate(NAMES.values(), 1):
        monkeypatch.setenv("GITHUB_TOKEN", accept_named(github, number, name))
        try:
            succeed(import_with(github, "--org", f"octo-{number}"), capsys)
        except Exception as error:  # the others are looked at first
            broken.append((name, error))
            github.faults.clear()
    assert run_command(["accounts", "list"]) == 0
    printed = capsys.readouterr().out
    assert UNSHOWABLE.search(printed) is None
    rows = read_table(warehouse_environment, "copilot_github_accounts", "id")
    listed = json.loads(printed)
    assert [each["login"] for each in listed] == [row["login"] for row in rows]
    for each in listed:
        name = list(NAMES.values())[each["github_user_id"] - 1]
        for key in ("login", "node_id", "avatar_url"):
            # What no database and no terminal can hold may be replaced, nothing else.
            assert letters(each[key]) == letters(name)
        assert succeed(["accounts", "show", str(each["id"])], capsys) == each
    assert broken == []


def letters(name: str) -> str:
    return "".join(c for c in name if c.isascii() and c.isprintable() and c != " ")


def test_messages_about_accounts_of_any_name_stay_on_one_line(
    warehouse_environment: str,
    github: SimulatedGitHub,
    monkeypatch: pytest.MonkeyPatch,
    capsys: Output,
) -> None:
    names = [NAMES[name] for name in ("newlines", "right to left", "terminal", "separators")]
    for number, name in enumerate(names, 1):
        monkeypatch.setenv("GITHUB_TOKEN", accept_named(github, number, name))
        succeed(import_with(github, "--org", f"octo-{number}"), capsys)

    said = fail(import_with(github, "--org", "octo-1"), capsys)
    assert_lines(said, 1)
    github.faults.add("/orgs/", **faults.not_owner())
    assert run_command(["run", "--day", str(newest_complete_day())]) == 1
    assert_lines(capsys.readouterr().err, 4 * len(names))
    monkeypatch.setenv("COPILOT_METRICS__TOKEN_SECRET", "01" * 32)
    assert run_command(["run", "--last", "2"]) == 1
    assert_lines(capsys.readouterr().err, 4 * len(names))


def assert_lines(said: str, count: int) -> None:
    """Checks the lines about organizations: of each a failure by step, and the summary."""
    lines = [line for line in said.splitlines() if not line.startswith(("Warning: ", "--verbose"))]
    assert [line for line in lines if "octo-" not in line or "forged" in line[:20]] == []
    assert len(lines) == count
    assert UNSHOWABLE.search(said) is None


@pytest.mark.both_databases
def test_seats_of_any_login_team_and_organization_are_stored(
    warehouse_environment: str, github: SimulatedGitHub
) -> None:
    import_organizations(warehouse_environment, github, "octo-demo")
    seats = [
        {
            "assignee": {"login": name, "id": number},
            "assigning_team": {"id": 1, "slug": name, "name": name},
            "organization": {"login": name, "id": 1},
            "plan_type": name,
            "last_activity_editor": name,
        }
        for number, name in enumerate(NAMES.values(), 1)
    ]
    body = json.dumps({"total_seats": len(seats), "seats": seats})
    github.faults.add("/billing/seats$", status=200, body=body)
    github.faults.add("/billing$", status=200, body=json.dumps(NAMES))
    assert execute("daily_copilot", [newest_complete_day()]).success
    rows = read_table(warehouse_environment, "_tool_copilot_seats", "user_id")
    for column in (
        "user_login",
        "assigning_team_slug",
        "organization",
        "plan_type",
        "last_activity_editor",
    ):
        assert [row[column] for row in rows] == [stored(name) for name in NAMES.values()]
    (billing,) = read_table(warehouse_environment, "_raw_copilot_billing", "1")
    assert json.loads(billing["payload"]) == NAMES
    assert len(read_table(warehouse_environment, "copilot_github_accounts")) == 1


@pytest.mark.parametrize("header", [True, False], ids=["header", "message"])
@pytest.mark.parametrize("name", NAMES.values(), ids=NAMES)
def test_what_is_quoted_of_githubs_refusal_stays_on_one_line(
    github: SimulatedGitHub, client: GitHubClient, name: str, header: bool
) -> None:
    if header:
        # httpx reads headers as UTF-8; line ends and NUL cannot be in them.
        value = "".join(c for c in name if c not in "\r\n\0\ud800\udc00")
        headers = {"x-accepted-github-permissions": value.encode().decode("latin-1")}
        github.faults.add("/billing$", status=403, body={"message": "No"}, headers=headers)
    else:
        github.faults.add("/billing$", status=400, body=json.dumps({"message": name}))
    with pytest.raises(GitHubError) as raised:
        ask_billing(client)
    assert UNSHOWABLE.search(str(raised.value)) is None
    assert len(str(raised.value).splitlines()) == 1


# --- rate limits --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "sign",
    [
        Answer(status=403, body={"message": "Forbidden"}, headers={"retry-after": "40"}),
        Answer(status=403, body={"message": "Forbidden"}, headers={"x-ratelimit-remaining": "0"}),
        Answer(status=403, body={"message": "A rate limit was met"}, headers={}),
        Answer(status=429, body={"message": "Forbidden"}, headers={}),
    ],
    ids=["retry-after", "remaining", "message", "429"],
)
def test_each_sign_of_a_rate_limit_is_enough_alone(github: SimulatedGitHub, sign: Answer) -> None:
    github.faults.add("/billing$", **sign)
    with client_of(github, ONCE) as client, pytest.raises(RateLimitedError):
        ask_billing(client)


@pytest.mark.parametrize("status", [401, 404, 422])
def test_the_same_signs_on_another_refusal_are_no_rate_limit(
    github: SimulatedGitHub, status: int
) -> None:
    headers = {"x-ratelimit-remaining": "0", "retry-after": "40"}
    github.faults.add("/billing$", status=status, body={"message": "rate limit"}, headers=headers)
    with client_of(github, ONCE) as client, pytest.raises(GitHubError) as raised:
        ask_billing(client)
    assert not isinstance(raised.value, RateLimitedError)


def test_a_refusal_with_quota_left_and_no_other_sign_is_no_rate_limit(
    github: SimulatedGitHub,
) -> None:
    headers = {"x-ratelimit-remaining": "10"}
    github.faults.add("/billing$", status=403, body={"message": "Forbidden"}, headers=headers)
    with client_of(github, ONCE) as client, pytest.raises(GitHubError) as raised:
        ask_billing(client)
    assert not isinstance(raised.value, RateLimitedError)
