"""Rows that come in batches: those with the same key become one, with the larger of two values."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection
from sqlalchemy.exc import SQLAlchemyError

from copilot_pipeline.warehouse.rows import Row, upsert_statement

_ROWS_AT_ONCE = 1_000


def merge_rows(connection: Connection, table: sa.Table, rows: Sequence[Row]) -> None:
    """Inserts the rows. Of one that is there already, each value becomes the larger of the two.

    As `largest` of the transforms: what is known is larger than NULL, and texts compare by their
    characters' numbers.
    """
    if not rows:
        return
    statement = upsert_statement(connection, table)
    merged = {}
    for column in table.c:
        if not column.primary_key:
            new: sa.ColumnElement[Any] = statement.excluded[column.name]
            is_text = isinstance(column.type, sa.Text) and connection.dialect.name == "postgresql"
            larger = (new.collate("C") if is_text else new) > column
            merged[column.name] = sa.case((sa.or_(column.is_(None), larger), new), else_=column)
    keys = [column.name for column in table.primary_key]
    if merged:
        upsert: sa.Executable = statement.on_conflict_do_update(index_elements=keys, set_=merged)
    else:
        upsert = statement.on_conflict_do_nothing(index_elements=keys)
    connection.execute(upsert, rows)


def count_slice(connection: Connection, table: sa.Table, key: Mapping[str, Any]) -> int:
    query = sa.select(sa.func.count()).select_from(table).where(*_is(table, key))
    return int(connection.execute(query).scalar_one())


def sum_slice(
    connection: Connection, table: sa.Table, key: Mapping[str, Any], columns: Sequence[str]
) -> dict[str, float | None]:
    """The sum of each column over what is known; None if nothing is.

    Added up here, in the order of the key: exact for whole numbers of any size, and always the same
    for others.
    """
    sums: dict[str, float | None] = {}
    for name in columns:
        column = table.c[name]
        known = sa.select(column).where(*_is(table, key), column.is_not(None))
        query = known.order_by(*table.primary_key)
        options = {"yield_per": _ROWS_AT_ONCE}
        values = connection.execute(query, execution_options=options).scalars()
        first = next(values, None)
        sums[name] = None if first is None else sum(values, first)
    return sums


@contextmanager
def temporary_copy(
    connection: Connection, table: sa.Table, columns: Sequence[str]
) -> Iterator[sa.Table]:
    """An empty table of this connection's own with the keys of a day's rows and those columns."""
    copy = sa.Table(
        "copilot_rows_of_before",
        sa.MetaData(),
        *(
            sa.Column(column.name, column.type, primary_key=column.primary_key, autoincrement=False)
            for column in table.c
            if column.name in columns
            or (column.primary_key and column.name not in ("scope_id", "day"))
        ),
        prefixes=["TEMPORARY"],
    )
    copy.create(connection, checkfirst=False)
    is_broken = False
    try:
        yield copy
    except SQLAlchemyError:
        # The transaction is over, and takes the table with it.
        is_broken = True
        raise
    finally:
        if not is_broken:
            copy.drop(connection, checkfirst=False)


def _is(table: sa.Table, key: Mapping[str, Any]) -> list[sa.ColumnElement[bool]]:
    return [table.c[name] == value for name, value in key.items()]
