"""A warehouse of an earlier version, or with definitions of one, becomes one of today."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, date, datetime
from pathlib import Path
from random import Random
from uuid import uuid4

import psycopg
import pytest
import sqlalchemy as sa
from psycopg import sql

from copilot_pipeline.schema import UtcDateTime
from copilot_pipeline.sources import SEAT_BILLING, SEATS, USERS
from copilot_pipeline.warehouse import fingerprints as fingerprints_module
from copilot_pipeline.warehouse.database import Database, DatabaseError
from copilot_pipeline.warehouse.fingerprints import (
    CHANGES,
    COMMENTS,
    current_fingerprints,
    stored_fingerprints,
)
from copilot_pipeline.warehouse.history_tables import collection_status, definition_changes
from copilot_pipeline.warehouse.raw import read_raw
from copilot_pipeline.warehouse.views import VIEWS, View
from copilot_pipeline_tests.landed import make_landed
from copilot_pipeline_tests.loading import decompressed

RAW_TABLES = ("_raw_copilot_metrics", "_raw_copilot_seats", "_raw_copilot_billing")

# Somebody's own view on each of ours.
OWN_VIEWS = {
    f"own_{name}": f"SELECT * FROM {name}"
    for name in (
        "copilot_scopes",
        "copilot_org_days",
        "copilot_feature_days",
        "copilot_user_days",
        "copilot_team_member_days",
        "copilot_seat_people",
        "copilot_report_spans",
        "copilot_report_days",
        "copilot_marks",
    )
}


@contextmanager
def connected(url: str) -> Iterator[sa.Connection]:
    """A connection that commits each statement and knows nothing of this project."""
    made = sa.make_url(url)
    if made.get_backend_name() == "postgresql":
        made = made.set(drivername="postgresql+psycopg")
    engine = sa.create_engine(made, isolation_level="AUTOCOMMIT", poolclass=sa.NullPool)
    with engine.connect() as connection:
        yield connection


@pytest.fixture(params=["sqlite", "postgresql"])
def landed_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A warehouse of revision 0005 as its version left it, with a row in every table."""
    url = f"sqlite:///{tmp_path / 'landed.db'}"
    if request.param == "postgresql":
        url = str(request.getfixturevalue("empty_postgres_url"))
    make_landed(url)
    with connected(url) as connection:
        metadata = sa.MetaData()
        metadata.reflect(connection)
        for table in metadata.sorted_tables:
            if not connection.execute(sa.select(table)).first():
                connection.execute(sa.insert(table).values(invented_row(table)))
    return url


def invented_row(table: sa.Table) -> dict[str, object]:
    """A value for every column."""
    instant = datetime(2026, 11, 2, 6, tzinfo=UTC)
    known = {"metrics_api": "reports", "kind": "organization", "state": "loaded"}

    def invent(column: sa.Column[object]) -> object:
        if column.name in known:
            return known[column.name]
        match column.type:
            case sa.DateTime() | UtcDateTime():
                return instant
            case sa.Date():
                return date(2026, 11, 1)
            case sa.Boolean():
                return True
            case sa.Text():
                return "invented"
        return 1

    return {column.name: invent(column) for column in table.columns}


def read_all(connection: sa.Connection) -> dict[str, list[dict[str, object]]]:
    metadata = sa.MetaData()
    metadata.reflect(connection)
    return {
        table.name: [dict(row._mapping) for row in connection.execute(sa.select(table))]
        for table in metadata.sorted_tables
    }


def test_a_warehouse_of_revision_0005_keeps_every_row(landed_url: str) -> None:
    with connected(landed_url) as connection:
        before = read_all(connection)
    assert all(before.values())
    Database(landed_url).close()
    with connected(landed_url) as connection:
        after = read_all(connection)
    del before["copilot_pipeline_version"]
    for table in RAW_TABLES:
        after[table] = [decompressed(row) for row in after[table]]
    for table, rows in before.items():
        kept = [{name: row[name] for name in rows[0]} for row in after[table]]
        assert all(row in kept for row in rows), table
        if table != "_tool_copilot_collection_status":
            assert len(kept) == len(rows), table


def test_stored_answers_are_compressed_and_their_space_is_free(landed_url: str) -> None:
    day, at = date(2026, 11, 3), datetime(2026, 11, 4, 6, tzinfo=UTC)
    # Hexadecimal digits, which only gzip compresses, to half their size.
    texts = ["", '{"a": "é\u2028\U0001f600"}\n' * 3, Random(1).randbytes(300_000).hex(), " \n"]
    answer = {"scope_id": 7, "day": day, "fetched_at": at, "url": "https://x.example"}
    with connected(landed_url) as connection:
        metadata = sa.MetaData()
        metadata.reflect(connection)
        for number, text in enumerate(texts):
            for table, values in (
                ("_raw_copilot_metrics", {"report": "users-1-day", "part": number, "sha256": "f"}),
                ("_raw_copilot_seats", {"page": number}),
                ("_raw_copilot_billing", {"scope_id": 7 + number}),
            ):
                row = {**answer, **values, "payload": text}
                connection.execute(sa.insert(metadata.tables[table]).values(row))
        before = used_bytes(connection)
    with Database(landed_url) as database, database.read() as connection:
        for source in (USERS, SEATS):
            found = list(read_raw(connection, source, 7, day))
            assert [each.content().decode() for each in found] == texts
            assert {(each.url, each.fetched_at) for each in found} == {("https://x.example", at)}
        for number, text in enumerate(texts):
            (found_one,) = read_raw(connection, SEAT_BILLING, 7 + number, day)
            assert found_one.content().decode() == text
    with connected(landed_url) as connection:
        assert before - used_bytes(connection) > 600_000


@pytest.mark.parametrize("landed_url", ["postgresql"], indirect=True)
def test_a_view_on_uncompressed_answers_is_named_before_anything_is_changed(
    landed_url: str,
) -> None:
    with connected(landed_url) as connection:
        before = read_all(connection)
        connection.execute(
            sa.text("CREATE VIEW own_pages AS SELECT payload FROM _raw_copilot_seats")
        )
    with pytest.raises(DatabaseError, match=r"views use it: own_pages\. Drop them"):
        Database(landed_url)
    with connected(landed_url) as connection:
        assert read_all(connection) == before
        connection.execute(sa.text("DROP VIEW own_pages"))
    Database(landed_url).close()


def used_bytes(connection: sa.Connection) -> int:
    """What the raw tables, or on SQLite all tables, take on the disk."""
    if connection.dialect.name == "postgresql":
        sizes = " + ".join(f"pg_total_relation_size('{name}')" for name in RAW_TABLES)
        return int(connection.execute(sa.text(f"SELECT {sizes}")).scalar_one())
    names = ("page_count", "freelist_count", "page_size")
    count, free, size = (
        int(connection.exec_driver_sql(f"PRAGMA {name}").scalar_one()) for name in names
    )
    return (count - free) * size


def test_snapshots_stored_before_are_loaded_days_of_their_source(landed_url: str) -> None:
    with Database(landed_url) as database, database.read() as connection:
        status = collection_status.c
        columns = (
            status.report,
            status.scope_id,
            status.day,
            status.state,
            status.http_status,
            status.first_loaded_at,
            status.last_fetched_at,
        )
        query = sa.select(*columns).where(status.report != "invented").order_by(status.report)
        at = datetime(2026, 11, 2, 6, tzinfo=UTC)
        expected = (1, date(2026, 11, 1), "loaded", 200, at, at)
        assert [tuple(row) for row in connection.execute(query)] == [
            ("seat-billing", *expected),
            ("seats", *expected),
        ]


def test_views_and_tables_are_then_those_of_a_new_warehouse(
    landed_url: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    Database(landed_url).close()
    new_url = f"sqlite:///{tmp_path / 'new.db'}"
    if landed_url.startswith("postgresql"):
        new_url = request.getfixturevalue("postgres_url")
    Database(new_url).close()
    with connected(landed_url) as upgraded, connected(new_url) as new:
        assert shape(upgraded) == shape(new)


def shape(connection: sa.Connection) -> dict[str, object]:
    """What a database holds: tables with columns, comments and indexes, and views in full.

    Without the months of tables, which have the definition of their table.
    """
    inspector = sa.inspect(connection)
    months: set[str] = set()
    if connection.dialect.name == "postgresql":
        inherited = sa.text("SELECT relname FROM pg_class WHERE relispartition AND relkind = 'r'")
        months = set(connection.execute(inherited).scalars())
    tables = {
        name: {
            "columns": sorted(
                (column["name"], str(column["type"]), column["nullable"], column.get("comment"))
                for column in inspector.get_columns(name)
            ),
            "key": inspector.get_pk_constraint(name),
            "foreign keys": inspector.get_foreign_keys(name),
            "unique": inspector.get_unique_constraints(name),
        }
        for name in inspector.get_table_names()
        if name not in months
    }
    views = {name: inspector.get_view_definition(name) for name in inspector.get_view_names()}
    indexes = "SELECT name, sql, tbl_name FROM sqlite_master WHERE type = 'index' ORDER BY name"
    if connection.dialect.name == "postgresql":
        indexes = (
            "SELECT indexname, indexdef, tablename FROM pg_indexes WHERE schemaname = 'public' "
            "ORDER BY 1"
        )
    found = [
        (name, " ".join((definition or "").split()).replace('"', ""))
        for name, definition, table in connection.execute(sa.text(indexes))
        if table not in months
    ]
    return {"tables": tables, "views": views, "indexes": found}


def test_views_of_others_on_ours_are_kept(landed_url: str) -> None:
    with connected(landed_url) as connection:
        for name, query in OWN_VIEWS.items():
            connection.execute(sa.text(f"CREATE VIEW {name} AS {query}"))
    Database(landed_url).close()
    with connected(landed_url) as connection:
        for name in OWN_VIEWS:
            connection.execute(sa.text(f"SELECT * FROM {name}")).all()


@pytest.mark.parametrize("landed_url", ["postgresql"], indirect=True)
def test_what_was_granted_before_is_granted_after_an_upgrade(landed_url: str) -> None:
    granted = sa.text("SELECT oid::regclass::text FROM pg_class WHERE relacl::text ~ '[{,]=r/'")
    with connected(landed_url) as connection:
        connection.execute(sa.text("GRANT SELECT ON ALL TABLES IN SCHEMA public TO PUBLIC"))
        before = set(connection.execute(granted).scalars())
    assert {"copilot_scopes", "_tool_copilot_scopes"} <= before
    Database(landed_url).close()
    with connected(landed_url) as connection:
        assert before <= set(connection.execute(granted).scalars())


def test_an_older_warehouse_is_refused_with_what_to_do(database_url: str) -> None:
    with Database(database_url) as database, database.write() as connection:
        connection.execute(sa.text("UPDATE copilot_pipeline_version SET version_num = '0004'"))
    with pytest.raises(DatabaseError, match=r"0004.*revision 0005, then with this one"):
        Database(database_url)


def test_opening_a_warehouse_of_today_is_one_query(database_url: str) -> None:
    Database(database_url).close()
    statements: list[str] = []

    def listen(*arguments: object) -> None:
        statements.append(str(arguments[2]))

    sa.event.listen(sa.Engine, "before_cursor_execute", listen)
    try:
        Database(database_url).close()
    finally:
        sa.event.remove(sa.Engine, "before_cursor_execute", listen)
    assert len([statement for statement in statements if not statement.startswith("BEGIN")]) == 1


# --- definitions that changed -----------------------------------------------------------------


def redefine(monkeypatch: pytest.MonkeyPatch, *views: View) -> None:
    """The views of another version of the code."""
    monkeypatch.setattr(fingerprints_module, "VIEWS", views)
    current_fingerprints.cache_clear()


@pytest.fixture(autouse=True)
def fingerprints_of_today() -> Iterator[None]:
    yield
    current_fingerprints.cache_clear()


def other(name: str, *columns: str) -> View:
    return View(name, sa.select(*(sa.literal(1).label(column) for column in columns)))


def replaced(changed: View) -> list[View]:
    return [changed if view.name == changed.name else view for view in VIEWS]


MARKS = "copilot_marks"


def test_a_view_whose_query_changed_is_made_anew(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    Database(database_url).close()
    redefine(monkeypatch, *replaced(other(MARKS, "one", "two")))
    for _ in range(2):
        with Database(database_url) as database, database.read() as connection:
            row = connection.execute(sa.text(f"SELECT * FROM {MARKS}")).mappings().one()
            assert row == {"one": 1, "two": 1}


def test_a_view_that_is_no_longer_there_is_dropped(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        redefine(patch, *VIEWS, other("copilot_formerly", "one"))
        Database(database_url).close()
    current_fingerprints.cache_clear()
    with Database(database_url) as database, database.read() as connection:
        assert set(sa.inspect(connection).get_view_names()) == {view.name for view in VIEWS}
        names = set(connection.execute(sa.select(stored_fingerprints.c.name)).scalars())
    assert names - {COMMENTS} == {*(view.name for view in VIEWS), definition_changes.name}


def test_grants_are_kept_although_a_view_has_to_be_dropped(
    postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    Database(postgres_url).close()
    role = f"grafana: {uuid4().hex[:8]}"
    with closing(psycopg.connect(postgres_url, autocommit=True)) as administrator:
        administrator.execute(sql.SQL("CREATE ROLE {}").format(sql.Identifier(role)))
        for grant in (
            "GRANT SELECT ON copilot_marks TO {} WITH GRANT OPTION",
            "GRANT SELECT ON copilot_scopes TO {}",
            "GRANT SELECT (day) ON copilot_org_days TO {}",
            "GRANT SELECT (text) ON copilot_marks TO {}",
        ):
            administrator.execute(sql.SQL(grant).format(sql.Identifier(role)))
        administrator.execute("GRANT SELECT ON copilot_feature_days TO PUBLIC")
        redefine(monkeypatch, *replaced(other(MARKS, "one")))
        Database(postgres_url).close()
        may = administrator.execute(
            """
            SELECT has_table_privilege(%(role)s, 'copilot_marks', 'SELECT WITH GRANT OPTION'),
                has_table_privilege(%(role)s, 'copilot_scopes', 'SELECT'),
                has_table_privilege(%(role)s, 'copilot_scopes', 'SELECT WITH GRANT OPTION'),
                has_column_privilege(%(role)s, 'copilot_org_days', 'day', 'SELECT'),
                has_column_privilege(%(role)s, 'copilot_org_days', 'source', 'SELECT'),
                has_table_privilege(%(role)s, 'copilot_feature_days', 'SELECT'),
                has_table_privilege(%(role)s, 'copilot_user_days', 'SELECT')
            """,
            {"role": role},
        ).fetchone()
        administrator.execute(sql.SQL("DROP OWNED BY {}").format(sql.Identifier(role)))
        administrator.execute(sql.SQL("DROP ROLE {}").format(sql.Identifier(role)))
    assert may == (True, True, False, True, False, True, False)


def test_a_view_of_others_is_named_rather_than_dropped(
    postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    Database(postgres_url).close()
    with connected(postgres_url) as connection:
        connection.execute(sa.text("CREATE VIEW own AS SELECT text FROM copilot_marks"))
    redefine(monkeypatch, *replaced(other(MARKS, "one")))
    with pytest.raises(DatabaseError, match=r"other views depend on them: own\. "):
        Database(postgres_url)
    with connected(postgres_url) as connection:
        assert connection.execute(sa.text("SELECT text FROM own")).all()
        connection.execute(sa.text("DROP VIEW own"))
    Database(postgres_url).close()


def test_a_new_column_that_comes_last_leaves_the_views_of_others(
    postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    Database(postgres_url).close()
    with connected(postgres_url) as connection:
        connection.execute(sa.text("CREATE VIEW own AS SELECT name FROM copilot_feature_days"))
    (feature_days,) = (view for view in VIEWS if view.name == "copilot_feature_days")
    assert isinstance(feature_days.query, sa.Select)
    wider = feature_days.query.add_columns(sa.literal(1).label("new"))
    redefine(monkeypatch, *replaced(View(feature_days.name, wider)))
    with Database(postgres_url) as database, database.read() as connection:
        columns = sa.inspect(connection).get_columns(feature_days.name)
        assert columns[-1]["name"] == "new"
        assert connection.execute(sa.text("SELECT name FROM own")).all() == []


def test_a_comment_that_changed_is_set_again(
    postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    Database(postgres_url).close()
    monkeypatch.setattr(collection_status, "comment", "The state of one report")
    monkeypatch.setattr(collection_status.c.message, "comment", "100 % of the 'errors'")
    current_fingerprints.cache_clear()
    Database(postgres_url).close()
    with connected(postgres_url) as connection:
        inspector = sa.inspect(connection)
        assert inspector.get_table_comment(collection_status.name) == {
            "text": "The state of one report"
        }
        comments = {
            column["name"]: column["comment"]
            for column in inspector.get_columns(collection_status.name)
        }
    assert comments["message"] == "100 % of the 'errors'"
    assert comments["state"] == collection_status.c.state.comment


def test_a_line_in_the_file_of_definition_changes_is_a_row(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Database(database_url) as database, database.read() as connection:
        before = connection.execute(sa.select(definition_changes)).all()
    text = CHANGES.read_text(encoding="utf-8")
    assert len(before) == len(text.splitlines()) - 1
    longer = tmp_path / "changes.csv"
    longer.write_text(f"{text}2027-01-01,all,definition,Everything changed,all\n", encoding="utf-8")
    monkeypatch.setattr(fingerprints_module, "CHANGES", longer)
    current_fingerprints.cache_clear()
    with Database(database_url) as database, database.read() as connection:
        *kept, new = connection.execute(sa.select(definition_changes)).all()
    assert kept == before
    assert new[1:] == (date(2027, 1, 1), "all", "definition", "Everything changed", "all")
