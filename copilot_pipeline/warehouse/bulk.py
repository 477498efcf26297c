"""Writes many rows at once, with COPY on PostgreSQL and prepared statements on SQLite."""

from collections.abc import Iterable, Sequence
from datetime import date
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from copilot_pipeline.sources.source import Duplicates, Row, ToolTable
from copilot_pipeline.warehouse.rows import upsert_statement

# The number of rows that are kept in memory before they are written.
BATCH_ROWS = 5_000


class SliceWriter:
    """Replaces the rows of a scope and day in one table, within the connection's transaction.

    The old rows are deleted first. `add` takes rows with new keys. `merge` takes rows whose key may
    already be in the table.
    """

    def __init__(self, connection: Connection, target: ToolTable, scope_id: int, day: date) -> None:
        self._connection = connection
        self._target = target
        self._key = (scope_id, day)
        self._added: list[Row] = []
        self._duplicates: list[Row] = []
        self._merged = False
        self._count = 0
        table = target.table
        connection.execute(sa.delete(table).where(table.c.scope_id == scope_id, table.c.day == day))

    def add(self, rows: Iterable[Row]) -> None:
        """Adds rows, given as the values of the table's columns after scope_id and day."""
        self._added.extend(rows)
        if len(self._added) >= BATCH_ROWS:
            self._write_added()

    def merge(self, rows: Iterable[Row]) -> None:
        """Adds rows, or updates the row with the same key as `ToolTable.duplicates` says."""
        self._duplicates.extend(rows)
        if len(self._duplicates) >= BATCH_ROWS:
            self._write_duplicates()

    def finish(self) -> int:
        """Writes the remaining rows. Returns the number of rows of the scope and day."""
        self._write_added()
        self._write_duplicates()
        if self._merged:
            columns = self._target.table.c
            count = sa.select(sa.func.count()).select_from(self._target.table)
            scope_id, day = self._key
            where = (columns.scope_id == scope_id, columns.day == day)
            return int(self._connection.execute(count.where(*where)).scalar_one())
        return self._count

    def _write_added(self) -> None:
        if self._added:
            insert_rows(self._connection, self._target.table, self._key, self._added)
            self._count += len(self._added)
            self._added.clear()

    def _write_duplicates(self) -> None:
        if self._duplicates:
            # A duplicate updates the row that was added before it.
            self._write_added()
            names = [column.name for column in self._target.table.c]
            statement = _merge_statement(self._connection, self._target)
            values = [dict(zip(names, (*self._key, *row), strict=True)) for row in self._duplicates]
            self._connection.execute(statement, values)
            self._merged = True
            self._duplicates.clear()


def insert_rows(
    connection: Connection, table: sa.Table, key: tuple[Any, ...], rows: Sequence[Row]
) -> None:
    """Inserts rows, given as the values of the table's columns after those of the key."""
    if connection.dialect.name == "postgresql":
        _copy(connection, table, key, rows)
    else:
        _insert(connection, table, key, rows)


def _copy(
    connection: Connection, table: sa.Table, key: tuple[Any, ...], rows: Iterable[Row]
) -> None:
    names = ", ".join(f'"{column.name}"' for column in table.c)
    cursor: Any = connection.connection.cursor()
    with cursor, cursor.copy(f'COPY "{table.name}" ({names}) FROM STDIN') as copy:
        for row in rows:
            copy.write_row((*key, *row))


def _insert(
    connection: Connection, table: sa.Table, key: tuple[Any, ...], rows: Sequence[Row]
) -> None:
    """Inserts tuples. SQLAlchemy would build a dictionary for each row, which is much slower."""
    statement = str(sa.insert(table).compile(dialect=connection.dialect))
    processors = [
        (index, process)
        for index, column in enumerate(table.c)
        if (
            process := column.type.dialect_impl(connection.dialect).bind_processor(
                connection.dialect
            )
        )
    ]
    values = [(*key, *row) for row in rows]
    if processors:
        values = [_processed(row, processors) for row in values]
    connection.exec_driver_sql(statement, values)


def _processed(row: Row, processors: Sequence[tuple[int, Any]]) -> Row:
    found = list(row)
    for index, process in processors:
        found[index] = process(found[index])
    return tuple(found)


def _merge_statement(connection: Connection, target: ToolTable) -> Any:
    """Return an INSERT that keeps the larger values, or the newer row, if the key exists."""
    table = target.table
    statement = upsert_statement(connection, table)
    others = [column for column in table.c if not column.primary_key]
    if target.duplicates is Duplicates.NEWEST:
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
