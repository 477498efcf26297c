"""What became of one scope's day."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from enum import Enum

from copilot_pipeline.days import describe_days
from copilot_pipeline.errors import CopilotPipelineError


class State(Enum):
    LOADED = "loaded"
    # GitHub has no report for the day (yet). That is not zero use: nothing is overwritten.
    NO_REPORT = "no report"
    # A snapshot of the past stays as it was taken.
    KEPT = "kept"
    FAILED = "failed"


@dataclass(frozen=True)
class Outcome:
    """One scope and day. `rows` counts what was written, by table; `notes` is what else was seen.

    `scope` is what people call it: `organization acme`.
    """

    scope: str
    day: date
    state: State
    rows: Mapping[str, int] = field(default_factory=dict)
    notes: Mapping[str, int] = field(default_factory=dict)
    error: CopilotPipelineError | None = None


def failed(scope: str, days: Iterable[date], error: CopilotPipelineError) -> list[Outcome]:
    return [Outcome(scope, day, State.FAILED, error=error) for day in days]


def describe_failures(outcomes: Iterable[Outcome]) -> list[str]:
    """A line for each scope and error: which scope, which days, what failed, and what to do."""
    groups: dict[tuple[str, str], list[date]] = {}
    for outcome in outcomes:
        if outcome.error is not None:
            groups.setdefault((outcome.scope, str(outcome.error)), []).append(outcome.day)
    return [
        f"{scope}, {describe_days(days)}: {_without_prefix(error, scope)}"
        for (scope, error), days in groups.items()
    ]


def _without_prefix(error: str, scope: str) -> str:
    return error.replace(f", {scope}, ", ", ", 1)
