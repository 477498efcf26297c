"""What is collected of each scope and source, and which problems need a person."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

import pytest
import sqlalchemy as sa

from copilot_pipeline.collection_health import (
    Problem,
    ProblemKind,
    SourceHealth,
    collection_health,
    problems,
)
from copilot_pipeline.days import Today, day_range
from copilot_pipeline.warehouse import tables
from copilot_pipeline.warehouse.database import Database
from copilot_pipeline.warehouse.history import DayState
from copilot_pipeline.warehouse.history_tables import collection_status
from copilot_pipeline_tests.loading import ENTERPRISE, ORGANIZATION, USERS

TODAY = Today(datetime(2026, 11, 21, 8, tzinfo=UTC))
NEWEST = date(2026, 11, 20)
METRICS = (ORGANIZATION, USERS)
SNAPSHOTS = ("seats", "seat-billing")


def ago(days: int) -> date:
    return NEWEST - timedelta(days=days)


def refusal(account: str, scope: str, path: str, what: str) -> str:
    return f"account {account}, {scope}, GET {path}: {what}"


@dataclass
class Stored:
    """A warehouse with the scopes and days that a test describes."""

    database: Database

    def account(self, login: str, *, expires_at: datetime | None = None) -> int:
        values = {
            "login": login,
            "github_user_id": int.from_bytes(login.encode()[-6:], "big"),
            "endpoint": "https://api.github.com",
            "token_expires_at": expires_at,
            **{f"token_{name}": "x" for name in ("ciphertext", "nonce", "salt", "kdf")},
            "created_at": TODAY.now,
            "updated_at": TODAY.now,
        }
        return self._insert(tables.accounts, values)

    def scope(
        self,
        account_id: int,
        slug: str,
        *,
        kind: str = "organization",
        added: date | None = None,
        reports: Sequence[str] = METRICS,
    ) -> int:
        created_at = datetime.combine(added or ago(30), time(9), UTC)
        values = {
            "account_id": account_id,
            "kind": kind,
            "slug": slug,
            "metrics_api": "reports",
            "reports": ",".join(reports),
            "created_at": created_at,
            "updated_at": created_at,
        }
        return self._insert(tables.scopes, values)

    def days(
        self,
        scope_id: int,
        sources: Sequence[str],
        days: Sequence[date],
        state: DayState = DayState.LOADED,
        *,
        message: str | None = None,
        http_status: int | None = 200,
        hours_ago: int = 2,
    ) -> None:
        fetched_at = TODAY.now - timedelta(hours=hours_ago)
        rows = [
            {
                "scope_id": scope_id,
                "day": day,
                "report": source,
                "state": state,
                "http_status": http_status,
                "first_loaded_at": fetched_at if state is DayState.LOADED else None,
                # The oldest day is requested first.
                "last_fetched_at": fetched_at - timedelta(seconds=(NEWEST - day).days),
                "change_count": 0,
                "message": message,
            }
            for source in sources
            for day in days
        ]
        with self.database.write() as connection:
            table = collection_status.c
            replaced = (table.scope_id == scope_id, table.report.in_(sources), table.day.in_(days))
            connection.execute(sa.delete(collection_status).where(*replaced))
            connection.execute(sa.insert(collection_status), rows)

    def healthy(self, scope_id: int) -> None:
        """Everything is loaded, and the newest days are not there yet, as on any good day."""
        self.days(scope_id, METRICS, day_range(ago(40), ago(2)))
        self.days(scope_id, METRICS, [ago(1), NEWEST], DayState.NOT_READY, http_status=204)
        self.days(scope_id, SNAPSHOTS, day_range(ago(30), NEWEST))

    def health(self) -> dict[str, SourceHealth]:
        return {each.source: each for each in collection_health(self.database, TODAY)}

    def problems(self) -> list[Problem]:
        return problems(self.database, TODAY)

    def _insert(self, table: sa.Table, values: Mapping[str, object]) -> int:
        with self.database.write() as connection:
            statement = sa.insert(table).values(values).returning(table.c.id)
            return int(connection.execute(statement).scalar_one())


@pytest.fixture
def stored(database: Database) -> Stored:
    return Stored(database)


@pytest.mark.both_databases
def test_each_source_of_a_scope_has_its_days_by_state(stored: Stored) -> None:
    scope = stored.scope(stored.account("demo-owner"), "acme", added=ago(3))
    stored.days(scope, METRICS, day_range(ago(9), ago(5)))
    stored.days(scope, [USERS], [ago(4)], DayState.NO_DATA, http_status=204)
    stored.days(scope, METRICS, [ago(1)], DayState.NOT_READY, http_status=204)
    stored.days(scope, ["seats"], [ago(2), NEWEST])
    health = stored.health()
    assert list(health) == [ORGANIZATION, USERS, *SNAPSHOTS]
    main = health[ORGANIZATION]
    assert (main.first_day, main.newest_day, main.loaded) == (ago(9), ago(5), 5)
    # The reports of organizations begin on 2025-12-12.
    window = (NEWEST - date(2025, 12, 12)).days + 1
    assert (main.missing, main.not_ready, main.no_data) == (window - 6, 1, 0)
    assert main.last_attempt == TODAY.now - timedelta(hours=2, seconds=1)
    assert (health[USERS].no_data, health[USERS].missing) == (1, window - 7)
    assert (health["seats"].loaded, health["seats"].missing) == (2, 2)
    billing = health["seat-billing"]
    assert (billing.newest_day, billing.loaded, billing.last_attempt) == (None, 0, None)
    assert billing.missing == 4


@pytest.mark.both_databases
def test_a_scope_that_lags_as_github_promises_has_no_problem(stored: Stored) -> None:
    stored.healthy(stored.scope(stored.account("demo-owner"), "acme"))
    assert stored.problems() == []
    assert {each.problems for each in stored.health().values()} == {()}
    # The reports of the newest day are asked for again today, and its snapshots are there.
    later, tomorrow = datetime(2026, 11, 21, 9, tzinfo=UTC), datetime(2026, 11, 22, 6, tzinfo=UTC)
    assert {name: each.next_attempt for name, each in stored.health().items()} == {
        **dict.fromkeys(METRICS, later),
        **dict.fromkeys(SNAPSHOTS, tomorrow),
    }


def test_a_scope_that_was_just_added_has_no_problem(stored: Stored) -> None:
    stored.scope(stored.account("demo-owner"), "acme", added=TODAY.now.date())
    assert stored.problems() == []


@pytest.mark.both_databases
def test_a_scope_that_never_had_a_report_is_one_problem_with_likely_reasons(
    stored: Stored,
) -> None:
    scope = stored.scope(stored.account("demo-owner"), "acme", added=NEWEST)
    stored.days(scope, METRICS, day_range(ago(9), ago(3)), DayState.NO_DATA, http_status=204)
    stored.days(scope, METRICS, day_range(ago(2), NEWEST), DayState.NOT_READY, http_status=204)
    stored.days(scope, SNAPSHOTS, [NEWEST])
    (problem,) = stored.problems()
    assert (problem.kind, problem.scope, problem.since) == (
        ProblemKind.NEVER_HAD_DATA,
        "organization acme",
        ago(9),
    )
    assert problem.message.startswith(
        f"organization acme: GitHub has never had a report: it was asked for days since "
        f"{ago(9)}. Likely reasons: the policy 'Copilot usage metrics' was switched on recently"
    )
    assert stored.health()[ORGANIZATION].problems == (problem,)


def test_days_that_may_still_come_do_not_mean_that_there_is_no_report(stored: Stored) -> None:
    scope = stored.scope(stored.account("demo-owner"), "acme", added=NEWEST)
    stored.days(scope, METRICS, day_range(ago(2), NEWEST), DayState.NOT_READY, http_status=204)
    stored.days(scope, SNAPSHOTS, [NEWEST])
    assert stored.problems() == []


@pytest.mark.parametrize(("newest_day", "is_late"), [(4, False), (5, True)])
def test_a_scope_without_a_new_report_for_days_is_a_problem(
    stored: Stored, newest_day: int, is_late: bool
) -> None:
    scope = stored.scope(stored.account("demo-owner"), "acme")
    stored.healthy(scope)
    gone = day_range(ago(newest_day - 1), ago(3))
    stored.days(scope, METRICS, gone, DayState.NO_DATA, http_status=204)
    stored.days(scope, METRICS, [ago(2)], DayState.NOT_READY, http_status=204)
    found = stored.problems()
    assert [each.kind for each in found] == [ProblemKind.NO_NEW_DAY] * is_late
    for problem in found:
        assert (problem.since, problem.source) == (ago(newest_day - 1), None)
        assert "GitHub has had no report" in problem.message


@pytest.mark.both_databases
def test_a_refused_scope_is_one_problem_and_not_one_for_each_source(stored: Stored) -> None:
    scope = stored.scope(stored.account("demo-owner"), "acme")
    stored.healthy(scope)
    for source in (*METRICS, *SNAPSHOTS):
        message = refusal(
            "demo-owner", "organization acme", f"/x/{source}", "403 Forbidden. The policy is off."
        )
        days = [NEWEST] if source in SNAPSHOTS else day_range(ago(3), NEWEST)
        stored.days(
            scope, [source], days, DayState.NO_ACCESS, message=message, http_status=403, hours_ago=1
        )
    (problem,) = stored.problems()
    assert (problem.kind, problem.scope, problem.source) == (
        ProblemKind.REFUSED,
        "organization acme",
        None,
    )
    assert problem.since == ago(3)
    assert problem.message == (
        f"organization acme: GitHub refuses {ORGANIZATION}, {USERS}, seats and seat-billing: "
        f"account demo-owner, GET /x/{ORGANIZATION}: 403 Forbidden. The policy is off."
    )
    assert {each.message is None for each in stored.health().values()} == {False}


def test_a_refusal_that_is_over_is_no_problem(stored: Stored) -> None:
    scope = stored.scope(stored.account("demo-owner"), "acme")
    stored.healthy(scope)
    stored.days(
        scope, METRICS, [ago(9)], DayState.NO_ACCESS, message="no", http_status=403, hours_ago=30
    )
    assert stored.problems() == []
    assert stored.health()[USERS].refused == 1
    assert stored.health()[USERS].message == "no"


def test_a_token_that_was_revoked_is_one_problem_of_its_account(stored: Stored) -> None:
    account = stored.account("demo-owner")
    for slug in ("acme", "initech"):
        scope = stored.scope(account, slug)
        stored.healthy(scope)
        message = refusal("demo-owner", f"organization {slug}", "/x", "401 Unauthorized. Renew it.")
        stored.days(
            scope,
            [*METRICS, *SNAPSHOTS],
            [NEWEST],
            DayState.NO_ACCESS,
            message=message,
            http_status=401,
            hours_ago=1,
        )
    (problem,) = stored.problems()
    assert (problem.kind, problem.scope) == (ProblemKind.REFUSED, f"account {account}, demo-owner")
    assert "(organization acme, organization initech)" in problem.message


def test_a_token_that_expired_is_told_once(stored: Stored) -> None:
    account = stored.account("demo-owner", expires_at=TODAY.now - timedelta(days=1))
    scope = stored.scope(account, "acme")
    stored.healthy(scope)
    message = refusal("demo-owner", "organization acme", "/x", "401 Unauthorized. Renew it.")
    stored.days(
        scope, METRICS, [NEWEST], DayState.NO_ACCESS, message=message, http_status=401, hours_ago=1
    )
    (problem,) = stored.problems()
    assert problem.kind is ProblemKind.TOKEN_EXPIRES
    assert problem.message.startswith(
        f"account {account}, demo-owner: The token expired on 2026-11-20 at 08:00 UTC."
    )
    assert stored.health()[USERS].problems[0].kind is ProblemKind.REFUSED


@pytest.mark.parametrize(("days_left", "is_told"), [(13, True), (15, False)])
def test_a_token_that_expires_soon_is_a_problem(
    stored: Stored, days_left: int, is_told: bool
) -> None:
    account = stored.account("demo-owner", expires_at=TODAY.now + timedelta(days=days_left))
    stored.healthy(stored.scope(account, "acme"))
    assert [each.kind for each in stored.problems()] == [ProblemKind.TOKEN_EXPIRES] * is_told


def test_a_host_that_does_not_answer_is_one_problem_of_its_account(stored: Stored) -> None:
    account = stored.account("demo-owner")
    for slug in ("acme", "initech"):
        scope = stored.scope(account, slug)
        stored.healthy(scope)
        message = refusal("demo-owner", f"organization {slug}", "/x", "503 Unavailable. Later.")
        stored.days(
            scope,
            [*METRICS, *SNAPSHOTS],
            [NEWEST],
            DayState.FAILED,
            message=message,
            http_status=503 if slug == "acme" else None,
            hours_ago=1,
        )
    (problem,) = stored.problems()
    assert (problem.kind, problem.since) == (ProblemKind.FAILED, NEWEST)
    assert "503 Unavailable. Later. The schedule tries again" in problem.message


def test_one_failed_day_among_others_is_a_problem_while_it_is_recent(stored: Stored) -> None:
    scope = stored.scope(stored.account("demo-owner"), "acme")
    stored.healthy(scope)
    stored.days(scope, [USERS], [ago(40)], DayState.FAILED, message="not JSON")
    assert stored.problems() == []
    stored.days(scope, [USERS], [ago(9)], DayState.FAILED, message="not JSON", hours_ago=3)
    (problem,) = stored.problems()
    assert (problem.kind, problem.source, problem.since) == (ProblemKind.FAILED, USERS, ago(9))


@pytest.mark.both_databases
def test_a_missed_morning_says_which_snapshots_are_missing_and_why(stored: Stored) -> None:
    scope = stored.scope(stored.account("demo-owner"), "acme")
    stored.healthy(scope)
    with stored.database.write() as connection:
        connection.execute(
            sa.delete(collection_status).where(
                collection_status.c.day == ago(1), collection_status.c.report.in_(SNAPSHOTS)
            )
        )
    (problem,) = stored.problems()
    assert (problem.kind, problem.source, problem.since) == (
        ProblemKind.SNAPSHOT_MISSING,
        None,
        ago(1),
    )
    assert problem.message.startswith(
        f"organization acme: the seats and seat-billing of {ago(1)} were not taken and cannot be "
        f"taken later: nothing was collected on {NEWEST}."
    )


def test_a_snapshot_that_failed_is_missing_with_its_error_until_it_is_long_ago(
    stored: Stored,
) -> None:
    scope = stored.scope(stored.account("demo-owner"), "acme")
    stored.healthy(scope)
    stored.days(scope, ["seats"], [ago(8)], DayState.FAILED, message="503", hours_ago=200)
    assert stored.problems() == []
    stored.days(scope, ["seats"], [ago(7)], DayState.FAILED, message="503", hours_ago=180)
    (problem,) = stored.problems()
    assert (problem.kind, problem.source) == (ProblemKind.SNAPSHOT_MISSING, "seats")
    assert "cannot be taken later: 503." in problem.message


def test_the_newest_snapshot_is_not_missing_as_long_as_it_can_be_taken(stored: Stored) -> None:
    scope = stored.scope(stored.account("demo-owner"), "acme", added=ago(1))
    stored.days(scope, METRICS, day_range(ago(30), ago(1)))
    stored.days(scope, SNAPSHOTS, [ago(1)])
    assert stored.problems() == []


def test_a_schedule_that_does_not_run_is_one_problem_of_all_scopes(stored: Stored) -> None:
    for login in ("demo-owner", "demo-other"):
        scope = stored.scope(stored.account(login), login)
        for sources in (METRICS, SNAPSHOTS):
            stored.days(scope, sources, day_range(ago(30), ago(3)), hours_ago=74)
    (problem,) = stored.problems()
    assert (problem.kind, problem.scope, problem.since) == (
        ProblemKind.NOT_COLLECTED,
        "2 scopes",
        ago(3),
    )
    assert "daily_copilot_schedule" in problem.message


def test_only_the_given_scopes_are_told(stored: Stored) -> None:
    account = stored.account("demo-owner")
    stored.healthy(stored.scope(account, "acme"))
    enterprise = stored.scope(account, "globex", kind="enterprise", reports=(ENTERPRISE,))
    stored.days(enterprise, [ENTERPRISE], [ago(5)], DayState.NO_DATA)
    stored.days(enterprise, ["seats"], day_range(ago(30), NEWEST))
    scopes = {each.scope.slug: each.scope for each in collection_health(stored.database, TODAY)}
    given = collection_health(stored.database, TODAY, [scopes["globex"]])
    assert [each.source for each in given] == [ENTERPRISE, "seats"]
    assert problems(stored.database, TODAY, [scopes["acme"]]) == []
    assert len(problems(stored.database, TODAY)) == 1
