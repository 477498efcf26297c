"""Seats are counted once a day, and again when a users report says more of who used theirs."""

import json
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from random import Random
from typing import Any

import pytest
import sqlalchemy as sa

from copilot_pipeline.collect.loader import load
from copilot_pipeline.collect.outcomes import Outcome, OutcomeState
from copilot_pipeline.collect.plan import LoadRequest
from copilot_pipeline.collect.rebuild import rebuild
from copilot_pipeline.collect.seat_counts import count_stale_days
from copilot_pipeline.collect.selection import select_scopes
from copilot_pipeline.collect.workers import OpenClient
from copilot_pipeline.days import Today, day_range
from copilot_pipeline.github.client import GitHubClient
from copilot_pipeline.github.credentials import PersonalAccessToken
from copilot_pipeline.github.transport import ConnectionSettings
from copilot_pipeline.simulated_github import Organization, ReportFiles, SimulatedGitHub
from copilot_pipeline.sources import SEATS
from copilot_pipeline.sources.raw import RAW_SEATS
from copilot_pipeline.sources.reports import METRICS_STEP
from copilot_pipeline.sources.seats import seats as seats_table
from copilot_pipeline.sources.users import user_metrics
from copilot_pipeline.warehouse.accounts import Account
from copilot_pipeline.warehouse.database import Database
from copilot_pipeline.warehouse.history_tables import collection_status
from copilot_pipeline.warehouse.raw import compress
from copilot_pipeline.warehouse.scopes import Scope
from copilot_pipeline.warehouse.seat_days import (
    count_seat_day,
    list_uncounted_days,
    mark_stale,
    seat_days,
)
from copilot_pipeline_tests.landed import make_landed
from copilot_pipeline_tests.loading import (
    ORGANIZATION,
    USERS,
    execute,
    failure,
    import_organizations,
    newest_complete_day,
)
from copilot_pipeline_tests.test_views import (
    ACTIVE_COUNTERS,
    ACTIVE_FLAGS,
    DAY,
    PEOPLE,
    Row,
    insert,
    read,
    seat,
    use,
)

pytestmark = pytest.mark.both_databases

SLUG = "octo-demo"
NOTHING = dict.fromkeys(
    (
        "seats",
        "seats_enterprise",
        "active_seats",
        "idle_seats",
        "never_used_seats",
        "unused_seats_enterprise",
        "new_seats",
        "pending_seats",
    ),
    0,
)


# --- the counts, computed a second time -------------------------------------------------------


def expected_person(seats: Sequence[Row], used: Sequence[date], day: date) -> Row:
    """What the seats of a person and the days of use say, in the words of the definitions."""
    plans = {held["plan_type"] for held in seats}
    plan = next((each for each in ("enterprise", "business") if each in plans), "unknown")
    given = [held["created_at"] for held in seats if held["created_at"]]
    told = [held for held in seats if held["last_activity_at"]]
    latest = max(told, key=lambda held: held["last_activity_at"], default=None)
    days = [each for each in used if each <= day]
    known = [*days, *(held["last_activity_at"].astimezone(UTC).date() for held in told)]
    held_for = (day - min(given).astimezone(UTC).date()).days if given else None
    quiet_for = (day - max(known)).days if known else None
    is_pending = all(held["pending_cancellation_date"] for held in seats)
    is_settled = held_for is not None and held_for >= 30 and not is_pending
    return {
        "plan_type": plan,
        "editor": latest["last_activity_editor"] if latest else None,
        "last_used_day": max(days, default=None),
        "last_active_day": max(known, default=None),
        "is_active": quiet_for is not None and quiet_for < 28,
        "is_idle": is_settled and quiet_for is not None and quiet_for >= 30,
        "is_never_used": is_settled and quiet_for is None,
        "is_new": held_for is not None and held_for < 30,
        "is_pending": is_pending,
    }


def was_used(row: Row) -> bool:
    counted = any((row.get(name) or 0) > 0 for name in ACTIVE_COUNTERS)
    return counted or any(row.get(name) is True for name in ACTIVE_FLAGS)


def expected_people(
    seats: Sequence[Row], uses: Sequence[Row], scope_id: int, day: date
) -> dict[int, Row]:
    held: dict[int, list[Row]] = {}
    for row in seats:
        if (row["scope_id"], row["day"]) == (scope_id, day):
            held.setdefault(row["user_id"], []).append(row)
    return {
        user_id: expected_person(
            own,
            [
                row["day"]
                for row in uses
                if (row["scope_id"], row["user_id"]) == (scope_id, user_id) and was_used(row)
            ],
            day,
        )
        for user_id, own in held.items()
    }


def expected_counts(people: dict[int, Row], day: date, *, reaches_back: bool) -> Row:
    def count(is_counted: Callable[[Row], bool]) -> int:
        return sum(map(is_counted, people.values()))

    def used_in_28_days(person: Row) -> bool:
        last = person["last_used_day"]
        return last is not None and (day - last).days < 28

    def is_enterprise(person: Row) -> bool:
        return bool(person["plan_type"] == "enterprise")

    return {
        "seats": len(people),
        "seats_enterprise": count(is_enterprise),
        "active_users": count(used_in_28_days) if reaches_back else None,
        "active_seats": count(lambda person: person["is_active"]),
        "idle_seats": count(lambda person: person["is_idle"]),
        "never_used_seats": count(lambda person: person["is_never_used"]),
        "unused_seats_enterprise": count(
            lambda person: is_enterprise(person) and (person["is_idle"] or person["is_never_used"])
        ),
        "new_seats": count(lambda person: person["is_new"]),
        "pending_seats": count(lambda person: person["is_pending"]),
    }


def random_seats(random: Random, scope_id: int, day: date) -> Iterator[Row]:
    """Seats around the borders of the windows, several of them one person's."""
    for user_id in range(50):
        for organization in random.sample(["a", "b", "c"], random.choice([1, 1, 1, 2, 3])):
            instants = [
                None
                if random.random() < 0.25
                else datetime.combine(day, datetime.min.time(), UTC)
                - timedelta(
                    days=random.choice([-1, 0, 1, 26, 27, 28, 29, 30, 31, 60]),
                    # Another instant for each: none is the latest by chance.
                    microseconds=random.randrange(-86_399_000_000, 1),
                )
                for _ in range(2)
            ]
            yield seat(
                user_id,
                scope_id=scope_id,
                day=day,
                organization=organization,
                plan_type=random.choice(["business", "business", "enterprise", "unknown", None]),
                created_at=instants[0],
                last_activity_at=instants[1],
                last_activity_editor=instants[1] and f"editor of {organization}",
                pending_cancellation_date=random.choice([None, None, day + timedelta(days=9)]),
            )


def random_uses(random: Random, scope_id: int) -> Iterator[Row]:
    for user_id in range(50):
        ages = random.sample([-1, 0, 1, 26, 27, 28, 29, 30, 31, 45], random.choice([0, 0, 1, 3]))
        for age in ages:
            values: Row = {name: random.choice([None, 0]) for name in ACTIVE_COUNTERS}
            values |= {name: random.choice([None, False]) for name in ACTIVE_FLAGS}
            did = random.choice([*ACTIVE_COUNTERS, *ACTIVE_FLAGS])
            if random.random() < 0.7:
                values[did] = 2 if did in ACTIVE_COUNTERS else True
            yield use(user_id, age, scope_id=scope_id, **values)


@pytest.mark.parametrize("number", range(4))
def test_random_seats_are_classified_and_counted_as_the_definitions_say(
    database: Database, number: int
) -> None:
    random = Random(number)
    days = [DAY - timedelta(days=3), DAY]
    slices = [(scope_id, day) for scope_id in (1, 2) for day in days]
    seats = [row for each in slices for row in random_seats(random, *each)]
    uses = [row for scope_id in (1, 2) for row in random_uses(random, scope_id)]
    insert(database, seats_table, *seats)
    insert(database, user_metrics, *uses)
    # Of the first scope, the users reports reach back 28 days from the second snapshot only.
    insert(database, collection_status, loaded(1, DAY - timedelta(days=27)))
    insert(database, collection_status, loaded(1, DAY - timedelta(days=3)))
    kinds = set()
    for scope_id, day in slices:
        with database.write() as connection:
            count_seat_day(connection, scope_id, day)
        people = expected_people(seats, uses, scope_id, day)
        rows = read(database, PEOPLE, PEOPLE.c.scope_id == scope_id, PEOPLE.c.day == day)
        assert len(rows) == 50
        for row in rows:
            expected = people[row["user_id"]]
            assert {name: row[name] for name in expected} == expected
            kinds |= {name for name in expected if name.startswith("is_") and expected[name]}
        reaches_back = (scope_id, day) == (1, DAY)
        assert counts(database, scope_id, day) == expected_counts(
            people, day, reaches_back=reaches_back
        )
    assert len(kinds) == 5


# --- what the tests share ---------------------------------------------------------------------


def loaded(scope_id: int, day: date, **values: Any) -> Row:
    return {
        "scope_id": scope_id,
        "day": day,
        "report": USERS,
        "state": "loaded",
        "last_fetched_at": datetime(2026, 11, 2, 6, tzinfo=UTC),
        "change_count": 0,
        **values,
    }


def counts(database: Database, scope_id: int, day: date) -> Row:
    """The counts of a snapshot, which are not stale."""
    table = seat_days.c
    (row,) = read(database, seat_days, table.scope_id == scope_id, table.day == day)
    assert row["is_stale"] is False
    return {name: row[name] for name in row if name not in ("scope_id", "day", "is_stale")}


def stale_days(database: Database, scope_id: int = 1) -> list[date]:
    rows = read(database, seat_days, seat_days.c.scope_id == scope_id, seat_days.c.is_stale)
    return [row["day"] for row in rows]


def last_days(count: int) -> list[date]:
    newest = newest_complete_day()
    return day_range(newest - timedelta(days=count - 1), newest)


def client_of(github: SimulatedGitHub) -> OpenClient:
    """Without opening the sealed token, which takes a tenth of a second each time."""

    def open_client(_: Database, account: Account) -> GitHubClient:
        return GitHubClient(
            ConnectionSettings(github.url, PersonalAccessToken(github.token)), account.login
        )

    return open_client


def served_seat(user_id: int, active: date | None = None, **values: Any) -> dict[str, Any]:
    return {
        "created_at": "2025-01-05T09:00:00Z",
        "assignee": {"login": f"demo-user-{user_id}", "id": user_id},
        "plan_type": "business",
        "last_activity_at": active and f"{active}T12:00:00Z",
        "last_activity_editor": "vscode",
        **values,
    }


def take_snapshot(database: Database, github: SimulatedGitHub, day: date) -> list[Outcome]:
    """The seats as they are served now, as the snapshot of that day."""
    scopes = select_scopes(database)
    next_morning = datetime.combine(day, time(6), UTC) + timedelta(days=1)
    request = LoadRequest(Today(next_morning), [day])
    return load(database, client_of(github), scopes, SEATS.step, request)


def give_users(github: SimulatedGitHub, day: date, *user_ids: int, slug: str = SLUG) -> None:
    """The users report of that day from now on: these people each sent a prompt."""
    lines = [
        {
            "day": str(day),
            "user_id": user_id,
            "user_login": f"demo-user-{user_id}",
            "user_initiated_interaction_count": 1,
        }
        for user_id in user_ids
    ]
    files: list[str | bytes] = ["".join(json.dumps(line) + "\n" for line in lines)]
    github.organization(slug).reports[USERS, day] = ReportFiles(files)


def load_users(database: Database, github: SimulatedGitHub, days: Sequence[date]) -> list[Outcome]:
    return load_metrics(database, github, select_scopes(database), days)


def load_metrics(
    database: Database,
    github: SimulatedGitHub,
    scopes: Sequence[Scope],
    days: Sequence[date],
    on_outcome: Callable[[Outcome], None] = lambda _: None,
) -> list[Outcome]:
    request = LoadRequest(Today.from_clock(), days)
    return load(database, client_of(github), scopes, METRICS_STEP, request, on_outcome)


class CrashError(Exception):
    """Something that ends the process."""


def load_and_crash(database: Database, github: SimulatedGitHub, day: date) -> None:
    """Ends a load when the report of the day is stored, before anything is counted again."""

    def crash(outcome: Outcome) -> None:
        assert outcome.state is OutcomeState.LOADED
        raise CrashError

    with pytest.raises(CrashError):
        load_metrics(database, github, select_scopes(database), [day], crash)


def rebuild_metrics(database: Database, day: date, asset: str) -> Generator[Outcome, None, None]:
    outcomes = rebuild(database, select_scopes(database), METRICS_STEP, [day], {asset})
    assert isinstance(outcomes, Generator)
    return outcomes


@contextmanager
def refusing(database: Database, event: str, table: sa.Table, scope_id: int = 1) -> Iterator[None]:
    """Meanwhile the database itself refuses to INSERT or UPDATE the scope's rows of the table."""
    trigger = (
        f"CREATE TRIGGER refused BEFORE {event} ON {table.name} "
        f"FOR EACH ROW WHEN (NEW.scope_id = {scope_id})"
    )
    if database.is_sqlite:
        before = [f"{trigger} BEGIN SELECT RAISE(ABORT, 'refused'); END"]
        after = ["DROP TRIGGER refused"]
    else:
        does = "LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'refused'; END $$"
        before = [
            f"CREATE FUNCTION refused() RETURNS trigger {does}",
            f"{trigger} EXECUTE FUNCTION refused()",
        ]
        after = ["DROP FUNCTION refused() CASCADE"]
    with database.write() as connection:
        for statement in before:
            connection.execute(sa.text(statement))
    yield
    with database.write() as connection:
        for statement in after:
            connection.execute(sa.text(statement))


@pytest.fixture
def collected(database: Database, database_url: str, github: SimulatedGitHub) -> SimulatedGitHub:
    """An organization of three seats, none of them ever used, that collects the users report."""
    import_organizations(database_url, github, SLUG, reports=(USERS,))
    github.organization(SLUG).seats = [served_seat(user_id) for user_id in (1, 2, 3)]
    return github


# --- snapshots --------------------------------------------------------------------------------


def test_a_snapshot_is_counted_at_once(database: Database, collected: SimulatedGitHub) -> None:
    day = newest_complete_day()
    collected.organization(SLUG).seats = [
        served_seat(1, day),
        served_seat(2, day - timedelta(days=40), plan_type="enterprise"),
        served_seat(3, plan_type="enterprise"),
        served_seat(4, created_at=f"{day}T10:00:00Z"),
        served_seat(5, day, pending_cancellation_date=str(day + timedelta(days=9))),
    ]
    (outcome,) = take_snapshot(database, collected, day)
    assert outcome.state is OutcomeState.LOADED
    assert counts(database, 1, day) == {
        "seats": 5,
        "seats_enterprise": 2,
        "active_users": None,
        "active_seats": 2,
        "idle_seats": 1,
        "never_used_seats": 1,
        "unused_seats_enterprise": 2,
        "new_seats": 1,
        "pending_seats": 1,
    }


def test_a_snapshot_that_cannot_be_counted_leaves_no_seats_either(
    database: Database, collected: SimulatedGitHub
) -> None:
    day = newest_complete_day()
    stored = (RAW_SEATS.table, seats_table, seat_days)
    with refusing(database, "INSERT", seat_days):
        (outcome,) = take_snapshot(database, collected, day)
        assert outcome.state is OutcomeState.FAILED
        assert [read(database, table) for table in stored] == [[], [], []]
    take_snapshot(database, collected, day)
    before = [read(database, table) for table in stored]
    collected.organization(SLUG).seats = [served_seat(9)]
    with refusing(database, "INSERT", seat_days):
        (outcome,) = take_snapshot(database, collected, day)
        assert outcome.state is OutcomeState.FAILED
    assert [read(database, table) for table in stored] == before
    assert counts(database, 1, day)["seats"] == 3


def test_a_snapshot_taken_again_is_counted_again(
    database: Database, collected: SimulatedGitHub
) -> None:
    day = newest_complete_day()
    take_snapshot(database, collected, day)
    collected.organization(SLUG).seats = [served_seat(1, day)]
    take_snapshot(database, collected, day)
    assert counts(database, 1, day) == {**NOTHING, "seats": 1, "active_seats": 1} | {
        "active_users": None
    }


def test_an_empty_snapshot_counts_zero_and_is_not_missing(
    database: Database, collected: SimulatedGitHub
) -> None:
    day = newest_complete_day()
    collected.organization(SLUG).seats = []
    (outcome,) = take_snapshot(database, collected, day)
    assert outcome.state is OutcomeState.LOADED
    assert counts(database, 1, day) == {**NOTHING, "active_users": None}
    for each in (day - timedelta(days=27), day):
        give_users(collected, each, 1)
        load_users(database, collected, [each])
    assert counts(database, 1, day) == {**NOTHING, "active_users": 0}


def test_a_day_without_a_snapshot_is_missing_and_not_zero(
    database: Database, collected: SimulatedGitHub
) -> None:
    days = last_days(3)
    for day in (days[0], days[2]):
        take_snapshot(database, collected, day)
    give_users(collected, days[0], 1)
    load_users(database, collected, [days[0]])
    assert [row["day"] for row in read(database, seat_days)] == [days[0], days[2]]


def test_seats_derived_anew_are_counted_anew(
    database: Database, collected: SimulatedGitHub
) -> None:
    day = newest_complete_day()
    take_snapshot(database, collected, day)
    before = counts(database, 1, day)
    with database.write() as connection:
        for table in (seats_table, seat_days):
            connection.execute(sa.delete(table))
    (outcome,) = rebuild(database, select_scopes(database), SEATS.step, [day], {"seats"})
    assert outcome.state is OutcomeState.LOADED
    assert counts(database, 1, day) == before


def test_the_real_job_counts_what_the_rows_of_its_day_say(
    warehouse_environment: str, github: SimulatedGitHub
) -> None:
    import_organizations(warehouse_environment, github, SLUG, reports=(ORGANIZATION, USERS))
    day = newest_complete_day()
    result = execute("daily_copilot", [day])
    assert result.success, failure(result)
    with Database(warehouse_environment) as database:
        seats, uses = read(database, seats_table), read(database, user_metrics)
        people = expected_people(seats, uses, 1, day)
        assert len(people) == 40
        assert any(person["last_used_day"] for person in people.values())
        assert counts(database, 1, day) == expected_counts(people, day, reaches_back=False)


# --- users reports that come later ------------------------------------------------------------


def test_a_users_report_makes_its_day_and_later_ones_stale_and_earlier_ones_not(
    database: Database, collected: SimulatedGitHub
) -> None:
    days = last_days(5)
    for day in days:
        take_snapshot(database, collected, day)
    give_users(collected, days[2], 1, 2)
    load_and_crash(database, collected, days[2])
    assert stale_days(database) == days[2:]
    assert [counts(database, 1, day)["never_used_seats"] for day in days[:2]] == [3, 3]


@pytest.mark.parametrize("refused", ["UPDATE", "INSERT"])
def test_the_report_and_the_mark_of_stale_days_are_written_together_or_not_at_all(
    database: Database, collected: SimulatedGitHub, refused: str
) -> None:
    day = newest_complete_day()
    take_snapshot(database, collected, day)
    give_users(collected, day, 1)
    table = seat_days if refused == "UPDATE" else user_metrics
    with refusing(database, refused, table):
        (outcome,) = load_users(database, collected, [day])
    assert outcome.state is OutcomeState.FAILED
    assert read(database, user_metrics) == []
    assert stale_days(database) == []
    assert counts(database, 1, day)["active_seats"] == 0


def test_a_load_counts_stale_days_again_at_its_end(
    database: Database, collected: SimulatedGitHub
) -> None:
    days = last_days(4)
    for day in days:
        take_snapshot(database, collected, day)
    give_users(collected, days[1], 1)
    give_users(collected, days[2], 1, 2, 77)
    load_users(database, collected, days[1:3])
    assert stale_days(database) == []
    unused = [counts(database, 1, day)["never_used_seats"] for day in days]
    assert unused == [3, 2, 1, 1]
    assert [counts(database, 1, day)["active_seats"] for day in days] == [0, 1, 2, 2]


def test_a_restated_users_report_is_counted_again(
    database: Database, collected: SimulatedGitHub
) -> None:
    day = newest_complete_day()
    take_snapshot(database, collected, day)
    for user_ids, active in (((1, 2), 2), ((3,), 1), ((99,), 0)):
        give_users(collected, day, *user_ids)
        load_users(database, collected, [day])
        assert counts(database, 1, day)["active_seats"] == active


def test_a_crash_before_the_count_leaves_days_stale_and_the_next_load_counts_them(
    database: Database, collected: SimulatedGitHub
) -> None:
    days = last_days(6)
    for day in days[3:]:
        take_snapshot(database, collected, day)
    give_users(collected, days[1], 1)
    load_and_crash(database, collected, days[1])
    assert stale_days(database) == days[3:]
    # The next load is about another day, and that day's snapshots were not stale.
    give_users(collected, days[5], 2)
    load_users(database, collected, [days[5]])
    assert [counts(database, 1, day)["active_seats"] for day in days[3:]] == [1, 1, 2]


def test_days_that_cannot_be_counted_are_warned_of_stay_stale_and_stop_nobody(
    database: Database, database_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    days = last_days(2)
    with SimulatedGitHub([Organization("one-demo"), Organization("two-demo")]) as github:
        import_organizations(database_url, github, "one-demo", "two-demo", reports=(USERS,))
        for slug in ("one-demo", "two-demo"):
            github.organization(slug).seats = [served_seat(1), served_seat(2)]
            give_users(github, days[0], 1, slug=slug)
        for day in days:
            take_snapshot(database, github, day)
        with refusing(database, "INSERT", seat_days, scope_id=1):
            outcomes = load_users(database, github, [days[0]])
        assert {outcome.state for outcome in outcomes} == {OutcomeState.LOADED}
        (warning,) = [each.getMessage() for each in caplog.records if each.levelname == "WARNING"]
        assert "dashboards show older counts until the next load" in warning
        assert "refused" in warning
        assert stale_days(database, 1) == days
        assert [counts(database, 2, day)["active_seats"] for day in days] == [1, 1]
        assert len(read(database, user_metrics)) == 2
        load_users(database, github, [days[0]])
    assert [counts(database, 1, day)["active_seats"] for day in days] == [1, 1]


def test_users_derived_anew_are_counted_anew(
    database: Database, collected: SimulatedGitHub
) -> None:
    days = last_days(3)
    for day in days:
        take_snapshot(database, collected, day)
    give_users(collected, days[1], 1, 2)
    load_users(database, collected, [days[1]])
    before = read(database, seat_days)
    with database.write() as connection:
        # As of a version that knew less of a users report.
        connection.execute(sa.delete(user_metrics))
        for day in days:
            count_seat_day(connection, 1, day)
    assert counts(database, 1, days[1])["active_seats"] == 0
    collected.requests.clear()
    outcomes = list(rebuild_metrics(database, days[1], "user_metrics"))
    assert [outcome.state for outcome in outcomes] == [OutcomeState.LOADED]
    assert read(database, seat_days) == before
    assert collected.requests == []


def test_a_rebuild_that_ends_before_the_count_leaves_the_days_stale(
    database: Database, collected: SimulatedGitHub
) -> None:
    days = last_days(2)
    for day in days:
        take_snapshot(database, collected, day)
    give_users(collected, days[1], 1)
    load_users(database, collected, [days[1]])
    outcomes = rebuild_metrics(database, days[1], "user_metrics")
    assert next(outcomes).state is OutcomeState.LOADED
    outcomes.close()
    assert stale_days(database) == [days[1]]
    # Nothing of the users is derived: nothing is stale but what was.
    list(rebuild_metrics(database, days[0], "org_metrics"))
    assert stale_days(database) == []


def test_a_report_that_says_nothing_of_users_makes_nothing_stale(
    database: Database, database_url: str, github: SimulatedGitHub
) -> None:
    import_organizations(database_url, github, SLUG, reports=(ORGANIZATION,))
    day = newest_complete_day()
    take_snapshot(database, github, day)
    load_and_crash(database, github, day)
    assert stale_days(database) == []


def test_marking_days_stale_keeps_to_the_scope_and_to_the_days_from_then_on(
    database: Database,
) -> None:
    days = day_range(DAY - timedelta(days=3), DAY)
    for scope_id in (1, 2):
        for day in days:
            with database.write() as connection:
                count_seat_day(connection, scope_id, day)
    with database.write() as connection:
        mark_stale(connection, 1, days[2])
        mark_stale(connection, 1, days[3])
        mark_stale(connection, 2, DAY + timedelta(days=1))
    assert stale_days(database, 1) == days[2:]
    assert stale_days(database, 2) == []


# --- users reports that reach back ------------------------------------------------------------


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        pytest.param(None, None, id="no users report"),
        pytest.param({"day": DAY - timedelta(days=26)}, None, id="27 days"),
        pytest.param({"day": DAY - timedelta(days=27)}, 1, id="28 days"),
        pytest.param({"day": DAY - timedelta(days=28)}, 1, id="29 days"),
        pytest.param({"day": DAY - timedelta(days=90)}, 1, id="91 days"),
        pytest.param({"state": "no_data"}, None, id="no data that day"),
        pytest.param({"state": "failed"}, None, id="failed"),
        pytest.param({"report": "repos-1-day"}, None, id="another report"),
        pytest.param({"scope_id": 2}, None, id="of another scope"),
    ],
)
def test_active_users_are_unknown_until_the_users_reports_reach_back_28_days(
    database: Database, values: Row | None, expected: int | None
) -> None:
    insert(database, seats_table, seat(1), seat(2), seat(3, active=1))
    insert(database, user_metrics, use(1, 27), use(2, 28), use(9, 1))
    if values is not None:
        row = {"scope_id": 1, "day": DAY - timedelta(days=40), **values}
        insert(database, collection_status, loaded(**row), loaded(1, DAY - timedelta(days=6)))
    with database.write() as connection:
        count_seat_day(connection, 1, DAY)
    found = counts(database, 1, DAY)
    assert found["active_users"] == expected
    assert found["active_seats"] == 2


def test_active_users_are_unknown_once_the_users_reports_have_stopped(database: Database) -> None:
    insert(database, seats_table, seat(1))
    insert(database, user_metrics, use(1, 10))
    long_ago, stopped = (DAY - timedelta(days=age) for age in (60, 7))
    insert(database, collection_status, loaded(1, long_ago), loaded(1, stopped))
    with database.write() as connection:
        count_seat_day(connection, 1, DAY)
    assert counts(database, 1, DAY)["active_users"] is None


def test_active_users_are_counted_as_soon_as_an_early_enough_report_has_come(
    database: Database, collected: SimulatedGitHub
) -> None:
    days = last_days(29)
    for day in days[-2:]:
        take_snapshot(database, collected, day)
    give_users(collected, days[-2], 1)
    load_users(database, collected, [days[-2]])
    for number, day in enumerate((days[2], days[1], days[0])):
        give_users(collected, day, 1)
        load_users(database, collected, [day])
        found = [counts(database, 1, each)["active_users"] for each in days[-2:]]
        assert found == [[None, None], [None, 1], [1, 1]][number]


# --- earlier versions -------------------------------------------------------------------------


def raw_page(scope_id: int, day: date, page: int = 1) -> Row:
    return {
        "scope_id": scope_id,
        "day": day,
        "page": page,
        "fetched_at": datetime(2026, 11, 2, 6, tzinfo=UTC),
        "url": "https://api.github.example/orgs/octo-demo/copilot/billing/seats",
        "payload": compress([b'{"total_seats": 0, "seats": []}']),
    }


def test_snapshots_of_an_earlier_version_are_counted_by_the_next_load(
    database: Database, collected: SimulatedGitHub
) -> None:
    days = last_days(40)
    snapshots = [days[0], days[5], days[20]]
    insert(
        database,
        RAW_SEATS.table,
        *(raw_page(1, day, page) for day in snapshots for page in (1, 2)),
    )
    # The first snapshot is one without seats.
    insert(database, seats_table, *(seat(1, day=day) for day in snapshots[1:]))
    with database.read() as connection:
        assert list_uncounted_days(connection) == [(1, day) for day in snapshots]
    give_users(collected, days[-1], 1)
    load_users(database, collected, [days[-1]])
    assert [row["day"] for row in read(database, seat_days)] == snapshots
    found = [counts(database, 1, day) for day in snapshots]
    assert found[0] == {**NOTHING, "active_users": None}
    assert [(each["seats"], each["never_used_seats"]) for each in found[1:]] == [(1, 1), (1, 1)]
    with database.read() as connection:
        assert list_uncounted_days(connection) == []


@pytest.fixture(params=["sqlite", "postgresql"])
def older_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A warehouse of revision 0005, with two seat snapshots, one of them without a seat."""
    url = f"sqlite:///{tmp_path / 'older.db'}"
    if request.param == "postgresql":
        url = str(request.getfixturevalue("empty_postgres_url"))
    make_landed(url)
    with Database(url) as database:
        before = DAY - timedelta(days=1)
        insert(database, RAW_SEATS.table, raw_page(1, DAY), raw_page(1, before))
        insert(database, seats_table, seat(1), seat(2, active=3), seat(3))
        insert(database, user_metrics, use(1, 5), use(3, 5, loc_added_sum=0))
    return url


def test_snapshots_from_before_an_upgrade_are_counted_by_the_next_load(
    older_url: str, github: SimulatedGitHub
) -> None:
    with Database(older_url) as database:
        never_used = {row["user_id"] for row in read(database, PEOPLE, PEOPLE.c.is_never_used)}
        assert never_used == {3}
        assert read(database, seat_days) == []
        import_organizations(older_url, github, SLUG, reports=(USERS,))
        count_stale_days(database)
        before = DAY - timedelta(days=1)
        assert counts(database, 1, before) == {**NOTHING, "active_users": None}
        found = counts(database, 1, DAY)
        assert (found["seats"], found["active_seats"], found["never_used_seats"]) == (3, 2, 1)


# --- scopes and repetition --------------------------------------------------------------------


def test_two_scopes_do_not_mix(database: Database, database_url: str) -> None:
    days = last_days(2)
    with SimulatedGitHub([Organization("one-demo"), Organization("two-demo")]) as github:
        import_organizations(database_url, github, "one-demo", "two-demo", reports=(USERS,))
        github.organization("one-demo").seats = [served_seat(user_id) for user_id in (1, 2)]
        github.organization("two-demo").seats = [served_seat(user_id) for user_id in (1, 2, 3)]
        give_users(github, days[0], 1, 3, slug="one-demo")
        give_users(github, days[0], 2, 3, slug="two-demo")
        for day in days:
            take_snapshot(database, github, day)
        first, second = select_scopes(database)
        load_metrics(database, github, [first], [days[0]])
        assert [counts(database, 1, day)["active_seats"] for day in days] == [1, 1]
        # Neither stale nor other than before: nothing of this scope has come.
        assert [counts(database, 2, day)["active_seats"] for day in days] == [0, 0]
        load_metrics(database, github, [second], [days[0]])
    for day in days:
        found = [counts(database, scope_id, day) for scope_id in (1, 2)]
        assert [(each["seats"], each["active_seats"]) for each in found] == [(2, 1), (3, 2)]


def test_loading_twice_gives_the_same_rows(database: Database, collected: SimulatedGitHub) -> None:
    days = last_days(3)
    give_users(collected, days[0], 1)
    give_users(collected, days[2], 2)
    everything = []
    for _ in range(2):
        for day in days:
            take_snapshot(database, collected, day)
        load_users(database, collected, days)
        everything.append(read(database, seat_days))
    assert everything[0] == everything[1]
    assert len(everything[0]) == 3


@pytest.mark.parametrize("seats_first", [True, False])
def test_seats_and_users_end_in_the_same_counts_in_either_order(
    database: Database, collected: SimulatedGitHub, seats_first: bool
) -> None:
    day = newest_complete_day()
    give_users(collected, day, 1, 3)
    steps: list[Callable[[], object]] = [
        lambda: take_snapshot(database, collected, day),
        lambda: load_users(database, collected, [day]),
    ]
    for step in steps if seats_first else reversed(steps):
        step()
    expected = {**NOTHING, "seats": 3, "active_users": None}
    assert counts(database, 1, day) == {**expected, "active_seats": 2, "never_used_seats": 1}


def test_snapshots_of_a_removed_scope_are_counted_too(
    database: Database, collected: SimulatedGitHub
) -> None:
    insert(database, RAW_SEATS.table, raw_page(9, DAY))
    insert(database, seats_table, seat(1, scope_id=9), seat(2, scope_id=9))
    give_users(collected, DAY, 1)
    load_users(database, collected, [DAY])
    assert counts(database, 9, DAY)["seats"] == 2
