"""The tool tables of the usage metrics reports: breakdowns, users, teams, repositories, phases."""

from dataclasses import dataclass

from sqlalchemy import BigInteger, Column, Index, Table, or_

from copilot_pipeline.warehouse.columns import (
    ACTIVITY_COUNTERS,
    CLIENTS,
    clients,
    counters,
    day,
    flags,
    index_days,
    key_id,
    key_text,
    metadata,
    numbers,
    pull_requests,
    scope_id,
    texts,
)


@dataclass(frozen=True)
class Breakdown:
    """One of GitHub's `totals_by_…` arrays, with the dimensions that tell its entries apart."""

    name: str
    dimensions: tuple[str, ...]

    @property
    def field(self) -> str:
        return f"totals_by_{self.name}"


BY_FEATURE = Breakdown("feature", ("feature",))
BREAKDOWNS = (
    Breakdown("ide", ("ide",)),
    BY_FEATURE,
    Breakdown("language_feature", ("language", "feature")),
    Breakdown("language_model", ("language", "model")),
    Breakdown("model_feature", ("model", "feature")),
)

_DIMENSIONS = {
    "ide": "Editor, normalised name",
    "feature": "Feature, GitHub's name",
    "language": "Language, normalised name",
    "model": "Model, normalised name",
}


def _user_id() -> Column[int]:
    return key_id("user_id", "GitHub's id of the user")


def _breakdown_table(breakdown: Breakdown, name: str, *keys: Column[int], of: str) -> Table:
    by = " and ".join(breakdown.dimensions)
    return Table(
        f"{name}_by_{breakdown.name}",
        metadata,
        scope_id(),
        day(),
        *keys,
        *(key_text(dimension, _DIMENSIONS[dimension]) for dimension in breakdown.dimensions),
        *counters(ACTIVITY_COUNTERS),
        comment=f"One row is {of} by {by} on one day. The rows need not sum to the total.",
    )


scope_breakdowns = {
    breakdown: _breakdown_table(breakdown, "_tool_copilot_metrics", of="a scope's use of Copilot")
    for breakdown in BREAKDOWNS
}

user_breakdowns = {
    breakdown: _breakdown_table(
        breakdown, "_tool_copilot_user_metrics", _user_id(), of="a user's use of Copilot"
    )
    for breakdown in BREAKDOWNS
}

# GitHub's flags; one that did not exist yet is NULL, as is a review without a signal.
USER_FLAGS = {
    "used_agent": "Used agent mode in the IDE",
    "used_chat": "Used chat in the IDE",
    "used_cli": "Used Copilot CLI",
    "used_copilot_cloud_agent": "Used the cloud agent (formerly used_copilot_coding_agent)",
    "used_copilot_app": "Used the Copilot app",
    "used_vscode_agent": "Used VS Code's agents window",
    "used_copilot_code_review_active": "Asked for a review, or applied a suggestion",
    "used_copilot_code_review_passive": "Was reviewed without asking",
}

user_metrics = Table(
    "_tool_copilot_user_metrics",
    metadata,
    scope_id(),
    day(),
    _user_id(),
    *texts({"user_login": "Login on the day"}),
    *counters(ACTIVITY_COUNTERS),
    *numbers({"ai_credits_used": "AI credits used: a signal of use, not a bill"}),
    *flags(USER_FLAGS),
    *counters({"ai_adoption_phase_number": "GitHub's adoption phase, 0 to 3"}),
    *texts(
        {
            "ai_adoption_phase": "The phase's name",
            "ai_adoption_phase_version": "The version of GitHub's rule for phases",
        }
    ),
    *clients(),
    comment="One row is a user's use of Copilot in a scope on one day. NULL: GitHub did not say.",
)

was_active = or_(
    *(
        user_metrics.c[name] > 0
        for name in (
            *ACTIVITY_COUNTERS,
            *(f"{client}_session_count" for client in CLIENTS),
            "vscode_agent_session_count",
        )
    ),
    *(user_metrics.c[name] for name in USER_FLAGS),
)
"""Whether a user's row shows any activity: GitHub has rows of people without any."""

# Who was active, and what people ask for most, without reading the wide rows.
Index(
    "ix__tool_copilot_user_metrics_active_user",
    user_metrics.c.scope_id,
    user_metrics.c.user_id,
    user_metrics.c.day,
    postgresql_where=was_active,
    sqlite_where=was_active,
)
Index(
    "ix__tool_copilot_user_metrics_active_day",
    user_metrics.c.scope_id,
    user_metrics.c.day,
    user_metrics.c.user_id,
    postgresql_include=["user_initiated_interaction_count", "loc_added_sum"],
    postgresql_where=was_active,
    sqlite_where=was_active,
)
_by_feature = user_breakdowns[BY_FEATURE]
_is_completion = _by_feature.c.feature == "code_completion"
Index(
    "ix__tool_copilot_user_metrics_by_feature_completions",
    _by_feature.c.scope_id,
    _by_feature.c.day,
    _by_feature.c.user_id,
    postgresql_include=["code_generation_activity_count", "code_acceptance_activity_count"],
    postgresql_where=_is_completion,
    sqlite_where=_is_completion,
)

user_teams = Table(
    "_tool_copilot_user_teams",
    metadata,
    scope_id(),
    day(),
    _user_id(),
    key_id("team_id", "GitHub's id of the team"),
    *texts(
        {
            "user_login": "Login on the day",
            "slug": "The team's name in GitHub's addresses",
            "organization_id": "GitHub's id of the organization, where it says one",
        }
    ),
    comment=(
        "One row is a user's membership in a team on one day. Teams below five seats have none."
    ),
)

repo_metrics = Table(
    "_tool_copilot_repo_metrics",
    metadata,
    scope_id(),
    day(),
    key_id("repo_id", "GitHub's id of the repository"),
    *texts(
        {
            "repo_owner_name": "The owner's name on the day",
            "repo_name": "The repository's name on the day",
            "repo_visibility": "INTERNAL, PRIVATE, …",
            "organization_id": "GitHub's id of the organization, where it says one",
        }
    ),
    *pull_requests(),
    comment="One row is a repository's pull requests on one day on which it had any.",
)

PHASE_COUNTERS = {
    "total_engaged_users": "People in the phase who were engaged on the day",
    "users_in_phase_28d": "People in the phase in the 28 days; NULL: not measured",
}
PHASE_AVERAGES = {
    "avg_user_initiated_interactions": "Prompts",
    "avg_code_generation_activities": "Output events",
    "avg_code_acceptance_activities": "Accept actions",
    "avg_loc_added": "Lines added",
    "avg_loc_deleted": "Lines deleted",
    "avg_pull_requests_reviewed": "Pull requests reviewed",
    "avg_pull_requests_created": "Pull requests created",
    "avg_pull_requests_merged": "Pull requests merged",
    "avg_pull_requests_median_minutes_to_merge": "Median minutes to the merge",
}

adoption_phases = Table(
    "_tool_copilot_adoption_phases",
    metadata,
    scope_id(),
    day(),
    key_text("phase", "No Cohort, Phase 1, …"),
    Column("phase_number", BigInteger, comment="0 to 3"),
    *texts({"version": "The version of GitHub's rule for phases, where it says one"}),
    *counters(PHASE_COUNTERS),
    *numbers(
        {
            name: f"{what}, average per user: multiply by total_engaged_users before adding"
            for name, what in PHASE_AVERAGES.items()
        }
    ),
    comment="One row is an adoption phase of a scope's people on one day.",
)

index_days(*scope_breakdowns.values(), user_metrics, _by_feature, user_teams)
