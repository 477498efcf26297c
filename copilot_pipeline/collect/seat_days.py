"""Seats counted anew after users reports have come, which say more of who used theirs."""

from collections.abc import Iterator, Sequence

from copilot_pipeline.collect.outcomes import Outcome, failed
from copilot_pipeline.errors import CopilotPipelineError
from copilot_pipeline.warehouse.database import Database
from copilot_pipeline.warehouse.rows import lock_scope
from copilot_pipeline.warehouse.scopes import Scope
from copilot_pipeline.warehouse.seat_days import count_seat_day, list_uncounted_days, seat_days


def count_stale_days(database: Database, scopes: Sequence[Scope]) -> Iterator[Outcome]:
    """Counts every snapshot whose counts are stale or missing; an outcome for each that failed.

    A run that ends before leaves them stale, for the next one.
    """
    for scope in scopes:
        with database.read() as connection:
            days = list_uncounted_days(connection, scope.id)
        for day in days:
            try:
                with database.write() as connection:
                    lock_scope(connection, scope.id)
                    count_seat_day(connection, scope.id, day)
            except CopilotPipelineError as error:
                yield from failed(str(scope), seat_days.name, [day], error)
