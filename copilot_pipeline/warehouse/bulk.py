"""Writes many rows at once, with COPY on PostgreSQL and prepared statements on SQLite."""

from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, date, datetime
from functools import cache
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from copilot_pipeline.schema import UtcDateTime
from copilot_pipeline.sources.source import Duplicates, Row, ToolTable
from copilot_pipeline.warehouse.rows import upsert_statement


class SliceWriter:
    """Replaces the rows of a scope and day in one table, within the connection's transaction.

    The old rows are deleted first. `add` takes rows with new keys. `merge` takes rows whose key may
    already be in the table. Rows are the values of the table's columns after scope_id and day.
    """

    def __init__(self, connection: Connection, target: ToolTable, scope_id: int, day: date) -> None:
        self._connection = connection
        self.table = target.table
        self._duplicates = target.duplicates
        self._key = (scope_id, day)
        self._merged = False
        self._count = 0
        connection.execute(_delete_slice(self.table), {"scope": scope_id, "of_day": day})

    def add(self, rows: Sequence[Row]) -> None:
        insert_rows(self._connection, self.table, self._key, rows)
        self._count += len(rows)

    def merge(self, rows: Sequence[Row]) -> None:
        """Adds rows, or updates the row with the same key as `ToolTable.duplicates` says."""
        if rows:
            names = [column.name for column in self.table.c]
            statement = _merge_statement(self._connection, self.table, self._duplicates)
            values = [dict(zip(names, (*self._key, *row), strict=True)) for row in rows]
            self._connection.execute(statement, values)
            self._merged = True

    def finish(self) -> int:
        """Returns the number of rows of the scope and day."""
        if self._merged:
            columns = self.table.c
            count = sa.select(sa.func.count()).select_from(self.table)
            scope_id, day = self._key
            where = (columns.scope_id == scope_id, columns.day == day)
            return int(self._connection.execute(count.where(*where)).scalar_one())
        return self._count


# Statements of each day of a load are built once, which takes longer than to execute them.
@cache
def _delete_slice(table: sa.Table) -> sa.Delete:
    columns = table.c
    return sa.delete(table).where(
        columns.scope_id == sa.bindparam("scope"), columns.day == sa.bindparam("of_day")
    )


def insert_rows(
    connection: Connection, table: sa.Table, key: tuple[Any, ...], rows: Sequence[Row]
) -> None:
    """Inserts rows, given as the values of the table's columns after those of the key."""
    if not rows:
        return
    if connection.dialect.name == "postgresql":
        _copy(connection, table, key, rows)
    else:
        _insert(connection, table, key, rows)


def _copy(
    connection: Connection, table: sa.Table, key: tuple[Any, ...], rows: Sequence[Row]
) -> None:
    cursor: Any = connection.connection.cursor()
    with cursor, cursor.copy(f'COPY "{table.name}" ({_column_names(table)}) FROM STDIN') as copy:
        for row in rows:
            copy.write_row((*key, *row))


def _insert(
    connection: Connection, table: sa.Table, key: tuple[Any, ...], rows: Sequence[Row]
) -> None:
    """Inserts tuples. SQLAlchemy would build a dictionary for each row, which is much slower."""
    converters = _sqlite_converters(table)
    first, later = converters[: len(key)], converters[len(key) :]
    key = tuple(map(_converted, key, first))
    conversions = [(index, convert) for index, convert in enumerate(later) if convert]
    if conversions:
        rows = [_converted_row(row, conversions) for row in rows]
    marks = ", ".join("?" * len(table.c))
    connection.exec_driver_sql(
        f'INSERT INTO "{table.name}" ({_column_names(table)}) VALUES ({marks})',  # noqa: S608
        [(*key, *row) for row in rows],
    )


def _column_names(table: sa.Table) -> str:
    return ", ".join(f'"{column.name}"' for column in table.c)


def _as_text(instant: datetime) -> str:
    """Return an instant as SQLAlchemy stores it in SQLite."""
    if instant.tzinfo is not UTC:
        instant = instant.astimezone(UTC)
    return instant.isoformat(" ", "microseconds").removesuffix("+00:00")


# How SQLAlchemy stores the types that SQLite does not have. It stores all others as they are.
_SQLITE_TEXTS: dict[type[Any], Callable[[Any], str]] = {
    sa.Date: date.isoformat,
    UtcDateTime: _as_text,
}


@cache
def _sqlite_converters(table: sa.Table) -> Sequence[Callable[[Any], str] | None]:
    return [_SQLITE_TEXTS.get(type(column.type)) for column in table.c]


def _converted(value: Any, convert: Callable[[Any], str] | None) -> Any:
    return value if convert is None or value is None else convert(value)


def _converted_row(row: Row, conversions: Iterable[tuple[int, Callable[[Any], str]]]) -> Row:
    found = list(row)
    for index, convert in conversions:
        if found[index] is not None:
            found[index] = convert(found[index])
    return tuple(found)


def _merge_statement(connection: Connection, table: sa.Table, duplicates: Duplicates) -> Any:
    """Return an INSERT that keeps the larger values, or the newer row, if the key exists."""
    statement = upsert_statement(connection, table)
    others = [column for column in table.c if not column.primary_key]
    if duplicates is Duplicates.NEWEST:
        old, new = table.c.last_activity_at, statement.excluded.last_activity_at
        values: dict[str, Any] = {column.name: statement.excluded[column.name] for column in others}
        return statement.on_conflict_do_update(
            index_elements=list(table.primary_key),
            set_=values,
            where=sa.or_(old.is_(None), new > old),
        )
    values = {
        column.name: _larger(connection, column, statement.excluded[column.name])
        for column in others
    }
    if not values:
        return statement.on_conflict_do_nothing()
    return statement.on_conflict_do_update(index_elements=list(table.primary_key), set_=values)


def _larger(connection: Connection, old: sa.Column[Any], new: Any) -> Any:
    """Return the larger of two values. NULL is ignored."""
    if connection.dialect.name == "postgresql":
        return sa.func.greatest(old, new)
    return sa.func.coalesce(sa.func.max(old, new), old, new)
