"""The outcome of one source, scope and day in a run."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from enum import Enum

from copilot_pipeline.days import describe_days
from copilot_pipeline.errors import CopilotPipelineError


class OutcomeState(Enum):
    """What a run did with one source, scope and day."""

    LOADED = "loaded"
    # Its data is already stored and not requested again: a past snapshot or a settled day.
    KEPT = "kept"
    # GitHub has no report of the day (yet). This does not mean zero use. Nothing is overwritten.
    # A settled day without data is not requested again and stays NO_DATA.
    NOT_READY = "not ready"
    NO_DATA = "no data"
    # There is no raw data to derive from.
    NOT_STORED = "not stored"
    # The token cannot read the report. The scope's other reports are collected.
    NO_ACCESS = "no access"
    FAILED = "failed"


@dataclass(frozen=True)
class Outcome:
    """The outcome of one scope, source and day.

    `scope` is a label such as `organization acme`; `source` is the source's name. `rows` has the
    number of written rows by table, `notes` other counts. `message` is the error, if any.
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
    """Return failed outcomes of days with the same error."""
    return [Outcome(scope, source, day, OutcomeState.FAILED, message=str(error)) for day in days]


def describe_errors(outcomes: Iterable[Outcome], state: OutcomeState) -> list[str]:
    """Return one line for each scope and error, with the days and the message."""
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
