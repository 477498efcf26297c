"""UTC calendar days: which days are complete, and how far back GitHub serves them.

Source: GitHub's REST documentation of the usage metrics reports (one year of history) and of the
closed `/copilot/metrics` endpoint (100 days).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from copilot_pipeline.clock import utc_now
from copilot_pipeline.errors import CopilotPipelineError
from copilot_pipeline.rules import PROVISIONAL_DAYS, REREAD_DAYS


class DayOutOfReachError(CopilotPipelineError):
    """A day is not over yet, or GitHub no longer serves it."""


@dataclass(frozen=True)
class Window:
    """The first and the last day that GitHub currently serves, both included."""

    first: date
    last: date

    def __contains__(self, day: date) -> bool:
        return self.first <= day <= self.last

    def __str__(self) -> str:
        return f"{self.first} to {self.last}"


@dataclass(frozen=True)
class Today:
    """The current time of a run. It is read once, so a run over midnight has one newest day."""

    now: datetime

    @classmethod
    def from_clock(cls) -> "Today":
        """Read the clock."""
        return cls(utc_now())

    @property
    def newest(self) -> date:
        """Return the newest complete day: yesterday in UTC."""
        return self.now.astimezone(UTC).date() - timedelta(days=1)

    def is_provisional(self, day: date) -> bool:
        """Return whether GitHub may still publish or revise the reports of the day."""
        return day > self.newest - timedelta(days=PROVISIONAL_DAYS)

    def is_reread(self, day: date) -> bool:
        """Return whether the reports of the day are fetched again even if they are loaded."""
        return day > self.newest - timedelta(days=REREAD_DAYS)

    def window(self, reach_days: int) -> Window:
        """Return the window of the `reach_days` newest complete days."""
        return Window(self.newest - timedelta(days=reach_days - 1), self.newest)


def day_range(first: date, last: date) -> list[date]:
    """Return every day from `first` to `last`, both included."""
    return [first + timedelta(days=n) for n in range((last - first).days + 1)]


def describe_days(days: Sequence[date]) -> str:
    """Return a short text for the days: `2026-11-01`, or `2026-11-01 to 2026-11-09 (8 days)`."""
    first, last = min(days), max(days)
    if first == last:
        return str(first)
    return f"{first} to {last} ({len(days)} days)"
