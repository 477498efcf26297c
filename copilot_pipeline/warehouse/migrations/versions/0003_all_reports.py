"""The tables of all usage metrics reports, and the columns that the organization table lacked.

Revision ID: 0003
Revises: 0002
"""

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

ACTIVITY = {
    "user_initiated_interaction_count": "Prompts that people sent",
    "code_generation_activity_count": "Output events; every code block counts",
    "code_acceptance_activity_count": "Accept actions: accept, apply, insert, copy button",
    "loc_suggested_to_add_sum": "Lines suggested for adding, agent edits excluded",
    "loc_suggested_to_delete_sum": "Lines suggested for deleting",
    "loc_added_sum": "Lines really added, agent edits included",
    "loc_deleted_sum": "Lines really deleted",
}

BREAKDOWNS = {
    "ide": ("ide",),
    "feature": ("feature",),
    "language_feature": ("language", "feature"),
    "language_model": ("language", "model"),
    "model_feature": ("model", "feature"),
}

DIMENSIONS = {
    "ide": "Editor, normalised name",
    "feature": "Feature, GitHub's name",
    "language": "Language, normalised name",
    "model": "Model, normalised name",
}

CLIENTS: list[tuple[str, Any, str]] = [
    ("cli_session_count", sa.BigInteger(), "Copilot CLI: sessions"),
    (
        "cli_request_count",
        sa.BigInteger(),
        "Copilot CLI: requests to a model, automatic follow-ups included",
    ),
    ("cli_prompt_count", sa.BigInteger(), "Copilot CLI: prompts"),
    ("cli_output_tokens_sum", sa.BigInteger(), "Copilot CLI: tokens written"),
    ("cli_prompt_tokens_sum", sa.BigInteger(), "Copilot CLI: tokens read"),
    ("cli_avg_tokens_per_request", sa.Double(), "Copilot CLI: tokens per request, as GitHub says"),
    ("copilot_app_session_count", sa.BigInteger(), "Copilot app: sessions"),
    (
        "copilot_app_request_count",
        sa.BigInteger(),
        "Copilot app: requests to a model, automatic follow-ups included",
    ),
    ("copilot_app_prompt_count", sa.BigInteger(), "Copilot app: prompts"),
    ("copilot_app_output_tokens_sum", sa.BigInteger(), "Copilot app: tokens written"),
    ("copilot_app_prompt_tokens_sum", sa.BigInteger(), "Copilot app: tokens read"),
    (
        "copilot_app_avg_tokens_per_request",
        sa.Double(),
        "Copilot app: tokens per request, as GitHub says",
    ),
    ("vscode_agent_session_count", sa.BigInteger(), "VS Code's agents window: sessions"),
    (
        "vscode_agent_total_user_messages",
        sa.BigInteger(),
        "VS Code's agents window: messages that people sent",
    ),
    ("distinct_skill_use_count", sa.BigInteger(), "Different skills used"),
    ("distinct_custom_agent_use_count", sa.BigInteger(), "Different custom agents used"),
    ("distinct_mcp_use_count", sa.BigInteger(), "Different MCP servers used"),
    ("distinct_slash_cmd_use_count", sa.BigInteger(), "Different slash commands used"),
    ("distinct_plugin_use_count", sa.BigInteger(), "Different plugins used"),
]

PULL_REQUESTS: list[tuple[str, Any, str]] = [
    ("total_created", sa.BigInteger(), "Pull requests created"),
    ("total_reviewed", sa.BigInteger(), "Pull requests reviewed; one may count on several days"),
    ("total_merged", sa.BigInteger(), "Pull requests merged"),
    ("total_suggestions", sa.BigInteger(), "Review suggestions by anyone"),
    ("total_applied_suggestions", sa.BigInteger(), "Review suggestions applied"),
    ("total_created_by_copilot", sa.BigInteger(), "Pull requests created by Copilot"),
    (
        "total_reviewed_by_copilot",
        sa.BigInteger(),
        "Pull requests reviewed by Copilot; one may count on several days",
    ),
    (
        "total_merged_created_by_copilot",
        sa.BigInteger(),
        "Merged pull requests that Copilot created",
    ),
    (
        "total_merged_reviewed_by_copilot",
        sa.BigInteger(),
        "Merged pull requests that Copilot reviewed",
    ),
    ("total_copilot_suggestions", sa.BigInteger(), "Review suggestions by Copilot"),
    (
        "total_copilot_applied_suggestions",
        sa.BigInteger(),
        "Review suggestions by Copilot that were applied",
    ),
    ("median_minutes_to_merge", sa.Double(), "Median minutes to the merge; cannot be averaged"),
    (
        "median_minutes_to_merge_copilot_authored",
        sa.Double(),
        "The same where Copilot is the author",
    ),
    ("median_minutes_to_merge_copilot_reviewed", sa.Double(), "The same where Copilot reviewed"),
]

FLAGS = {
    "used_agent": "Used agent mode in the IDE",
    "used_chat": "Used chat in the IDE",
    "used_cli": "Used Copilot CLI",
    "used_copilot_cloud_agent": "Used the cloud agent (formerly used_copilot_coding_agent)",
    "used_copilot_app": "Used the Copilot app",
    "used_vscode_agent": "Used VS Code's agents window",
    "used_copilot_code_review_active": "Asked for a review, or applied a suggestion",
    "used_copilot_code_review_passive": "Was reviewed without asking",
}

PHASE_AVERAGES = {
    "avg_user_initiated_interactions": (
        "Prompts, average per user: multiply by total_engaged_users before adding"
    ),
    "avg_code_generation_activities": (
        "Output events, average per user: multiply by total_engaged_users before adding"
    ),
    "avg_code_acceptance_activities": (
        "Accept actions, average per user: multiply by total_engaged_users before adding"
    ),
    "avg_loc_added": "Lines added, average per user: multiply by total_engaged_users before adding",
    "avg_loc_deleted": (
        "Lines deleted, average per user: multiply by total_engaged_users before adding"
    ),
    "avg_pull_requests_reviewed": (
        "Pull requests reviewed, average per user: multiply by total_engaged_users before adding"
    ),
    "avg_pull_requests_created": (
        "Pull requests created, average per user: multiply by total_engaged_users before adding"
    ),
    "avg_pull_requests_merged": (
        "Pull requests merged, average per user: multiply by total_engaged_users before adding"
    ),
    "avg_pull_requests_median_minutes_to_merge": (
        "Median minutes to the merge, average per user: multiply by total_engaged_users before "
        "adding"
    ),
}

SEAT_BREAKDOWN = {
    "total": "Seats",
    "added_this_cycle": "Seats added in the billing cycle",
    "pending_invitation": "Seats of people who have not joined yet",
    "pending_cancellation": "Seats that end with the cycle",
    "active_this_cycle": "Seats used in the cycle",
    "inactive_this_cycle": "Seats not used in the cycle",
}

POLICIES = {
    "public_code_suggestions": "allow, block or unconfigured",
    "ide_chat": "enabled, disabled or unconfigured",
    "platform_chat": "enabled, disabled or unconfigured",
    "cli": "enabled, disabled or unconfigured",
    "seat_management_setting": "assign_all, assign_selected, disabled or unconfigured",
    "plan_type": "business or enterprise",
}

# The columns that the view had come first: PostgreSQL then keeps it, with what was granted on it
# and what other views make of it. A person may hold several seats of an enterprise.
ORG_DAYS = """
CREATE {or_replace} VIEW copilot_org_days AS
SELECT
    {before},
    CASE WHEN snapshots.day IS NULL THEN NULL ELSE coalesce(held.total, 0) END AS seat_total,
    CASE WHEN snapshots.day IS NULL THEN NULL ELSE coalesce(held.active, 0) END
        AS seat_active_count,
    {added}
FROM _tool_copilot_org_metrics AS metrics
LEFT JOIN (
    SELECT DISTINCT scope_id, day FROM _raw_copilot_seats
) AS snapshots ON snapshots.scope_id = metrics.scope_id AND snapshots.day = metrics.day
LEFT JOIN (
    SELECT
        scope_id,
        day,
        count(DISTINCT user_id) AS total,
        count(DISTINCT CASE WHEN last_activity_at IS NOT NULL THEN user_id END) AS active
    FROM _tool_copilot_seats
    GROUP BY scope_id, day
) AS held ON held.scope_id = metrics.scope_id AND held.day = metrics.day
"""


def columns(names: Mapping[str, str], type_: Any) -> list[Any]:
    return [sa.Column(name, type_, comment=comment) for name, comment in names.items()]


def mixed(names: list[tuple[str, Any, str]], prefix: str = "") -> list[Any]:
    return [sa.Column(prefix + name, type_, comment=comment) for name, type_, comment in names]


def key(name: str, comment: str, type_: Any) -> Any:
    number: dict[str, Any] = {"autoincrement": False} if isinstance(type_, sa.BigInteger) else {}
    return sa.Column(name, type_, nullable=False, comment=comment, **number)


def create(name: str, keys: list[Any], others: list[Any], comment: str, day: str) -> None:
    keys = [key("scope_id", "The scope", sa.BigInteger()), key("day", day, sa.Date()), *keys]
    op.create_table(
        name,
        *keys,
        *others,
        sa.PrimaryKeyConstraint(*(column.name for column in keys), name=f"pk_{name}"),
        comment=comment,
    )


def upgrade() -> None:
    user_id = ("user_id", "GitHub's id of the user", sa.BigInteger())
    for breakdown, dimensions in BREAKDOWNS.items():
        by = " and ".join(dimensions)
        for name, of, keys in (
            ("_tool_copilot_metrics", "a scope's use of Copilot", []),
            ("_tool_copilot_user_metrics", "a user's use of Copilot", [user_id]),
        ):
            create(
                f"{name}_by_{breakdown}",
                [key(*each) for each in keys]
                + [key(each, DIMENSIONS[each], sa.Text()) for each in dimensions],
                columns(ACTIVITY, sa.BigInteger()),
                f"One row is {of} by {by} on one day. The rows need not sum to the total.",
                "UTC day",
            )
    create(
        "_tool_copilot_user_metrics",
        [key(*user_id)],
        [
            sa.Column("user_login", sa.Text(), comment="Login on the day"),
            *columns(ACTIVITY, sa.BigInteger()),
            sa.Column(
                "ai_credits_used",
                sa.Double(),
                comment="AI credits used: a signal of use, not a bill",
            ),
            *columns(FLAGS, sa.Boolean()),
            sa.Column(
                "ai_adoption_phase_number",
                sa.BigInteger(),
                comment="GitHub's adoption phase, 0 to 3",
            ),
            sa.Column("ai_adoption_phase", sa.Text(), comment="The phase's name"),
            sa.Column(
                "ai_adoption_phase_version",
                sa.Text(),
                comment="The version of GitHub's rule for phases",
            ),
            *mixed(CLIENTS),
        ],
        "One row is a user's use of Copilot in a scope on one day. NULL: GitHub did not say.",
        "UTC day",
    )
    create(
        "_tool_copilot_user_teams",
        [
            key("user_id", "GitHub's id of the user", sa.BigInteger()),
            key("team_id", "GitHub's id of the team", sa.BigInteger()),
        ],
        [
            sa.Column("user_login", sa.Text(), comment="Login on the day"),
            sa.Column("slug", sa.Text(), comment="The team's name in GitHub's addresses"),
            sa.Column(
                "organization_id",
                sa.Text(),
                comment="GitHub's id of the organization, where it says one",
            ),
        ],
        "One row is a user's membership in a team on one day. Teams below five seats have none.",
        "UTC day",
    )
    create(
        "_tool_copilot_repo_metrics",
        [key("repo_id", "GitHub's id of the repository", sa.BigInteger())],
        [
            sa.Column("repo_owner_name", sa.Text(), comment="The owner's name on the day"),
            sa.Column("repo_name", sa.Text(), comment="The repository's name on the day"),
            sa.Column("repo_visibility", sa.Text(), comment="INTERNAL, PRIVATE, …"),
            sa.Column(
                "organization_id",
                sa.Text(),
                comment="GitHub's id of the organization, where it says one",
            ),
            *mixed(PULL_REQUESTS),
        ],
        "One row is a repository's pull requests on one day on which it had any.",
        "UTC day",
    )
    create(
        "_tool_copilot_adoption_phases",
        [key("phase", "No Cohort, Phase 1, …", sa.Text())],
        [
            sa.Column("phase_number", sa.BigInteger(), comment="0 to 3"),
            sa.Column(
                "version",
                sa.Text(),
                comment="The version of GitHub's rule for phases, where it says one",
            ),
            sa.Column(
                "total_engaged_users",
                sa.BigInteger(),
                comment="People in the phase who were engaged on the day",
            ),
            sa.Column(
                "users_in_phase_28d",
                sa.BigInteger(),
                comment="People in the phase in the 28 days; NULL: not measured",
            ),
            *columns(PHASE_AVERAGES, sa.Double()),
        ],
        "One row is an adoption phase of a scope's people on one day.",
        "UTC day",
    )
    create(
        "_tool_copilot_billing",
        [],
        [*columns(SEAT_BREAKDOWN, sa.BigInteger()), *columns(POLICIES, sa.Text())],
        "One row is an organization's seat breakdown and policies on one day.",
        "The newest complete UTC day when the snapshot was taken",
    )
    connection = op.get_bind()
    had = [each["name"] for each in sa.inspect(connection).get_columns("copilot_org_days")]
    before = [name for name in had if name not in ("seat_total", "seat_active_count")]
    added = [*mixed(CLIENTS), *mixed(PULL_REQUESTS, "pull_requests_")]
    is_sqlite = connection.dialect.name == "sqlite"
    if is_sqlite:
        op.execute("DROP VIEW copilot_org_days")
    for column in added:
        op.add_column("_tool_copilot_org_metrics", column)
    op.execute(
        ORG_DAYS.format(
            or_replace="" if is_sqlite else "OR REPLACE",
            before=", ".join(f"metrics.{name}" for name in before),
            added=", ".join(f"metrics.{column.name}" for column in added),
        )
    )
    for table in ("_tool_copilot_scopes", "_tool_copilot_removed_scopes"):
        op.add_column(
            table,
            sa.Column(
                "reports", sa.Text(), comment="The reports to collect, after commas; NULL: all"
            ),
        )
