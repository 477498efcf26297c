"""What goes otherwise than planned in the demo, as it does with the real GitHub.

The enterprise was collected from the old metrics API first. A day is late, one is restated, broken
files leave a gap that heals and one that does not, a morning was missed, and names are new.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import date, timedelta

from copilot_pipeline.days import day_range
from copilot_pipeline.demo.catalog import report_records
from copilot_pipeline.demo.organization import Enterprise, NotReady, Organization, ReportFiles
from copilot_pipeline.demo.usage import COUNTERS
from copilot_pipeline.github.kinds import ScopeKind
from copilot_pipeline.sources import AGGREGATES, LEGACY, REPORTS, REPOS

# Far enough back that only a run which looks for gaps meets the days again.
_GAP_AGE, _LASTING_GAP_AGE = timedelta(days=30), timedelta(days=18)
_MISSED_AGE = timedelta(days=17)
_NEW_NAMES_AGES = (8, 7, 6)

# Of the days, those that the old metrics API served.
_LEGACY_PART = 0.3

# So many days are needed for all of it.
LEAST_DAYS = 10

# Names of a later time, in the place of some that are known: a model, a language and an editor.
NEW_NAMES = {
    "claude-haiku-4.5": "octo-model-1",
    "markdown": "octo-script",
    "neovim": "octo-editor",
}
_BROKEN_FILE = '{"day": "'


@dataclass(frozen=True)
class Story:
    """The days on which something happens, for the scopes of an enterprise.

    `legacy` are the enterprise's days before its reports, `lasting_gap` is that of the second
    organization's repositories, and so of the enterprise's, and on the morning after `missed` no
    snapshot was taken.
    """

    legacy: list[date]
    late: date
    restated: date
    gap: date
    lasting_gap: date
    missed: date
    new_names: list[date]


def begin(enterprise: Enterprise, newest: date, first: date) -> Story:
    """GitHub as the first load meets it; at least `LEAST_DAYS` are needed."""
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
    """GitHub as it is since it closed the old metrics API."""
    enterprise.legacy = False


def end(enterprise: Enterprise, story: Story) -> None:
    """GitHub as the next run meets it: everything is there, and right, but for what stays."""
    for _, scope in _scopes(enterprise):
        scope.reports.clear()
    _keep_going_wrong(enterprise, story)


def _scopes(enterprise: Enterprise) -> list[tuple[str, Enterprise | Organization]]:
    return [
        ("enterprise", enterprise),
        *(("organization", each) for each in enterprise.organizations),
    ]


def _keep_going_wrong(enterprise: Enterprise, story: Story) -> None:
    """What no later run finds otherwise."""
    new = enterprise.organizations[1]
    for scope in (new, enterprise):
        scope.reports[REPOS.name, story.lasting_gap] = ReportFiles([_BROKEN_FILE])
    for kind, scope in _scopes(enterprise):
        if scope is not new:
            for day in story.new_names:
                report = AGGREGATES[ScopeKind(kind)].name
                scope.reports.setdefault((report, day), _with_new_names(scope, report, day))


def _first_version(scope: Enterprise | Organization, report: str, day: date) -> ReportFiles:
    """The day before all telemetry had come: a twentieth is missing, and more than nothing."""
    (record,) = report_records(scope, report, day)
    early = {name: int(record[name] * 0.95) for name in (*COUNTERS, "daily_active_users")}
    return ReportFiles([json.dumps({**record, **early})])


def _with_new_names(scope: Enterprise | Organization, report: str, day: date) -> ReportFiles:
    """The day, with names that no version of this project knows."""
    (record,) = report_records(scope, report, day)
    text = json.dumps(record)
    for known, new in NEW_NAMES.items():
        text = text.replace(f'"{known}"', f'"{new}"')
    return ReportFiles([text])
