"""The role that Grafana reads as can neither write nor hold up the collector."""

from contextlib import ExitStack

import psycopg
import pytest
import sqlalchemy as sa

from copilot_pipeline.warehouse import database as warehouse_database
from copilot_pipeline.warehouse.database import Database, DatabaseError
from copilot_pipeline.warehouse.locks import lock_accounts, lock_scope
from copilot_pipeline_tests.grafana.opening import READER
from copilot_pipeline_tests.grafana.warehouse import let_grafana_read

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
