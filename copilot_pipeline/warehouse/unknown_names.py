"""Writes and reads the names in reports that this version does not know."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from copilot_pipeline.clock import utc_now
from copilot_pipeline.warehouse.history_tables import (
    shown_names,
    unknown_names,
)
from copilot_pipeline.warehouse.rows import replace_slice, upsert_statement


def replace_unknown_names(
    connection: Connection,
    scope_id: int,
    day: date,
    report: str,
    found: Mapping[tuple[str, str], int],
) -> None:
    """Replace the unknown names of a day's report."""
    slice_ = {"scope_id": scope_id, "day": day, "report": report}
    rows = [
        {**slice_, "kind": kind, "name": name, "occurrences": occurrences}
        for (kind, name), occurrences in sorted(found.items())
    ]
    replace_slice(connection, unknown_names, slice_, rows)


@dataclass(frozen=True)
class UnknownName:
    """A name that this version does not know, with its occurrences on all loaded days."""

    kind: str
    name: str
    occurrences: int
    was_shown: bool


def list_unknown_names(connection: Connection) -> list[UnknownName]:
    """Return the unknown names of all scopes and days."""
    table, shown = unknown_names.c, shown_names.c
    same = sa.and_(shown.kind == table.kind, shown.name == table.name)
    query = (
        sa.select(
            table.kind,
            table.name,
            sa.func.sum(table.occurrences),
            sa.func.max(shown.shown_at).is_not(None),
        )
        .select_from(unknown_names)
        .outerjoin(shown_names, same)
        .group_by(table.kind, table.name)
        .order_by(table.kind, table.name)
    )
    return [
        UnknownName(kind, name, int(occurrences), bool(shown))
        for kind, name, occurrences, shown in connection.execute(query)
    ]


def mark_shown(connection: Connection, names: Sequence[UnknownName]) -> None:
    """Store that a check has warned about these names."""
    now = utc_now()
    rows = [{"kind": each.kind, "name": each.name, "shown_at": now} for each in names]
    if rows:
        statement = upsert_statement(connection, shown_names)
        connection.execute(statement.on_conflict_do_nothing(), rows)
