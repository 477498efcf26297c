"""The numbers of the dashboards equal those computed here a second time, from GitHub's answers.

The oracle reads the payloads that are stored as received, and knows neither the tool tables nor the
views. It follows GitHub's documentation, and the definitions in the panels' descriptions.
"""

import gzip
import json
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from functools import cached_property
from typing import Any

import psycopg
import pytest
import sqlalchemy as sa

from copilot_pipeline.sources.raw import RAW_SEATS
from copilot_pipeline.warehouse.database import Database
from copilot_pipeline.warehouse.seat_days import count_seat_day
from copilot_pipeline_tests.conftest import ROOT, copied
from copilot_pipeline_tests.grafana.expansion import Value
from copilot_pipeline_tests.grafana.model import Json, Run
from copilot_pipeline_tests.grafana.opening import Frame, Opened, reading
from copilot_pipeline_tests.grafana.time_range import TimeRange

pytestmark = pytest.mark.pairs

FOLDER = ROOT / "grafana/dashboards/copilot"
SCOPES = {"enterprise": ["Octo Corp"], "organization": ["Octo Demo", "Octo Labs"]}
AGGREGATES = ("enterprise-1-day", "organization-1-day")
FEWEST_MEMBERS, FEWEST_SUGGESTIONS = 5, 100
COUNTERS = (
    "user_initiated_interaction_count",
    "code_generation_activity_count",
    "code_acceptance_activity_count",
    "loc_suggested_to_add_sum",
    "loc_suggested_to_delete_sum",
    "loc_added_sum",
    "loc_deleted_sum",
)
CLIENTS = ("totals_by_cli", "totals_by_copilot_app", "totals_by_vscode_agent")


# --- the oracle


@dataclass
class Completions:
    """Code completions, summed."""

    suggested: int = 0
    accepted: int = 0
    lines_suggested: int = 0
    lines_added: int = 0

    def add(self, counted: Json, *names: str) -> None:
        self.suggested += counted[names[0]]
        self.accepted += counted[names[1]]
        self.lines_suggested += counted[names[2]]
        self.lines_added += counted[names[3]]

    def add_legacy(self, counted: Json) -> None:
        kinds = ("suggestions", "acceptances", "lines_suggested", "lines_accepted")
        self.add(counted, *(f"total_code_{kind}" for kind in kinds))

    def add_report(self, counted: Json) -> None:
        self.add(
            counted,
            "code_generation_activity_count",
            "code_acceptance_activity_count",
            "loc_suggested_to_add_sum",
            "loc_added_sum",
        )


@dataclass(frozen=True)
class Person:
    """Who holds a seat, or several, in a snapshot."""

    is_enterprise: bool
    created: date
    last_activity: date | None
    is_cancelled: bool


@dataclass(frozen=True)
class SeatDay:
    """A snapshot, counted by person."""

    held: int
    enterprise: int
    active: int
    idle: int
    never_used: int
    unused_enterprise: int
    new: int
    pending: int
    users: int | None
    """Of those who hold a seat, the active ones by the users reports alone."""


@dataclass(frozen=True, repr=False)
class Scope:
    """What GitHub answered about a scope, by day."""

    legacy: dict[date, Json] = field(default_factory=dict)
    aggregates: dict[date, Json] = field(default_factory=dict)
    users: dict[date, list[Json]] = field(default_factory=dict)
    teams: dict[date, list[Json]] = field(default_factory=dict)
    seats: dict[date, list[Json]] = field(default_factory=dict)

    @cached_property
    def active(self) -> dict[date, dict[int, Json]]:
        """The records of the people with activity, by day and id."""
        return {
            day: {record["user_id"]: record for record in records if is_active(record)}
            for day, records in sorted(self.users.items())
        }

    @cached_property
    def seat_days(self) -> dict[date, SeatDay]:
        return {day: self._count(day) for day in sorted(self.seats)}

    def _count(self, day: date) -> SeatDay:
        people = people_of(self.seats[day])
        used = {person: at for at, active in self.active.items() if at <= day for person in active}
        last = {
            id_: max((at for at in (person.last_activity, used.get(id_)) if at), default=None)
            for id_, person in people.items()
        }
        month, idle_since = day - timedelta(28), day - timedelta(30)
        old = [
            id_
            for id_, person in people.items()
            if person.created <= idle_since and not person.is_cancelled
        ]
        idle = {id_ for id_ in old if (at := last[id_]) and at <= idle_since}
        never = {id_ for id_ in old if last[id_] is None}
        covered = any(at <= month + timedelta(1) for at in self.users) and any(
            timedelta() <= day - at <= timedelta(6) for at in self.users
        )
        return SeatDay(
            held=len(people),
            enterprise=sum(person.is_enterprise for person in people.values()),
            active=sum(bool(at and at > month) for at in last.values()),
            idle=len(idle),
            never_used=len(never),
            unused_enterprise=sum(people[id_].is_enterprise for id_ in idle | never),
            new=sum(person.created > idle_since for person in people.values()),
            pending=sum(person.is_cancelled for person in people.values()),
            users=sum(bool((at := used.get(id_)) and at > month) for id_ in people)
            if covered
            else None,
        )

    def completions(self, days: Iterable[date]) -> Completions:
        """Of the totals by feature, and of all that the old API counts."""
        total = Completions()
        for day in days:
            for counted in legacy_completions(self.legacy.get(day)):
                total.add_legacy(counted)
            for counted in self.aggregates.get(day, {}).get("totals_by_feature", []):
                if counted["feature"] == "code_completion":
                    total.add_report(counted)
        return total

    def by_language(self, days: Iterable[date]) -> dict[str, Completions]:
        languages: dict[str, Completions] = defaultdict(Completions)
        for day in days:
            for counted in legacy_completions(self.legacy.get(day)):
                languages[counted["name"]].add_legacy(counted)
            for counted in self.aggregates.get(day, {}).get("totals_by_language_feature", []):
                if counted["feature"] == "code_completion":
                    languages[counted["language"]].add_report(counted)
        return languages


def is_active(record: Json) -> bool:
    return (
        any(record.get(name) or 0 for name in COUNTERS)
        or any(value is True for name, value in record.items() if name.startswith("used_"))
        or any((record.get(name) or {}).get("session_count") for name in CLIENTS)
    )


def legacy_completions(answer: Json | None) -> Iterator[Json]:
    for editor in (answer or {}).get("copilot_ide_code_completions", {}).get("editors", []):
        for model in editor["models"]:
            yield from model["languages"]


def people_of(seats: list[Json]) -> dict[int, Person]:
    held: dict[int, list[Json]] = defaultdict(list)
    for seat in seats:
        held[seat["assignee"]["id"]].append(seat)
    return {
        id_: Person(
            is_enterprise=any(seat["plan_type"] == "enterprise" for seat in own),
            created=min(utc_day(seat["created_at"]) for seat in own),
            last_activity=max(
                (utc_day(at) for seat in own if (at := seat["last_activity_at"])), default=None
            ),
            is_cancelled=all(seat["pending_cancellation_date"] for seat in own),
        )
        for id_, own in held.items()
    }


def utc_day(text: str) -> date:
    return datetime.fromisoformat(text).astimezone(UTC).date()


def answers_of(url: str) -> dict[str, Scope]:
    """What is stored as received, by the scope's label."""
    with psycopg.connect(url) as connection:
        named = connection.execute("SELECT id, name FROM _tool_copilot_scopes").fetchall()
        labels = {int(id_): str(label) for id_, label in named}
        scopes = {label: Scope() for label in labels.values()}
        reports = connection.execute(
            "SELECT scope_id, day, report, payload FROM _raw_copilot_metrics"
        )
        for id_, day, report, compressed in reports:
            payload = gzip.decompress(compressed)
            scope = scopes[labels[id_]]
            if report == "legacy":
                scope.legacy[day] = json.loads(payload)
            elif report in AGGREGATES:
                scope.aggregates[day] = json.loads(payload)
            elif report in ("users-1-day", "user-teams-1-day"):
                records = [json.loads(line) for line in payload.splitlines() if line]
                (scope.users if report == "users-1-day" else scope.teams)[day] = records
        pages = connection.execute("SELECT scope_id, day, payload FROM _raw_copilot_seats")
        for id_, day, compressed in pages:
            seats = json.loads(gzip.decompress(compressed))["seats"]
            scopes[labels[id_]].seats.setdefault(day, []).extend(seats)
    return scopes


# --- what the dashboards say


@pytest.fixture(scope="module", params=["the demo", "some stopped"])
def warehouse_url(
    request: pytest.FixtureRequest, postgres_server: str, demo_template: str
) -> Iterator[str]:
    """The demo's warehouse, and one in which people stopped about a month ago."""
    with copied(postgres_server, demo_template) as url:
        if request.param == "some stopped":
            let_people_stop(url)
        yield url


def let_people_stop(url: str) -> None:
    """Ends the activity of every other person, in GitHub's answers and in what came of them.

    The last days are 24 to 32 days before the newest: windows of 28 and of 30 days end between.
    """
    with psycopg.connect(url) as connection:
        ((newest,),) = connection.execute("SELECT max(day) FROM _raw_copilot_seats").fetchall()
        last = "%s::date - 24 - (user_id %% 9)::int"
        of_some = f"user_id %% 2 = 0 AND day > {last}"
        at = f"least(last_activity_at, ({last} + time '23:59:59') AT TIME ZONE 'UTC')"
        for change in (
            f"DELETE FROM _tool_copilot_user_metrics WHERE {of_some}",
            f"DELETE FROM _tool_copilot_user_metrics_by_feature WHERE {of_some}",
        ):
            connection.execute(change.encode(), [newest])
        connection.execute(
            "UPDATE _tool_copilot_seats SET last_activity_at ="
            f" CASE WHEN user_id %% 3 > 0 THEN {at} END"
            " WHERE user_id %% 2 = 0 AND last_activity_at IS NOT NULL".encode(),
            [newest],
        )
        for key, payload in stored(connection, "_raw_copilot_metrics", "part", "users-1-day"):
            kept = [
                line
                for line in payload.splitlines()
                if (id_ := json.loads(line)["user_id"]) % 2 or key[1] <= last_day(newest, id_)
            ]
            store(connection, "_raw_copilot_metrics", "part", key, "\n".join(kept))
        for key, payload in stored(connection, "_raw_copilot_seats", "page"):
            answer = json.loads(payload)
            for seat in answer["seats"]:
                id_, before = seat["assignee"]["id"], seat["last_activity_at"]
                if id_ % 2 == 0 and before:
                    moment = f"{last_day(newest, id_)}T23:59:59Z"
                    seat["last_activity_at"] = min(before, moment) if id_ % 3 else None
            store(connection, "_raw_copilot_seats", "page", key, json.dumps(answer))
    with Database(url) as database, database.write() as writing:
        for scope_id, day in writing.execute(
            sa.select(RAW_SEATS.table.c.scope_id, RAW_SEATS.table.c.day)
        ).all():
            count_seat_day(writing, scope_id, day)


def last_day(newest: date, user_id: int) -> date:
    return newest - timedelta(24 + user_id % 9)


Key = tuple[int, date, int]


def stored(
    connection: psycopg.Connection[Any], table: str, part: str, report: str | None = None
) -> list[tuple[Key, str]]:
    query = f"SELECT scope_id, day, {part}, payload FROM {table}"
    if report:
        query += f" WHERE report = '{report}'"
    rows = connection.execute(query.encode())
    return [(tuple(row[:3]), gzip.decompress(row[3]).decode()) for row in rows]


def store(
    connection: psycopg.Connection[Any], table: str, part: str, key: Key, payload: str
) -> None:
    report = " AND report = 'users-1-day'" if part == "part" else ""
    update = f"UPDATE {table} SET payload = %s WHERE (scope_id, day, {part}) = (%s, %s, %s)"
    connection.execute((update + report).encode(), [gzip.compress(payload.encode()), *key])


@pytest.fixture(scope="module")
def run(warehouse_url: str) -> Iterator[Run]:
    with reading(warehouse_url) as run:
        yield run


@pytest.fixture(scope="module")
def scopes(warehouse_url: str) -> dict[str, Scope]:
    return answers_of(warehouse_url)


@pytest.fixture(params=["default", "last 365 days", "from noon to noon"])
def picked(request: pytest.FixtureRequest, scopes: dict[str, Scope]) -> TimeRange:
    """As the dashboards open, everything, and a part of it, of which the newest day is missing."""
    newest = max(max(scope.aggregates) for scope in scopes.values())
    (missed,) = [
        day
        for day in (newest - timedelta(age) for age in range(60))
        if day not in scopes["Octo Corp"].seats
    ]
    noon = time(12, 34, 56)
    first, last, at = {
        "default": (newest - timedelta(89), newest + timedelta(1), noon),
        "last 365 days": (newest - timedelta(364), newest + timedelta(1), time()),
        "from noon to noon": (missed - timedelta(40), missed, noon),
    }[request.param]
    return TimeRange(datetime.combine(first, at, UTC), datetime.combine(last, at, UTC))


def days_of(picked: TimeRange) -> list[date]:
    first, last = picked.start.date(), picked.end.date()
    return [first + timedelta(age) for age in range((last - first).days + 1)]


def panel(name: str, id_: int, run: Run, picked: TimeRange, level: str, **chosen: Value) -> Frame:
    dashboard = json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))
    return Opened(dashboard, run, picked, {"level": level, **chosen}).frame(id_)


def chosen_of(scopes: Mapping[str, Scope], level: str) -> dict[str, Scope]:
    return {label: scopes[label] for label in SCOPES[level]}


def ratio(above: float, below: float) -> float | None:
    return above / below if below else None


def close(expected: Any) -> Any:
    """Equal but for what floating-point numbers cannot tell."""
    return pytest.approx(expected, rel=1e-9)


def numbers(frame: dict[Any, Any]) -> dict[Any, Any]:
    return {
        name: {day: float(value) for day, value in each.items()}
        if isinstance(each, dict)
        else float(each)
        for name, each in frame.items()
    }


levels = pytest.mark.parametrize("level", SCOPES)


@levels
@pytest.mark.parametrize(
    ("id_", "name"), [(2, "monthly_active_users"), (3, "weekly_active_users"), (4, None)]
)
def test_active_users_are_those_of_the_newest_day_of_each_scope(
    run: Run, scopes: dict[str, Scope], picked: TimeRange, level: str, id_: int, name: str | None
) -> None:
    expected = {}
    for label, scope in chosen_of(scopes, level).items():
        values = active_users(scope, days_of(picked))[
            "daily" if name is None else name.split("_")[0]
        ]
        if values:
            expected[label] = values[max(values)]
    assert expected
    assert panel("adoption", id_, run, picked, level).newest() == expected


@levels
def test_active_users_are_right_on_every_day(
    run: Run, scopes: dict[str, Scope], picked: TimeRange, level: str
) -> None:
    chosen = chosen_of(scopes, level)
    expected = {
        name if len(chosen) == 1 else f"{label}: {name}": values
        for label, scope in chosen.items()
        for name, values in active_users(scope, days_of(picked)).items()
        if values
    }
    assert panel("adoption", 11, run, picked, level).series() == expected


def active_users(scope: Scope, days: Iterable[date]) -> dict[str, dict[date, int]]:
    found: dict[str, dict[date, int]] = {"daily": {}, "weekly": {}, "monthly": {}}
    for day in days:
        if day in scope.aggregates:
            for period, values in found.items():
                values[day] = scope.aggregates[day][f"{period}_active_users"]
        elif day in scope.legacy:
            found["daily"][day] = scope.legacy[day]["total_active_users"]
    return found


@levels
def test_adoption_is_the_active_holders_of_seats_of_all_holders_on_that_day(
    run: Run, scopes: dict[str, Scope], picked: TimeRange, level: str
) -> None:
    expected = {}
    for label, scope in chosen_of(scopes, level).items():
        known = {
            day: counted.users / counted.held
            for day in days_of(picked)
            if (counted := scope.seat_days.get(day)) and counted.held and counted.users is not None
        }
        if known:
            expected[label] = known
    frame = panel("adoption", 12, run, picked, level)
    assert numbers(frame.series()) == {label: close(known) for label, known in expected.items()}
    newest = {label: close(known[max(known)]) for label, known in expected.items()}
    assert panel("adoption", 5, run, picked, level).newest() == newest


@levels
def test_acceptance_is_a_ratio_of_sums_over_the_range_of_completions_alone(
    run: Run, scopes: dict[str, Scope], picked: TimeRange, level: str
) -> None:
    sums = [scope.completions(days_of(picked)) for scope in chosen_of(scopes, level).values()]
    suggested, accepted = (
        sum(each.suggested for each in sums),
        sum(each.accepted for each in sums),
    )
    lines, added = (
        sum(each.lines_suggested for each in sums),
        sum(each.lines_added for each in sums),
    )
    assert 0.2 < accepted / suggested < 0.4
    for id_, expected in ((6, accepted / suggested), (7, added / lines)):
        ((rate,),) = panel("adoption", id_, run, picked, level).rows
        assert rate == close(expected)


COUNTS: dict[int, Callable[[SeatDay], float | None]] = {
    2: lambda day: day.held,
    3: lambda day: day.active,
    4: lambda day: day.idle,
    5: lambda day: day.never_used,
    6: lambda day: day.new,
    7: lambda day: day.pending,
    8: lambda day: ratio(day.active, day.held),
}


@levels
@pytest.mark.parametrize("id_", COUNTS)
def test_seats_are_those_of_the_newest_snapshot_of_the_range(
    run: Run, scopes: dict[str, Scope], picked: TimeRange, level: str, id_: int
) -> None:
    frame = panel("seats", id_, run, picked, level)
    assert numbers(frame.newest()) == newest_of(scopes, picked, level, COUNTS[id_])
    # The whole of its line, not only where it ends.
    expected = {}
    for label, scope in chosen_of(scopes, level).items():
        values = {
            day: COUNTS[id_](scope.seat_days[day])
            for day in days_of(picked)
            if day in scope.seat_days
        }
        expected[label] = close({day: value for day, value in values.items() if value is not None})
    assert numbers(frame.series()) == expected


@levels
@pytest.mark.parametrize("prices", [("19", "39"), ("0", "21.5"), ("12.34", "0")])
def test_costs_are_those_of_the_newest_snapshot_at_the_prices_set(
    run: Run, scopes: dict[str, Scope], picked: TimeRange, level: str, prices: tuple[str, str]
) -> None:
    business, enterprise = map(float, prices)

    def all_seats(day: SeatDay) -> float:
        return (day.held - day.enterprise) * business + day.enterprise * enterprise

    def unused_seats(day: SeatDay) -> float:
        unused = day.idle + day.never_used - day.unused_enterprise
        return unused * business + day.unused_enterprise * enterprise

    costs: dict[int, Callable[[SeatDay], float | None]] = {
        9: all_seats,
        10: unused_seats,
        11: lambda day: ratio(all_seats(day), day.active),
    }
    chosen = {"price_business": prices[0], "price_enterprise": prices[1]}
    for id_, cost in costs.items():
        frame = panel("seats", id_, run, picked, level, **chosen)
        assert numbers(frame.newest()) == newest_of(scopes, picked, level, cost)


def newest_of(
    scopes: Mapping[str, Scope],
    picked: TimeRange,
    level: str,
    value_of: Callable[[SeatDay], float | None],
) -> dict[str, Any]:
    """By scope the newest value of the range that is known."""
    found = {}
    for label, scope in chosen_of(scopes, level).items():
        values = [
            value_of(scope.seat_days[day]) for day in days_of(picked) if day in scope.seat_days
        ]
        known = [value for value in values if value is not None]
        if known:
            found[label] = close(known[-1])
    assert found
    return found


@levels
def test_seats_held_and_active_are_right_on_every_day(
    run: Run, scopes: dict[str, Scope], picked: TimeRange, level: str
) -> None:
    chosen = chosen_of(scopes, level)
    expected = {}
    for label, scope in chosen.items():
        prefix = "" if len(chosen) == 1 else f"{label}: "
        days = [day for day in days_of(picked) if day in scope.seat_days]
        expected[f"{prefix}held"] = {day: scope.seat_days[day].held for day in days}
        expected[f"{prefix}active"] = {day: scope.seat_days[day].active for day in days}
    assert panel("seats", 21, run, picked, level).series() == expected


@levels
def test_people_who_come_and_go_are_counted_once_each(
    run: Run, scopes: dict[str, Scope], picked: TimeRange, level: str
) -> None:
    chosen, days = chosen_of(scopes, level).values(), days_of(picked)
    active: dict[int, set[date]] = defaultdict(set)
    for scope in chosen:
        for day, people in scope.active.items():
            for person in people:
                active[person].add(day)
    asked = {day for scope in chosen for day in scope.users}
    last = max(asked & set(days))
    now = {last - timedelta(age) for age in range(28)}
    before = {last - timedelta(age) for age in range(28, 56)}
    counts: dict[int, int | None] = {2: sum(bool(on & set(days)) for on in active.values())}
    covered = [
        scope
        for scope in chosen
        if min(scope.users) <= min(before)
        and max(set(scope.users) & set(days)) > last - timedelta(7)
    ]
    active.clear()
    for scope in covered:
        for day, people in scope.active.items():
            for person in people:
                active[person].add(day)
    counts |= {
        3: sum(bool(on & now) and min(on) in now for on in active.values()),
        4: sum(bool(on & now) and not on & before and min(on) not in now for on in active.values()),
        5: sum(bool(on & before) and not on & now for on in active.values()),
    }
    if not covered:
        counts.update(dict.fromkeys((3, 4, 5), None))
    for id_, count in counts.items():
        assert panel("users-teams", id_, run, picked, level).rows == [(count,)]


@levels
def test_teams_have_the_members_of_the_range_and_what_they_did_as_members(
    run: Run, scopes: dict[str, Scope], picked: TimeRange, level: str
) -> None:
    expected = [
        (label, counted)
        for label, scope in chosen_of(scopes, level).items()
        for counted in teams_of(scope, days_of(picked))
    ]
    rows = panel("users-teams", 11, run, picked, level).records()
    found = [
        (
            row["Scope"],
            (
                row["Team"].split(" #")[0],
                row["Members"],
                row["Active"],
                row["Suggested"],
                row["Accepted"],
            ),
        )
        for row in rows
    ]
    assert Counter(found) == Counter(expected)
    for row in rows:
        assert row["Adoption"] == close(float(row["Active"] / row["Members"]))
        expected_rate = row["Active"] and close(float(row["Accepted"] / row["Suggested"]))
        assert (row["Acceptance"] or 0) == expected_rate


def teams_of(scope: Scope, days: Iterable[date]) -> Iterator[tuple[str | int | None, ...]]:
    members: dict[tuple[int, str], dict[int, list[Json]]] = defaultdict(lambda: defaultdict(list))
    for day in days:
        for record in scope.teams.get(day, []):
            team, person = (record["team_id"], record["slug"]), record["user_id"]
            used = scope.active.get(day, {}).get(person)
            members[team][person] += [used] if used else []
    for (_, slug), people in members.items():
        completions = Completions()
        for used in (used for records in people.values() for used in records):
            for counted in used["totals_by_feature"]:
                if counted["feature"] == "code_completion":
                    completions.add_report(counted)
        if len(people) >= FEWEST_MEMBERS:
            active = sum(bool(records) for records in people.values())
            did = (completions.suggested, completions.accepted) if active else (None, None)
            yield slug, len(people), active, *did


@levels
def test_languages_have_the_completions_of_the_range(
    run: Run, scopes: dict[str, Scope], picked: TimeRange, level: str
) -> None:
    sums: dict[str, list[Completions]] = defaultdict(list)
    for scope in chosen_of(scopes, level).values():
        for language, completions in scope.by_language(days_of(picked)).items():
            sums[language].append(completions)
    expected = {}
    for language, each in sums.items():
        suggested = sum(one.suggested for one in each)
        if suggested >= FEWEST_SUGGESTIONS:
            accepted = sum(one.accepted for one in each)
            lines = sum(one.lines_added for one in each), sum(one.lines_suggested for one in each)
            expected[language] = (
                suggested,
                accepted,
                close(accepted / suggested),
                close(ratio(*lines)),
            )
    rows = panel("languages", 3, run, picked, level).records()
    found = {
        row["Language"]: (row["Suggested"], row["Accepted"], row["By count"], row["By lines"])
        for row in rows
    }
    assert found == expected
    assert list(found) == sorted(found, key=lambda language: (-found[language][0], language))
    total = sum(one.suggested for each in sums.values() for one in each)
    assert rows
    for row in rows:
        assert row["Share"] == close(float(row["Suggested"]) / total)
