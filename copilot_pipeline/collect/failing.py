"""Decides whether failed scopes make a run fail."""

from collections.abc import Sequence, Set

from copilot_pipeline.collect.outcomes import Outcome, OutcomeState
from copilot_pipeline.settings import FailRunOn


def fails_run(
    rule: FailRunOn, outcomes: Sequence[Outcome], with_data: Set[tuple[str, str]]
) -> bool:
    """Return whether a run with these outcomes fails.

    `with_data` has the scope and source of everything of which some day is stored. A scope works
    if it has data and did not fail, even if GitHub has no report of the requested days yet. Under
    every rule, a run fails if scopes failed and none works.
    """
    failed = {
        (outcome.scope, outcome.source)
        for outcome in outcomes
        if outcome.state is OutcomeState.FAILED
    }
    if not failed:
        return False
    tried = {(outcome.scope, outcome.source) for outcome in outcomes}
    working = {scope for scope, _ in tried & with_data} - {scope for scope, _ in failed}
    if not working or rule is FailRunOn.ANY_SCOPE:
        return True
    return rule is FailRunOn.WORKING_SCOPE and not failed.isdisjoint(with_data)
