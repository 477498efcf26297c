"""Counts seats again after users reports were loaded, because these add activity."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date

from copilot_pipeline.errors import CopilotPipelineError
from copilot_pipeline.warehouse.database import Database
from copilot_pipeline.warehouse.locks import lock_scope
from copilot_pipeline.warehouse.seat_days import count_seat_day, list_uncounted_days

logger = logging.getLogger(__name__)


def count_stale_days(database: Database) -> None:
    """Counts every snapshot whose counts are stale or missing, including those of removed scopes.

    A failure is logged as a warning and does not fail the load. The snapshot stays stale and is
    counted by the next load.
    """
    uncounted: list[tuple[int, date]] = []
    errors: list[CopilotPipelineError] = []
    with _noted(errors), database.read() as connection:
        uncounted = list_uncounted_days(connection)
    for scope_id, day in uncounted:
        with _noted(errors), database.write() as connection:
            lock_scope(connection, scope_id)
            count_seat_day(connection, scope_id, day)
    if errors:
        logger.warning(
            "The seats could not be counted again after the users reports; dashboards show older "
            "counts until the next load: %s",
            errors[0],
        )


@contextmanager
def _noted(errors: list[CopilotPipelineError]) -> Iterator[None]:
    try:
        yield
    except CopilotPipelineError as error:
        errors.append(error)
