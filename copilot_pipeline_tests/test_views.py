"""The views that the dashboards read say the same on both databases, and what they promise."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta, timezone
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.types import TypeEngine

from copilot_pipeline.days import day_range
from copilot_pipeline.schema import UtcDateTime, is_split_by_month
from copilot_pipeline.sources import LEGACY, source_named
from copilot_pipeline.sources.aggregate import org_metrics, scope_breakdowns
from copilot_pipeline.sources.breakdowns import BY_FEATURE
from copilot_pipeline.sources.seats import seats as seats_table
from copilot_pipeline.sources.user_teams import user_teams
from copilot_pipeline.sources.users import user_breakdowns, user_metrics, was_active
from copilot_pipeline.warehouse import tables
from copilot_pipeline.warehouse.database import Database
from copilot_pipeline.warehouse.history_tables import collection_status, definition_changes
from copilot_pipeline.warehouse.months import make_months
from copilot_pipeline.warehouse.scopes import delete_scope
from copilot_pipeline_tests.loading import newest_complete_day

pytestmark = pytest.mark.both_databases

Row = dict[str, Any]

# The day of the snapshots; the views of seats know no today.
DAY = date(2026, 11, 1)

ACTIVE_COUNTERS = (
    "user_initiated_interaction_count",
    "code_generation_activity_count",
    "code_acceptance_activity_count",
    "loc_suggested_to_add_sum",
    "loc_suggested_to_delete_sum",
    "loc_added_sum",
    "loc_deleted_sum",
    "cli_session_count",
    "copilot_app_session_count",
    "vscode_agent_session_count",
)
ACTIVE_FLAGS = (
    "used_agent",
    "used_chat",
    "used_cli",
    "used_copilot_cloud_agent",
    "used_copilot_app",
    "used_vscode_agent",
    "used_copilot_code_review_active",
    "used_copilot_code_review_passive",
)


def view(name: str, types: dict[str, type[TypeEngine[Any]]]) -> sa.TableClause:
    """Typed, as SQLite gives days, instants and booleans of a view as text and numbers."""
    return sa.table(name, *(sa.column(column, type_) for column, type_ in types.items()))


PEOPLE = view(
    "copilot_seat_people",
    {
        "scope_id": sa.BigInteger,
        "day": sa.Date,
        "user_id": sa.BigInteger,
        "user_login": sa.Text,
        "plan_type": sa.Text,
        "team": sa.Text,
        "editor": sa.Text,
        "created_at": UtcDateTime,
        "created_day": sa.Date,
        "last_activity_at": UtcDateTime,
        "last_used_day": sa.Date,
        "last_active_day": sa.Date,
        "pending_cancellation_date": sa.Date,
        "is_active": sa.Boolean,
        "is_idle": sa.Boolean,
        "is_never_used": sa.Boolean,
        "is_new": sa.Boolean,
        "is_pending": sa.Boolean,
    },
)
USER_DAYS = view(
    "copilot_user_days",
    {
        "scope_id": sa.BigInteger,
        "day": sa.Date,
        "user_id": sa.BigInteger,
        "user_login": sa.Text,
        "is_active": sa.Boolean,
        "ai_adoption_phase_number": sa.BigInteger,
        "ai_adoption_phase": sa.Text,
        "prompts": sa.BigInteger,
        "lines_added": sa.BigInteger,
        "lines_deleted": sa.BigInteger,
        "ai_credits_used": sa.Double,
        "completion_suggestions": sa.BigInteger,
        "completion_acceptances": sa.BigInteger,
    },
)
TEAM_MEMBER_DAYS = view(
    "copilot_team_member_days",
    {
        "scope_id": sa.BigInteger,
        "day": sa.Date,
        "team_id": sa.BigInteger,
        "team": sa.Text,
        "user_id": sa.BigInteger,
        "user_login": sa.Text,
        "is_known": sa.Boolean,
        "is_active": sa.Boolean,
        "prompts": sa.BigInteger,
        "lines_added": sa.BigInteger,
        "completion_suggestions": sa.BigInteger,
        "completion_acceptances": sa.BigInteger,
    },
)
FEATURE_DAYS = view(
    "copilot_feature_days",
    {
        "scope_id": sa.BigInteger,
        "day": sa.Date,
        "feature": sa.Text,
        "name": sa.Text,
        "is_chat": sa.Boolean,
        "prompts": sa.BigInteger,
        "outputs": sa.BigInteger,
        "acceptances": sa.BigInteger,
        "lines_added": sa.BigInteger,
        "lines_deleted": sa.BigInteger,
    },
)
REPORT_DAYS = view(
    "copilot_report_days",
    {
        "scope_id": sa.BigInteger,
        "report": sa.Text,
        "day": sa.Date,
        "state": sa.Text,
        "is_settled": sa.Boolean,
        "is_provisional": sa.Boolean,
        "out_of_reach_on": sa.Date,
        "row_count": sa.BigInteger,
        "first_loaded_at": UtcDateTime,
        "last_fetched_at": UtcDateTime,
        "changed_at": UtcDateTime,
        "change_count": sa.Integer,
        "http_status": sa.Integer,
        "message": sa.Text,
    },
)
REPORT_SPANS = view(
    "copilot_report_spans",
    {"scope_id": sa.BigInteger, "report": sa.Text, "first_day": sa.Date, "last_day": sa.Date},
)
SNAPSHOT_DAYS = view(
    "copilot_snapshot_days",
    {
        "scope_id": sa.BigInteger,
        "source": sa.Text,
        "day": sa.Date,
        "state": sa.Text,
        "message": sa.Text,
        "http_status": sa.Integer,
        "fetched_at": UtcDateTime,
    },
)
# Whoever reads this view may read nothing else of an account: no token, sealed or not.
SCOPES = view(
    "copilot_scopes",
    {
        "id": sa.BigInteger,
        "kind": sa.Text,
        "slug": sa.Text,
        "label": sa.Text,
        "metrics_api": sa.Text,
        "reports": sa.Text,
        "implementation_date": sa.Date,
        "is_removed": sa.Boolean,
        "account_login": sa.Text,
        "token_expires_at": UtcDateTime,
        "created_at": UtcDateTime,
    },
)
MARKS = view(
    "copilot_marks",
    {
        "kind": sa.Text,
        "scope_id": sa.BigInteger,
        "first_day": sa.Date,
        "last_day": sa.Date,
        "text": sa.Text,
    },
)
COLLECTION_HEALTH = view(
    "copilot_collection_health",
    {
        "scope_id": sa.BigInteger,
        "source": sa.Text,
        "position": sa.Integer,
        "first_expected": sa.Date,
        "first_day": sa.Date,
        "newest_day": sa.Date,
        "first_asked": sa.Date,
        "newest_asked": sa.Date,
        "newest_no_data": sa.Date,
        "loaded": sa.BigInteger,
        "missing": sa.BigInteger,
        "not_ready": sa.BigInteger,
        "no_data": sa.BigInteger,
        "refused": sa.BigInteger,
        "failed": sa.BigInteger,
        "last_attempt": UtcDateTime,
        "last_status": sa.Integer,
        "last_message": sa.Text,
        "last_is_refusal": sa.Integer,
        "failing": sa.BigInteger,
        "failing_first": sa.Date,
        "failing_message": sa.Text,
        "message": sa.Text,
    },
)
VIEWS = (
    PEOPLE,
    USER_DAYS,
    TEAM_MEMBER_DAYS,
    FEATURE_DAYS,
    REPORT_SPANS,
    REPORT_DAYS,
    SNAPSHOT_DAYS,
    SCOPES,
    MARKS,
    COLLECTION_HEALTH,
)


# --- rows -------------------------------------------------------------------------------------


def insert(database: Database, table: sa.Table, *rows: Row) -> None:
    """The rows, NULL where they do not say anything."""
    if rows:
        # What has a default of its own gets it.
        nothing: Row = {each.name: None for each in table.c if each.server_default is None}
        for row in rows if is_split_by_month(table) else ():
            make_months(database, [table], row["day"])
        with database.write() as connection:
            connection.execute(sa.insert(table), [{**nothing, **row} for row in rows])


def read(
    database: Database, table: sa.FromClause, *where: sa.ColumnElement[bool], order: str = "day"
) -> list[Row]:
    with database.read() as connection:
        query = sa.select(table).where(*where).order_by(table.c[order])
        return [dict(row._mapping) for row in connection.execute(query)]


def ago(days: int | None, *, day: date = DAY) -> datetime | None:
    """Noon of the day so many days before."""
    if days is None:
        return None
    return datetime.combine(day - timedelta(days=days), time(12), UTC)


def seat(
    user_id: int, *, created: int | None = 100, active: int | None = None, **values: Any
) -> Row:
    """A seat in the snapshot of a day, given and last active so many days before."""
    day = values.get("day", DAY)
    return {
        "scope_id": 1,
        "day": day,
        "organization": "octo-demo",
        "user_id": user_id,
        "user_login": f"demo-user-{user_id}",
        "plan_type": "business",
        "created_at": ago(created, day=day),
        "last_activity_at": ago(active, day=day),
        **values,
    }


def use(user_id: int, days: int, **values: Any) -> Row:
    """A row of the users report so many days before `DAY`, by default with a prompt."""
    did = values or {"user_initiated_interaction_count": 1}
    row = {"scope_id": 1, "day": DAY - timedelta(days=days), "user_id": user_id}
    return {**row, "user_login": f"demo-user-{user_id}", **did}


NOW = datetime(2026, 11, 2, 6, tzinfo=UTC)
EXPIRES = datetime(2027, 1, 1, tzinfo=UTC)


def account(account_id: int = 1, **values: Any) -> Row:
    return {
        "id": account_id,
        "login": f"demo-admin-{account_id}",
        "github_user_id": account_id,
        "endpoint": "https://api.github.example",
        "token_ciphertext": "sealed-ciphertext",
        "token_nonce": "sealed-nonce",
        "token_salt": "sealed-salt",
        "token_kdf": "sealed-kdf",
        "created_at": NOW,
        "updated_at": NOW,
        **values,
    }


def scope(scope_id: int, slug: str, **values: Any) -> Row:
    return {
        "id": scope_id,
        "account_id": 1,
        "kind": "organization",
        "slug": slug,
        "metrics_api": "reports",
        "created_at": NOW,
        "updated_at": NOW,
        **values,
    }


def flags(row: Row) -> set[str]:
    return {name for name, value in row.items() if name.startswith("is_") and value}


def test_every_view_has_exactly_the_columns_that_are_documented(database: Database) -> None:
    with database.read() as connection:
        inspector = sa.inspect(connection)
        assert {each.name for each in VIEWS} <= set(inspector.get_view_names())
        for each in VIEWS:
            found = [column["name"] for column in inspector.get_columns(each.name)]
            assert found == list(each.c.keys()), each.name


def test_every_view_of_an_empty_warehouse_can_be_read(database: Database) -> None:
    for each in (PEOPLE, USER_DAYS, TEAM_MEMBER_DAYS, FEATURE_DAYS, REPORT_DAYS, SNAPSHOT_DAYS):
        assert read(database, each) == []
    assert read(database, REPORT_SPANS, order="report") == []
    assert read(database, SCOPES, order="id") == []
    assert read(database, COLLECTION_HEALTH, order="source") == []


# --- people with a seat -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("seats", "expected"),
    [
        pytest.param(
            [
                {"organization": "a", "plan_type": "business", "created": 50, "active": 9}
                | {"last_activity_editor": "old", "assigning_team_slug": "team-a"},
                {"organization": "b", "plan_type": "enterprise", "created": 20, "active": None}
                | {"last_activity_editor": None, "assigning_team_slug": "team-b"},
                {"organization": "c", "plan_type": "unknown", "created": 90, "active": 2}
                | {"last_activity_editor": "new", "assigning_team_slug": None},
            ],
            {
                "plan_type": "enterprise",
                "created_at": ago(90),
                "created_day": DAY - timedelta(days=90),
                "last_activity_at": ago(2),
                "last_active_day": DAY - timedelta(days=2),
                "editor": "new",
                "team": None,
            },
            id="highest plan, first assignment, editor and team of the latest activity",
        ),
        pytest.param(
            [
                {"organization": "b", "last_activity_editor": "b", "assigning_team_slug": "b"},
                {"organization": "a", "last_activity_editor": "a", "assigning_team_slug": "a"},
            ],
            {"editor": "a", "team": "a", "last_activity_at": None, "last_active_day": None},
            id="without any activity, the first organization's",
        ),
        pytest.param(
            [
                {"organization": "b", "active": 3, "last_activity_editor": "b"},
                {"organization": "a", "active": 3, "last_activity_editor": "a"},
            ],
            {"editor": "a"},
            id="of the same instant, the first organization's",
        ),
        pytest.param(
            [
                {"organization": "a", "created": None},
                {"organization": "b", "created": 7},
            ],
            {"created_at": ago(7)},
            id="an assignment that is not known is no earlier one",
        ),
        pytest.param(
            [
                {"organization": "a", "plan_type": None},
                {"organization": "b", "plan_type": "unknown"},
            ],
            {"plan_type": "unknown"},
            id="no known plan",
        ),
        pytest.param(
            [
                {"organization": "a", "plan_type": "unknown"},
                {"organization": "b", "plan_type": "business"},
            ],
            {"plan_type": "business"},
            id="a known plan beside an unknown one",
        ),
        pytest.param(
            [
                {"organization": "a", "pending_cancellation_date": date(2026, 12, 1)},
                {"organization": "b", "pending_cancellation_date": None},
            ],
            {"pending_cancellation_date": None, "is_pending": False},
            id="one of two seats is cancelled",
        ),
        pytest.param(
            [
                {"organization": "a", "pending_cancellation_date": date(2026, 12, 9)},
                {"organization": "b", "pending_cancellation_date": date(2026, 12, 1)},
            ],
            {"pending_cancellation_date": date(2026, 12, 9), "is_pending": True},
            id="both seats are cancelled, and the last one ends later",
        ),
    ],
)
def test_a_person_with_several_seats_is_one_person(
    database: Database, seats: Sequence[Row], expected: Row
) -> None:
    insert(database, seats_table, *(seat(1, **values) for values in seats))
    (person,) = read(database, PEOPLE)
    assert {name: person[name] for name in expected} == expected


def test_people_are_told_apart_by_scope_and_by_day(database: Database) -> None:
    before = DAY - timedelta(days=1)
    insert(
        database,
        seats_table,
        seat(1, organization="a", plan_type="enterprise"),
        seat(1, organization="b", scope_id=2, active=3),
        seat(1, organization="a", day=before, pending_cancellation_date=DAY),
        seat(2, organization="a"),
    )
    rows = read(database, PEOPLE)
    assert {
        (row["scope_id"], row["day"], row["user_id"]): (row["plan_type"], flags(row))
        for row in rows
    } == {
        (1, before, 1): ("business", {"is_pending"}),
        (1, DAY, 1): ("enterprise", {"is_never_used"}),
        (1, DAY, 2): ("business", {"is_never_used"}),
        (2, DAY, 1): ("business", {"is_active"}),
    }
    assert len(rows) == 4


INACTIVE: Row = {
    **dict.fromkeys(ACTIVE_COUNTERS, 0),
    **dict.fromkeys(ACTIVE_FLAGS, False),
    "used_copilot_code_review_passive": None,
    "ai_credits_used": 3.5,
}


@pytest.mark.parametrize(
    ("active", "uses", "last_active", "last_used"),
    [
        pytest.param(None, [], None, None, id="neither"),
        pytest.param(5, [], 5, None, id="the seat list only"),
        pytest.param(None, [use(1, 9), use(1, 6), use(1, 30)], 6, 6, id="the users report only"),
        pytest.param(5, [use(1, 3)], 3, 3, id="both, the users report later"),
        pytest.param(3, [use(1, 5)], 3, 5, id="both, the seat list later"),
        pytest.param(4, [use(1, 4)], 4, 4, id="both on the same day"),
        pytest.param(None, [use(1, 0)], 0, 0, id="on the day of the snapshot"),
        pytest.param(None, [use(1, 2, **INACTIVE)], None, None, id="a row without any activity"),
        pytest.param(
            None, [use(1, 2, loc_added_sum=None)], None, None, id="a row that says nothing"
        ),
        pytest.param(
            40, [use(1, 2, **INACTIVE), use(1, 7)], 7, 7, id="activity before a row without any"
        ),
        pytest.param(40, [use(1, -1), use(1, -9)], 40, None, id="a report of a later day"),
        pytest.param(40, [use(1, 2, scope_id=2, used_cli=True)], 40, None, id="another scope"),
        pytest.param(40, [use(2, 2)], 40, None, id="another person"),
    ],
)
def test_the_later_of_seat_list_and_users_report_is_the_last_activity(
    database: Database,
    active: int | None,
    uses: Sequence[Row],
    last_active: int | None,
    last_used: int | None,
) -> None:
    insert(database, seats_table, seat(1, active=active))
    insert(database, user_metrics, *uses)
    (person,) = read(database, PEOPLE)
    days = [None if n is None else DAY - timedelta(days=n) for n in (last_active, last_used)]
    assert [person["last_active_day"], person["last_used_day"]] == days
    assert person["last_activity_at"] == ago(active)


def test_the_seat_of_another_scope_says_nothing(database: Database) -> None:
    insert(database, seats_table, seat(1), seat(1, scope_id=2, active=1))
    insert(database, user_metrics, use(1, 2, scope_id=2, used_chat=True))
    (person,) = read(database, PEOPLE, PEOPLE.c.scope_id == 1)
    assert (person["last_active_day"], flags(person)) == (None, {"is_never_used"})


def test_use_on_the_morning_of_the_snapshot_is_activity_of_the_seat(database: Database) -> None:
    """The snapshot of a day is taken on the next morning."""
    morning = datetime.combine(DAY + timedelta(days=1), time(6), UTC)
    insert(database, seats_table, seat(1, last_activity_at=morning), seat(2, created_at=morning))
    used, given = read(database, PEOPLE, order="user_id")
    assert flags(used) == {"is_active"}
    assert flags(given) == {"is_new"}


@pytest.mark.parametrize("source", ["seat list", "users report"])
def test_people_are_active_for_28_days_and_idle_after_30(database: Database, source: str) -> None:
    ages = range(0, 120)
    if source == "seat list":
        insert(database, seats_table, *(seat(age, active=age) for age in ages))
    else:
        insert(database, seats_table, *(seat(age) for age in ages))
        insert(database, user_metrics, *(use(age, age) for age in ages))
    found = {row["user_id"]: flags(row) for row in read(database, PEOPLE)}
    assert {age: found[age] for age in (27, 28, 29, 30, 31)} == {
        27: {"is_active"},
        28: set(),
        29: set(),
        30: {"is_idle"},
        31: {"is_idle"},
    }
    assert all(found[age] == {"is_active"} for age in ages[:28])
    assert all(found[age] == {"is_idle"} for age in ages[30:])


@pytest.mark.parametrize(
    ("active", "after_30_days"), [(None, "is_never_used"), (200, "is_idle")], ids=["never", "once"]
)
def test_a_seat_is_new_for_30_days_and_unused_only_after_them(
    database: Database, active: int | None, after_30_days: str
) -> None:
    ages = range(0, 60)
    insert(database, seats_table, *(seat(age, created=age, active=active) for age in ages))
    found = {row["user_id"]: flags(row) for row in read(database, PEOPLE)}
    assert {age: found[age] for age in (27, 28, 29, 30, 31)} == {
        27: {"is_new"},
        28: {"is_new"},
        29: {"is_new"},
        30: {after_30_days},
        31: {after_30_days},
    }
    assert all(found[age] == {"is_new"} for age in ages[:30])
    assert all(found[age] == {after_30_days} for age in ages[30:])


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        pytest.param({"active": None}, {"is_pending"}, id="never used"),
        pytest.param({"active": 60}, {"is_pending"}, id="idle"),
        pytest.param({"active": 2}, {"is_pending", "is_active"}, id="active"),
        pytest.param({"created": 2}, {"is_pending", "is_new"}, id="new"),
    ],
)
def test_a_cancelled_seat_is_neither_idle_nor_never_used(
    database: Database, values: Row, expected: set[str]
) -> None:
    ends = DAY + timedelta(days=20)
    insert(database, seats_table, seat(1, pending_cancellation_date=ends, **values))
    (person,) = read(database, PEOPLE)
    assert flags(person) == expected
    assert person["pending_cancellation_date"] == ends


@pytest.mark.parametrize(
    ("active", "expected"), [(None, set()), (60, set()), (2, {"is_active"})], ids=str
)
def test_a_seat_without_an_assignment_day_is_neither_new_nor_unused(
    database: Database, active: int | None, expected: set[str]
) -> None:
    insert(database, seats_table, seat(1, created=None, active=active))
    (person,) = read(database, PEOPLE)
    assert flags(person) == expected
    assert [person[name] for name in person if name.startswith("is_")].count(None) == 0
    assert (person["created_at"], person["created_day"]) == (None, None)


EAST, WEST = timezone(timedelta(hours=14)), timezone(timedelta(hours=-12))


@pytest.mark.parametrize(
    ("local", "utc_day"),
    [
        pytest.param(datetime(2026, 10, 5, 13, 59, 59, tzinfo=EAST), date(2026, 10, 4), id="east"),
        pytest.param(datetime(2026, 10, 5, 14, 0, tzinfo=EAST), date(2026, 10, 5), id="east, 0:00"),
        pytest.param(datetime(2026, 10, 4, 11, 59, 59, tzinfo=WEST), date(2026, 10, 4), id="west"),
        pytest.param(datetime(2026, 10, 4, 12, 0, tzinfo=WEST), date(2026, 10, 5), id="west, 0:00"),
        pytest.param(
            datetime(2026, 10, 4, 23, 59, 59, 999999, tzinfo=UTC), date(2026, 10, 4), id="utc"
        ),
        pytest.param(datetime(2026, 10, 5, tzinfo=UTC), date(2026, 10, 5), id="utc, 0:00"),
    ],
)
def test_days_of_seats_are_utc_days_in_whatever_zone_they_were_told_or_are_read(
    database: Database, local: datetime, utc_day: date
) -> None:
    insert(
        database,
        seats_table,
        seat(1, last_activity_at=local),
        seat(2, created_at=local, last_activity_at=None),
    )
    for zone in ("UTC", "Pacific/Kiritimati", "Etc/GMT+12"):
        with database.read() as connection:
            if not database.is_sqlite:
                connection.execute(sa.text(f"SET LOCAL TIME ZONE '{zone}'"))
            query = sa.select(PEOPLE).order_by(PEOPLE.c.user_id)
            active, created = connection.execute(query).mappings()
        assert (active["last_active_day"], active["last_activity_at"]) == (utc_day, local)
        # 2026-10-05 is the first of the 28 days that end on the day of the snapshot.
        assert active["is_active"] == (utc_day == date(2026, 10, 5))
        assert (created["created_day"], created["created_at"]) == (utc_day, local)


# --- users ------------------------------------------------------------------------------------


def test_each_counter_and_flag_alone_makes_a_user_active_and_nothing_else_does(
    database: Database,
) -> None:
    keys = ("scope_id", "day", "user_id", "user_login")
    columns = [column for column in user_metrics.c if column.name not in keys]
    samples: dict[type[Any], Any] = {bool: True, int: 1, float: 0.5, str: "Phase 3"}
    zeros: Row = {
        column.name: column.type.python_type()
        for column in columns
        if column.type.python_type is not str
    }
    rows, expected = [], set()
    for number, column in enumerate(columns):
        value = samples[column.type.python_type]
        rows += [
            use(number, 0, **{column.name: value}),
            use(number, 1, **{**zeros, column.name: value}),
        ]
        if column.name in (*ACTIVE_COUNTERS, *ACTIVE_FLAGS):
            expected.add(number)
    insert(database, user_metrics, *rows)

    of_view = sa.select(USER_DAYS.c.user_id, USER_DAYS.c.day).where(USER_DAYS.c.is_active)
    of_code = sa.select(user_metrics.c.user_id, user_metrics.c.day).where(was_active)
    days = (DAY, DAY - timedelta(days=1))
    assert len(expected) == len(ACTIVE_COUNTERS) + len(ACTIVE_FLAGS)
    with database.read() as connection:
        for query in (of_view, of_code):
            found = {tuple(row) for row in connection.execute(query)}
            assert found == {(number, day) for number in expected for day in days}
    insert(database, seats_table, *(seat(number) for number in range(len(columns))))
    seen = read(database, PEOPLE, PEOPLE.c.last_used_day == DAY)
    assert {row["user_id"] for row in seen} == expected


@pytest.mark.parametrize(
    "values",
    [
        pytest.param(dict.fromkeys((*ACTIVE_COUNTERS, *ACTIVE_FLAGS)), id="NULLs"),
        pytest.param(
            {**dict.fromkeys(ACTIVE_COUNTERS, 0), **dict.fromkeys(ACTIVE_FLAGS, False)}, id="zeros"
        ),
        pytest.param(INACTIVE, id="zeros, and a NULL"),
        pytest.param({**INACTIVE, "loc_added_sum": None}, id="zeros, and NULLs"),
        pytest.param({"loc_added_sum": 0}, id="NULLs, and a zero"),
    ],
)
def test_a_user_with_nothing_but_zeros_and_nulls_is_not_active(
    database: Database, values: Row
) -> None:
    insert(database, user_metrics, use(1, 0, **values), use(2, 0, used_chat=True))
    (row, _) = read(database, USER_DAYS, order="user_id")
    assert not row["is_active"]
    with database.read() as connection:
        for query in (
            sa.select(USER_DAYS.c.user_id).where(USER_DAYS.c.is_active),
            sa.select(user_metrics.c.user_id).where(was_active),
        ):
            assert connection.execute(query).scalars().all() == [2]
        # As panels count.
        counted = sa.text("SELECT count(*) FILTER (WHERE is_active) FROM copilot_user_days")
        assert connection.execute(counted).scalar_one() == 1


def completions(user_id: int, days: int, suggestions: int, **values: Any) -> Row:
    return {
        "scope_id": 1,
        "day": DAY - timedelta(days=days),
        "user_id": user_id,
        "feature": "code_completion",
        "code_generation_activity_count": suggestions,
        "code_acceptance_activity_count": suggestions // 2,
        **values,
    }


def test_a_users_day_has_its_own_code_completions_and_no_other_features(
    database: Database,
) -> None:
    numbers: Row = {
        "user_initiated_interaction_count": 7,
        "code_generation_activity_count": 900,
        "loc_added_sum": 11,
        "loc_deleted_sum": 3,
        "ai_credits_used": 2.5,
        "ai_adoption_phase_number": 2,
        "ai_adoption_phase": "Phase 2",
    }
    insert(database, user_metrics, use(1, 0, **numbers), use(2, 0))
    insert(
        database,
        user_breakdowns[BY_FEATURE].table,
        completions(1, 0, 40),
        completions(1, 0, 500, feature="agent_edit"),
        completions(1, 1, 6),
        completions(1, 0, 8, scope_id=2),
    )
    first, second = read(database, USER_DAYS, order="user_id")
    assert first == {
        "scope_id": 1,
        "day": DAY,
        "user_id": 1,
        "user_login": "demo-user-1",
        "is_active": True,
        "ai_adoption_phase_number": 2,
        "ai_adoption_phase": "Phase 2",
        "prompts": 7,
        "lines_added": 11,
        "lines_deleted": 3,
        "ai_credits_used": 2.5,
        "completion_suggestions": 40,
        "completion_acceptances": 20,
    }
    assert (second["completion_suggestions"], second["completion_acceptances"]) == (None, None)


# --- teams ------------------------------------------------------------------------------------


def member(user_id: int, days: int = 0, **values: Any) -> Row:
    return {
        "scope_id": 1,
        "day": DAY - timedelta(days=days),
        "user_id": user_id,
        "team_id": 12,
        "user_login": f"demo-user-{user_id}",
        "slug": "team-a",
        **values,
    }


def test_members_without_use_are_there(database: Database) -> None:
    insert(database, user_teams, member(1), member(2), member(3))
    did = {"user_initiated_interaction_count": 4, "loc_added_sum": 5}
    insert(database, user_metrics, use(1, 0, **did), use(2, 0, **INACTIVE))
    insert(database, user_breakdowns[BY_FEATURE].table, completions(1, 0, 10), completions(2, 0, 0))
    rows = read(database, TEAM_MEMBER_DAYS, order="user_id")
    assert [(row["user_id"], row["is_active"]) for row in rows] == [
        (1, True),
        (2, False),
        (3, False),
    ]
    names = ("prompts", "lines_added", "completion_suggestions", "completion_acceptances")
    assert [[row[name] for name in names] for row in rows] == [
        [4, 5, 10, 5],
        [None] * 4,
        [None] * 4,
    ]


def test_who_was_active_is_known_on_days_whose_users_report_is_loaded(database: Database) -> None:
    insert(database, user_teams, *(member(1, days) for days in (0, 1, 2, 3)))
    insert(
        database,
        collection_status,
        status(0, day=DAY),
        status(0, "failed", day=DAY - timedelta(days=1)),
        status(0, day=DAY - timedelta(days=2), report="user-teams-1-day"),
        status(0, day=DAY - timedelta(days=3), scope_id=2),
    )
    rows = read(database, TEAM_MEMBER_DAYS, order="day")
    assert [row["is_known"] for row in rows] == [False, False, False, True]


def test_only_activity_on_a_day_of_membership_counts_for_a_team(database: Database) -> None:
    insert(
        database,
        user_teams,
        member(1, 0),
        member(1, 2),
        member(1, 2, team_id=13, slug="team-b"),
        member(2, 1),
    )
    insert(
        database,
        user_metrics,
        use(1, 1),
        use(1, 2),
        use(2, 1, scope_id=2, used_chat=True),
        use(3, 1),
    )
    rows = read(database, TEAM_MEMBER_DAYS)
    assert {
        ((DAY - row["day"]).days, row["user_id"], row["team"]): row["is_active"] for row in rows
    } == {
        (2, 1, "team-a"): True,
        (2, 1, "team-b"): True,
        (1, 2, "team-a"): False,
        (0, 1, "team-a"): False,
    }
    assert len(rows) == 4


@pytest.mark.parametrize(
    ("slug", "team"), [("team-a", "team-a"), (None, "team 12"), ("", "team 12")]
)
def test_a_team_without_a_slug_has_a_name(database: Database, slug: str | None, team: str) -> None:
    insert(database, user_teams, member(1, slug=slug))
    (row,) = read(database, TEAM_MEMBER_DAYS)
    assert (row["team_id"], row["team"]) == (12, team)


def test_a_member_without_a_login_has_that_of_the_users_report(database: Database) -> None:
    insert(database, user_teams, *(member(number, user_login=None) for number in (1, 2)))
    insert(database, user_metrics, use(1, 0))
    rows = read(database, TEAM_MEMBER_DAYS, order="user_id")
    assert [row["user_login"] for row in rows] == ["demo-user-1", None]


# --- features ---------------------------------------------------------------------------------


FEATURES = {
    "code_completion": ("Code completion", False),
    "chat_inline": ("Inline chat", True),
    "chat_panel_ask_mode": ("Chat: ask", True),
    "chat_panel_unknown_mode": ("Chat: unknown", True),
    "agent_edit": ("Agent edits", False),
    "copilot_cli": ("Copilot CLI", False),
    # A chat of a later time is known by how its name begins.
    "chat_panel_dream_mode": ("chat_panel_dream_mode", True),
    "my_chat_panel_x": ("my_chat_panel_x", False),
    # The underscore is no wildcard.
    "chat-panel-x": ("chat-panel-x", False),
    "others": ("others", False),
}


def test_a_feature_has_a_name_for_people_and_is_chat_or_not(database: Database) -> None:
    numbers: Row = {
        "user_initiated_interaction_count": 1,
        "code_generation_activity_count": 2,
        "code_acceptance_activity_count": 3,
        "loc_added_sum": 4,
        "loc_deleted_sum": None,
    }
    insert(
        database,
        scope_breakdowns[BY_FEATURE].table,
        *({"scope_id": 1, "day": DAY, "feature": feature, **numbers} for feature in FEATURES),
    )
    rows = read(database, FEATURE_DAYS)
    assert {row["feature"]: (row["name"], row["is_chat"]) for row in rows} == FEATURES
    names = ("scope_id", "day", "prompts", "outputs", "acceptances", "lines_added", "lines_deleted")
    assert [[row[name] for name in names] for row in rows] == [[1, DAY, 1, 2, 3, 4, None]] * 10


# --- the days of reports ----------------------------------------------------------------------


def status(days: int, state: str = "loaded", **values: Any) -> Row:
    """The status of the users report so many days before today."""
    return {
        "scope_id": 1,
        "report": "users-1-day",
        "day": newest_complete_day() + timedelta(days=1 - days),
        "state": state,
        "last_fetched_at": datetime(2026, 11, 2, 6, tzinfo=UTC),
        "change_count": 0,
        **values,
    }


def ask(database: Database, *statuses: Row, **values: Any) -> None:
    """Two scopes, the first one with these values, were asked for these reports and days."""
    insert(database, tables.accounts, account())
    insert(database, tables.scopes, scope(1, "one-demo", **values), scope(2, "two-demo"))
    insert(database, collection_status, *statuses)


def report_days(database: Database) -> list[Row]:
    """The rows, with the age of their day in days as of today."""
    today = newest_complete_day() + timedelta(days=1)
    return [{**row, "age": (today - row["day"]).days} for row in read(database, REPORT_DAYS)]


def test_a_day_that_was_never_asked_for_is_missing(database: Database) -> None:
    ask(
        database,
        status(7, "loaded", row_count=3, http_status=200),
        status(5, "no_data", http_status=204),
        status(4, "failed", message="why"),
        status(3, "no_access"),
        status(2, "not_ready"),
    )
    rows = report_days(database)
    assert [(row["age"], row["state"]) for row in rows] == [
        (7, "loaded"),
        (6, "missing"),
        (5, "no_data"),
        (4, "failed"),
        (3, "no_access"),
        (2, "not_ready"),
        (1, "missing"),
    ]
    assert [row["age"] for row in rows if row["is_settled"]] == [7, 5]
    assert [row["age"] for row in rows if row["is_provisional"]] == [3, 2, 1]
    assert {row["age"]: row["message"] for row in rows if row["message"]} == {4: "why"}
    kept = ("row_count", "http_status", "last_fetched_at", "change_count")
    assert [rows[0][name] for name in kept] == [
        3,
        200,
        datetime(2026, 11, 2, 6, tzinfo=UTC),
        0,
    ]
    assert [rows[1][name] for name in kept] == [None] * 4


def test_every_report_of_every_scope_begins_with_its_own_first_day(database: Database) -> None:
    ask(
        database,
        status(6),
        status(3, report="repos-1-day"),
        status(2, scope_id=2),
    )
    found: dict[tuple[int, str], list[int]] = {}
    for row in report_days(database):
        found.setdefault((row["scope_id"], row["report"]), []).append(row["age"])
    assert found == {
        (1, "users-1-day"): [6, 5, 4, 3, 2, 1],
        (1, "repos-1-day"): [3, 2, 1],
        (2, "users-1-day"): [2, 1],
    }


def test_a_year_of_missing_days_is_there_without_a_row_for_each(database: Database) -> None:
    ask(database, status(400), status(1))
    rows = report_days(database)
    assert [row["age"] for row in rows] == list(range(400, 0, -1))
    assert [row["state"] for row in rows].count("missing") == 398


UNTIL_YESTERDAY, UNTIL_LAST_ASKED = [6, 5, 4, 3, 2, 1], [6, 5, 4]


@pytest.mark.parametrize(
    ("report", "values", "expected"),
    [
        pytest.param("users-1-day", {}, UNTIL_YESTERDAY, id="all reports"),
        pytest.param("users-1-day", {"reports": "users-1-day"}, UNTIL_YESTERDAY, id="this one"),
        pytest.param(
            "repos-1-day",
            {"reports": "organization-1-day,users-1-day,repos-1-day"},
            UNTIL_YESTERDAY,
            id="among others",
        ),
        pytest.param(
            "users-1-day",
            {"reports": "organization-1-day,user-teams-1-day"},
            UNTIL_LAST_ASKED,
            id="no longer",
        ),
        pytest.param("legacy", {"metrics_api": "legacy"}, UNTIL_YESTERDAY, id="legacy"),
        pytest.param(
            "legacy",
            {"metrics_api": "legacy", "reports": "users-1-day"},
            UNTIL_YESTERDAY,
            id="legacy, whatever reports are chosen",
        ),
        pytest.param("legacy", {}, UNTIL_LAST_ASKED, id="legacy before the switch to reports"),
        pytest.param(
            "users-1-day", {"metrics_api": "legacy"}, UNTIL_LAST_ASKED, id="reports before legacy"
        ),
    ],
)
def test_a_report_is_expected_until_yesterday_while_its_scope_collects_it(
    database: Database, report: str, values: Row, expected: Sequence[int]
) -> None:
    ask(database, status(6, report=report), status(4, report=report), **values)
    assert [row["age"] for row in report_days(database)] == expected
    (span,) = read(database, REPORT_SPANS, order="report")
    tomorrow = newest_complete_day() + timedelta(days=1)
    ages = [(tomorrow - span[name]).days for name in ("first_day", "last_day")]
    assert ages == [expected[0], expected[-1]]


def test_nothing_more_is_expected_of_a_removed_scope(database: Database) -> None:
    ask(database, status(6), status(4), status(3, scope_id=2))
    with database.write() as connection:
        delete_scope(connection, 1)
    found = [(row["scope_id"], row["age"], row["state"]) for row in report_days(database)]
    assert sorted(found) == [
        (1, 4, "loaded"),
        (1, 5, "missing"),
        (1, 6, "loaded"),
        (2, 1, "missing"),
        (2, 2, "missing"),
        (2, 3, "loaded"),
    ]


@pytest.mark.parametrize(
    ("report", "reach"),
    [("users-1-day", 366), ("organization-1-day", 366), ("repos-1-day", 366), ("legacy", 101)],
)
def test_a_day_falls_out_of_reach_after_a_year_or_100_legacy_days(
    database: Database, report: str, reach: int
) -> None:
    metrics_api = "legacy" if report == LEGACY.name else "reports"
    statuses = (status(9, report=report), status(2, report=report))
    ask(database, *statuses, metrics_api=metrics_api)
    rows = report_days(database)
    assert len(rows) == 9
    for row in rows:
        assert row["out_of_reach_on"] == row["day"] + timedelta(days=reach)
    # On the day before, it is the oldest that a run may still ask for.
    assert source_named(report).reach_days == reach - 1


# --- snapshots --------------------------------------------------------------------------------


@pytest.mark.parametrize("source", ["seats", "seat-billing"])
def test_a_snapshot_is_no_report(database: Database, source: str) -> None:
    ask(database, status(9, report=source), status(3))
    assert {row["report"] for row in report_days(database)} == {"users-1-day"}
    assert [row["report"] for row in read(database, REPORT_SPANS, order="report")] == [
        "users-1-day"
    ]


def test_each_day_since_the_first_snapshot_says_why_there_is_none(database: Database) -> None:
    ask(
        database,
        status(8, "failed", report="seats", message="before the first one"),
        status(6, report="seats", http_status=200),
        status(5, "failed", report="seats", http_status=502, message="GitHub was down"),
        status(3, "no_access", report="seats", http_status=403),
        status(2, report="seat-billing"),
        status(4, "failed", report="seat-billing"),
        status(7, report="users-1-day"),
        status(7, scope_id=9, report="seats"),
    )
    rows = read(database, SNAPSHOT_DAYS)
    today = newest_complete_day() + timedelta(days=1)
    found = {
        source: [
            ((today - row["day"]).days, row["state"], row["http_status"], row["message"])
            for row in rows
            if row["source"] == source
        ]
        for source in ("seats", "seat-billing")
    }
    assert found == {
        "seats": [
            (6, "loaded", 200, None),
            (5, "failed", 502, "GitHub was down"),
            (4, "missing", None, None),
            (3, "no_access", 403, None),
            (2, "missing", None, None),
            (1, "missing", None, None),
        ],
        "seat-billing": [(2, "loaded", None, None), (1, "missing", None, None)],
    }
    assert {row["fetched_at"] for row in rows} == {datetime(2026, 11, 2, 6, tzinfo=UTC), None}
    assert {row["scope_id"] for row in rows} == {1}


def test_no_snapshot_is_missing_of_a_removed_scope(database: Database) -> None:
    ask(database, status(6, report="seats"), status(4, "failed", report="seats"))
    with database.write() as connection:
        delete_scope(connection, 1)
    states = [row["state"] for row in read(database, SNAPSHOT_DAYS)]
    assert states == ["loaded", "missing", "failed"]


# --- scopes -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("scopes", "labels"),
    [
        pytest.param([scope(1, "one-demo")], ["one-demo"], id="the slug"),
        pytest.param([scope(1, "one-demo", name="One")], ["One"], id="the name"),
        pytest.param([scope(1, "one-demo", name="")], ["one-demo"], id="an empty name is none"),
        pytest.param(
            [scope(1, "one-demo", name="Demo"), scope(2, "two-demo", name="Demo")],
            ["Demo #1", "Demo #2"],
            id="two of the same name",
        ),
        pytest.param(
            [scope(1, "one-demo", name="two-demo"), scope(2, "two-demo"), scope(3, "three-demo")],
            ["two-demo #1", "two-demo #2", "three-demo"],
            id="a name that is the slug of another",
        ),
        pytest.param(
            [scope(1, "one-demo"), scope(2, "one-demo", account_id=2)],
            ["one-demo #1", "one-demo #2"],
            id="the same organization of two accounts",
        ),
        pytest.param(
            [scope(1, "octo-demo"), scope(2, "octo-demo", kind="enterprise")],
            ["octo-demo", "octo-demo"],
            id="an organization and an enterprise are never shown in one list",
        ),
    ],
)
def test_a_scopes_label_is_its_name_or_slug_and_told_apart_by_its_id(
    database: Database, scopes: Sequence[Row], labels: Sequence[str]
) -> None:
    insert(database, tables.accounts, account(1), account(2))
    insert(database, tables.scopes, *scopes)
    rows = read(database, SCOPES, order="id")
    assert [row["label"] for row in rows] == labels
    assert [row["is_removed"] for row in rows] == [False] * len(rows)


def test_a_scope_says_whose_token_it_uses_and_shows_nothing_of_it(database: Database) -> None:
    insert(database, tables.accounts, account(1, token_expires_at=EXPIRES, token_scopes="read:org"))
    insert(
        database,
        tables.scopes,
        scope(7, "one-demo", implementation_date=DAY, reports="users-1-day", metrics_api="legacy"),
    )
    assert read(database, SCOPES, order="id") == [
        {
            "id": 7,
            "kind": "organization",
            "slug": "one-demo",
            "label": "one-demo",
            "metrics_api": "legacy",
            "reports": "users-1-day",
            "implementation_date": DAY,
            "is_removed": False,
            "account_login": "demo-admin-1",
            "token_expires_at": EXPIRES,
            "created_at": NOW,
        }
    ]


def test_a_removed_scope_stays_and_says_so(database: Database) -> None:
    insert(database, tables.accounts, account(1))
    insert(
        database,
        tables.scopes,
        scope(1, "one-demo", name="One", implementation_date=DAY),
        scope(2, "two-demo"),
    )
    with database.write() as connection:
        delete_scope(connection, 1)
    gone, other = read(database, SCOPES, order="id")
    assert (gone["id"], gone["label"], gone["is_removed"]) == (1, "One", True)
    assert (gone["slug"], gone["implementation_date"]) == ("one-demo", DAY)
    assert (gone["account_login"], gone["token_expires_at"]) == (None, None)
    assert (other["id"], other["label"], other["is_removed"]) == (2, "two-demo", False)


def test_a_removed_scope_and_a_new_one_of_the_same_name_are_told_apart(database: Database) -> None:
    insert(database, tables.accounts, account(1))
    insert(database, tables.scopes, scope(1, "one-demo"))
    with database.write() as connection:
        delete_scope(connection, 1)
    insert(database, tables.scopes, scope(2, "one-demo"))
    rows = read(database, SCOPES, order="id")
    assert [(row["label"], row["is_removed"]) for row in rows] == [
        ("one-demo #1", True),
        ("one-demo #2", False),
    ]


# --- marks ------------------------------------------------------------------------------------


def marks(database: Database, kind: str) -> list[Row]:
    return read(database, MARKS, MARKS.c.kind == kind, order="first_day")


def test_definition_changes_are_marked_but_not_those_that_change_no_number(
    database: Database,
) -> None:
    changes = read(database, definition_changes)
    told = {
        (change["day"], change["what_changed"])
        for change in changes
        if change["kind"] not in ("status", "transport")
    }
    assert {change["kind"] for change in changes} >= {"status", "transport", "definition"}
    found = marks(database, "definition")
    assert {(mark["first_day"], mark["text"]) for mark in found} == told
    assert len(found) == len(told)
    assert all(mark["scope_id"] is None for mark in found)
    assert all(mark["first_day"] == mark["last_day"] for mark in found)


def org_days(scope_id: int, first: date, *sources: str | None) -> list[Row]:
    """Consecutive days with rows of these sources; None: no row."""
    return [
        {"scope_id": scope_id, "day": first + timedelta(days=number), "source": source}
        for number, source in enumerate(sources)
        if source is not None
    ]


def test_the_first_day_from_the_reports_after_legacy_days_is_marked_for_its_scope(
    database: Database,
) -> None:
    insert(
        database,
        org_metrics,
        *org_days(1, DAY, "legacy", "legacy", "reports", "reports"),
        *org_days(2, DAY, "reports", "reports"),
        *org_days(3, DAY, "legacy", None, None, "reports"),
        *org_days(4, DAY, "legacy", "legacy"),
    )
    found = [mark for mark in marks(database, "definition") if mark["scope_id"] is not None]
    assert [(mark["scope_id"], mark["first_day"], mark["last_day"]) for mark in found] == [
        (1, DAY + timedelta(days=2), DAY + timedelta(days=2)),
        (3, DAY + timedelta(days=3), DAY + timedelta(days=3)),
    ]
    assert {mark["text"] for mark in found} == {
        "From here on the numbers come from the reports, not from the old metrics API"
    }


def test_the_roll_out_is_marked_with_the_scopes_label(database: Database) -> None:
    insert(database, tables.accounts, account(1))
    insert(
        database,
        tables.scopes,
        scope(1, "one-demo", name="Demo", implementation_date=DAY),
        scope(2, "two-demo", name="Demo"),
        scope(3, "three-demo", implementation_date=DAY + timedelta(days=1)),
    )
    with database.write() as connection:
        delete_scope(connection, 3)
    found = marks(database, "rollout")
    assert [(mark["scope_id"], mark["first_day"], mark["text"]) for mark in found] == [
        (1, DAY, "Demo #1: the rollout begins"),
        (3, DAY + timedelta(days=1), "three-demo: the rollout begins"),
    ]
    assert all(mark["first_day"] == mark["last_day"] for mark in found)


def test_the_provisional_range_is_the_three_newest_complete_days(database: Database) -> None:
    newest = newest_complete_day()
    (mark,) = marks(database, "provisional")
    assert mark["scope_id"] is None
    # A chart takes a day for its first instant: the range ends where the newest complete day does.
    ends = mark["last_day"] - timedelta(days=1)
    assert day_range(mark["first_day"], ends) == day_range(newest - timedelta(days=2), newest)
    ask(database, status(9))
    provisional = [row["day"] for row in report_days(database) if row["is_provisional"]]
    assert provisional == day_range(mark["first_day"], ends)
