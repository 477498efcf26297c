"""Three weeks of four organizations: after each event, the pipeline says what to know and to do.

The clock, GitHub and its answers are simulated. The schedule, the runs, the checks and the problems
are the real ones.
"""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta, tzinfo
from typing import Any

import dagster as dg
import pytest
import sqlalchemy as sa

from copilot_pipeline import clock
from copilot_pipeline.accounts import AccountOptions, client_of, import_account, update_account
from copilot_pipeline.collection_health import Problem, ProblemKind, collection_health, problems
from copilot_pipeline.days import Today, day_range
from copilot_pipeline.definitions import defs
from copilot_pipeline.github.retries import RetryPolicy
from copilot_pipeline.schedules import daily_copilot_schedule
from copilot_pipeline.simulated_github import Organization, SimulatedGitHub, faults
from copilot_pipeline.simulated_github.company import NotReady
from copilot_pipeline.warehouse.database import Database
from copilot_pipeline.warehouse.tables import accounts
from copilot_pipeline_tests.loading import ORGANIZATION, read_table

HEALTHY, SILENT, REFUSED, LATE = "octo-healthy", "octo-silent", "octo-refused", "octo-late"
FIRST = date(2026, 10, 19)
NEW_TOKEN = "ghp_" + "SecondInventedToken0".ljust(36, "1")
MORNING, NOON, EVENING = 6, 12, 21

pytestmark = pytest.mark.slow


class StoppedClock:
    """The clock of the pipeline, which only the test moves."""

    instant = datetime.now(UTC)

    @classmethod
    def now(cls, tz: tzinfo) -> datetime:
        return cls.instant.astimezone(tz)


class Weeks:
    """The schedule of these weeks, tick by tick, and what the pipeline says after each."""

    def __init__(self, url: str, github: SimulatedGitHub, instance: dg.DagsterInstance) -> None:
        self.url = url
        self.github = github
        self.instance = instance

    def tick(self, day: date, hour: int = MORNING) -> list[dg.ExecuteInProcessResult]:
        """Evaluates the schedule at that hour, and executes the runs that it requests."""
        StoppedClock.instant = datetime(day.year, day.month, day.day, hour, tzinfo=UTC)
        self._delay_reports(day)
        with (
            self.github.as_of(day - timedelta(days=1)),
            dg.build_schedule_context(
                instance=self.instance,
                scheduled_execution_time=StoppedClock.instant,
                resources={
                    key: (defs.resources or {})[key]
                    for key in daily_copilot_schedule.required_resource_keys
                },
                repository_def=defs.get_repository_def(),
            ) as context,
        ):
            data = daily_copilot_schedule.evaluate_tick(context)
            return [self._execute(request) for request in data.run_requests or []]

    def _delay_reports(self, day: date) -> None:
        """GitHub has the reports of the late organization two days after the others."""
        late = [day - timedelta(days=n) for n in (1, 2)]
        reports = {(ORGANIZATION, each): NotReady.NO_CONTENT for each in late}
        self.github.organization(LATE).reports = dict(reports)

    def days(self, first: date, last: date) -> None:
        """Lets mornings and noons pass."""
        for day in day_range(first, last):
            self.tick(day)
            self.tick(day, NOON)

    def _execute(self, request: dg.RunRequest) -> dg.ExecuteInProcessResult:
        assets = request.asset_selection
        return defs.resolve_job_def("daily_copilot").execute_in_process(
            run_config=request.run_config,
            partition_key=request.partition_key,
            tags=request.tags,
            asset_selection=None if assets is None else list(assets),
            instance=self.instance,
            raise_on_error=False,
        )

    def problems(self, scope: str | None = None) -> list[Problem]:
        """What needs a person now; of one organization, or of all."""
        with Database(self.url) as database:
            found = problems(database, Today.from_clock())
        return [each for each in found if scope is None or scope in each.message]

    def said(self, scope: str | None = None) -> dict[ProblemKind, str]:
        return {each.kind: each.message for each in self.problems(scope)}

    def loaded(self, slug: str, source: str) -> set[date]:
        """The days of the source that are stored."""
        rows = read_table(
            self.url,
            "_tool_copilot_collection_status JOIN _tool_copilot_scopes "
            "ON _tool_copilot_scopes.id = scope_id",
        )
        return {
            _as_date(row["day"])
            for row in rows
            if (row["slug"], row["report"], row["state"]) == (slug, source, "loaded")
        }


def _as_date(value: Any) -> date:
    return value if isinstance(value, date) else date.fromisoformat(value)


@pytest.fixture
def github() -> Iterator[SimulatedGitHub]:
    quiet = Organization(SILENT, seat_count=3, reports_since=date(2030, 1, 1))
    organizations = [
        Organization(HEALTHY, seat_count=12),
        quiet,
        Organization(REFUSED, seat_count=4),
        Organization(LATE, seat_count=5),
    ]
    with SimulatedGitHub(organizations, today=FIRST) as github:
        github.faults.add(f"/orgs/{REFUSED}/copilot/metrics", **faults.policy_off())
        yield github


@pytest.fixture
def weeks(
    warehouse_environment: str, github: SimulatedGitHub, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Weeks]:
    quick = RetryPolicy(attempts=2, first_wait=0.01, max_wait=0.02)
    monkeypatch.setattr(client_of, "__defaults__", (quick,))
    monkeypatch.setattr(clock, "datetime", StoppedClock)
    StoppedClock.instant = datetime(FIRST.year, FIRST.month, FIRST.day, 5, tzinfo=UTC)
    github.accept(github.token, expires_at=datetime.now(UTC) + timedelta(days=365))
    with Database(warehouse_environment) as database:
        slugs = (HEALTHY, SILENT, REFUSED, LATE)
        wanted = AccountOptions(github.url, None, slugs, (), "reports", (ORGANIZATION,))
        import_account(database, github.token, wanted)
    with dg.DagsterInstance.get() as instance:
        yield Weeks(warehouse_environment, github, instance)


def test_three_weeks_tell_at_every_step_what_an_operator_should_know(
    weeks: Weeks, github: SimulatedGitHub
) -> None:
    def after(days: int) -> date:
        return FIRST + timedelta(days=days)

    # The first morning. Two organizations have data of the day before, or will have it.
    weeks.tick(FIRST)
    assert weeks.loaded(HEALTHY, ORGANIZATION) >= {after(-1)}
    assert weeks.loaded(HEALTHY, "seats") == {after(-1)}
    assert weeks.problems(HEALTHY) == []
    assert weeks.problems(LATE) == []
    assert "policy" in weeks.said(REFUSED)[ProblemKind.REFUSED]

    # A week of quiet days. The organization without any report is told apart from the late one.
    weeks.days(FIRST, after(6))
    assert weeks.problems(HEALTHY) == []
    assert weeks.problems(LATE) == []
    assert set(weeks.said(SILENT)) == {ProblemKind.NEVER_HAD_DATA}
    assert set(weeks.said(REFUSED)) == {ProblemKind.REFUSED}
    assert len(weeks.problems()) == 2

    # GitHub is dead for a day. That day's snapshot cannot be taken later.
    dead = after(7)
    github.faults.clear()
    github.faults.add(".*", **faults.server_error(503))
    weeks.days(dead, dead)
    said = weeks.said()
    assert ProblemKind.FAILED in said
    assert "503" in said[ProblemKind.FAILED]
    assert len([each for each in weeks.problems() if each.kind is ProblemKind.FAILED]) == 1
    github.faults.clear()
    github.faults.add(f"/orgs/{REFUSED}/copilot/metrics", **faults.policy_off())
    weeks.days(after(8), after(8))
    missing = weeks.said(HEALTHY)[ProblemKind.SNAPSHOT_MISSING]
    assert str(dead - timedelta(days=1)) in missing
    assert "503" in missing
    assert dead - timedelta(days=1) in weeks.loaded(HEALTHY, ORGANIZATION)
    assert dead - timedelta(days=1) not in weeks.loaded(HEALTHY, "seats")

    # The token expires soon, then it is refused, then there is a new one.
    expires_at = datetime(2026, 10, 30, 3, tzinfo=UTC)
    with Database(weeks.url) as database:
        github.accept(github.token, expires_at=datetime.now(UTC) + timedelta(days=365))
        _expire(database, expires_at)
    weeks.days(after(9), after(10))
    assert "expires on 2026-10-30" in weeks.said()[ProblemKind.TOKEN_EXPIRES]
    github.faults.clear()
    github.faults.add(".*", **faults.bad_credentials())
    weeks.days(after(11), after(11))
    said = weeks.said()
    assert "expired on 2026-10-30" in said[ProblemKind.TOKEN_EXPIRES]
    assert "update" in said[ProblemKind.TOKEN_EXPIRES]
    assert ProblemKind.REFUSED not in said
    github.faults.clear()
    github.faults.add(f"/orgs/{REFUSED}/copilot/metrics", **faults.policy_off())
    github.accept(NEW_TOKEN)
    with Database(weeks.url) as database:
        update_account(database, 1, NEW_TOKEN, AccountOptions())
    weeks.days(after(12), after(12))
    assert ProblemKind.TOKEN_EXPIRES not in weeks.said()
    assert after(10) in weeks.loaded(HEALTHY, ORGANIZATION)

    # An organization switches its policy off, and on again two days later.
    github.faults.add(f"/orgs/{HEALTHY}/copilot/metrics", **faults.policy_off())
    (run,) = [each for each in weeks.tick(after(13)) if not each.success][:1]
    assert HEALTHY in _failures(run)
    assert "policy" in weeks.said(HEALTHY)[ProblemKind.REFUSED]
    assert after(12) in weeks.loaded(HEALTHY, "seats")
    weeks.days(after(14), after(14))
    github.faults.clear()
    github.faults.add(f"/orgs/{REFUSED}/copilot/metrics", **faults.policy_off())
    weeks.days(after(15), after(15))
    assert ProblemKind.REFUSED not in weeks.said(HEALTHY)
    assert {after(12), after(13)} <= weeks.loaded(HEALTHY, ORGANIZATION)

    # A morning is missed; a later tick takes what would be lost.
    weeks.tick(after(16), NOON)
    assert after(15) in weeks.loaded(HEALTHY, "seats")
    github.requests.clear()
    weeks.tick(after(16), EVENING)
    asked = {request.path.split("/copilot/")[0] for request in github.requests}
    assert asked <= {f"/orgs/{LATE}", f"/orgs/{SILENT}", ""}
    assert not [request for request in github.requests if "/billing" in request.path]

    # A day and a half without any tick: what is lost is named, with the reason.
    weeks.days(after(18), after(20))
    missing = weeks.said(HEALTHY)[ProblemKind.SNAPSHOT_MISSING]
    assert str(after(16)) in missing
    assert "nothing was collected" in missing
    assert set(day_range(FIRST - timedelta(days=1), after(19))) <= weeks.loaded(
        HEALTHY, ORGANIZATION
    )
    with Database(weeks.url) as database:
        health = {
            (str(each.scope), each.source): each
            for each in collection_health(database, Today.from_clock())
        }
    healthy = health[f"organization {HEALTHY}", ORGANIZATION]
    assert (healthy.newest_day, healthy.failed, healthy.refused) == (after(19), 0, 0)
    assert health[f"organization {LATE}", ORGANIZATION].newest_day == after(17)
    assert health[f"organization {SILENT}", ORGANIZATION].newest_day is None
    assert health[f"organization {REFUSED}", ORGANIZATION].refused > 0


def _expire(database: Database, at: datetime) -> None:
    with database.write() as connection:
        connection.execute(sa.update(accounts).values(token_expires_at=at))


def _failures(result: dg.ExecuteInProcessResult) -> str:
    return "\n".join(
        str(event.step_failure_data.user_failure_data.description)
        for event in result.all_events
        if event.is_step_failure and event.step_failure_data.user_failure_data
    )
