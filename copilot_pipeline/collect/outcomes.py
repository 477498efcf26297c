"""What became of one source, scope and day."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from enum import Enum

from copilot_pipeline.days import describe_days
from copilot_pipeline.errors import CopilotPipelineError


class OutcomeState(Enum):
    LOADED = "loaded"
    # Stored before, and not asked for again: a snapshot of the past, or a day that is settled.
    KEPT = "kept"
    # GitHub has no report for the day (yet). That is not zero use: nothing is overwritten.
    NOT_READY = "not ready"
    NO_DATA = "no data"
    # Nothing to derive from: the day was never loaded.
    NOT_STORED = "not stored"
    # The token may not read the report; the scope's other reports go on.
    NO_ACCESS = "no access"
    FAILED = "failed"


@dataclass(frozen=True)
class Outcome:
    """One scope, source and day. `rows` counts what was written, by table; `notes` what was seen.

    `scope` is what people call it, such as `organization acme`; `source` is the source's name;
    `message` says why it failed or was refused.
    """

    scope: str
    source: str
    day: date
    state: OutcomeState
    rows: Mapping[str, int] = field(default_factory=dict)
    notes: Mapping[str, int] = field(default_factory=dict)
    message: str | None = None


def failed(
    scope: str, source: str, days: Iterable[date], error: CopilotPipelineError
) -> list[Outcome]:
    """The outcomes of days that share an error."""
    return [Outcome(scope, source, day, OutcomeState.FAILED, message=str(error)) for day in days]


def describe_errors(outcomes: Iterable[Outcome], state: OutcomeState) -> list[str]:
    """A line for each scope and error: which scope, which days, what happened, and what to do."""
    groups: dict[tuple[str, str], set[date]] = {}
    for outcome in outcomes:
        if outcome.message is not None and outcome.state is state:
            groups.setdefault((outcome.scope, outcome.message), set()).add(outcome.day)
    return [
        f"{scope}, {describe_days(sorted(days))}: {_without_prefix(error, scope)}"
        for (scope, error), days in groups.items()
    ]


def _without_prefix(error: str, scope: str) -> str:
    return error.replace(f", {scope}, ", ", ", 1)
