"""Creates and deletes months of the tables that grow with people.

On PostgreSQL, a month is a partition of each table (`partitions.py`). SQLite has the same tables
without partitions.
"""

from collections.abc import Iterable
from datetime import date

import sqlalchemy as sa

from copilot_pipeline.schema import is_split_by_month
from copilot_pipeline.warehouse.database import Database
from copilot_pipeline.warehouse.partitions import (
    create_month,
    detach_month,
    list_months,
    month_after,
    month_of,
)


def make_months(database: Database, tables: Iterable[sa.Table], day: date) -> None:
    """Creates the month of the day and the next month in the tables that are split by month.

    Rows can be written only into existing months. Call this before writing rows of the day. It has
    its own transactions, so that its locks are not held until the rows are written.
    """
    if database.is_sqlite:
        return
    month = month_of(day)
    for table in tables:
        for needed in (month, month_after(month)) if is_split_by_month(table) else ():
            if (table.name, needed) not in database.known_months:
                with database.write() as connection:
                    create_month(connection, table, needed)
                database.known_months.add((table.name, needed))


def delete_before(database: Database, table: sa.Table, day: date) -> int:
    """Deletes the rows before the day, and returns their number.

    On PostgreSQL, whole months are dropped, which frees their disk space at once. Dropping waits
    for the queries that read the table.
    """
    deleted = 0
    if not database.is_sqlite and is_split_by_month(table):
        with database.read() as connection:
            months = list_months(connection, table)
        for month in months:
            if month_after(month) <= day:
                with database.write() as connection:
                    name = detach_month(connection, table, month)
                    rows = sa.select(sa.func.count()).select_from(sa.table(name))
                    deleted += connection.execute(rows).scalar_one()
                    connection.exec_driver_sql(f"DROP TABLE {name}")
                database.known_months.discard((table.name, month))
    with database.write() as connection:
        deleted += connection.execute(sa.delete(table).where(table.c.day < day)).rowcount
    return deleted
