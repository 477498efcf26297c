"""Usage metrics reports: every documented field, in GitHub's shapes.

Shapes: GitHub's documentation page "Data available in Copilot usage metrics".
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from datetime import date, timedelta

from copilot_pipeline.demo.chance import seeded, split
from copilot_pipeline.demo.organization import Organization, Record
from copilot_pipeline.demo.usage import (
    CLI,
    CODE_COUNTERS,
    COUNTERS,
    FEATURES,
    PROMPTS,
    ActiveUsers,
    active_users,
    breakdown,
    by_ide,
    cli_users,
    summed,
    usage_rows,
)

_ENTERPRISE_ID = "7001"

# The days on which GitHub's reports got these fields; earlier days do not have them.
_CODE_REVIEW_SINCE = date(2026, 4, 1)
_PHASES_SINCE = date(2026, 5, 29)
_APP_SINCE = date(2026, 7, 1)
_VSCODE_AGENT_SINCE = date(2026, 9, 11)
_ENGAGEMENT_SINCE = date(2026, 9, 17)


def organization_day(organization: Organization, day: date) -> Record:
    """One record of `organization-1-day`, every documented field that existed on that day."""
    users = active_users(organization, day)
    rows = usage_rows(organization, day)
    totals = summed(rows, COUNTERS)
    pull_requests = _pull_requests(organization, day, users)
    record: Record = {
        "day": day.isoformat(),
        "enterprise_id": _ENTERPRISE_ID,
        "organization_id": str(organization.id),
        **users.fields("active"),
        "monthly_active_chat_users": round(users.monthly * 0.82),
        "monthly_active_agent_users": round(users.monthly * 0.60),
        **users.part(0.10, 0.18, 0.27).fields("active_copilot_cloud_agent"),
        **totals,
        "totals_by_ide": by_ide(rows),
        "totals_by_feature": breakdown(rows, ["feature"], COUNTERS),
        "totals_by_language_feature": breakdown(rows, ["language", "feature"], CODE_COUNTERS),
        "totals_by_language_model": breakdown(rows, ["language", "model"], CODE_COUNTERS),
        "totals_by_model_feature": breakdown(rows, ["model", "feature"], COUNTERS),
        **_customisations(organization, day, users),
        "pull_requests": pull_requests,
    }
    cli = cli_users(users)
    if cli.daily:
        prompts = sum(row[PROMPTS] for row in rows if row["feature"] == CLI)
        record |= {**cli.fields("active_cli"), "totals_by_cli": _agent_client(prompts)}
    if day >= _CODE_REVIEW_SINCE:
        record |= users.part(0.18, 0.35, 0.50).fields("active_copilot_code_review")
        record |= users.part(0.10, 0.20, 0.25).fields("passive_copilot_code_review")
    if day >= _PHASES_SINCE:
        record["totals_by_ai_adoption_phase"] = _phases(users, totals, pull_requests)
    if day >= _APP_SINCE:
        app = users.part(0.08, 0.12, 0.16)
        record |= app.fields("active_copilot_app")
        record["totals_by_copilot_app"] = _agent_client(app.daily * 6)
    if day >= _VSCODE_AGENT_SINCE:
        agent = users.part(0.40, 0.50, 0.58)
        sessions = {"session_count": agent.daily * 3, "total_user_messages": agent.daily * 13}
        record |= {**agent.fields("active_vscode_agent"), "totals_by_vscode_agent": sessions}
    return record


def organization_28_day(organization: Organization, last_day: date) -> Record:
    """The one object of `organization-28-day/latest` for the window that ends on `last_day`."""
    first_day = last_day - timedelta(days=27)
    days = [first_day + timedelta(days=n) for n in range(28)]
    report: Record = {
        "report_start_day": first_day.isoformat(),
        "report_end_day": last_day.isoformat(),
        "created_at": f"{(last_day + timedelta(days=1)).isoformat()}T00:05:00.000Z",
        "enterprise_id": _ENTERPRISE_ID,
        "organization_id": str(organization.id),
        "day_totals": [
            organization_day(organization, day) for day in days if organization.has_day(day)
        ],
    }
    if last_day >= _ENGAGEMENT_SINCE:
        monthly = active_users(organization, last_day).monthly
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


def _organization_1_day_lines(organization: Organization, day: date) -> list[Record]:
    return [organization_day(organization, day)]


def _organization_28_day_lines(organization: Organization, last_day: date) -> list[Record]:
    return [organization_28_day(organization, last_day)]


REPORTS: Mapping[str, Callable[[Organization, date], list[Record]]] = {
    "organization-1-day": _organization_1_day_lines,
    "organization-28-day": _organization_28_day_lines,
}
"""The reports GitHub's usage metrics API offers here: the records, one per line, of one day or of
the 28 days that end on it."""


def _agent_client(prompts: int) -> Record:
    """`totals_by_cli` and `totals_by_copilot_app`: a prompt leads to several model requests."""
    requests = prompts * 5
    tokens = {"output_tokens_sum": requests * 410, "prompt_tokens_sum": requests * 9_300}
    average = round(sum(tokens.values()) / requests, 2) if requests else None
    return {
        "session_count": math.ceil(prompts / 6),
        "request_count": requests,
        "prompt_count": prompts,
        "token_usage": {**tokens, "avg_tokens_per_request": average},
    }


_CUSTOMISATIONS = {
    "skill": ("explain-failure", "write-changelog", "update-docs", "review-checklist", "other"),
    "custom_agent": ("release-notes", "test-writer", "other"),
    "mcp": ("issue-tracker", "database-reader", "browser", "other"),
    "slash_cmd": ("fix", "tests", "explain", "doc", "custom"),
    "plugin": ("documentation-kit", "other"),
}


def _customisations(organization: Organization, day: date, users: ActiveUsers) -> Record:
    fields: Record = {}
    for kind, names in _CUSTOMISATIONS.items():
        rng = seeded(organization.slug.lower(), day, kind)
        uses = round(users.daily * rng.uniform(0.3, 0.7))
        counts = split(uses, [rng.uniform(0.5, 1.5) for _ in names])
        entries = [
            {kind: name, "interaction_count": count}
            for name, count in zip(names, counts, strict=True)
            if count
        ]
        fields[f"totals_by_{kind}"] = entries
        fields[f"distinct_{kind}_use_count"] = len(entries)
    fields["totals_by_3rd_party_agent"] = []
    if agents := round(users.daily * 0.2):
        agent = {"agent_id": "demo-agent-1", "agent_name": "Demo Agent", PROMPTS: agents}
        fields["totals_by_3rd_party_agent"].append(agent)
    return fields


def _pull_requests(organization: Organization, day: date, users: ActiveUsers) -> Record:
    rng = seeded(organization.slug.lower(), day, "pull requests")
    created = round(users.daily * rng.uniform(0.55, 0.75))
    merged = round(created * rng.uniform(0.75, 0.95))
    reviewed = round(created * rng.uniform(1.0, 1.3))
    by_copilot = round(created * 0.18)
    copilot_merged = round(by_copilot * 0.7)
    copilot_reviewed = round(reviewed * 0.55)
    comments = split(copilot_reviewed * 3, [0.42, 0.31, 0.17, 0.10])
    types = [
        {
            "comment_type": name,
            "total_copilot_suggestions": count,
            "total_copilot_applied_suggestions": round(count * 0.35),
        }
        for name, count in zip(
            ("maintainability", "bug_risk", "security", "performance"), comments, strict=True
        )
    ]
    applied = sum(round(count * 0.35) for count in comments)
    minutes = rng.uniform(300, 1100)
    return {
        "total_created": created,
        "total_reviewed": reviewed,
        "total_merged": merged,
        "total_suggestions": sum(comments) + reviewed,
        "total_applied_suggestions": applied + round(reviewed * 0.5),
        "total_created_by_copilot": by_copilot,
        "total_reviewed_by_copilot": copilot_reviewed,
        "total_merged_created_by_copilot": copilot_merged,
        "total_merged_reviewed_by_copilot": round(merged * 0.5),
        "total_copilot_suggestions": sum(comments),
        "total_copilot_applied_suggestions": applied,
        "median_minutes_to_merge": round(minutes, 1) if merged else None,
        "median_minutes_to_merge_copilot_authored": (
            round(minutes * 0.8, 1) if copilot_merged else None
        ),
        "median_minutes_to_merge_copilot_reviewed": round(minutes * 0.9, 1) if merged else None,
        "copilot_suggestions_by_comment_type": [
            entry for entry in types if entry["total_copilot_suggestions"]
        ],
    }


_PHASES = ("No Cohort", "Phase 1", "Phase 2", "Phase 3")


def _phases(users: ActiveUsers, totals: Record, pull_requests: Record) -> list[Record]:
    """Averages per user that, weighted with the users of each phase, give back the totals."""
    engaged = split(users.daily, [0.10, 0.38, 0.33, 0.19])
    enrolled = split(users.monthly, [0.14, 0.40, 0.30, 0.16])
    effort = [0.4, 0.7, 1.1, 1.8]
    weight = sum(count * factor for count, factor in zip(engaged, effort, strict=True))
    entries = []
    for number, phase in enumerate(_PHASES):
        if not engaged[number]:
            continue
        share = effort[number] / weight
        entries.append(
            {
                "phase": phase,
                "phase_number": number,
                "total_engaged_users": engaged[number],
                "users_in_phase_28d": enrolled[number],
                "avg_user_initiated_interactions": round(totals[PROMPTS] * share, 2),
                "avg_code_generation_activities": round(
                    totals["code_generation_activity_count"] * share, 2
                ),
                "avg_code_acceptance_activities": round(
                    totals["code_acceptance_activity_count"] * share, 2
                ),
                "avg_loc_added": round(totals["loc_added_sum"] * share, 2),
                "avg_loc_deleted": round(totals["loc_deleted_sum"] * share, 2),
                "avg_pull_requests_reviewed": round(pull_requests["total_reviewed"] * share, 2),
                "avg_pull_requests_created": round(pull_requests["total_created"] * share, 2),
                "avg_pull_requests_merged": round(pull_requests["total_merged"] * share, 2),
                "avg_pull_requests_median_minutes_to_merge": pull_requests[
                    "median_minutes_to_merge"
                ],
            }
        )
    return entries
