"""Asset checks that warn in the Dagster UI.

`collection.py` checks what is collected, `numbers.py` what the numbers say.
"""

from collections.abc import Callable, Iterator, Sequence, Set
from datetime import date
from functools import partial

import dagster as dg

from copilot_pipeline.checks import numbers
from copilot_pipeline.checks.collection import (
    COMPLETE,
    HAS_DATA,
    PAST_TIMES,
    READABLE,
    SCOPES_ARE_COLLECTED,
    TOKEN_EXPIRY,
    check_complete,
    check_data,
    check_readable,
    check_scopes,
    check_times,
    check_token_expiry,
)
from copilot_pipeline.checks.numbers import (
    ACTIVE_USERS,
    BREAKDOWNS,
    IDLE_SEATS,
    KNOWN_NAMES,
    SEATS,
    check_names,
    compare_numbers,
)
from copilot_pipeline.checks.results import check_result
from copilot_pipeline.collect.outcomes import Outcome
from copilot_pipeline.days import Today
from copilot_pipeline.errors import CopilotPipelineError
from copilot_pipeline.sources.reports import METRICS_STEP
from copilot_pipeline.warehouse.database import Database
from copilot_pipeline.warehouse.scopes import Scope

__all__ = [
    "METRICS_CHECKS",
    "PAST_TIMES",
    "SCOPES_ARE_COLLECTED",
    "TOKEN_EXPIRY",
    "check_metrics",
    "check_snapshots",
    "check_token_expiry",
]

METRICS_CHECKS = [
    SCOPES_ARE_COLLECTED[METRICS_STEP],
    HAS_DATA,
    READABLE,
    COMPLETE,
    PAST_TIMES,
    KNOWN_NAMES,
    ACTIVE_USERS,
    BREAKDOWNS,
    SEATS,
    IDLE_SEATS,
]

Check = tuple[dg.AssetCheckSpec, Callable[[], dg.AssetCheckResult]]


def check_metrics(
    database: Database,
    scopes: Sequence[Scope],
    days: Sequence[date],
    wanted: Set[dg.AssetCheckKey],
    today: Today,
    outcomes: Sequence[Outcome] = (),
) -> Iterator[dg.AssetCheckResult]:
    """Runs the wanted checks on the stored days. `outcomes` are those of the run, if it loaded."""
    scopes_are_collected = partial(check_scopes, database, scopes, today, METRICS_STEP, outcomes)
    checks: list[Check] = [
        (SCOPES_ARE_COLLECTED[METRICS_STEP], scopes_are_collected),
        (HAS_DATA, partial(check_data, database, scopes, today)),
        (READABLE, partial(check_readable, database, scopes, days)),
        (COMPLETE, partial(check_complete, database, scopes)),
        (PAST_TIMES, partial(check_times, database, scopes)),
        (KNOWN_NAMES, partial(check_names, database)),
    ]
    for spec, compare, words in numbers.COMPARISONS:
        compared = partial(compare_numbers, database, scopes, days, spec, compare, words)
        checks.append((spec, compared))
    yield from _run(checks, wanted)


def check_snapshots(
    database: Database,
    scopes: Sequence[Scope],
    step: str,
    wanted: Set[dg.AssetCheckKey],
    today: Today,
    outcomes: Sequence[Outcome] = (),
) -> Iterator[dg.AssetCheckResult]:
    """Runs the check of a step that takes snapshots, if it is wanted."""
    check = partial(check_scopes, database, scopes, today, step, outcomes)
    yield from _run([(SCOPES_ARE_COLLECTED[step], check)], wanted)


def _run(checks: Sequence[Check], wanted: Set[dg.AssetCheckKey]) -> Iterator[dg.AssetCheckResult]:
    for spec, check in checks:
        if spec.key in wanted:
            try:
                yield check()
            except CopilotPipelineError as error:
                # A check that fails does not invalidate the collected data.
                yield check_result(spec, [f"The check failed: {error}"], "", {})
