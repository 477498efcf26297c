"""Sums up by scope what a run collected."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from copilot_pipeline.collect.outcomes import Outcome, OutcomeState, describe_errors
from copilot_pipeline.warehouse.scopes import Scope


@dataclass
class ScopeSummary:
    """What a run did with one scope: counts by source and state, days, errors.

    `newest_day` is the newest day with metrics in the warehouse, also one of an earlier run.
    """

    scope: Scope
    newest_day: date | None = None
    sources: dict[str, Counter[str]] = field(default_factory=dict)
    _days: dict[OutcomeState, set[date]] = field(default_factory=dict)
    _errors: list[Outcome] = field(default_factory=list)

    def add(self, outcome: Outcome) -> None:
        """Count an outcome of the scope."""
        counts = self.sources.setdefault(outcome.source, Counter())
        counts[outcome.state.name.lower()] += 1
        if outcome.message is not None:
            self._errors.append(outcome)
        is_daily = outcome.source in {source.name for source in self.scope.metrics}
        if is_daily or outcome.state is OutcomeState.FAILED:
            self._days.setdefault(outcome.state, set()).add(outcome.day)
        if is_daily and outcome.state is OutcomeState.LOADED:
            self.newest_day = max(outcome.day, self.newest_day or outcome.day)

    @property
    def days(self) -> dict[str, int]:
        """The number of days with metrics that were loaded or kept, of days without, and of failed.

        A day counts as loaded if one of its reports is; a failed day may count twice. Days without
        data are those of which no report has data and none failed.
        """
        loaded, kept, failed = (
            self._days.get(state, set())
            for state in (OutcomeState.LOADED, OutcomeState.KEPT, OutcomeState.FAILED)
        )
        every: set[date] = set().union(*self._days.values())
        return {
            "loaded": len(loaded),
            "kept": len(kept - loaded),
            "without_data": len(every - loaded - kept - failed),
            "failed": len(failed),
        }

    @property
    def failures(self) -> list[str]:
        """One line for each error."""
        return describe_errors(self._errors, OutcomeState.FAILED)

    @property
    def refused(self) -> list[str]:
        """One line for each report that the token may not read, apart from the required one."""
        return describe_errors(self._errors, OutcomeState.NO_ACCESS)

    def as_json(self) -> dict[str, Any]:
        return {
            "scope": str(self.scope),
            "kind": self.scope.kind,
            "slug": self.scope.slug,
            "newest_day": self.newest_day,
            "days": self.days,
            "sources": self.sources,
            "failures": self.failures,
            "refused": self.refused,
        }


def begin_summaries(
    scopes: Sequence[Scope], newest_days: Mapping[int, date]
) -> dict[str, ScopeSummary]:
    """Return a summary of each scope, by the label of its outcomes, for `add`.

    `newest_days` are the stored ones before the run, by the id of the scope.
    """
    return {str(scope): ScopeSummary(scope, newest_days.get(scope.id)) for scope in scopes}
