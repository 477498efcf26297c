"""The aggregate reports of an organization: every documented field, in GitHub's shapes.

Shapes: GitHub's documentation page "Data available in Copilot usage metrics".
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta

from copilot_pipeline.demo import since
from copilot_pipeline.demo.clients import (
    MESSAGES_PER_AGENT_USER,
    PROMPTS_PER_APP_USER,
    SESSIONS_PER_AGENT_USER,
    agent_client,
    customisations,
    sessions_of,
)
from copilot_pipeline.demo.organization import Enterprise, Organization, Record
from copilot_pipeline.demo.phases import adoption_phases, engaged_by_phase
from copilot_pipeline.demo.pull_requests import pull_requests
from copilot_pipeline.demo.usage import (
    CLI,
    CODE_COUNTERS,
    COUNTERS,
    FEATURES,
    PROMPTS,
    active_users,
    audience,
    breakdown,
    by_ide,
    summed,
    usage_rows,
)


def organization_day(organization: Organization, day: date) -> Record:
    """One record of `organization-1-day`, every documented field that existed on that day."""
    users = active_users(organization, day)
    rows = usage_rows(organization, day)
    totals = summed(rows, COUNTERS)
    pulls = pull_requests(organization, day)
    record: Record = {
        "day": day.isoformat(),
        **organization_ids(organization),
        **users.fields("active"),
        **users.trailing_fields(),
        **audience(users, "active_copilot_cloud_agent").fields("active_copilot_cloud_agent"),
        **totals,
        "totals_by_ide": by_ide(rows),
        "totals_by_feature": breakdown(rows, ["feature"], COUNTERS),
        "totals_by_language_feature": breakdown(rows, ["language", "feature"], CODE_COUNTERS),
        "totals_by_language_model": breakdown(rows, ["language", "model"], CODE_COUNTERS),
        "totals_by_model_feature": breakdown(rows, ["model", "feature"], COUNTERS),
        **customisations(organization, day),
        "pull_requests": pulls,
    }
    cli = audience(users, "active_cli")
    if cli.daily:
        prompts = sum(row[PROMPTS] for row in rows if row["feature"] == CLI)
        record |= cli.fields("active_cli")
        record["totals_by_cli"] = agent_client(prompts, sessions_of(prompts))
    if day >= since.CODE_REVIEW:
        for name in ("active_copilot_code_review", "passive_copilot_code_review"):
            record |= audience(users, name).fields(name)
    if day >= since.PHASES:
        record["totals_by_ai_adoption_phase"] = adoption_phases(
            engaged_by_phase(users.daily), users.monthly, totals, pulls
        )
    if day >= since.APP:
        app = audience(users, "active_copilot_app")
        prompts = app.daily * PROMPTS_PER_APP_USER
        record |= app.fields("active_copilot_app")
        record["totals_by_copilot_app"] = agent_client(prompts, sessions_of(prompts))
    if day >= since.VSCODE_AGENT:
        agent = audience(users, "active_vscode_agent")
        record |= agent.fields("active_vscode_agent")
        record["totals_by_vscode_agent"] = {
            "session_count": agent.daily * SESSIONS_PER_AGENT_USER,
            "total_user_messages": agent.daily * MESSAGES_PER_AGENT_USER,
        }
    return record


def organization_28_day(organization: Organization, last_day: date) -> Record:
    """The one object of `organization-28-day/latest` for the window that ends on `last_day`."""
    days = [organization_day(organization, day) for day in window_of(organization, last_day)]
    monthly = active_users(organization, last_day).monthly
    return report_28_day(last_day, organization_ids(organization), days, monthly)


def organization_ids(organization: Organization) -> Record:
    return {
        "enterprise_id": str(organization.enterprise_id),
        "organization_id": str(organization.id),
    }


def window_of(scope: Organization | Enterprise, last_day: date) -> list[date]:
    """The days of the 28 that end on `last_day` which the scope has."""
    days = (last_day - timedelta(days=n) for n in reversed(range(28)))
    return [day for day in days if scope.has_day(day)]


def window_fields(last_day: date) -> Record:
    return {
        "report_start_day": (last_day - timedelta(days=27)).isoformat(),
        "report_end_day": last_day.isoformat(),
    }


def report_28_day(
    last_day: date, ids: Record, day_totals: Sequence[Record], monthly: int
) -> Record:
    report: Record = {
        **window_fields(last_day),
        "created_at": f"{(last_day + timedelta(days=1)).isoformat()}T00:05:00.000Z",
        **ids,
        "day_totals": day_totals,
    }
    if last_day >= since.ENGAGEMENT:
        report["copilot_feature_engagement"] = {
            "active_user_count": monthly,
            "totals_by_feature": [
                {
                    "feature": feature.name,
                    "engaged_user_count": round(monthly * feature.monthly_users),
                }
                for feature in FEATURES
            ],
        }
    return report
