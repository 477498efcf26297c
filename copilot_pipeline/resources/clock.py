"""The clock as a Dagster resource."""

from datetime import datetime

import dagster as dg
from pydantic import PrivateAttr

from copilot_pipeline.clock import utc_now
from copilot_pipeline.days import Today


class ClockResource(dg.ConfigurableResource):  # type: ignore[type-arg]
    """What today is, decided once for all steps of a run.

    `now` is an ISO instant in the place of the clock's.
    """

    now: str | None = None
    _today: Today | None = PrivateAttr(default=None)

    def today(self) -> Today:
        if self._today is None:
            self._today = Today(datetime.fromisoformat(self.now) if self.now else utc_now())
        return self._today
