"""UTC calendar days: which are complete, and how far back GitHub still serves them.

Source: GitHub's REST documentation of the usage metrics reports (one year of history) and of the
closed `/copilot/metrics` endpoint (100 days).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from copilot_pipeline.errors import CopilotPipelineError

# The first day for which GitHub has any usage report (enterprises; organizations: 2025-12-12).
FIRST_DAY = date(2025, 10, 10)

REACH_DAYS = {"reports": 365, "legacy": 100}

# So many of the newest complete days are provisional: GitHub may not have their reports yet.
PROVISIONAL_DAYS = 3

# Days up to this age are read again: GitHub still revises them.
REREAD_DAYS = 4


class DayOutOfReachError(CopilotPipelineError):
    """A day that is not over yet, or that GitHub no longer serves."""


@dataclass(frozen=True)
class Window:
    """The first and the last day that GitHub serves now, both included."""

    first: date
    last: date

    def __contains__(self, day: date) -> bool:
        return self.first <= day <= self.last

    def __str__(self) -> str:
        return f"{self.first} to {self.last}"


def newest_complete_day() -> date:
    """Yesterday in UTC, whatever the machine's own time zone."""
    return datetime.now(UTC).date() - timedelta(days=1)


def is_provisional(day: date) -> bool:
    """Whether a report that is missing may still come."""
    return day > newest_complete_day() - timedelta(days=PROVISIONAL_DAYS)


def is_reread(day: date) -> bool:
    """Whether the day's reports are fetched again although they are loaded."""
    return day > newest_complete_day() - timedelta(days=REREAD_DAYS)


def reachable_window(metrics_api: str) -> Window:
    """The days that `reports` or the `legacy` endpoint can serve now."""
    last = newest_complete_day()
    return Window(last - timedelta(days=REACH_DAYS[metrics_api] - 1), last)


def day_range(first: date, last: date) -> list[date]:
    """Every day from `first` to `last`, both included."""
    return [first + timedelta(days=n) for n in range((last - first).days + 1)]


def describe_days(days: Sequence[date]) -> str:
    """The days in few words: `2026-11-01`, or `2026-11-01 to 2026-11-09 (8 days)`."""
    first, last = min(days), max(days)
    if first == last:
        return str(first)
    return f"{first} to {last} ({len(days)} days)"
