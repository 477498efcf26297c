"""The usage metrics reports that an organization and an enterprise have, and their records.

Names: GitHub's documentation page "REST API endpoints for Copilot usage metrics".
"""

from __future__ import annotations

from datetime import date, timedelta

from copilot_pipeline.simulated_github import since
from copilot_pipeline.simulated_github.aggregates import aggregate_day, engagement
from copilot_pipeline.simulated_github.company import Enterprise, Record, Scope
from copilot_pipeline.simulated_github.pull_requests import repository_days
from copilot_pipeline.simulated_github.teams import team_rows
from copilot_pipeline.simulated_github.usage import user_days

_FIRST_DAYS = {
    "user-teams-1-day": since.USER_TEAMS_REPORT,
    "repos-1-day": since.REPOSITORIES_REPORT,
}
_FOR_EVERYBODY = {"users-1-day", "users-28-day", "user-teams-1-day", "repos-1-day"}


def is_offered(scope: Scope, name: str) -> bool:
    """Whether GitHub has such a report for this kind of scope."""
    kind = "enterprise" if isinstance(scope, Enterprise) else "organization"
    return name in _FOR_EVERYBODY | {f"{kind}-1-day", f"{kind}-28-day"}


def has_report(scope: Scope, name: str, day: date) -> bool:
    """Whether GitHub ever made the report of this day."""
    first = max(scope.reports_since or date.min, _FIRST_DAYS.get(name, date.min))
    return scope.has_day(day) and day >= first


def report_records(scope: Scope, name: str, day: date) -> list[Record]:
    """Returns a report's records, of one day or of the 28 days that end on it."""
    match name:
        case "users-1-day":
            return _users_day(scope, day)
        case "users-28-day":
            window = _window(day)
            days = _window_days(scope, day)
            return [{**window, **record} for each in days for record in _users_day(scope, each)]
        case "user-teams-1-day":
            return team_rows(scope.staffs, day, scope.ids)
        case "repos-1-day":
            return repository_days(scope.staffs, day)
        case "organization-28-day" | "enterprise-28-day":
            return [_aggregate_28_day(scope, day)]
        case "organization-1-day" | "enterprise-1-day":
            return [_aggregate_day(scope, day)]
    raise ValueError(f"the simulated GitHub has no records for the report {name}")


def _users_day(scope: Scope, day: date) -> list[Record]:
    ids = scope.ids
    return [{**ids, **record} for record in user_days(scope.staffs, day)]


def _aggregate_day(scope: Scope, day: date) -> Record:
    return {**scope.ids, **aggregate_day(scope.staffs, day)}


def _aggregate_28_day(scope: Scope, last_day: date) -> Record:
    report: Record = {
        **_window(last_day),
        "created_at": f"{(last_day + timedelta(days=1)).isoformat()}T00:05:00.000Z",
        **scope.ids,
        "day_totals": [_aggregate_day(scope, day) for day in _window_days(scope, last_day)],
    }
    if last_day >= since.ENGAGEMENT:
        report["copilot_feature_engagement"] = engagement(scope.staffs, last_day)
    return report


def _window(last_day: date) -> Record:
    return {
        "report_start_day": (last_day - timedelta(days=27)).isoformat(),
        "report_end_day": last_day.isoformat(),
    }


def _window_days(scope: Scope, last_day: date) -> list[date]:
    """Returns the days of the 28 that end on `last_day` which the scope has."""
    days = (last_day - timedelta(days=n) for n in reversed(range(28)))
    return [day for day in days if scope.has_day(day)]
