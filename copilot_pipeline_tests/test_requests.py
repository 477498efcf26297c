"""How many requests a load needs, and that earlier days never keep the newest ones waiting."""

from collections import Counter
from datetime import date, timedelta

import pytest

from copilot_pipeline.cli import run_command
from copilot_pipeline.collect import loader, requests
from copilot_pipeline.collect.plan import LoadRequest
from copilot_pipeline.collect.requests import count_requests, describe_requests
from copilot_pipeline.collect.selection import select_scopes
from copilot_pipeline.days import Today, day_range
from copilot_pipeline.simulated_github import Organization, SimulatedGitHub
from copilot_pipeline.warehouse.database import Database
from copilot_pipeline_tests.commands import succeed
from copilot_pipeline_tests.loading import (
    ORGANIZATION,
    REPOS,
    USERS,
    execute,
    import_organizations,
    load_metrics,
    newest_complete_day,
)


def last(count: int) -> list[date]:
    newest = newest_complete_day()
    return day_range(newest - timedelta(days=count - 1), newest)


def needed(url: str, days: list[date]) -> Counter[int]:
    with Database(url) as database:
        request = LoadRequest(Today.from_clock(), days)
        return count_requests(database, select_scopes(database), request)


def asked_days(github: SimulatedGitHub) -> list[date]:
    return [
        date.fromisoformat(request.query["day"])
        for request in github.requests
        if "/metrics/reports/" in request.path
    ]


def test_the_requests_of_a_load_are_those_that_it_then_makes(
    warehouse_environment: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with SimulatedGitHub([Organization("octo-demo", seat_count=250)]) as github:
        import_organizations(warehouse_environment, github, "octo-demo", reports=(USERS, REPOS))
        # How many pages the seats have is not known before they were read once.
        assert needed(warehouse_environment, last(10)) == {1: 10 * 2 + 2}
        assert execute("daily_copilot", last(1)).success
        assert needed(warehouse_environment, last(10)) == {1: 10 * 2 + 4}
        github.requests.clear()
        succeed(["run", "--last", "10"], capsys)
        made = [each for each in github.requests if each.path.startswith("/orgs/")]
        assert len(made) == 10 * 2 + 4
        # Of a loaded range only the days that GitHub may still revise.
        assert needed(warehouse_environment, last(10)) == {1: 4 * 2 + 4}


def test_run_says_beforehand_how_many_requests_it_needs_unless_they_are_few(
    warehouse_environment: str,
    github: SimulatedGitHub,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    import_organizations(warehouse_environment, github, "octo-demo")
    for fewest, is_told in ((6, False), (5, True)):
        monkeypatch.setattr(requests, "MIN_TOLD", fewest)
        assert run_command(["run", "--last", "3"]) == 0
        said = capsys.readouterr().err
        assert ("This load needs about 5 requests to GitHub.\n" in said) is is_told


def test_a_long_load_is_told_with_the_hours_that_github_lets_it_take() -> None:
    said = describe_requests(Counter({1: 730_000}))
    assert str(said).startswith(
        "This load needs about 730,000 requests to GitHub. GitHub allows 5,000 an hour for a "
        "token, so it takes about 146 hours (6 days). You can interrupt it"
    )
    assert "about 2 hours. " in str(describe_requests(Counter({1: 5_001})))
    # Each account has a limit of its own.
    assert describe_requests(Counter({1: 5_000, 2: 4_000})) == (
        "This load needs about 9,000 requests to GitHub with 2 accounts, up to 5,000 of one."
    )


def test_earlier_days_are_asked_for_after_the_days_of_the_run(
    warehouse_environment: str, github: SimulatedGitHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    import_organizations(warehouse_environment, github, "octo-demo")
    monkeypatch.setenv("COPILOT_METRICS__CONCURRENCY", "1")
    assert load_metrics(last(3), gap_days=5) == []
    asked = asked_days(github)
    assert asked[:3] == last(3)
    assert len(asked) == 8
    assert max(asked[3:]) < min(last(3))


def test_a_run_asks_for_no_more_earlier_days_than_it_may(
    warehouse_environment: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loader, "GAP_REQUESTS", 7)
    names = ("octo-demo", "octo-labs", "octo-games")
    with SimulatedGitHub([Organization(name) for name in names]) as github:
        import_organizations(warehouse_environment, github, *names, reports=(ORGANIZATION,))
        assert load_metrics(last(2), gap_days=30) == []
        # Two days of each of three reports are 6 requests, three would be 9.
        assert len(asked_days(github)) == 3 * (2 + 2)
        assert set(last(2)) < set(asked_days(github))
