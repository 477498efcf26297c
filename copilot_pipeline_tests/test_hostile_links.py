"""One scope whose answers point to hosts that are no names, and another one that is fine."""

import logging
from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

import pytest
from dagster._core.errors import DagsterExecutionInterruptedError

from copilot_pipeline import settings
from copilot_pipeline.accounts import open_client
from copilot_pipeline.collect import loader
from copilot_pipeline.collect.plan import LoadRequest
from copilot_pipeline.collect.selection import select_scopes
from copilot_pipeline.collect.unexpected import UnexpectedError, described
from copilot_pipeline.days import Today
from copilot_pipeline.github.client import GitHubClient, Report
from copilot_pipeline.github.errors import RefusedUrlError
from copilot_pipeline.simulated_github import Organization, ReportFiles, SimulatedGitHub
from copilot_pipeline.sources.reports import METRICS_STEP
from copilot_pipeline.warehouse.database import Database
from copilot_pipeline_tests.asking import ask_report, ask_seats
from copilot_pipeline_tests.loading import (
    execute,
    failure,
    import_organizations,
    newest_complete_day,
    read_table,
)
from copilot_pipeline_tests.test_github_client import client_of

HOSTILE = {
    "broken xn--": "https://xn--blob-.core.windows.net/file",
    "broken xn-- of an allowed host": "https://xn--a.blob.core.windows.net/file",
    "empty label": "https://.blob.core.windows.net/file",
    "empty label within": "https://a..blob.core.windows.net/file",
    "label of 64 characters": f"https://{'a' * 64}.blob.core.windows.net/file",
}
SCOPES = "_tool_copilot_scopes"
PLACES = ["download link", "download redirect", "api redirect", "next page"]


@pytest.fixture
def github() -> Iterator[SimulatedGitHub]:
    with SimulatedGitHub([Organization("octo-demo"), Organization("octo-labs")]) as simulated:
        yield simulated


def point(github: SimulatedGitHub, place: str, address: str) -> None:
    """Makes one answer to questions about octo-demo point to the address."""
    organization = github.organization("octo-demo")
    if place == "download link":
        given = ReportFiles([], links=[address])
        organization.reports["organization-1-day", github.newest_day] = given
    elif place == "download redirect":
        github.faults.add(f"^/{organization.id}/", origin="download", redirect_to=address)
    elif place == "api redirect":
        github.faults.add("^/orgs/octo-demo/copilot/metrics/", redirect_to=address)
    else:
        link = {"link": f'<{address}>; rel="next"'}
        github.faults.add("^/orgs/octo-demo/copilot/billing/seats$", headers=link)


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("name", HOSTILE)
def test_a_host_that_is_no_name_fails_its_scope_only(
    warehouse_environment: str,
    github: SimulatedGitHub,
    name: str,
    place: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv(settings.FAIL_RUN_ON, "any-scope")
    import_organizations(warehouse_environment, github, "octo-demo", "octo-labs")
    point(github, place, HOSTILE[name])
    assets = ["raw_seats", "seats"] if place == "next page" else None
    result = execute("daily_copilot", [newest_complete_day()], assets=assets)

    said = [line for line in failure(result).splitlines() if line.startswith("organization")]
    assert len(said) == 1
    assert said[0].startswith("organization octo-demo, ")
    table = "_tool_copilot_seats" if place == "next page" else "_tool_copilot_org_metrics"
    scopes = {row["id"]: row["slug"] for row in read_table(warehouse_environment, SCOPES, "id")}
    rows = read_table(warehouse_environment, table)
    assert {scopes[row["scope_id"]] for row in rows} == {"octo-labs"}


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("name", HOSTILE)
def test_a_host_that_is_no_name_is_refused_and_nothing_is_sent_there(
    github: SimulatedGitHub, name: str, place: str
) -> None:
    point(github, place, HOSTILE[name])

    def ask(client: GitHubClient) -> object:
        if place == "next page":
            return list(ask_seats(client))
        return ask_report(client, github.newest_day)

    with client_of(github) as client, pytest.raises(RefusedUrlError, match=r"octo-demo/copilot/"):
        ask(client)


# --- what nobody foresaw ------------------------------------------------------------------------


# What GitHub sent, in no line of the code.
SENT = "-".join(["octo", "secretive"])


def break_on(monkeypatch: pytest.MonkeyPatch, day: date) -> None:
    """A bug that shows on one day of octo-demo, and quotes what GitHub sent."""
    whole = GitHubClient.report

    def broken(self: GitHubClient, *asked: Any) -> Report:
        if asked[1] == "octo-demo" and asked[3] == day:
            raise IndexError(SENT)
        return whole(self, *asked)

    monkeypatch.setattr(GitHubClient, "report", broken)


def test_an_unforeseen_exception_fails_its_scope_only_and_says_where(
    warehouse_environment: str,
    github: SimulatedGitHub,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    import_organizations(warehouse_environment, github, "octo-demo", "octo-labs")
    newest = newest_complete_day()
    broken = newest - timedelta(days=1)
    break_on(monkeypatch, broken)
    with caplog.at_level(logging.ERROR):
        result = execute("metrics_backfill", [broken, newest])

    said = failure(result)
    assert "organization octo-demo, " in said
    assert "unexpected IndexError in copilot_pipeline/collect/fetch.py:" in said
    assert "octo-labs" not in said
    rows = read_table(warehouse_environment, "_tool_copilot_org_metrics")
    assert len(rows) == 3
    logged = [each.getMessage() for each in caplog.records if "unexpected" in each.getMessage()]
    assert len(logged) == 1
    assert "in fetch" in logged[0]
    assert SENT not in said + caplog.text


def test_a_trace_names_classes_and_lines_and_repeats_no_text(
    caplog: pytest.LogCaptureFixture,
) -> None:
    def fail() -> None:
        try:
            dict[str, str]()[SENT]
        except KeyError as error:
            raise ValueError(SENT) from error

    try:
        fail()
    except ValueError as error:
        shown = described(error)
    assert isinstance(shown, UnexpectedError)
    assert "unexpected ValueError in test_hostile_links.py:" in str(shown)
    assert "KeyError\n" in caplog.text
    assert "in fail" in caplog.text
    assert SENT not in str(shown) + caplog.text


@pytest.mark.parametrize("interrupt", [KeyboardInterrupt, DagsterExecutionInterruptedError])
def test_an_interrupt_ends_the_whole_load(
    database: Database,
    github: SimulatedGitHub,
    monkeypatch: pytest.MonkeyPatch,
    interrupt: type[BaseException],
) -> None:
    def interrupted(*_: object) -> None:
        raise interrupt

    import_organizations(database.url.render_as_string(hide_password=False), github, "octo-demo")
    monkeypatch.setattr(loader, "read_statuses", interrupted)
    request = LoadRequest(Today.from_clock(), [github.newest_day])
    with pytest.raises(interrupt):
        loader.load(database, open_client, select_scopes(database), METRICS_STEP, request)
