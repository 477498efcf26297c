"""Hosts that are down: when they are given up, what ends then, what goes on, and what is said."""

import logging
import socket
import threading
import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import date, timedelta

import httpx
import pytest

from copilot_pipeline import accounts
from copilot_pipeline.cli import run_command
from copilot_pipeline.collect.loader import load
from copilot_pipeline.collect.outcomes import Outcome, OutcomeState, describe_errors
from copilot_pipeline.collect.plan import LoadRequest
from copilot_pipeline.collect.selection import select_scopes
from copilot_pipeline.days import Today, day_range
from copilot_pipeline.github import transport
from copilot_pipeline.github.client import GitHubClient
from copilot_pipeline.github.errors import GitHubError, RetryableError
from copilot_pipeline.simulated_github import Organization, ReportFiles, SimulatedGitHub, faults
from copilot_pipeline.sources.reports import METRICS_STEP
from copilot_pipeline.warehouse.accounts import Account
from copilot_pipeline.warehouse.database import Database
from copilot_pipeline_tests.asking import ask_billing, ask_report
from copilot_pipeline_tests.loading import import_organizations, newest_complete_day
from copilot_pipeline_tests.test_github_client import QUICK, client_of, origins
from copilot_pipeline_tests.test_github_retries import Timed
from copilot_pipeline_tests.test_hardening import wire

# As slow as a year of days may be with a host that is retried for each of them.
PATIENT = replace(QUICK, first_wait=0.1, max_wait=0.3)

GIVEN_UP = r"failed 3 requests of account demo-admin in a row since \d{4}-\d\d-\d\d \d\d:\d\d:\d\d"


def collect(url: str, days: Sequence[date]) -> list[Outcome]:
    """Loads the metrics of all scopes with quick retries."""

    def open_client(database: Database, account: Account) -> GitHubClient:
        return accounts.open_client(database, account, PATIENT)

    with Database(url) as database:
        order = LoadRequest(Today.from_clock(), days)
        return load(database, open_client, select_scopes(database), METRICS_STEP, order)


def last_days(count: int) -> list[date]:
    newest = newest_complete_day()
    return day_range(newest - timedelta(days=count - 1), newest)


def host_of(url: str) -> str:
    return httpx.URL(url).netloc.decode()


def fail_three_requests(client: GitHubClient) -> None:
    for _ in range(2):
        with pytest.raises(RetryableError):
            ask_billing(client)
    with pytest.raises(GitHubError, match=GIVEN_UP):
        ask_billing(client)


# --- what ends --------------------------------------------------------------------------------


def test_a_host_that_refuses_connections_ends_a_year_in_seconds_and_in_a_few_lines(
    warehouse_environment: str,
) -> None:
    with SimulatedGitHub([Organization("octo-demo")]) as github:
        import_organizations(warehouse_environment, github, "octo-demo")
    started = time.monotonic()
    outcomes = collect(warehouse_environment, last_days(300))
    assert time.monotonic() - started < 10
    assert {outcome.state for outcome in outcomes} == {OutcomeState.FAILED}
    assert len(outcomes) == 300
    lines = describe_errors(outcomes, OutcomeState.FAILED)
    assert len(lines) <= 3
    assert all(host_of(github.url) in line for line in lines)
    assert "the network, the proxy and https://www.githubstatus.com" in lines[-1]


def test_a_host_that_never_answers_gets_no_request_more(
    github: SimulatedGitHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transport, "TIMEOUT", httpx.Timeout(0.1))
    ends = threading.Event()

    def silent(connection: socket.socket, head: str) -> None:
        ends.wait(10)

    with wire(silent) as (address, seen), client_of(github, endpoint=address) as client:
        fail_three_requests(client)
        time.sleep(0.2)
        sent = len(seen)
        with pytest.raises(GitHubError, match=rf"^{host_of(address)} {GIVEN_UP}.*ReadTimeout"):
            client.user()
        time.sleep(0.2)
        assert len(seen) == sent
        ends.set()


def test_a_request_that_outlasts_the_retry_time_gets_one_more_attempt_only(
    github: SimulatedGitHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transport, "TIMEOUT", httpx.Timeout(0.2))
    github.faults.add("/user$", delay=2)
    policy = replace(QUICK, attempts=5, max_seconds=0.1)
    with client_of(github, policy) as client, pytest.raises(RetryableError):
        client.user()
    assert len(github.requests) == 2


def test_requests_that_wait_for_their_next_attempt_end_with_the_host(
    github: SimulatedGitHub,
) -> None:
    github.faults.add(".", **faults.server_error(503))
    policy = replace(QUICK, first_wait=0.4, max_wait=5, max_failures=1)
    with client_of(github, policy) as client:
        first = Timed(client.user)
        time.sleep(0.9)
        second = Timed(client.user)
        first.join()
        second.join(timeout=0.3)
        assert not second.is_alive()
    assert "in a row" in str(second.error)


# --- what goes on -----------------------------------------------------------------------------


def test_an_account_of_another_host_is_collected_while_a_host_is_down(
    warehouse_environment: str, github: SimulatedGitHub
) -> None:
    days = last_days(40)
    with SimulatedGitHub([Organization("octo-other")]) as other:
        import_organizations(warehouse_environment, github, "octo-demo")
        import_organizations(warehouse_environment, other, "octo-other")
        github.faults.add(".", **faults.server_error(503))
        before = len(github.requests)
        outcomes = collect(warehouse_environment, days)
    assert len(github.requests) - before <= 6 * QUICK.attempts
    states = {(outcome.scope, outcome.state) for outcome in outcomes}
    assert states == {
        ("organization octo-demo", OutcomeState.FAILED),
        ("organization octo-other", OutcomeState.LOADED),
    }


def test_one_broken_endpoint_does_not_count_while_the_host_answers_others(
    github: SimulatedGitHub,
) -> None:
    github.faults.add("/billing$", **faults.server_error())
    with client_of(github) as client:
        for _ in range(5):
            with pytest.raises(RetryableError, match="500 Internal Server Error"):
                ask_billing(client)
            client.user()


def test_failures_of_requests_during_which_the_host_answered_do_not_count(
    github: SimulatedGitHub,
) -> None:
    github.faults.add("/billing$", **faults.server_error())
    with client_of(github, replace(QUICK, first_wait=0.5)) as client:
        broken = [Timed(lambda: ask_billing(client)) for _ in range(4)]
        while len(github.requests) < len(broken):
            time.sleep(0.01)
        client.user()
        for call in broken:
            call.join()
        assert client.user().login == "demo-admin"
    assert ["500 Internal Server Error" in str(call.error) for call in broken] == [True] * 4


@pytest.mark.parametrize("answer", [faults.not_found(), faults.bad_credentials()])
def test_a_refusal_is_an_answer(github: SimulatedGitHub, answer: faults.Answer) -> None:
    github.faults.add(".", **answer)
    with client_of(github) as client:
        for _ in range(5):
            with pytest.raises(GitHubError, match=str(answer["status"])):
                ask_billing(client)


def test_an_outage_is_waited_for_as_long_as_the_host_had_worked(github: SimulatedGitHub) -> None:
    with client_of(github) as client:
        time.sleep(1)
        client.user()
        # Three requests fail with all their attempts, and the next one waits for the recovery.
        github.faults.add(".", **faults.server_error(503), times=4 * QUICK.attempts)
        for _ in range(3):
            with pytest.raises(RetryableError, match="503"):
                ask_billing(client)
        assert client.user().login == "demo-admin"


def test_an_outage_that_outlasts_the_time_that_the_host_had_worked_ends_the_requests(
    github: SimulatedGitHub,
) -> None:
    with client_of(github) as client:
        time.sleep(0.5)
        client.user()
        github.faults.add(".", **faults.server_error(503))
        started = time.monotonic()
        for _ in range(4):
            with pytest.raises(GitHubError) as raised:
                ask_billing(client)
        assert 0.5 < time.monotonic() - started < 3
    assert "in a row" in str(raised.value)


def test_a_download_host_that_is_down_ends_its_downloads_only(github: SimulatedGitHub) -> None:
    github.faults.add(".", origin="download", **faults.server_error(503), times=9)
    port = httpx.URL(github.download_url).port
    with client_of(github, download_hosts=(f"localhost:{port}",)) as client:
        for _ in range(3):
            with pytest.raises(GitHubError, match=rf"^{host_of(github.download_url)}"):
                ask_report(client, github.newest_day)
        with pytest.raises(GitHubError, match=rf"^{host_of(github.download_url)} {GIVEN_UP}") as it:
            ask_report(client, github.newest_day)
        assert not it.value.stops_scope
        assert origins(github).count("download") == 9
        assert client.user().login == "demo-admin"
        address = github.signed_link("/other").replace("127.0.0.1", "localhost")
        earlier = github.newest_day - timedelta(days=1)
        given = ReportFiles([], links=[address])
        github.organization("octo-demo").reports["organization-1-day", earlier] = given
        github.faults.add("/other$", origin="download", body="{}")
        assert ask_report(client, earlier).files


# --- what is said -----------------------------------------------------------------------------


def test_retries_are_said_as_they_happen_once_for_requests_that_fail_together(
    github: SimulatedGitHub, caplog: pytest.LogCaptureFixture
) -> None:
    github.faults.add("/user$", **faults.server_error(503), times=8)
    with client_of(github, replace(QUICK, first_wait=0.3, max_wait=1)) as client:
        calls = [Timed(client.user) for _ in range(4)]
        for call in calls:
            call.join()
    assert [call.error for call in calls] == [None] * 4
    said = [each.getMessage() for each in caplog.records if each.levelno >= logging.WARNING]
    assert 2 <= len(said) <= 4
    asked = f"{host_of(github.url)}, account demo-admin, GET /user: 503 Service Unavailable"
    assert all(line.startswith(asked) for line in said)
    assert "Trying again in 0." in said[0]
    assert said[0].endswith("(attempt 2 of 3).")


def test_a_long_wait_is_said_although_a_short_one_was(
    github: SimulatedGitHub, caplog: pytest.LogCaptureFixture
) -> None:
    github.faults.add("/user$", **faults.server_error(503), times=1)
    github.faults.add("/billing$", **faults.too_many_requests(2), times=1)
    with client_of(github, replace(QUICK, first_wait=0.2)) as client:
        short = Timed(client.user)
        time.sleep(0.05)
        ask_billing(client)
        short.join()
    assert "Trying again in 0." in caplog.text
    assert "Waiting 2 s." in caplog.text


def test_commands_say_on_stderr_that_they_try_again(
    warehouse_environment: str, github: SimulatedGitHub, capsys: pytest.CaptureFixture[str]
) -> None:
    import_organizations(warehouse_environment, github, "octo-demo")
    github.faults.add("/user$", **faults.server_error(503), times=1)
    assert run_command(["accounts", "check", "1"]) == 0
    said = capsys.readouterr().err
    assert f"{host_of(github.url)}, account demo-admin, GET /user: 503" in said
    assert "(attempt 2 of 2)" in said
