"""What a warehouse is given from the code when it is opened: its views, and GitHub's changes.

The views are in `views/`, the days on which GitHub changed what a number means are in
`definition_changes.csv`. Both are made anew, in one transaction, when the stored fingerprint is not
that of the code.
"""

import csv
from collections.abc import Iterable, Mapping
from datetime import date
from functools import lru_cache
from hashlib import sha256
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.engine import Connection
from sqlalchemy.exc import ProgrammingError

from copilot_pipeline.errors import CopilotPipelineError
from copilot_pipeline.schema import key_text, metadata
from copilot_pipeline.warehouse.history_tables import definition_changes
from copilot_pipeline.warehouse.views import VIEWS

CHANGES = Path(__file__).parent / "definition_changes.csv"

stored_fingerprints = sa.Table(
    "_tool_copilot_definitions",
    metadata,
    key_text("name", "A view, or the table _tool_copilot_definition_changes"),
    sa.Column("sha256", sa.Text, nullable=False, comment="SHA-256 of what it was made from"),
    comment="One row is something that is made from the code, and made anew when that changed.",
)

# PostgreSQL's code for a view that cannot keep its columns.
_OTHER_COLUMNS = "42P16"


class ViewsInUseError(CopilotPipelineError):
    """Views that have to be made anew, and on which somebody has built others."""


@lru_cache(maxsize=2)
def current_fingerprints(dialect_name: str) -> Mapping[str, str]:
    """The SHA-256 of everything that is made from the code, by its name in the database."""
    dialect = sa.make_url(f"{dialect_name}://").get_dialect()()
    made_from = {view.name: view.sql(dialect).encode() for view in VIEWS}
    made_from[definition_changes.name] = CHANGES.read_bytes()
    return {name: sha256(content).hexdigest() for name, content in made_from.items()}


def refresh(connection: Connection) -> None:
    """Makes what differs from the code anew; of views all of them, as they build on each other."""
    wanted = current_fingerprints(connection.dialect.name)
    stored = {row.name: row.sha256 for row in connection.execute(sa.select(stored_fingerprints))}
    changed = {name for name in {*wanted, *stored} if wanted.get(name) != stored.get(name)}
    if definition_changes.name in changed:
        _load_changes(connection)
    if changed - {definition_changes.name}:
        _make_views(connection, obsolete=sorted(set(stored) - set(wanted)))
    if changed:
        connection.execute(sa.delete(stored_fingerprints))
        rows = [{"name": name, "sha256": found} for name, found in wanted.items()]
        connection.execute(sa.insert(stored_fingerprints), rows)


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
        # Nobody is granted anything there, and what others have built on a view stays.
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
    """Drops the views, the last one first: it may select from those before it."""
    for name in reversed(list(names)):
        view = sa.Table(name, sa.MetaData())
        connection.execute(sa.schema.DropView(view, if_exists=True))


def _require_unused(connection: Connection, names: Iterable[str]) -> None:
    """Raises `ViewsInUseError` with the names of others' views that build on these."""
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
            "views of copilot_pipeline have to be made anew, and others are built on them: "
            f"{', '.join(found)}. Keep their definitions, drop them, start copilot_pipeline again, "
            "and create them again."
        )


def _read_grants(connection: Connection) -> list[sa.TextClause]:
    """The statements that grant again what is granted on the views, and on columns they still have.

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
