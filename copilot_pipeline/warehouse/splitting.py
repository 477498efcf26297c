"""Moves the rows of an earlier version's tables into their months, on PostgreSQL.

Revision 0009 leaves these rows in a default partition. Each month of a table is moved in one
transaction. Dashboards read the same rows before, during and after it. After an interruption,
opening the warehouse again continues with the months that are left.
"""

import logging
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import date

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from copilot_pipeline.warehouse.partitions import (
    create_month,
    drop_unsplit,
    select_unsplit,
    split_tables,
    unsplit_name,
)

logger = logging.getLogger(__name__)

# How often progress is logged. It is logged as a warning to be shown, because it may take hours.
REPORT_SECONDS = 5

# Opens a connection with one transaction.
Transaction = Callable[[], AbstractContextManager[Connection]]


@dataclass(frozen=True)
class _Month:
    """A month to move. `size` is its share of the table's size on disk, in bytes."""

    table: sa.Table
    first: date
    size: float


def split_rows(transaction: Transaction) -> None:
    """Moves the rows of all tables that are not split yet, and logs how long it will take.

    It needs free disk space of the size of the largest table.

    Raises:
        DatabaseError: a session blocks a table, or the disk is full. What was moved stays moved.
    """
    with transaction() as connection:
        names = set(connection.execute(select_unsplit()).scalars())
        unsplit = [table for table in split_tables() if unsplit_name(table) in names]
        months = {table: _list_months(connection, table) for table in unsplit}
    progress = _Progress([month for of_table in months.values() for month in of_table])
    for table, of_table in months.items():
        for month in of_table:
            progress.report(month)
            with transaction() as connection:
                create_month(connection, table, month.first)
            progress.add(month)
        with transaction() as connection:
            drop_unsplit(connection, table)
        with transaction() as connection:
            # PostgreSQL analyzes partitions by itself, but not the whole table.
            connection.exec_driver_sql(f"ANALYZE {table.name}")
    progress.end()


def _list_months(connection: Connection, table: sa.Table) -> list[_Month]:
    """Return the months with rows that have to be moved."""
    unsplit = sa.table(unsplit_name(table), sa.column("day", sa.Date))
    first = sa.cast(sa.func.date_trunc("month", unsplit.c.day), sa.Date)
    rows = connection.execute(sa.select(first, sa.func.count()).group_by(first).order_by(first))
    counts = {row[0]: row[1] for row in rows}
    size = connection.execute(
        sa.select(sa.func.pg_total_relation_size(sa.cast(unsplit.name, sa.Text)))
    ).scalar_one()
    total = sum(counts.values())
    return [_Month(table, month, size * count / total) for month, count in counts.items()]


class _Progress:
    """Logs the progress with the time that is left, if it takes longer than a few seconds."""

    def __init__(self, months: Sequence[_Month]) -> None:
        self._count = len(months)
        self._size = sum(month.size for month in months)
        self._moved, self._moved_size = 0, 0.0
        self._begin = self._reported = time.monotonic()
        if months:
            logger.warning(
                "Converting the tables of people, %s MB, to one partition a month. It can be "
                "interrupted: opening the warehouse again continues.",
                f"{self._size / 1e6:,.0f}",
            )

    def report(self, month: _Month) -> None:
        now = time.monotonic()
        if now - self._reported < REPORT_SECONDS or not self._moved_size:
            return
        self._reported = now
        left = (now - self._begin) * (self._size - self._moved_size) / self._moved_size
        logger.warning(
            "Converting %s: month %s, %d of %d, about %s left.",
            month.table.name,
            month.first.strftime("%Y-%m"),
            self._moved + 1,
            self._count,
            _duration(left),
        )

    def add(self, month: _Month) -> None:
        self._moved += 1
        self._moved_size += month.size

    def end(self) -> None:
        if self._count:
            seconds = time.monotonic() - self._begin
            logger.warning("Converted %d months in %s.", self._count, _duration(seconds))


def _duration(seconds: float) -> str:
    """Return a rounded duration, such as `3 minutes`."""
    for unit, length in (("hour", 3600), ("minute", 60)):
        if seconds >= 2 * length:
            return f"{seconds / length:.0f} {unit}s"
    return f"{seconds:.0f} seconds"
