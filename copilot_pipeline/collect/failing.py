"""Decides whether failed scopes make a run fail."""

from collections.abc import Sequence, Set

from copilot_pipeline.collect.outcomes import Outcome, OutcomeState
from copilot_pipeline.settings import FailRunOn


def fails_run(
    rule: FailRunOn,
    outcomes: Sequence[Outcome],
    worked_before: Set[tuple[str, str]],
    with_data: Set[str],
) -> bool:
    """Return whether a run with these outcomes fails.

    `worked_before` has the scope and source of everything of which some day is stored, `with_data`
    the scopes of which a requested day is stored. Under every rule, a run fails if scopes failed
    and no other scope has data.
    """
    failed = {
        (outcome.scope, outcome.source)
        for outcome in outcomes
        if outcome.state is OutcomeState.FAILED
    }
    if not failed:
        return False
    healthy = with_data - {scope for scope, _ in failed}
    if not healthy or rule is FailRunOn.ANY_SCOPE:
        return True
    return rule is FailRunOn.WORKING_SCOPE and not failed.isdisjoint(worked_before)
