"""When a request is made again, how long it waits, and when it gives up."""

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from copilot_pipeline.github import transport
from copilot_pipeline.github.client import GitHubClient
from copilot_pipeline.github.errors import GitHubError, RateLimitedError, RetryableError
from copilot_pipeline.simulated_github import Answer, ReportFiles, SimulatedGitHub, faults
from copilot_pipeline_tests.asking import ask_billing, ask_report, ask_seats
from copilot_pipeline_tests.test_github_client import QUICK, client_of, origins


@pytest.fixture
def client(github: SimulatedGitHub) -> Iterator[GitHubClient]:
    with client_of(github) as client:
        yield client


class Timed(threading.Thread):
    """Calls in a thread: how many seconds it took, and what it raised."""

    def __init__(self, call: Callable[[], object]) -> None:
        super().__init__(daemon=True)
        self._call = call
        self.seconds = 0.0
        self.error: Exception | None = None
        self.start()

    def run(self) -> None:
        started = time.monotonic()
        try:
            self._call()
        except Exception as error:  # the test looks at it
            self.error = error
        self.seconds = time.monotonic() - started


def wait_for_requests(github: SimulatedGitHub, count: int) -> None:
    deadline = time.monotonic() + 5
    while len(github.requests) < count and time.monotonic() < deadline:
        time.sleep(0.005)
    assert len(github.requests) >= count


# --- passing trouble --------------------------------------------------------------------------


@pytest.mark.parametrize("status", [408, 500, 502, 503, 504, 599])
def test_a_server_in_trouble_is_asked_again_until_it_recovers(
    github: SimulatedGitHub, client: GitHubClient, status: int
) -> None:
    github.faults.add("/user$", status=status, times=2)
    assert client.user().login == "demo-admin"
    assert len(github.requests) == 3


@pytest.mark.parametrize("origin", ["api", "download"])
def test_a_server_that_stays_in_trouble_is_given_up_after_the_attempts(
    github: SimulatedGitHub, client: GitHubClient, origin: faults.Origin
) -> None:
    github.faults.add(".", origin=origin, **faults.server_error(503))
    with pytest.raises(RetryableError, match=r"octo-demo.*503 Service Unavailable.*Try again"):
        ask_report(client, github.newest_day)
    assert origins(github).count(origin) == 3


@pytest.mark.parametrize("length", [0, 10])
def test_a_cut_answer_is_asked_for_again(
    github: SimulatedGitHub, client: GitHubClient, length: int
) -> None:
    github.faults.add("/user$", cut_after=length, times=1)
    assert client.user().login == "demo-admin"
    github.faults.add(".", origin="download", cut_after=length, times=1)
    documents = ask_report(client, github.newest_day).files
    assert documents is not None
    assert documents[0].content().endswith(b"}\n")
    assert origins(github) == ["api", "api", "api", "download", "download"]


@pytest.mark.parametrize("origin", ["api", "download"])
def test_answers_that_stay_cut_fail_without_showing_the_signed_link(
    github: SimulatedGitHub, client: GitHubClient, origin: faults.Origin
) -> None:
    github.faults.add(".", origin=origin, cut_after=10)
    with pytest.raises(
        RetryableError, match=r"^127[.0-9:]+, .*octo-demo.*incomplete response"
    ) as raised:
        ask_report(client, github.newest_day)
    assert origins(github).count(origin) == 3
    assert "sig=" not in str(raised.value)


def test_a_server_that_is_not_there_is_tried_again_and_then_named(github: SimulatedGitHub) -> None:
    with (
        client_of(github, endpoint="http://127.0.0.1:9") as client,
        pytest.raises(RetryableError, match=r"ConnectError.*endpoint and the proxy"),
    ):
        client.user()


def test_a_server_that_does_not_answer_in_time_is_tried_again(
    github: SimulatedGitHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transport, "TIMEOUT", httpx.Timeout(0.15))
    github.faults.add("/user$", delay=5, times=2)
    with client_of(github) as client:
        assert client.user().login == "demo-admin"
        assert len(github.requests) == 3
        github.faults.add("/user$", delay=5)
        with pytest.raises(RetryableError, match="ReadTimeout"):
            client.user()
    assert len(github.requests) == 6


def test_an_answer_that_does_not_end_is_tried_again(
    github: SimulatedGitHub, client: GitHubClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transport, "MAX_ANSWER_SECONDS", 0.1)
    github.faults.add("/user$", delay=1)
    with pytest.raises(RetryableError, match="ReadTimeout"):
        client.user()
    assert len(github.requests) == 3


# --- rate limits ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("answer", "seconds"),
    [
        (faults.too_many_requests(40), 40),
        (faults.secondary_limit(40), 40),
        (Answer(status=403, body="", headers={"retry-after": "40"}), 40),
        (Answer(status=403, body={"message": "Secondary RATE LIMIT hit"}, headers={}), None),
        (faults.too_many_requests(None), None),
        (Answer(status=429, body="<html>", headers={"retry-after": "soon"}), None),
        (Answer(status=429, body="", headers={"retry-after": "-1"}), None),
    ],
)
def test_a_rate_limit_names_the_wait_that_github_asks_for(
    github: SimulatedGitHub, answer: Answer, seconds: float | None
) -> None:
    github.faults.add("/billing$", **answer)
    with (
        client_of(github, replace(QUICK, rate_limit_attempts=1)) as client,
        pytest.raises(RateLimitedError, match=r"octo-demo.*rate limit is used up") as raised,
    ):
        ask_billing(client)
    assert raised.value.wait == seconds
    assert raised.value.stops_scope
    assert ("GitHub asks to wait 40 s" in str(raised.value)) == (seconds is not None)


def test_a_wait_may_be_given_as_a_date_or_as_the_reset_of_the_limit(
    github: SimulatedGitHub,
) -> None:
    now = datetime.now(UTC)
    for answer in (
        faults.too_many_requests(now + timedelta(seconds=40)),
        faults.primary_limit(now + timedelta(seconds=40)),
    ):
        github.faults.add("/billing$", **answer, times=1)
        with (
            client_of(github, replace(QUICK, rate_limit_attempts=1)) as client,
            pytest.raises(RateLimitedError) as raised,
        ):
            ask_billing(client)
        assert 35 < (raised.value.wait or 0) < 42


def test_a_date_that_has_passed_means_no_wait(github: SimulatedGitHub) -> None:
    past = datetime.now(UTC) - timedelta(hours=1)
    github.faults.add("/user$", **faults.too_many_requests(past), times=1)
    with client_of(github) as client:
        started = time.monotonic()
        client.user()
    assert time.monotonic() - started < 1


@pytest.mark.parametrize("origin", ["api", "download"])
def test_a_limited_request_goes_on_after_the_wait(
    github: SimulatedGitHub, client: GitHubClient, origin: faults.Origin
) -> None:
    github.faults.add(".", origin=origin, **faults.too_many_requests(1), times=1)
    started = time.monotonic()
    assert ask_report(client, github.newest_day).files
    assert 0.9 < time.monotonic() - started < 3
    assert origins(github).count(origin) == 2


def test_waits_without_a_hint_grow(github: SimulatedGitHub) -> None:
    github.faults.add("/user$", **faults.too_many_requests(None), times=3)
    with client_of(github, replace(QUICK, unhinted_wait=0.1)) as client:
        started = time.monotonic()
        client.user()
    assert 0.1 + 0.2 + 0.4 <= time.monotonic() - started < 3
    assert len(github.requests) == 4


def test_hints_of_no_time_at_all_do_not_end_in_a_burst(github: SimulatedGitHub) -> None:
    github.faults.add("/user$", **faults.too_many_requests(0), times=3)
    with client_of(github, replace(QUICK, first_wait=0.1)) as client:
        started = time.monotonic()
        client.user()
    assert 0.1 + 0.2 + 0.4 <= time.monotonic() - started < 3


def test_rate_limits_do_not_use_up_the_tries_for_other_trouble(
    github: SimulatedGitHub, client: GitHubClient
) -> None:
    github.faults.add("/user$", **faults.too_many_requests(None), times=3)
    github.faults.add("/user$", **faults.server_error(), times=2)
    assert client.user().login == "demo-admin"


def test_a_limit_that_does_not_end_is_given_up_after_its_own_attempts(
    github: SimulatedGitHub,
) -> None:
    github.faults.add("/user$", **faults.too_many_requests(None))
    policy = replace(QUICK, unhinted_wait=0.01, rate_limit_attempts=5)
    with client_of(github, policy) as client, pytest.raises(RateLimitedError):
        client.user()
    assert len(github.requests) == 5


def test_a_wait_longer_than_the_longest_is_given_up_at_once_and_says_how_long(
    github: SimulatedGitHub,
) -> None:
    github.faults.add("/user$", **faults.too_many_requests(7200))
    started = time.monotonic()
    with client_of(github) as client, pytest.raises(RateLimitedError, match="wait 7200 s"):
        client.user()
    assert time.monotonic() - started < 2
    assert len(github.requests) == 1


def test_one_requests_limit_holds_back_the_others_of_the_same_token(
    github: SimulatedGitHub,
) -> None:
    github.faults.add("/user$", **faults.too_many_requests(None), times=1)
    with client_of(github, replace(QUICK, unhinted_wait=0.8)) as client:
        limited = Timed(client.user)
        wait_for_requests(github, 1)
        time.sleep(0.1)
        held_back = Timed(lambda: ask_billing(client))
        held_back.join()
        limited.join()
    assert (limited.error, held_back.error) == (None, None)
    assert 0.2 < held_back.seconds < 3


def test_a_limit_that_is_extended_meanwhile_holds_back_those_who_wait_already(
    github: SimulatedGitHub,
) -> None:
    github.faults.add("/seats$", delay=0.5, **faults.too_many_requests(1), times=1)
    github.faults.add("/user$", **faults.too_many_requests(1), times=1)
    with client_of(github) as client:
        started = time.monotonic()
        extends = Timed(lambda: list(ask_seats(client)))
        limited = Timed(client.user)
        wait_for_requests(github, 2)
        time.sleep(0.1)
        ask_billing(client)
        held_back_until = time.monotonic() - started
        limited.join()
        extends.join()
    assert 1.4 < held_back_until < 4


def test_no_more_requests_are_in_flight_than_the_concurrency_allows(
    github: SimulatedGitHub,
) -> None:
    github.faults.add("/user$", delay=0.15)
    with client_of(github, concurrency=2) as client:
        started = time.monotonic()
        calls = [Timed(client.user) for _ in range(6)]
        for call in calls:
            call.join()
        seconds = time.monotonic() - started
    assert [call.error for call in calls] == [None] * 6
    assert 0.45 <= seconds < 3


@pytest.mark.parametrize("answer", [faults.too_many_requests(600), faults.server_error()])
def test_closing_the_client_ends_the_requests_that_wait(
    github: SimulatedGitHub, answer: Answer
) -> None:
    github.faults.add("/user$", **answer)
    client = client_of(github, replace(QUICK, first_wait=600, max_wait=600))
    waiting = [Timed(client.user), Timed(client.user)]
    # One only: where the first was limited, the second is held back before it asks.
    wait_for_requests(github, 1)
    time.sleep(0.2)
    assert all(call.is_alive() for call in waiting)
    client.close()
    for call in waiting:
        call.join(timeout=2)
    assert not any(call.is_alive() for call in waiting)
    assert all(isinstance(call.error, GitHubError) for call in waiting)
    with pytest.raises(GitHubError):
        client.user()


def test_a_download_hosts_limit_does_not_hold_up_the_api_or_another_host(
    github: SimulatedGitHub,
) -> None:
    github.faults.add(".", origin="download", **faults.too_many_requests(3), times=1)
    port = httpx.URL(github.download_url).port
    with client_of(github, download_hosts=(f"localhost:{port}",)) as client:
        limited = Timed(lambda: ask_report(client, github.newest_day))
        wait_for_requests(github, 2)
        time.sleep(0.1)
        asks = Timed(client.user)
        asks.join()
        address = github.signed_link("/other").replace("127.0.0.1", "localhost")
        given = ReportFiles([], links=[address])
        earlier = github.newest_day - timedelta(days=1)
        github.organization("octo-demo").reports["organization-1-day", earlier] = given
        github.faults.add("/other$", origin="download", body="{}")
        elsewhere = Timed(lambda: ask_report(client, earlier))
        elsewhere.join()
        assert limited.is_alive()
        limited.join()
    assert (limited.error, asks.error, elsewhere.error) == (None, None, None)
    assert max(asks.seconds, elsewhere.seconds) < 2
    assert limited.seconds > 2.5
