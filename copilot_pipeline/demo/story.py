"""What does not go to plan in the demo, as it happens with the real GitHub.

The enterprise was collected from the old metrics API first. A day is late, one is restated, broken
files leave a gap that heals and one that does not, a morning was missed, and names are new.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import date, timedelta

from copilot_pipeline.days import day_range
from copilot_pipeline.github.kinds import ScopeKind
from copilot_pipeline.simulated_github import (
    Enterprise,
    NotReady,
    Organization,
    ReportFiles,
    report_records,
)
from copilot_pipeline.simulated_github.usage import COUNTERS
from copilot_pipeline.sources import AGGREGATES, LEGACY, REPORTS, REPOS

# Far enough back that only a run which looks for gaps meets the days again.
_GAP_AGE, _LASTING_GAP_AGE = timedelta(days=30), timedelta(days=18)
_MISSED_AGE = timedelta(days=17)
_NEW_NAMES_AGES = (8, 7, 6)

# Of the days, those that the old metrics API served.
_LEGACY_PART = 0.3

# The story needs so many days.
LEAST_DAYS = 10

# Names that nobody knows yet, in the place of known ones: a model, a language and an editor.
NEW_NAMES = {
    "claude-haiku-4.5": "octo-model-1",
    "markdown": "octo-script",
    "neovim": "octo-editor",
}
_BROKEN_FILE = '{"day": "'


@dataclass(frozen=True)
class Story:
    """The days on which something happens.

    `legacy` are the enterprise's days before its reports. `lasting_gap` is the day that the reports
    of repositories lack, of the second organization and of the enterprise. No snapshot was taken
    on the morning after `missed`.
    """

    legacy: list[date]
    late: date
    restated: date
    gap: date
    lasting_gap: date
    missed: date
    new_names: list[date]


def begin(enterprise: Enterprise, newest: date, first: date) -> Story:
    """Sets GitHub up for the first load of at least `LEAST_DAYS` days; returns what will happen."""
    served = day_range(max(first, newest - timedelta(days=LEGACY.reach_days - 1)), newest)
    switch = served[round(len(served) * _LEGACY_PART)]
    gap = max(newest - _GAP_AGE, switch)
    story = Story(
        legacy=[day for day in served if day < switch],
        late=newest - timedelta(days=1),
        restated=newest - timedelta(days=2),
        gap=gap,
        lasting_gap=max(newest - _LASTING_GAP_AGE, gap),
        missed=max(newest - _MISSED_AGE, first),
        new_names=[newest - timedelta(days=age) for age in _NEW_NAMES_AGES],
    )
    enterprise.legacy = True
    enterprise.reports_since = switch
    for kind, scope in _scopes(enterprise):
        for report in [each.name for each in REPORTS if kind in each.served]:
            scope.reports[report, story.late] = NotReady.NO_CONTENT
            scope.reports[report, story.gap] = ReportFiles([_BROKEN_FILE])
    # A run collects as many gaps of each report: here each has one.
    for scope in (enterprise.organizations[1], enterprise):
        del scope.reports[REPOS.name, story.gap]
    for kind, scope in _scopes(enterprise)[:2]:
        scope.reports[AGGREGATES[ScopeKind(kind)].name, story.restated] = _first_version(
            scope, AGGREGATES[ScopeKind(kind)].name, story.restated
        )
    _keep_going_wrong(enterprise, story)
    return story


def close_legacy(enterprise: Enterprise) -> None:
    """Closes the old metrics API, as GitHub did."""
    enterprise.legacy = False


def end(enterprise: Enterprise, story: Story) -> None:
    """Sets GitHub up for the next run: all reports are there and right, but for one that is not."""
    for _, scope in _scopes(enterprise):
        scope.reports.clear()
    _keep_going_wrong(enterprise, story)


def _scopes(enterprise: Enterprise) -> list[tuple[str, Enterprise | Organization]]:
    return [
        ("enterprise", enterprise),
        *(("organization", each) for each in enterprise.organizations),
    ]


def _keep_going_wrong(enterprise: Enterprise, story: Story) -> None:
    """Sets up what no later run changes: the lasting gap and the new names."""
    new = enterprise.organizations[1]
    for scope in (new, enterprise):
        scope.reports[REPOS.name, story.lasting_gap] = ReportFiles([_BROKEN_FILE])
    for kind, scope in _scopes(enterprise):
        if scope is not new:
            for day in story.new_names:
                report = AGGREGATES[ScopeKind(kind)].name
                scope.reports.setdefault((report, day), _with_new_names(scope, report, day))


def _first_version(scope: Enterprise | Organization, report: str, day: date) -> ReportFiles:
    """Returns the day as it was before all telemetry had come: without a twentieth of it."""
    (record,) = report_records(scope, report, day)
    early = {name: int(record[name] * 0.95) for name in (*COUNTERS, "daily_active_users")}
    return ReportFiles([json.dumps({**record, **early})])


def _with_new_names(scope: Enterprise | Organization, report: str, day: date) -> ReportFiles:
    """Returns the day with names that this version of the project does not know."""
    (record,) = report_records(scope, report, day)
    text = json.dumps(record)
    for known, new in NEW_NAMES.items():
        text = text.replace(f'"{known}"', f'"{new}"')
    return ReportFiles([text])
