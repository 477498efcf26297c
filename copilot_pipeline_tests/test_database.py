"""The warehouse: opening, upgrading, and what both databases must do alike."""

import stat
import threading
import traceback
import warnings
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from copilot_pipeline import schema
from copilot_pipeline.schema import UtcDateTime
from copilot_pipeline.sources import ORGANIZATION_DAY
from copilot_pipeline.sources.raw import RAW_BILLING
from copilot_pipeline.sources.users import user_metrics
from copilot_pipeline.warehouse import (
    history_tables,
    seat_days,
    tables,
)
from copilot_pipeline.warehouse.database import VERSION_TABLE, Database, DatabaseError, parse_url
from copilot_pipeline.warehouse.locks import lock_scope
from copilot_pipeline.warehouse.months import make_months
from copilot_pipeline.warehouse.raw import StoredAnswer, compress, compress_ahead, replace_raw
from copilot_pipeline_tests.loading import newest_complete_day

pytestmark = pytest.mark.both_databases


def test_the_revisions_make_exactly_the_declared_tables(database: Database) -> None:
    with database.read() as connection, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # expression indexes cannot be compared
        options = {
            "compare_type": True,
            "version_table": VERSION_TABLE,
            "include_object": lambda made, *_: not (database.is_sqlite and _is_brin(made)),
        }
        context = MigrationContext.configure(connection, opts=options)
        modules = (
            tables.scopes,
            user_metrics,
            history_tables.restatements,
            seat_days.seat_days,
        )
        (metadata,) = {table.metadata for table in modules}
        assert compare_metadata(context, metadata) == []


def test_columns_have_the_order_of_their_declaration(database: Database) -> None:
    # A column that a revision adds comes last, so it has to be declared last.
    inspector = sa.inspect(database.engine)
    for table in schema.metadata.tables.values():
        if table.name.startswith(("_", "copilot_")):
            found = [column["name"] for column in inspector.get_columns(table.name)]
            assert found == [column.name for column in table.c], table.name


def _is_brin(made: object) -> bool:
    """Whether it is an index of a kind that only PostgreSQL has: SQLite gets none."""
    return isinstance(made, sa.Index) and made.dialect_options["postgresql"]["using"] == "brin"


def test_opening_an_upgraded_database_again_changes_nothing(database_url: str) -> None:
    for _ in range(2):
        with Database(database_url) as database, database.read() as connection:
            assert connection.execute(
                sa.text("SELECT version_num FROM copilot_pipeline_version")
            ).all()


def test_two_processes_may_open_a_new_database_at_once(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'new.db'}"
    errors: list[Exception] = []

    def open_it() -> None:
        try:
            Database(url).close()
        except Exception as error:
            errors.append(error)

    threads = [threading.Thread(target=open_it) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []


def test_a_database_of_a_newer_version_is_refused(database: Database, database_url: str) -> None:
    with database.write() as connection:
        connection.execute(sa.text("UPDATE copilot_pipeline_version SET version_num = '9999'"))
    with pytest.raises(DatabaseError, match="newer version"):
        Database(database_url)


def test_a_failed_transaction_leaves_nothing(database: Database) -> None:
    row = {"account_id": 1, "kind": "organization", "slug": "octo-demo", "metrics_api": "reports"}
    now = datetime.now(UTC)
    with pytest.raises(DatabaseError), database.write() as connection:
        connection.execute(sa.insert(tables.scopes).values(**row, created_at=now, updated_at=now))
    with database.read() as connection:
        assert connection.execute(sa.select(tables.scopes)).all() == []


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_only_what_can_be_loaded_again_does_not_wait_for_the_disk(database: Database) -> None:
    def synchronous(*, waits_for_disk: bool) -> int:
        with database.write(waits_for_disk=waits_for_disk) as connection:
            return int(connection.exec_driver_sql("PRAGMA synchronous").scalar_one())

    # SQLite's numbers of FULL and NORMAL. The setting of a connection does not stay.
    found = [synchronous(waits_for_disk=waits) for waits in (True, False, True, False)]
    assert found == [2, 1, 2, 1]


def test_instants_come_back_in_utc(database: Database) -> None:
    tokyo = datetime(2026, 11, 1, 8, 30, tzinfo=timezone(timedelta(hours=9)))
    with database.write() as connection:
        insert = sa.insert(RAW_BILLING.table).values(
            scope_id=1, day=tokyo.date(), fetched_at=tokyo, url="https://x.example", payload=b""
        )
        connection.execute(insert)
        stored = connection.execute(sa.select(RAW_BILLING.table.c.fetched_at)).scalar_one()
    assert stored == tokyo
    assert stored.utcoffset() == timedelta(0)


def test_an_instant_without_a_time_zone_is_refused() -> None:
    naive = datetime.fromisoformat("2026-01-01T00:00:00")
    with pytest.raises(ValueError, match="no time zone"):
        UtcDateTime().process_bind_param(naive, sa.make_url("sqlite://").get_dialect()())


def test_the_text_of_a_database_error_holds_no_values(database: Database) -> None:
    insert = sa.insert(tables.accounts).values(login="hidden-value")
    with pytest.raises(DatabaseError) as caught, database.write() as connection:
        connection.execute(insert)
    assert "hidden-value" not in "".join(traceback.format_exception(caught.value))


def test_the_sqlite_file_and_its_journals_are_private(tmp_path: Path) -> None:
    with Database(f"sqlite:///{tmp_path / 'private.db'}") as database, database.write():
        files = list(tmp_path.glob("private.db*"))
        assert len(files) > 1
        assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}


@pytest.mark.parametrize(
    ("text", "driver"),
    [
        ("postgresql://u:p@h/d", "postgresql+psycopg"),
        ("postgres://u:p@h/d", "postgresql+psycopg"),
        ("postgresql+psycopg2://u:p@h/d", "postgresql+psycopg"),
        ("sqlite:////tmp/x.db", "sqlite+pysqlite"),
    ],
)
def test_plain_urls_get_the_driver_that_is_installed(text: str, driver: str) -> None:
    assert parse_url(text).drivername == driver


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://u@127.0.0.1:1/db?password=sentinel-word",
        "postgresql://user:p@s:sentinel-word@host/db",
        "postgresql://u@127.0.0.1:1/db?foo=sentinel-word",
    ],
)
def test_no_part_of_a_url_that_may_be_a_password_is_repeated(url: str) -> None:
    with pytest.raises(DatabaseError) as caught:
        Database(url)
    assert "sentinel-word" not in str(caught.value)


def test_a_file_that_is_no_database_is_explained(tmp_path: Path) -> None:
    (tmp_path / "notes.db").write_text("no database at all, only some words " * 50)
    with pytest.raises(DatabaseError, match="Check DATABASE_URL"):
        Database(f"sqlite:///{tmp_path / 'notes.db'}")


def test_two_writers_of_the_same_day_wait_for_each_other(database_url: str) -> None:
    day = newest_complete_day()
    errors: list[Exception] = []
    with Database(database_url) as database, database.write() as connection:
        # The row that writers lock: without a scope, they would not wait for each other.
        scope = sa.insert(tables.removed_scopes).values(
            id=1,
            endpoint="https://x.example",
            kind="organization",
            slug="octo-demo",
            metrics_api="reports",
            removed_at=datetime.now(UTC),
        )
        connection.execute(scope)
        make_months(database, [ORGANIZATION_DAY.raw.table], day)

    def write() -> None:
        answer = StoredAnswer("https://x.example", compress([b"{}"]), datetime.now(UTC))
        try:
            with Database(database_url) as database:
                for _ in range(20):
                    with database.write() as connection:
                        lock_scope(connection, 1)
                        answers = compress_ahead([answer, answer])
                        replace_raw(connection, ORGANIZATION_DAY, 1, day, answers)
        except Exception as error:
            errors.append(error)

    threads = [threading.Thread(target=write) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []


@pytest.mark.parametrize("text", ["nonsense", "mysql://u:p@h/d", "sqlite://", "sqlite:///:memory:"])
def test_urls_that_cannot_serve_are_refused_with_words(text: str) -> None:
    with pytest.raises(DatabaseError, match="DATABASE_URL"):
        parse_url(text)


def test_a_server_that_does_not_answer_gives_an_error_without_the_password() -> None:
    with pytest.raises(DatabaseError) as caught:
        Database("postgresql://someone:sentinel-password@127.0.0.1:1/warehouse")
    assert "sentinel-password" not in str(caught.value)
    assert "DATABASE_URL" in str(caught.value)
