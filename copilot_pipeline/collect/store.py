"""Stores GitHub's answers about a period in one transaction: raw, rows, status, restatements."""

from collections.abc import Mapping
from concurrent.futures import Executor, wait
from datetime import date
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from copilot_pipeline.clock import utc_now
from copilot_pipeline.collect.derive import Derivation, Derived, digest
from copilot_pipeline.collect.fetch import Fetched
from copilot_pipeline.collect.outcomes import Outcome, OutcomeState
from copilot_pipeline.sources.source import PeriodKind, Source
from copilot_pipeline.warehouse.database import Database
from copilot_pipeline.warehouse.history import Status, read_status, save_loaded
from copilot_pipeline.warehouse.locks import lock_scope
from copilot_pipeline.warehouse.months import make_months
from copilot_pipeline.warehouse.raw import compress_ahead, read_raw, replace_raw
from copilot_pipeline.warehouse.restatements import save_restatements
from copilot_pipeline.warehouse.scopes import Scope
from copilot_pipeline.warehouse.sums import CounterSum

# Floating-point sums depend on the order of their rows.
_DIGITS = 6


class NoRecordError(Exception):
    """The answer has no record of its period. GitHub may not have written it yet."""


def store(
    database: Database,
    scope: Scope,
    source: Source,
    fetched: Fetched,
    helper: Executor,
    *,
    attempt: int,
    may_come: bool,
) -> Outcome:
    """Stores the answers in one transaction. They are compressed by the helper.

    `attempt` is the number of the last attempt before GitHub was asked. If another attempt was
    stored since, its rows are kept. `may_come` tells whether an empty answer means that GitHub has
    not written the report yet.

    Raises:
        NoRecordError: the answers have no record; nothing was changed.
        RecordError: the answers are not what GitHub documents; nothing was changed.
    """
    day = fetched.period.first
    fetched_at = max(answer.fetched_at for answer in fetched.answers)
    # Before the transaction, because other writers wait for its end.
    compressing = helper.submit(compress_ahead, fetched.answers)
    try:
        derivation = Derivation(source, scope, day, fetched.answers)
    finally:
        # After an error, the caller closes the answers.
        wait([compressing])
    compressed = compressing.result()
    make_months(database, source.all_tables, day)
    # A day that a power failure undoes is missing as a whole, and the next run loads it again.
    with database.write(waits_for_disk=False) as connection:
        lock_scope(connection, scope.id)
        status = read_status(connection, scope.id, day, source.name)
        if status is not None and status.is_loaded and status.attempt != attempt:
            # A concurrent run stored the day first.
            return Outcome(str(scope), source.name, day, OutcomeState.KEPT)
        may_change = (
            status is not None and status.is_loaded and status.sha256 != derivation.early_sha256
        )
        before = _headlines(connection, scope.id, source, day) if may_change else {}
        derived = derivation.write(connection)
        if derived.records == 0 and _is_missing(source, fetched, may_come):
            raise NoRecordError
        changed = _is_restated(connection, scope, source, day, status, derived)
        if changed:
            save_restatements(
                connection,
                scope.id,
                day,
                source.name,
                before,
                _headlines(connection, scope.id, source, day),
                utc_now(),
            )
        raw_rows = replace_raw(connection, source, scope.id, day, compressed)
        save_loaded(
            connection,
            scope.id,
            day,
            source.name,
            http_status=fetched.status,
            row_count=derived.records,
            sha256=derived.sha256,
            fetched_at=fetched_at,
            first_loaded_at=(status and status.first_loaded_at) or fetched_at,
            changed=changed,
        )
    rows = {source.raw.table.name: raw_rows, **derived.rows}
    notes = {**derived.notes, **({"restated": 1} if changed else {})}
    return Outcome(str(scope), source.name, day, OutcomeState.LOADED, rows, notes)


def _is_missing(source: Source, fetched: Fetched, may_come: bool) -> bool:
    """Whether answers without records mean a missing report, rather than a day without use."""
    is_summary = not source.key
    return is_summary or (
        may_come and not any(answer.content().strip() for answer in fetched.answers)
    )


def _is_restated(
    connection: Connection,
    scope: Scope,
    source: Source,
    day: date,
    status: Status | None,
    derived: Derived,
) -> bool:
    """Whether the content differs from what is stored."""
    if status is None or not status.is_loaded or source.period is PeriodKind.SNAPSHOT:
        return False
    if status.sha256 == derived.sha256:
        return False
    # The stored digest may be of an earlier version. Compare with the stored answers.
    stored = read_raw(connection, source, scope.id, day)
    return digest(source, scope, day, stored) != derived.sha256


def _headlines(
    connection: Connection, scope_id: int, source: Source, day: date
) -> Mapping[str, float | None]:
    """Return the number of rows and the sums that are kept when GitHub restates a day."""
    table = source.tables[0].table
    sums = [_sum(table.c[name]).label(name) for name in source.headlines]
    row_count = [sa.func.count().label("row_count")] if source.key else []
    query = sa.select(*row_count, *sums).where(table.c.scope_id == scope_id, table.c.day == day)
    if not (sums or row_count):
        return {}
    found = connection.execute(query).mappings().one()
    return {name: _comparable(value) for name, value in found.items()}


def _sum(column: sa.Column[Any]) -> sa.ColumnElement[Any]:
    is_counter = isinstance(column.type, sa.Integer)
    return CounterSum(column) if is_counter else sa.func.sum(column)


def _comparable(total: Any) -> float | None:
    """Return a sum as an int or a rounded float. PostgreSQL's sums of integers are decimals."""
    if isinstance(total, float):
        return round(total, _DIGITS)
    return None if total is None else int(total)
