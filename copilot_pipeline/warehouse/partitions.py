"""The partitions of a table that is split by month, on PostgreSQL.

The partition of a month has the name of the table and the month, such as
`_tool_copilot_seats_2026_11`. There is no default partition: PostgreSQL would search all of its
rows, and block the table, whenever a month is created.

A table of an earlier version is an exception until its rows are split (`splitting.py`). They are in
its default partition, such as `_tool_copilot_seats_unsplit`.
"""

from datetime import date, timedelta

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from copilot_pipeline.schema import is_split_by_month, metadata
from copilot_pipeline.warehouse.locks import lock_table


def month_of(day: date) -> date:
    """Return the first day of the day's month."""
    return day.replace(day=1)


def month_after(month: date) -> date:
    return month_of(month + timedelta(days=31))


def list_months(connection: Connection, table: sa.Table) -> list[date]:
    """Return the months that the table has, by their first days, the oldest first."""
    names = _partition_names(connection, table) - {unsplit_name(table)}
    months = [name.removeprefix(f"{table.name}_").replace("_", "-") for name in names]
    return sorted(date.fromisoformat(f"{month}-01") for month in months)


def create_month(connection: Connection, table: sa.Table, month: date) -> None:
    """Creates the month if it is missing, with its rows if the table still has to be split.

    Readers and writers of the table are not blocked, except if its rows have to be split.
    """
    name = _name(table, month)
    if name in _partition_names(connection, table):
        return
    # Another process may be creating the month.
    execute = connection.exec_driver_sql
    execute(f"LOCK TABLE {table.name} IN SHARE UPDATE EXCLUSIVE MODE")
    partitions = _partition_names(connection, table)
    if name in partitions:
        return
    end, unsplit = month_after(month), unsplit_name(table)
    execute(
        f"CREATE TABLE {name} "
        f"(LIKE {table.name} INCLUDING ALL EXCLUDING INDEXES EXCLUDING COMMENTS)"
    )
    if unsplit in partitions:
        lock_table(connection, table)
        execute(
            f"WITH moved AS (DELETE FROM {unsplit} "  # noqa: S608
            f"WHERE day >= '{month}' AND day < '{end}' RETURNING *) "
            f"INSERT INTO {name} SELECT * FROM moved"
        )
    # CREATE TABLE … PARTITION OF would block readers and writers.
    execute(
        f"ALTER TABLE {table.name} ATTACH PARTITION {name} FOR VALUES FROM ('{month}') TO ('{end}')"
    )


def detach_month(connection: Connection, table: sa.Table, month: date) -> str:
    """Makes the month a table of its own, and returns its name. Blocks the table for a moment."""
    name = _name(table, month)
    connection.exec_driver_sql(f"ALTER TABLE {table.name} DETACH PARTITION {name}")
    return name


def drop_unsplit(connection: Connection, table: sa.Table) -> None:
    """Drops the partition with the rows that have no month yet, unless it still has rows."""
    lock_table(connection, table)
    name = unsplit_name(table)
    if not connection.execute(sa.select(sa.exists().select_from(sa.table(name)))).scalar_one():
        connection.exec_driver_sql(f"ALTER TABLE {table.name} DETACH PARTITION {name}")
        connection.exec_driver_sql(f"DROP TABLE {name}")


def unsplit_name(table: sa.Table) -> str:
    """Return the name of the partition with the rows that have no month yet."""
    return f"{table.name}_unsplit"


def split_tables() -> list[sa.Table]:
    """Return the tables that are split by month."""
    return [table for table in metadata.sorted_tables if is_split_by_month(table)]


def select_unsplit() -> sa.Select[str]:
    """Return a query for the names of the partitions with rows that have no month yet."""
    relation = sa.table(
        "pg_class", sa.column("relname", sa.Text), sa.column("relnamespace"), schema="pg_catalog"
    )
    return sa.select(relation.c.relname).where(
        relation.c.relname.in_([unsplit_name(table) for table in split_tables()]),
        relation.c.relnamespace == sa.text("current_schema()::regnamespace"),
    )


def _name(table: sa.Table, month: date) -> str:
    return f"{table.name}_{month:%Y_%m}"


def _partition_names(connection: Connection, table: sa.Table) -> set[str]:
    query = sa.text(
        "SELECT relname FROM pg_inherits JOIN pg_class ON pg_class.oid = inhrelid "
        "WHERE inhparent = to_regclass(:table)"
    )
    return set(connection.execute(query, {"table": table.name}).scalars())
