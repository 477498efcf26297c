"""The role that Grafana reads as can neither write nor hold up the collector."""

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from uuid import uuid4

import alembic.command
import psycopg
import pytest
import sqlalchemy as sa

from copilot_pipeline.simulated_github import SimulatedGitHub
from copilot_pipeline.warehouse import database as warehouse_database
from copilot_pipeline.warehouse.database import Database, DatabaseError
from copilot_pipeline.warehouse.locks import lock_accounts, lock_scope
from copilot_pipeline_tests.conftest import ROOT
from copilot_pipeline_tests.grafana.opening import READER
from copilot_pipeline_tests.grafana.warehouse import alone, let_grafana_read
from copilot_pipeline_tests.loading import (
    execute,
    failure,
    import_organizations,
    newest_complete_day,
    read_table,
)

pytestmark = pytest.mark.both_databases


def as_reader(url: str) -> psycopg.Connection:
    address = sa.make_url(url).set(username=READER).render_as_string(hide_password=False)
    connection = psycopg.connect(address, autocommit=True)
    connection.execute("SET default_transaction_read_only = off")
    connection.execute("SET statement_timeout = 0")
    return connection


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT lo_create(0)",
        "SELECT lo_from_bytea(0, 'x')",
        "SELECT lo_creat(-1)",
        "CREATE TEMPORARY TABLE own (id int)",
        "SELECT 1 INTO TEMPORARY own",
        "SELECT pg_advisory_lock(1)",
        "SELECT pg_try_advisory_xact_lock(1, 1)",
        "SELECT pg_sleep(1)",
        "SELECT * FROM _tool_copilot_scopes FOR UPDATE",
        "SELECT * FROM _tool_copilot_scopes FOR SHARE",
        "LOCK TABLE _tool_copilot_scopes IN SHARE MODE",
        "LOCK TABLE copilot_github_accounts IN ACCESS SHARE MODE",
        "LOCK TABLE copilot_pipeline_version IN ACCESS SHARE MODE",
    ],
)
def test_the_reader_makes_no_object_and_takes_no_lock(postgres_url: str, statement: str) -> None:
    let_grafana_read(postgres_url)
    with as_reader(postgres_url) as reader:
        reader.execute("BEGIN")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            reader.execute(statement.encode())


def test_the_reader_has_no_more_connections_than_its_limit(postgres_url: str) -> None:
    let_grafana_read(postgres_url)
    with ExitStack() as stack:
        for _ in range(20):
            stack.enter_context(as_reader(postgres_url))
        with pytest.raises(psycopg.OperationalError, match="too many connections for role"):
            as_reader(postgres_url)


def test_what_a_reader_holds_open_stops_no_writer(postgres_url: str) -> None:
    let_grafana_read(postgres_url)
    with as_reader(postgres_url) as reader, Database(postgres_url) as database:
        reader.execute("BEGIN")
        reader.execute("SELECT * FROM _tool_copilot_collection_status, _tool_copilot_scopes")
        with database.write() as connection:
            connection.exec_driver_sql("SET LOCAL lock_timeout = '1s'")
            lock_accounts(connection)
            lock_scope(connection, 1)


def test_a_lock_that_is_held_too_long_is_an_error_that_says_how_to_find_it(
    postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(warehouse_database, "POSTGRES_LOCK_SECONDS", 1)
    with (
        Database(postgres_url) as holder,
        Database(postgres_url) as database,
        holder.write() as held,
    ):
        lock_accounts(held)
        with (
            pytest.raises(DatabaseError, match="pg_stat_activity"),
            database.write() as connection,
        ):
            lock_accounts(connection)


def read_everything(reader: psycopg.Connection) -> None:
    """Reads, in a transaction that stays open, every table and view that the role may read."""
    shown = reader.execute(
        "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace"
        " AND relkind IN ('r', 'p', 'v') AND has_table_privilege(oid, 'SELECT')"
    ).fetchall()
    assert len(shown) > 20
    reader.execute("BEGIN ISOLATION LEVEL SERIALIZABLE")
    for (name,) in shown:
        reader.execute(f"SELECT * FROM {name}".encode())


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_an_import_and_a_load_finish_whatever_readers_hold_open(
    warehouse_environment: str, github: SimulatedGitHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(warehouse_database, "POSTGRES_LOCK_SECONDS", 2)
    url, day = warehouse_environment, newest_complete_day()
    let_grafana_read(url)
    with ExitStack() as stack:
        for _ in range(3):
            reader = stack.enter_context(as_reader(url))
            for number in range(10):
                with pytest.raises(psycopg.errors.InsufficientPrivilege):
                    reader.execute("SELECT pg_advisory_lock(%s)", [number])
            read_everything(reader)
        import_organizations(url, github, "octo-demo")
        result = execute("daily_copilot", [day])
        assert result.success, failure(result)
    assert read_table(url, "_tool_copilot_org_metrics")


@pytest.fixture
def owned_url(empty_postgres_url: str) -> Iterator[str]:
    """The database of a role that may make roles, but is no superuser."""
    owner = f"owner_{uuid4().hex[:8]}"
    url = sa.make_url(empty_postgres_url)
    with psycopg.connect(empty_postgres_url, autocommit=True) as administrator:
        for statement in (
            f"CREATE ROLE {owner} LOGIN CREATEROLE",
            f"ALTER DATABASE {url.database} OWNER TO {owner}",
        ):
            administrator.execute(statement.encode())
        yield url.set(username=owner).render_as_string(hide_password=False)
        for statement in (
            f"REASSIGN OWNED BY {owner} TO CURRENT_USER",
            f"DROP OWNED BY {owner} CASCADE",
            f"DROP ROLE {owner}",
        ):
            administrator.execute(statement.encode())


def test_an_owner_who_is_no_superuser_is_told_what_the_reader_may_still_do(
    owned_url: str, empty_postgres_url: str
) -> None:
    Database(owned_url).close()
    said: list[str] = []
    with alone():
        with psycopg.connect(empty_postgres_url, autocommit=True) as administrator:
            # Another test may have made the role, as the superuser.
            exists = administrator.execute(
                "SELECT count(*) FROM pg_roles WHERE rolname = %s", [READER]
            ).fetchone()
            if exists == (0,):
                administrator.execute(f"CREATE ROLE {READER} LOGIN".encode())
            owner = sa.make_url(owned_url).username
            administrator.execute(f"GRANT {READER} TO {owner} WITH ADMIN OPTION".encode())
        with psycopg.connect(owned_url, autocommit=True) as connection:
            connection.add_notice_handler(lambda each: said.append(str(each.message_primary)))
            connection.execute((ROOT / "grafana/reader.sql").read_bytes())
    (left,) = [line for line in said if line.startswith(f"{READER} may still call: ")]
    assert "pg_advisory_lock(bigint)" in left
    assert "lo_create(oid)" in left
    with as_reader(owned_url) as reader:
        assert reader.execute("SELECT count(*) FROM _tool_copilot_scopes").fetchone() == (0,)
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            reader.execute("SELECT * FROM copilot_github_accounts")


def test_an_upgrade_that_a_reader_holds_up_says_so_and_succeeds_later(
    empty_postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    newest = alembic.command.upgrade
    with monkeypatch.context() as patch:
        patch.setattr(alembic.command, "upgrade", lambda config, _: newest(config, "0005"))
        patch.setattr(warehouse_database, "refresh", lambda _: None)
        Database(empty_postgres_url).close()
    let_grafana_read(empty_postgres_url)
    monkeypatch.setattr(warehouse_database, "POSTGRES_LOCK_SECONDS", 1)
    with as_reader(empty_postgres_url) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT * FROM _tool_copilot_collection_status")
        with pytest.raises(DatabaseError, match="pg_stat_activity") as caught:
            Database(empty_postgres_url)
        assert "1 seconds" in str(caught.value)
        assert len(str(caught.value).splitlines()) == 1
    Database(empty_postgres_url).close()


def test_upgrades_of_an_empty_server_at_once_all_succeed(empty_postgres_url: str) -> None:
    # Processes: Alembic does not work in several threads at once.
    with psycopg.connect(empty_postgres_url, autocommit=True) as holder:
        # Nobody makes a table until all of them are there.
        holder.execute("BEGIN")
        holder.execute("LOCK TABLE pg_catalog.pg_class IN SHARE MODE")
        upgrade = (
            "import sys; from copilot_pipeline.warehouse.database import Database; "
            "Database(sys.argv[1]).close()"
        )
        processes = [
            subprocess.Popen(
                [sys.executable, "-c", upgrade, empty_postgres_url],
                stderr=subprocess.PIPE,
                text=True,
            )
            for _ in range(3)
        ]
        waiting = (
            "SELECT count(DISTINCT pid) FROM pg_locks WHERE NOT granted AND database ="
            " (SELECT oid FROM pg_database WHERE datname = current_database())"
        )
        for _ in range(300):
            if holder.execute(waiting).fetchone() == (3,):
                break
            time.sleep(0.1)
        else:
            raise AssertionError("the upgrades did not begin together")
        holder.execute("ROLLBACK")
        ended = [process.communicate(timeout=60)[1] for process in processes]
    assert [process.returncode for process in processes] == [0, 0, 0], ended
