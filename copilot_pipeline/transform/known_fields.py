"""The fields of GitHub's reports that this version knows.

Source: GitHub's documentation "Data available in Copilot usage metrics", and its changelog up to
2026-09-25.
"""

from collections.abc import Mapping
from typing import Any

from copilot_pipeline.reports import AGGREGATES, REPOS, USER_TEAMS, USERS
from copilot_pipeline.transform.records import HOUSEKEEPING
from copilot_pipeline.warehouse.columns import (
    ACTIVITY_COUNTERS,
    AGENT_COUNTERS,
    CLIENT_COUNTERS,
    CUSTOMISATION_COUNTERS,
    PULL_REQUEST_COUNTERS,
    PULL_REQUEST_MEDIANS,
    TOKEN_AVERAGE,
    TOKEN_COUNTERS,
)
from copilot_pipeline.warehouse.report_tables import (
    BREAKDOWNS,
    PHASE_AVERAGES,
    PHASE_COUNTERS,
    USER_FLAGS,
)
from copilot_pipeline.warehouse.tables import REPORT_COUNTERS

# The fields of an object, each with the fields of the objects in it, or None.
Fields = Mapping[str, Any]

_ACTIVITY: Fields = dict.fromkeys(ACTIVITY_COUNTERS)
_VERSION: Fields = dict.fromkeys(("ide_version", "plugin", "plugin_version", "sampled_at"))
_BREAKDOWNS: Fields = {
    breakdown.field: {**_ACTIVITY, **dict.fromkeys(breakdown.dimensions)}
    for breakdown in BREAKDOWNS
}
_CLIENT: Fields = {
    **dict.fromkeys(CLIENT_COUNTERS),
    "token_usage": dict.fromkeys((*TOKEN_COUNTERS, TOKEN_AVERAGE)),
    "last_known_cli_version": dict.fromkeys(("cli_version", "sampled_at")),
}
_COMMON: Fields = {
    **dict.fromkeys(("day", "enterprise_id", "organization_id", *HOUSEKEEPING)),
    **_ACTIVITY,
    **_BREAKDOWNS,
    "totals_by_cli": _CLIENT,
    "totals_by_copilot_app": _CLIENT,
    "totals_by_vscode_agent": dict.fromkeys(AGENT_COUNTERS),
    "totals_by_3rd_party_agent": dict.fromkeys(
        ("agent_id", "agent_name", "user_initiated_interaction_count")
    ),
    **{
        f"totals_by_{kind}": dict.fromkeys(
            (kind, "interaction_count", "user_initiated_interaction_count")
        )
        for kind in ("skill", "custom_agent", "mcp", "slash_cmd", "plugin")
    },
    **dict.fromkeys(CUSTOMISATION_COUNTERS),
}
_PULL_REQUESTS: Fields = {
    **dict.fromkeys((*PULL_REQUEST_COUNTERS, *PULL_REQUEST_MEDIANS)),
    "copilot_suggestions_by_comment_type": dict.fromkeys(
        ("comment_type", "total_copilot_suggestions", "total_copilot_applied_suggestions")
    ),
}
_AGGREGATE: Fields = {
    **_COMMON,
    **dict.fromkeys(("daily_active_users", *REPORT_COUNTERS)),
    "pull_requests": _PULL_REQUESTS,
    "totals_by_ai_adoption_phase": dict.fromkeys(
        ("phase", "phase_number", "version", *PHASE_COUNTERS, *PHASE_AVERAGES)
    ),
}
_IDS = ("day", "enterprise_id", "organization_id", "user_id", "user_login", *HOUSEKEEPING)

KNOWN_FIELDS: Mapping[str, Fields] = {
    **dict.fromkeys(AGGREGATES.values(), _AGGREGATE),
    USERS: {
        **_COMMON,
        **dict.fromkeys(_IDS),
        **dict.fromkeys((*USER_FLAGS, "used_copilot_coding_agent", "ai_credits_used")),
        "ai_adoption_phase": dict.fromkeys(("phase", "phase_number", "version")),
        "totals_by_ide": {
            **_BREAKDOWNS["totals_by_ide"],
            "last_known_ide_version": _VERSION,
            "last_known_plugin_version": _VERSION,
        },
    },
    USER_TEAMS: dict.fromkeys((*_IDS, "team_id", "slug")),
    REPOS: {
        **dict.fromkeys(_IDS),
        **dict.fromkeys(("repo_id", "repo_owner_name", "repo_name", "repo_visibility")),
        "pull_requests": _PULL_REQUESTS,
        "pull_request_review_times": dict.fromkeys(
            (
                "authored_by",
                "reviewed_by",
                "total_merged",
                *(
                    f"{value}_minutes_{stage}"
                    for value in ("median", "p90")
                    for stage in (
                        "ready_to_first_review",
                        "first_to_final_review",
                        "final_review_to_merge",
                    )
                ),
            )
        ),
    },
}
