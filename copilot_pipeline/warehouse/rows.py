"""Helpers to replace a slice of rows, to upsert and to count."""

from collections.abc import Collection, Mapping, Sequence
from datetime import date
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Connection

Row = dict[str, Any]


def replace_slice(
    connection: Connection, table: sa.Table, key: Mapping[str, Any], rows: Sequence[Row]
) -> int:
    """Delete the rows with the key, insert the given rows, and return their number."""
    connection.execute(sa.delete(table).where(*(table.c[name] == key[name] for name in key)))
    if rows:
        connection.execute(sa.insert(table), rows)
    return len(rows)


def upsert_statement(
    connection: Connection, table: sa.Table
) -> "sqlite.Insert | postgresql.Insert":
    """Return an INSERT of the connection's dialect that supports ON CONFLICT."""
    if connection.dialect.name == "sqlite":
        return sqlite.insert(table)
    return postgresql.insert(table)


def count_rows(connection: Connection, table: sa.Table) -> int:
    return int(connection.execute(sa.select(sa.func.count()).select_from(table)).scalar_one())


def count_rows_by_day(
    connection: Connection, table: sa.Table, scope_ids: Collection[int], days: Collection[date]
) -> dict[date, int]:
    """Return the number of rows of the scopes by day. Days without rows are left out."""
    query = (
        sa.select(table.c.day, sa.func.count())
        .where(table.c.scope_id.in_(sorted(scope_ids)), table.c.day.in_(sorted(days)))
        .group_by(table.c.day)
    )
    return {day: int(count) for day, count in connection.execute(query)}
