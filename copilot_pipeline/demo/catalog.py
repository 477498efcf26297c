"""Which usage metrics reports there are, since when, and where their records come from.

Names: GitHub's documentation page "REST API endpoints for Copilot usage metrics".
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date

from copilot_pipeline.demo import since
from copilot_pipeline.demo.enterprise import (
    enterprise_28_day,
    enterprise_day,
    enterprise_user_days,
)
from copilot_pipeline.demo.organization import Enterprise, Organization, Record
from copilot_pipeline.demo.reports import organization_28_day, organization_day
from copilot_pipeline.demo.repositories import enterprise_repository_days, repository_days
from copilot_pipeline.demo.teams import enterprise_team_rows, organization_team_rows
from copilot_pipeline.demo.user_reports import user_days, user_days_28

_FIRST_DAYS = {
    "user-teams-1-day": since.USER_TEAMS_REPORT,
    "repos-1-day": since.REPOSITORIES_REPORT,
}
_ORGANIZATION: Mapping[str, Callable[[Organization, date], list[Record]]] = {
    "organization-1-day": lambda organization, day: [organization_day(organization, day)],
    "organization-28-day": lambda organization, day: [organization_28_day(organization, day)],
    "users-1-day": user_days,
    "users-28-day": lambda organization, last_day: user_days_28(
        organization, last_day, lambda day: user_days(organization, day)
    ),
    "user-teams-1-day": organization_team_rows,
    "repos-1-day": repository_days,
}
_ENTERPRISE: Mapping[str, Callable[[Enterprise, date], list[Record]]] = {
    "enterprise-1-day": lambda enterprise, day: [enterprise_day(enterprise, day)],
    "enterprise-28-day": lambda enterprise, day: [enterprise_28_day(enterprise, day)],
    "users-1-day": enterprise_user_days,
    "users-28-day": lambda enterprise, last_day: user_days_28(
        enterprise, last_day, lambda day: enterprise_user_days(enterprise, day)
    ),
    "user-teams-1-day": enterprise_team_rows,
    "repos-1-day": enterprise_repository_days,
}


def is_offered(scope: Organization | Enterprise, name: str) -> bool:
    return name in (_ENTERPRISE if isinstance(scope, Enterprise) else _ORGANIZATION)


def has_report(scope: Organization | Enterprise, name: str, day: date) -> bool:
    """Whether GitHub ever made the report of this day."""
    since = max(scope.reports_since or date.min, _FIRST_DAYS.get(name, date.min))
    return scope.has_day(day) and day >= since


def report_records(scope: Organization | Enterprise, name: str, day: date) -> list[Record]:
    """A report's lines, of one day or of the 28 days that end on it."""
    if isinstance(scope, Enterprise):
        return _ENTERPRISE[name](scope, day)
    return _ORGANIZATION[name](scope, day)
