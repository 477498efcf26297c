"""Writing rows in the two ways the project needs: replace a slice, insert or update by key."""

from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Connection

Row = dict[str, Any]

# An arbitrary number that tells these locks from those of other programs.
SCOPE_LOCK = 0x636F7069


def lock(connection: Connection, *numbers: int) -> None:
    """Makes others that lock on these numbers wait for the end of this transaction.

    SQLite has one writer at a time anyway.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(*numbers)))


def lock_scope(connection: Connection, scope_id: int) -> None:
    """Makes other writers of the scope wait for the end of this transaction.

    Two that replace the same day would both delete the old rows and then insert the same keys.
    """
    lock(connection, SCOPE_LOCK, scope_id)


def replace_slice(
    connection: Connection, table: sa.Table, key: Mapping[str, Any], rows: Sequence[Row]
) -> int:
    """Deletes the rows with that key and inserts the given ones; their number."""
    connection.execute(sa.delete(table).where(*(table.c[name] == key[name] for name in key)))
    if rows:
        connection.execute(sa.insert(table), rows)
    return len(rows)


def upsert_statement(
    connection: Connection, table: sa.Table
) -> "sqlite.Insert | postgresql.Insert":
    """An INSERT that knows ON CONFLICT, in the connection's dialect."""
    if connection.dialect.name == "sqlite":
        return sqlite.insert(table)
    return postgresql.insert(table)


def count_rows(connection: Connection, table: sa.Table) -> int:
    return int(connection.execute(sa.select(sa.func.count()).select_from(table)).scalar_one())
