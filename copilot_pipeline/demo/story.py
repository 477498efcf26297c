"""What goes otherwise than planned in the demo, as it does with the real GitHub: a late day, a day
that GitHub restates, and a broken file that leaves a gap."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import date, timedelta

from copilot_pipeline.demo.catalog import report_records
from copilot_pipeline.demo.organization import Enterprise, NotReady, Organization, ReportFiles
from copilot_pipeline.demo.usage import COUNTERS
from copilot_pipeline.reports import ORGANIZATION, reports_of

# Far enough back that only a run which looks for gaps meets the day again.
_GAP_AGE = timedelta(days=40)


@dataclass(frozen=True)
class Story:
    """The days on which something happens, for the scopes of an enterprise."""

    late: date
    restated: date
    gap: date


def begin(enterprise: Enterprise, newest: date, first: date) -> Story:
    """GitHub as the first load meets it; at least four days are needed."""
    story = Story(
        late=newest - timedelta(days=1),
        restated=newest - timedelta(days=2),
        gap=max(newest - _GAP_AGE, first),
    )
    scopes: list[tuple[str, Enterprise | Organization]] = [("enterprise", enterprise)]
    scopes += [("organization", each) for each in enterprise.organizations]
    for kind, scope in scopes:
        for report in reports_of(kind):
            scope.reports[report, story.late] = NotReady.NO_CONTENT
            scope.reports[report, story.gap] = ReportFiles(['{"day": "'])
    organization = enterprise.organizations[0]
    organization.reports[ORGANIZATION, story.restated] = _first_version(
        organization, story.restated
    )
    return story


def end(enterprise: Enterprise) -> None:
    """GitHub as the next run meets it: everything is there, and right."""
    enterprise.reports.clear()
    for organization in enterprise.organizations:
        organization.reports.clear()


def _first_version(organization: Organization, day: date) -> ReportFiles:
    """The day before all telemetry had come: a twentieth is missing, and more than nothing."""
    (record,) = report_records(organization, ORGANIZATION, day)
    early = {name: int(record[name] * 0.95) for name in (*COUNTERS, "daily_active_users")}
    return ReportFiles([json.dumps({**record, **early})])
