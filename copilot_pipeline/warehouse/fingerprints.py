"""Keeps views, comments and GitHub's changes in the warehouse as the code declares them.

The views are in `views/`, the comments in the declarations of the tables, and the days on which
GitHub changed a definition in `definition_changes.csv`. Each is written again, in one transaction,
when its stored fingerprint differs from that of the code.
"""

import csv
from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from functools import lru_cache
from hashlib import sha256
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.engine import Connection
from sqlalchemy.exc import ProgrammingError

# Declares a table that no view selects from, so that its comments are known here.
import copilot_pipeline.warehouse.seat_days  # noqa: F401
from copilot_pipeline.errors import CopilotPipelineError
from copilot_pipeline.schema import key_text, metadata
from copilot_pipeline.warehouse.history_tables import definition_changes
from copilot_pipeline.warehouse.views import VIEWS

CHANGES = Path(__file__).parent / "definition_changes.csv"

stored_fingerprints = sa.Table(
    "_tool_copilot_definitions",
    metadata,
    key_text("name", "A view, the table _tool_copilot_definition_changes, or comments"),
    sa.Column("sha256", sa.Text, nullable=False, comment="SHA-256 of its declaration in the code"),
    comment="One row is something that is written again when its declaration in the code changes.",
)

# The name of the fingerprint of all comments on tables and columns. SQLite has no comments.
COMMENTS = "comments"

# PostgreSQL's code for a view that cannot keep its columns.
_OTHER_COLUMNS = "42P16"


class ViewsInUseError(CopilotPipelineError):
    """Views cannot be replaced because other views select from them."""


@lru_cache(maxsize=2)
def current_fingerprints(dialect_name: str) -> Mapping[str, str]:
    """Return the SHA-256 of each view, of the comments and of GitHub's changes, by name."""
    dialect = sa.make_url(f"{dialect_name}://").get_dialect()()
    declared = {view.name: view.sql(dialect).encode() for view in VIEWS}
    declared[definition_changes.name] = CHANGES.read_bytes()
    if dialect.supports_comments:
        comments = [str(comment.compile(dialect=dialect)) for comment in _comments()]
        declared[COMMENTS] = "\n".join(comments).encode()
    return {name: sha256(content).hexdigest() for name, content in declared.items()}


def refresh(connection: Connection) -> None:
    """Writes what differs from the code. If one view differs, all views are created again.

    Raises:
        ViewsInUseError: other views select from a view whose columns changed.
    """
    wanted = current_fingerprints(connection.dialect.name)
    stored = {row.name: row.sha256 for row in connection.execute(sa.select(stored_fingerprints))}
    changed = {name for name in {*wanted, *stored} if wanted.get(name) != stored.get(name)}
    if definition_changes.name in changed:
        _load_changes(connection)
    if COMMENTS in changed:
        for comment in _comments():
            connection.execute(comment)
    if changed - {definition_changes.name, COMMENTS}:
        _make_views(connection, obsolete=sorted(set(stored) - set(wanted)))
    if changed:
        connection.execute(sa.delete(stored_fingerprints))
        rows = [{"name": name, "sha256": found} for name, found in wanted.items()]
        connection.execute(sa.insert(stored_fingerprints), rows)


def _comments() -> Iterator[sa.schema.SetTableComment | sa.schema.SetColumnComment]:
    """Return the statements that set the comments of all tables and columns."""
    for table in metadata.sorted_tables:
        yield sa.schema.SetTableComment(table)
        for column in table.columns:
            yield sa.schema.SetColumnComment(column)


def _load_changes(connection: Connection) -> None:
    with CHANGES.open(encoding="utf-8", newline="") as file:
        rows = [
            {"id": number, **row, "day": date.fromisoformat(row["day"])}
            for number, row in enumerate(csv.DictReader(file, strict=True), 1)
        ]
    connection.execute(sa.delete(definition_changes))
    connection.execute(sa.insert(definition_changes), rows)


def _make_views(connection: Connection, obsolete: Iterable[str]) -> None:
    names = [*obsolete, *(view.name for view in VIEWS)]
    if connection.dialect.name == "sqlite":
        # SQLite has no grants, and views that select from a dropped view stay.
        _drop(connection, names)
        _create(connection)
        return
    try:
        with connection.begin_nested():
            _create(connection, or_replace=True)
            _require_unused(connection, obsolete)
            _drop(connection, obsolete)
    except ProgrammingError as error:
        if getattr(error.orig, "sqlstate", None) != _OTHER_COLUMNS:
            raise
        _require_unused(connection, names)
        grants = _read_grants(connection)
        _drop(connection, names)
        _create(connection)
        for grant in grants:
            connection.execute(grant)


def _create(connection: Connection, *, or_replace: bool = False) -> None:
    for view in VIEWS:
        connection.execute(sa.schema.CreateView(view.query, view.name, or_replace=or_replace))


def _drop(connection: Connection, names: Iterable[str]) -> None:
    """Drops the views in reverse order, because a view may select from those before it."""
    for name in reversed(list(names)):
        view = sa.Table(name, sa.MetaData())
        connection.execute(sa.schema.DropView(view, if_exists=True))


def _require_unused(connection: Connection, names: Iterable[str]) -> None:
    """Raises `ViewsInUseError` if other views select from these."""
    query = sa.text(
        """
        SELECT DISTINCT dependent.oid::regclass::text
        FROM pg_depend
        JOIN pg_rewrite AS rule ON pg_depend.classid = 'pg_rewrite'::regclass
            AND rule.oid = pg_depend.objid
        JOIN pg_class AS dependent ON dependent.oid = rule.ev_class
        JOIN pg_class AS own ON pg_depend.refclassid = 'pg_class'::regclass
            AND own.oid = pg_depend.refobjid
        WHERE own.relname = ANY (:names) AND own.relnamespace = current_schema()::regnamespace
            AND NOT (
                dependent.relname = ANY (:names) AND dependent.relnamespace = own.relnamespace
            )
        ORDER BY 1
        """
    )
    found = connection.execute(query, {"names": list(names)}).scalars().all()
    if found:
        raise ViewsInUseError(
            "views of copilot_pipeline have to be created again, but other views depend on them: "
            f"{', '.join(found)}. Save their definitions, drop them, start copilot_pipeline again, "
            "and recreate them."
        )


def _read_grants(connection: Connection) -> list[sa.TextClause]:
    """Return GRANT statements for the privileges on the views and on their remaining columns.

    Source: PostgreSQL's documentation of privileges, "ACL", and of `aclexplode`.
    """
    query = sa.text(
        """
        SELECT relname, attname, format(
            'GRANT %s%s ON %s TO %s%s',
            privilege_type,
            ' (' || quote_ident(attname) || ')',
            view,
            CASE grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(grantee)) END,
            CASE WHEN is_grantable THEN ' WITH GRANT OPTION' END
        )
        FROM (
            SELECT oid::regclass AS view, relname, relnamespace, NULL AS attname, acl.*
            FROM pg_class, aclexplode(relacl) AS acl
            UNION ALL
            SELECT pg_class.oid::regclass, relname, relnamespace, attname, acl.*
            FROM pg_class JOIN pg_attribute ON attrelid = pg_class.oid, aclexplode(attacl) AS acl
        ) AS granted
        WHERE relname = ANY (:names) AND relnamespace = current_schema()::regnamespace
        """
    )
    columns = {view.name: set(view.table.c.keys()) for view in VIEWS}
    return [
        # Not a parameter: a role may have a colon in its name.
        sa.text(statement.replace(":", "\\:"))
        for view, column, statement in connection.execute(query, {"names": list(columns)})
        if column is None or column in columns[view]
    ]
