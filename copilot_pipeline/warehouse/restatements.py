"""Writes and reads restatements: headline values that GitHub changed after they were loaded."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from copilot_pipeline.warehouse.history_tables import (
    restatements,
)


def save_restatements(
    connection: Connection,
    scope_id: int,
    day: date,
    report: str,
    old: Mapping[str, float | None],
    new: Mapping[str, float | None],
    seen_at: datetime,
) -> None:
    """Store the headline values that have changed."""
    rows = [
        {
            "scope_id": scope_id,
            "day": day,
            "report": report,
            "metric": metric,
            "old": old.get(metric),
            "new": new.get(metric),
            "seen_at": seen_at,
        }
        for metric in sorted({*old, *new})
        if old.get(metric) != new.get(metric)
    ]
    if rows:
        connection.execute(sa.insert(restatements), rows)


@dataclass(frozen=True)
class Restatement:
    """A headline value that GitHub changed after it had been loaded."""

    scope_id: int
    report: str
    metric: str
    old: float | None
    new: float | None
    seen_at: datetime


def list_restatements(connection: Connection, day: date) -> list[Restatement]:
    """Return the restatements of a day in the order in which they were loaded."""
    table = restatements.c
    columns = [table[name] for name in Restatement.__annotations__]
    query = sa.select(*columns).where(table.day == day).order_by(table.seen_at, table.metric)
    return [Restatement(*row) for row in connection.execute(query)]
