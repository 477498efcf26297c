"""Three weeks with a dead GitHub, a missed morning, a policy that goes off and on, and a token.

After each morning, the problems say what an operator should know, and nothing else.
"""

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta, tzinfo

import pytest
import sqlalchemy as sa

from copilot_pipeline import clock
from copilot_pipeline.accounts import open_client
from copilot_pipeline.collect.loader import load
from copilot_pipeline.collect.plan import LoadRequest
from copilot_pipeline.collect.selection import select_scopes
from copilot_pipeline.collection_health import Problem, problems
from copilot_pipeline.days import Today, day_range
from copilot_pipeline.github.retries import RetryPolicy
from copilot_pipeline.rules import REREAD_DAYS
from copilot_pipeline.simulated_github import Organization, SimulatedGitHub, faults
from copilot_pipeline.sources import SEAT_BILLING, SEATS
from copilot_pipeline.sources.reports import METRICS_STEP
from copilot_pipeline.warehouse.database import Database
from copilot_pipeline.warehouse.tables import accounts
from copilot_pipeline_tests.loading import import_organizations

FIRST = date(2026, 11, 2)
SLUG = "octo-demo"


class Clock:
    """The simulated time."""

    instant = datetime.combine(FIRST, time(7), UTC)

    @classmethod
    def now(cls, tz: tzinfo) -> datetime:
        return cls.instant.astimezone(tz)


@pytest.fixture
def simulated(
    monkeypatch: pytest.MonkeyPatch, warehouse_environment: str
) -> Iterator[tuple[SimulatedGitHub, Database]]:
    """An organization that was imported on the first day at 07:00."""
    monkeypatch.setattr(clock, "datetime", Clock)
    monkeypatch.setattr(open_client, "__defaults__", (RetryPolicy(attempts=2, first_wait=0.01),))
    monkeypatch.setattr(Clock, "instant", datetime.combine(FIRST, time(7), UTC))
    with (
        SimulatedGitHub([Organization(SLUG, seat_count=2)]) as github,
        Database(warehouse_environment) as database,
    ):
        import_organizations(warehouse_environment, github, SLUG)
        yield github, database


def run(github: SimulatedGitHub, database: Database, days: list[date]) -> None:
    today = Today.from_clock()
    scopes = select_scopes(database)
    with github.as_of(today.newest):
        for step in (SEATS.step, SEAT_BILLING.step):
            load(database, open_client, scopes, step, LoadRequest(today, [today.newest]))
        load(database, open_client, scopes, METRICS_STEP, LoadRequest(today, days))


def morning(
    github: SimulatedGitHub, database: Database, number: int, *, runs: bool = True
) -> list[Problem]:
    """The problems after the run of the schedule on the day with this number."""
    Clock.instant = datetime.combine(FIRST + timedelta(days=number), time(6, 30), UTC)
    newest = Today.from_clock().newest
    if runs:
        run(github, database, day_range(newest - timedelta(days=REREAD_DAYS - 1), newest))
    return problems(database, Today.from_clock())


def day(number: int) -> date:
    return FIRST + timedelta(days=number)


def test_every_morning_of_three_weeks_says_what_an_operator_should_know(
    simulated: tuple[SimulatedGitHub, Database],
) -> None:
    github, database = simulated
    newest = Today.from_clock().newest
    run(github, database, day_range(newest - timedelta(days=9), newest))
    assert problems(database, Today.from_clock()) == []
    told: dict[int, list[Problem]] = {}
    for number in range(1, 22):
        github.faults.clear()
        if number == 3:
            github.faults.add("/orgs/", **faults.server_error(503))
        if number in (11, 12):
            github.faults.add("/orgs/", **faults.policy_off())
        if number == 21:
            github.faults.add("/", **faults.bad_credentials())
        if number == 20:
            with database.write() as connection:
                expires_at = datetime.combine(day(21), time(0), UTC)
                connection.execute(sa.update(accounts).values(token_expires_at=expires_at))
        told[number] = morning(github, database, number, runs=number != 18)
    kinds = {number: [problem.kind.value for problem in found] for number, found in told.items()}
    assert kinds == {
        1: [],
        2: [],
        # GitHub is dead: the metrics of the day come later, its snapshots do not.
        3: ["failed"],
        **{number: ["snapshot_missing"] for number in range(4, 11)},
        # The policy is off for two days.
        11: ["refused"],
        12: ["refused"],
        **{number: ["snapshot_missing"] for number in range(13, 19)},
        # Day 18 has no run, which nobody can know before the day is over.
        19: ["snapshot_missing"] * 2,
        20: ["token_expires", "snapshot_missing"],
        # An expired token is the one thing to see to: nothing can be collected.
        21: ["token_expires"],
    }
    assert "503 Service Unavailable" in told[3][0].message
    (missing,) = told[4]
    assert (missing.since, missing.source) == (day(2), None)
    assert "cannot be taken later" in missing.message
    assert "503 Service Unavailable" in missing.message
    assert "The policy 'Copilot usage metrics' is off" in told[12][0].message
    assert str(day(10)) in told[12][0].message
    missed = [problem for problem in told[19] if problem.since == day(17)]
    assert [f"nothing was collected on {day(18)}" in each.message for each in missed] == [True]
    assert "The token expires on" in told[20][0].message
    assert "The token expired on" in told[21][0].message
