"""The months of the tables that grow with people, which are partitions on PostgreSQL."""

import logging
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import date, timedelta

import psycopg
import pytest
import sqlalchemy as sa

from copilot_pipeline.collect.rebuild import rebuild
from copilot_pipeline.collect.selection import select_scopes
from copilot_pipeline.simulated_github import SimulatedGitHub
from copilot_pipeline.sources.reports import METRICS_STEP
from copilot_pipeline.sources.seats import seats
from copilot_pipeline.sources.user_teams import user_teams
from copilot_pipeline.sources.users import user_metrics
from copilot_pipeline.warehouse import database as warehouse_database
from copilot_pipeline.warehouse import splitting
from copilot_pipeline.warehouse.database import Database, DatabaseError
from copilot_pipeline.warehouse.months import delete_before, make_months
from copilot_pipeline.warehouse.partitions import list_months, select_unsplit, split_tables
from copilot_pipeline_tests.conftest import copied
from copilot_pipeline_tests.grafana.warehouse import let_grafana_read
from copilot_pipeline_tests.landed import make_landed
from copilot_pipeline_tests.loading import (
    USERS,
    decompressed,
    import_organizations,
    load_metrics,
    newest_complete_day,
    read_table,
)
from copilot_pipeline_tests.test_reader_role import as_reader
from copilot_pipeline_tests.test_upgrades import connected, invented_row

pytestmark = pytest.mark.both_databases

ON_POSTGRESQL = pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)

JULY, AUGUST, SEPTEMBER = (date(2026, month, 1) for month in (7, 8, 9))
OLD_MONTHS = [date(2026, month, 1) for month in range(3, 9)]


def insert(database: Database, table: sa.Table, *days: date, scope_id: int = 1) -> None:
    with database.write() as connection:
        for day in days:
            row = {**invented_row(table), "day": day, "scope_id": scope_id}
            connection.execute(sa.insert(table).values(row))


def stored_days(database: Database, table: sa.Table) -> list[date]:
    with database.read() as connection:
        return list(connection.execute(sa.select(table.c.day).order_by(table.c.day)).scalars())


def months_of(database: Database, table: sa.Table) -> list[date]:
    with database.read() as connection:
        return list_months(connection, table)


# --- creating ---------------------------------------------------------------------------------


@ON_POSTGRESQL
def test_the_declared_tables_and_no_others_are_partitioned(database: Database) -> None:
    with database.read() as connection:
        query = sa.text("SELECT partrelid::regclass::text FROM pg_partitioned_table ORDER BY 1")
        found = list(connection.execute(query).scalars())
    assert found == sorted(table.name for table in split_tables())
    assert {user_metrics, seats, user_teams} <= set(split_tables())


@ON_POSTGRESQL
def test_the_month_of_a_day_and_the_next_one_are_made_once(database: Database) -> None:
    for day in (date(2026, 7, 31), JULY, date(2023, 12, 31)):
        make_months(database, [seats, user_teams], day)
    insert(database, seats, JULY, date(2026, 7, 31), AUGUST, date(2023, 12, 31))
    for table in (seats, user_teams):
        expected = [date(2023, 12, 1), date(2024, 1, 1), JULY, AUGUST]
        assert months_of(database, table) == expected
    assert months_of(database, user_metrics) == []


@ON_POSTGRESQL
def test_a_row_without_a_month_is_an_error(database: Database) -> None:
    with pytest.raises(DatabaseError, match='no partition of relation "_tool_copilot_seats" found'):
        insert(database, seats, JULY)


@ON_POSTGRESQL
def test_processes_may_make_the_same_month_at_once(database_url: str) -> None:
    errors: list[Exception] = []
    with ExitStack() as stack:
        opened = [stack.enter_context(Database(database_url)) for _ in range(4)]
        start = threading.Barrier(len(opened))

        def make(database: Database) -> None:
            start.wait()
            try:
                for number in range(6):
                    make_months(database, [seats], JULY + timedelta(days=31 * number))
            except Exception as error:
                errors.append(error)

        threads = [threading.Thread(target=make, args=[database]) for database in opened]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert errors == []
        assert len(months_of(opened[0], seats)) == 7


@ON_POSTGRESQL
def test_neither_readers_nor_writers_hold_up_a_new_month(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(warehouse_database, "POSTGRES_LOCK_SECONDS", 1)
    with Database(database_url) as database, Database(database_url) as other:
        make_months(database, [seats], JULY)
        with other.write() as connection:
            row = {**invented_row(seats), "day": JULY}
            connection.execute(sa.insert(seats).values(row))
            assert connection.execute(sa.select(seats)).all()
            make_months(database, [seats], SEPTEMBER)


@ON_POSTGRESQL
def test_grafana_reads_months_that_were_made_after_its_role(database_url: str) -> None:
    let_grafana_read(database_url)
    with Database(database_url) as database:
        make_months(database, [seats], JULY)
        insert(database, seats, JULY)
    let_grafana_read(database_url)
    with as_reader(database_url) as reader:
        query = "SELECT day FROM _tool_copilot_seats"
        assert reader.execute(query).fetchall() == [(JULY,)]
        # Through their table only, as before they were granted anew.
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            reader.execute("SELECT day FROM _tool_copilot_seats_2026_07")


@ON_POSTGRESQL
def test_replacing_a_day_touches_one_month_only(database: Database) -> None:
    for day in (JULY, AUGUST, SEPTEMBER):
        make_months(database, [user_metrics], day)
        insert(database, user_metrics, day)
    where = "scope_id = 1 AND day = '2026-08-01'"
    with database.read() as connection:
        plan = connection.exec_driver_sql(
            f"EXPLAIN DELETE FROM _tool_copilot_user_metrics WHERE {where}"
        )
        text = "\n".join(plan.scalars())
    assert "_tool_copilot_user_metrics_2026_08" in text
    assert "2026_07" not in text
    assert "2026_09" not in text


def test_a_rebuild_makes_the_months_of_derived_rows_again(
    warehouse_environment: str, github: SimulatedGitHub
) -> None:
    url, day = warehouse_environment, newest_complete_day()
    import_organizations(url, github, "octo-demo", reports=[USERS])
    assert load_metrics([day]) == []
    before = read_table(url, user_metrics.name)
    assert before
    with Database(url) as database:
        assert delete_before(database, user_metrics, day + timedelta(days=31)) == len(before)
        assert stored_days(database, user_metrics) == []
    with Database(url) as database:
        scopes = select_scopes(database)
        outcomes = list(rebuild(database, scopes, METRICS_STEP, [day], {"user_metrics"}))
    assert [outcome.message for outcome in outcomes] == [None]
    assert read_table(url, user_metrics.name) == before


# --- deleting ---------------------------------------------------------------------------------


def test_rows_before_a_day_are_deleted_and_whole_months_dropped(database: Database) -> None:
    days = [JULY, date(2026, 7, 31), AUGUST, date(2026, 8, 14), date(2026, 8, 15), SEPTEMBER]
    for day in days:
        make_months(database, [seats], day)
    insert(database, seats, *days)
    assert delete_before(database, seats, date(2026, 8, 15)) == 4
    assert stored_days(database, seats) == days[4:]
    if not database.is_sqlite:
        assert months_of(database, seats) == [AUGUST, SEPTEMBER, date(2026, 10, 1)]
    # The month may come back.
    make_months(database, [seats], JULY)
    insert(database, seats, JULY)
    assert delete_before(database, seats, AUGUST) == 1
    assert delete_before(database, seats, AUGUST) == 0
    assert stored_days(database, seats) == days[4:]


# --- converting a warehouse of an earlier version ---------------------------------------------


@pytest.fixture(scope="module")
def old_template(postgres_server: str) -> Iterator[str]:
    """A warehouse of revision 0005 with rows of six months in each table of people."""
    with copied(postgres_server, "template0") as url:
        make_landed(url)
        with connected(url) as connection:
            metadata = sa.MetaData()
            metadata.reflect(connection, only=[table.name for table in split_tables()])
            for table in metadata.sorted_tables:
                row = invented_row(table)
                rows = [
                    {**row, "scope_id": scope_id, "day": month + timedelta(days=days)}
                    for month in OLD_MONTHS
                    for days in (0, 14)
                    for scope_id in (1, 2)
                ]
                connection.execute(sa.insert(table), rows)
        yield str(sa.make_url(url).database)


@pytest.fixture
def old_url(postgres_server: str, old_template: str) -> Iterator[str]:
    with copied(postgres_server, old_template) as url:
        yield url


def rows_of_all(url: str) -> dict[str, list[tuple[object, ...]]]:
    """The rows of the tables of people, with the texts of compressed answers."""
    with connected(url) as connection:
        return {
            table.name: [
                tuple(decompressed(dict(row._mapping)).values())
                for row in connection.execute(
                    sa.text(f"SELECT * FROM {table.name} ORDER BY scope_id, day")
                )
            ]
            for table in split_tables()
        }


def unsplit(url: str) -> list[str]:
    with connected(url) as connection:
        return list(connection.execute(select_unsplit()).scalars())


def test_an_upgrade_moves_every_row_into_its_month(old_url: str) -> None:
    before = rows_of_all(old_url)
    assert {len(rows) for rows in before.values()} == {24}
    with Database(old_url) as database:
        for table in split_tables():
            assert months_of(database, table) == OLD_MONTHS
    assert rows_of_all(old_url) == before
    assert unsplit(old_url) == []
    with connected(old_url) as connection:
        query = "SELECT count(*) FROM _tool_copilot_user_metrics_by_ide_2026_05"
        assert connection.execute(sa.text(query)).scalar_one() == 4


def test_an_upgrade_says_how_long_it_takes(
    old_url: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(splitting, "REPORT_SECONDS", 0)
    with caplog.at_level(logging.WARNING, "copilot_pipeline"):
        Database(old_url).close()
        Database(old_url).close()
    messages = [each.getMessage() for each in caplog.records if each.name == splitting.__name__]
    first, *progress, last = messages
    assert first.startswith("Converting the tables of people, ")
    assert len(progress) == 59
    assert "_tool_copilot_seats: month 2026-04, " in "\n".join(progress)
    assert progress[0].split(": ")[1].startswith("month 2026-04, 2 of 60, about ")
    assert progress[-1].endswith(" seconds left.")
    assert last.startswith("Converted 60 months in ")


def test_views_of_others_on_the_tables_show_every_row_after_an_upgrade(old_url: str) -> None:
    with connected(old_url) as connection:
        for statement in (
            "CREATE VIEW own WITH (security_barrier) AS"
            " SELECT day AS on_day, ' 100 %' FROM _tool_copilot_seats",
            "CREATE VIEW upon AS SELECT count(*) FROM own",
            "GRANT SELECT ON upon TO PUBLIC",
        ):
            connection.exec_driver_sql(statement.replace("%", "%%"))
    with Database(old_url) as database:
        make_months(database, [seats], date(2026, 11, 1))
        insert(database, seats, date(2026, 11, 1))
    with connected(old_url) as connection:
        assert connection.execute(sa.text("SELECT * FROM upon")).scalar_one() == 25
        options = sa.text("SELECT reloptions, relacl FROM pg_class WHERE relname = :name")
        assert connection.execute(options, {"name": "own"}).one()[0] == ["security_barrier=true"]
        assert "=r/" in str(connection.execute(options, {"name": "upon"}).one()[1])


def test_an_upgrade_of_empty_tables_leaves_views_of_others(empty_postgres_url: str) -> None:
    make_landed(empty_postgres_url)
    with connected(empty_postgres_url) as connection:
        connection.exec_driver_sql("CREATE VIEW own AS SELECT day FROM _tool_copilot_seats")
    with Database(empty_postgres_url) as database:
        make_months(database, [seats], JULY)
        insert(database, seats, JULY)
    with connected(empty_postgres_url) as connection:
        assert connection.exec_driver_sql("SELECT day FROM own").scalar_one() == JULY


def test_what_cannot_be_created_again_is_named_before_anything_changes(old_url: str) -> None:
    before = rows_of_all(old_url)
    with connected(old_url) as connection:
        connection.execute(
            sa.text("CREATE MATERIALIZED VIEW own AS SELECT day FROM _tool_copilot_seats")
        )
    with pytest.raises(DatabaseError, match=r"split by month, but own select from them.*drop them"):
        Database(old_url)
    assert rows_of_all(old_url) == before
    with connected(old_url) as connection:
        version = sa.text("SELECT version_num FROM copilot_pipeline_version")
        assert connection.execute(version).scalar_one() == "0005"
        connection.execute(sa.text("DROP MATERIALIZED VIEW own"))
    Database(old_url).close()
    assert rows_of_all(old_url) == before


def test_an_upgrade_that_was_held_up_leaves_a_usable_warehouse_and_continues(
    old_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = rows_of_all(old_url)
    monkeypatch.setattr(warehouse_database, "POSTGRES_LOCK_SECONDS", 1)
    # Only the definitions are changed. A reader blocks the rows of one table.
    with monkeypatch.context() as patch:
        patch.setattr(warehouse_database, "split_rows", lambda _: None)
        Database(old_url).close()
    assert rows_of_all(old_url) == before
    with psycopg.connect(old_url) as reader:
        reader.execute("SELECT * FROM _tool_copilot_user_metrics")
        with pytest.raises(DatabaseError, match="pg_stat_activity"):
            Database(old_url)
        reader.rollback()
    assert f"{user_metrics.name}_unsplit" in unsplit(old_url)
    assert f"{seats.name}_unsplit" not in unsplit(old_url)
    assert rows_of_all(old_url) == before
    # A new month can be made, and one that still has to be moved.
    with monkeypatch.context() as patch:
        patch.setattr(warehouse_database, "split_rows", lambda _: None)
        with Database(old_url) as database:
            for day in (date(2026, 11, 1), OLD_MONTHS[2]):
                make_months(database, [user_metrics], day)
            assert set(OLD_MONTHS[2:4]) <= set(months_of(database, user_metrics))
            insert(database, user_metrics, date(2026, 11, 1), OLD_MONTHS[2], scope_id=3)
    after = rows_of_all(old_url)
    assert len(after[user_metrics.name]) == len(before[user_metrics.name]) + 2
    Database(old_url).close()
    assert unsplit(old_url) == []
    assert rows_of_all(old_url) == after


@pytest.mark.slow
def test_an_upgrade_that_is_killed_at_any_point_loses_and_doubles_no_row(old_url: str) -> None:
    with connected(old_url) as connection:
        # Enough that moving takes some time.
        for table in ("_tool_copilot_user_metrics", "_raw_copilot_metrics"):
            names = sa.inspect(connection).get_columns(table)
            columns = ", ".join(each["name"] for each in names if each["name"] != "scope_id")
            connection.exec_driver_sql(
                f"INSERT INTO {table} (scope_id, {columns})"
                f" SELECT number, {columns} FROM {table}, generate_series(10, 4000) AS number"
                " WHERE scope_id = 1"
            )
    before = rows_of_all(old_url)
    upgrade = (
        "import sys; from copilot_pipeline.warehouse.database import Database; "
        "Database(sys.argv[1]).close()"
    )
    left = [len(split_tables())]
    for milliseconds in (0, 20, 100, 300, 600):
        with subprocess.Popen(
            [sys.executable, "-c", upgrade, old_url], stderr=subprocess.PIPE, text=True
        ) as process:
            assert process.stderr is not None
            assert any("Converting the tables of people, " in line for line in process.stderr)
            time.sleep(milliseconds / 1000)
            process.kill()
        assert rows_of_all(old_url) == before
        left.append(len(unsplit(old_url)))
    assert left == sorted(left, reverse=True)
    assert left[0] > left[-1] > 0
    Database(old_url).close()
    assert rows_of_all(old_url) == before
    assert unsplit(old_url) == []
