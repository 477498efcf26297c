"""Every table and index, without views: those are made anew from the code when a warehouse is opened.

Revision ID: 0005
Revises:
"""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = None
branch_labels = None
depends_on = None

# SQLite numbers rows by itself only where the key is declared INTEGER.
ROW_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")

# A user's row shows activity: a counter, sessions of a client, or a flag.
ACTIVE_COUNTERS = (
    "user_initiated_interaction_count",
    "code_generation_activity_count",
    "code_acceptance_activity_count",
    "loc_suggested_to_add_sum",
    "loc_suggested_to_delete_sum",
    "loc_added_sum",
    "loc_deleted_sum",
    "cli_session_count",
    "copilot_app_session_count",
    "vscode_agent_session_count",
)
ACTIVE_FLAGS = (
    "used_agent",
    "used_chat",
    "used_cli",
    "used_copilot_cloud_agent",
    "used_copilot_app",
    "used_vscode_agent",
    "used_copilot_code_review_active",
    "used_copilot_code_review_passive",
)

# Rows come in the order of their days, so that the days of a chart lie together: an index that
# costs next to nothing finds them, where the key would collect them scope by scope.
LARGE_TABLES = (
    "_tool_copilot_language_metrics",
    "_tool_copilot_metrics_by_feature",
    "_tool_copilot_metrics_by_ide",
    "_tool_copilot_metrics_by_language_feature",
    "_tool_copilot_metrics_by_language_model",
    "_tool_copilot_metrics_by_model_feature",
    "_tool_copilot_seats",
    "_tool_copilot_user_metrics",
    "_tool_copilot_user_metrics_by_feature",
    "_tool_copilot_user_teams",
)


def _was_active(is_true: str) -> str:
    counted = [f"{name} > 0" for name in ACTIVE_COUNTERS]
    return " OR ".join([*counted, *(name + is_true for name in ACTIVE_FLAGS)])


def upgrade() -> None:
    op.create_table(
        "_raw_copilot_billing",
        sa.Column(
            "scope_id", sa.BigInteger(), autoincrement=False, nullable=False, comment="The scope"
        ),
        sa.Column(
            "day",
            sa.Date(),
            nullable=False,
            comment="The newest complete UTC day when the snapshot was taken",
        ),
        sa.Column(
            "fetched_at", sa.DateTime(timezone=True), nullable=False, comment="When GitHub answered"
        ),
        sa.Column("url", sa.Text(), nullable=False, comment="Without the query of a signed link"),
        sa.Column("payload", sa.Text(), nullable=False, comment="GitHub's answer as received"),
        sa.PrimaryKeyConstraint("scope_id", "day", name="pk__raw_copilot_billing"),
        comment="One row is an organization's seat breakdown and policies as GitHub showed them.",
    )
    op.create_table(
        "_raw_copilot_metrics",
        sa.Column(
            "scope_id", sa.BigInteger(), autoincrement=False, nullable=False, comment="The scope"
        ),
        sa.Column("day", sa.Date(), nullable=False, comment="The UTC day that the report is about"),
        sa.Column(
            "report", sa.Text(), nullable=False, comment="GitHub's name of the report, or legacy"
        ),
        sa.Column(
            "part", sa.Integer(), autoincrement=False, nullable=False, comment="The file, from 0"
        ),
        sa.Column(
            "fetched_at", sa.DateTime(timezone=True), nullable=False, comment="When GitHub answered"
        ),
        sa.Column("url", sa.Text(), nullable=False, comment="Without the query of a signed link"),
        sa.Column("payload", sa.Text(), nullable=False, comment="GitHub's answer as received"),
        sa.Column(
            "sha256",
            sa.Text(),
            nullable=False,
            comment="SHA-256 of the payload's UTF-8, hexadecimal",
        ),
        sa.PrimaryKeyConstraint(
            "scope_id", "day", "report", "part", name="pk__raw_copilot_metrics"
        ),
        comment="One row is a file of a report, or a day of the legacy endpoint, as received.",
    )
    op.create_table(
        "_raw_copilot_seats",
        sa.Column(
            "scope_id", sa.BigInteger(), autoincrement=False, nullable=False, comment="The scope"
        ),
        sa.Column(
            "day",
            sa.Date(),
            nullable=False,
            comment="The newest complete UTC day when the snapshot was taken",
        ),
        sa.Column("page", sa.Integer(), autoincrement=False, nullable=False, comment="From 1"),
        sa.Column(
            "fetched_at", sa.DateTime(timezone=True), nullable=False, comment="When GitHub answered"
        ),
        sa.Column("url", sa.Text(), nullable=False, comment="Without the query of a signed link"),
        sa.Column("payload", sa.Text(), nullable=False, comment="GitHub's answer as received"),
        sa.PrimaryKeyConstraint("scope_id", "day", "page", name="pk__raw_copilot_seats"),
        comment="One row is a page of the seat list as GitHub showed it.",
    )
    op.create_table(
        "_tool_copilot_adoption_phases",
        sa.Column(
            "scope_id", sa.BigInteger(), autoincrement=False, nullable=False, comment="The scope"
        ),
        sa.Column("day", sa.Date(), nullable=False, comment="UTC day"),
        sa.Column("phase", sa.Text(), nullable=False, comment="No Cohort, Phase 1, …"),
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
        sa.Column(
            "avg_user_initiated_interactions",
            sa.Double(),
            comment="Prompts, average per user: multiply by total_engaged_users before adding",
        ),
        sa.Column(
            "avg_code_generation_activities",
            sa.Double(),
            comment="Output events, average per user: multiply by total_engaged_users before adding",
        ),
        sa.Column(
            "avg_code_acceptance_activities",
            sa.Double(),
            comment="Accept actions, average per user: multiply by total_engaged_users before adding",
        ),
        sa.Column(
            "avg_loc_added",
            sa.Double(),
            comment="Lines added, average per user: multiply by total_engaged_users before adding",
        ),
        sa.Column(
            "avg_loc_deleted",
            sa.Double(),
            comment="Lines deleted, average per user: multiply by total_engaged_users before adding",
        ),
        sa.Column(
            "avg_pull_requests_reviewed",
            sa.Double(),
            comment="Pull requests reviewed, average per user: multiply by total_engaged_users before adding",
        ),
        sa.Column(
            "avg_pull_requests_created",
            sa.Double(),
            comment="Pull requests created, average per user: multiply by total_engaged_users before adding",
        ),
        sa.Column(
            "avg_pull_requests_merged",
            sa.Double(),
            comment="Pull requests merged, average per user: multiply by total_engaged_users before adding",
        ),
        sa.Column(
            "avg_pull_requests_median_minutes_to_merge",
            sa.Double(),
            comment="Median minutes to the merge, average per user: multiply by total_engaged_users before adding",
        ),
        sa.PrimaryKeyConstraint(
            "scope_id", "day", "phase", name="pk__tool_copilot_adoption_phases"
        ),
        comment="One row is an adoption phase of a scope's people on one day.",
    )
    op.create_table(
        "_tool_copilot_billing",
        sa.Column(
            "scope_id", sa.BigInteger(), autoincrement=False, nullable=False, comment="The scope"
        ),
        sa.Column(
            "day",
            sa.Date(),
            nullable=False,
            comment="The newest complete UTC day when the snapshot was taken",
        ),
        sa.Column("total", sa.BigInteger(), comment="Seats"),
        sa.Column("added_this_cycle", sa.BigInteger(), comment="Seats added in the billing cycle"),
        sa.Column(
            "pending_invitation", sa.BigInteger(), comment="Seats of people who have not joined yet"
        ),
        sa.Column("pending_cancellation", sa.BigInteger(), comment="Seats that end with the cycle"),
        sa.Column("active_this_cycle", sa.BigInteger(), comment="Seats used in the cycle"),
        sa.Column("inactive_this_cycle", sa.BigInteger(), comment="Seats not used in the cycle"),
        sa.Column("public_code_suggestions", sa.Text(), comment="allow, block or unconfigured"),
        sa.Column("ide_chat", sa.Text(), comment="enabled, disabled or unconfigured"),
        sa.Column("platform_chat", sa.Text(), comment="enabled, disabled or unconfigured"),
        sa.Column("cli", sa.Text(), comment="enabled, disabled or unconfigured"),
        sa.Column(
            "seat_management_setting",
            sa.Text(),
            comment="assign_all, assign_selected, disabled or unconfigured",
        ),
        sa.Column("plan_type", sa.Text(), comment="business or enterprise"),
        sa.PrimaryKeyConstraint("scope_id", "day", name="pk__tool_copilot_billing"),
        comment="One row is an organization's seat breakdown and policies on one day.",
    )
    op.create_table(
        "_tool_copilot_collection_status",
        sa.Column(
            "scope_id", sa.BigInteger(), autoincrement=False, nullable=False, comment="The scope"
        ),
        sa.Column("day", sa.Date(), nullable=False, comment="The UTC day that the report is about"),
        sa.Column(
            "report", sa.Text(), nullable=False, comment="GitHub's name of the report, or legacy"
        ),
        sa.Column(
            "state",
            sa.Text(),
            nullable=False,
            comment="loaded: its rows are there. not_ready: not yet, the day is provisional. no_data: GitHub has no report of the day. no_access: the token may not read it. failed",
        ),
        sa.Column("http_status", sa.Integer(), comment="Of the last answer; NULL: none came"),
        sa.Column("row_count", sa.BigInteger(), comment="Records in the report, each once"),
        sa.Column(
            "sha256",
            sa.Text(),
            comment="SHA-256 of the report's records, in any order, without GitHub's housekeeping",
        ),
        sa.Column(
            "first_loaded_at", sa.DateTime(timezone=True), comment="When the day was loaded first"
        ),
        sa.Column(
            "last_fetched_at",
            sa.DateTime(timezone=True),
            nullable=False,
            comment="When it was asked for last",
        ),
        sa.Column("changed_at", sa.DateTime(timezone=True), comment="When other content came last"),
        sa.Column(
            "change_count",
            sa.Integer(),
            nullable=False,
            comment="How often other content came than before",
        ),
        sa.Column(
            "message", sa.Text(), comment="Why the last attempt failed; a loaded day keeps its rows"
        ),
        sa.PrimaryKeyConstraint(
            "scope_id", "day", "report", name="pk__tool_copilot_collection_status"
        ),
        comment="One row is what became of one report of one scope and day.",
    )
    op.create_table(
        "_tool_copilot_definition_changes",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column(
            "day",
            sa.Date(),
            nullable=False,
            comment="Announced; the data may switch days around it",
        ),
        sa.Column(
            "scope",
            sa.Text(),
            nullable=False,
            comment="What it is about: all, organization, enterprise, users, repos, legacy or billing",
        ),
        sa.Column(
            "kind",
            sa.Text(),
            nullable=False,
            comment="definition, new_field, new_value, new_report, restatement, history_start, closed, status or transport",
        ),
        sa.Column("what_changed", sa.Text(), nullable=False, comment="In a sentence, for a chart"),
        sa.Column(
            "metrics_affected", sa.Text(), nullable=False, comment="GitHub's names, after commas"
        ),
        sa.PrimaryKeyConstraint("id", name="pk__tool_copilot_definition_changes"),
        comment="One row is a day on which GitHub changed what its numbers mean, or which exist.",
    )
    op.create_table(
        "_tool_copilot_language_metrics",
        sa.Column(
            "scope_id", sa.BigInteger(), autoincrement=False, nullable=False, comment="The scope"
        ),
        sa.Column("day", sa.Date(), nullable=False, comment="UTC day"),
        sa.Column(
            "editor", sa.Text(), nullable=False, comment="'all' for reports, which have no editors"
        ),
        sa.Column(
            "language", sa.Text(), nullable=False, comment="GitHub's name; 'unknown' if empty"
        ),
        sa.Column(
            "engaged_users",
            sa.BigInteger(),
            comment="People; the largest of the models' values (legacy only)",
        ),
        sa.Column("suggestions", sa.BigInteger(), comment="Code completions suggested"),
        sa.Column("acceptances", sa.BigInteger(), comment="Code completions accepted"),
        sa.Column("lines_suggested", sa.BigInteger(), comment="Lines in suggested completions"),
        sa.Column(
            "lines_accepted",
            sa.BigInteger(),
            comment="Lines of accepted completions (reports: lines added by them)",
        ),
        sa.PrimaryKeyConstraint(
            "scope_id", "day", "editor", "language", name="pk__tool_copilot_language_metrics"
        ),
        comment="One row is a scope's code completions in one editor and language on one day.",
    )
    op.create_table(
        "_tool_copilot_metrics_by_feature",
        sa.Column(
            "scope_id", sa.BigInteger(), autoincrement=False, nullable=False, comment="The scope"
        ),
        sa.Column("day", sa.Date(), nullable=False, comment="UTC day"),
        sa.Column("feature", sa.Text(), nullable=False, comment="Feature, GitHub's name"),
        sa.Column(
            "user_initiated_interaction_count", sa.BigInteger(), comment="Prompts that people sent"
        ),
        sa.Column(
            "code_generation_activity_count",
            sa.BigInteger(),
            comment="Output events; every code block counts",
        ),
        sa.Column(
            "code_acceptance_activity_count",
            sa.BigInteger(),
            comment="Accept actions: accept, apply, insert, copy button",
        ),
        sa.Column(
            "loc_suggested_to_add_sum",
            sa.BigInteger(),
            comment="Lines suggested for adding, agent edits excluded",
        ),
        sa.Column(
            "loc_suggested_to_delete_sum", sa.BigInteger(), comment="Lines suggested for deleting"
        ),
        sa.Column(
            "loc_added_sum", sa.BigInteger(), comment="Lines really added, agent edits included"
        ),
        sa.Column("loc_deleted_sum", sa.BigInteger(), comment="Lines really deleted"),
        sa.PrimaryKeyConstraint(
            "scope_id", "day", "feature", name="pk__tool_copilot_metrics_by_feature"
        ),
        comment="One row is a scope's use of Copilot by feature on one day. The rows need not sum to the total.",
    )
    op.create_table(
        "_tool_copilot_metrics_by_ide",
        sa.Column(
            "scope_id", sa.BigInteger(), autoincrement=False, nullable=False, comment="The scope"
        ),
        sa.Column("day", sa.Date(), nullable=False, comment="UTC day"),
        sa.Column("ide", sa.Text(), nullable=False, comment="Editor, normalised name"),
        sa.Column(
            "user_initiated_interaction_count", sa.BigInteger(), comment="Prompts that people sent"
        ),
        sa.Column(
            "code_generation_activity_count",
            sa.BigInteger(),
            comment="Output events; every code block counts",
        ),
        sa.Column(
            "code_acceptance_activity_count",
            sa.BigInteger(),
            comment="Accept actions: accept, apply, insert, copy button",
        ),
        sa.Column(
            "loc_suggested_to_add_sum",
            sa.BigInteger(),
            comment="Lines suggested for adding, agent edits excluded",
        ),
        sa.Column(
            "loc_suggested_to_delete_sum", sa.BigInteger(), comment="Lines suggested for deleting"
        ),
        sa.Column(
            "loc_added_sum", sa.BigInteger(), comment="Lines really added, agent edits included"
        ),
        sa.Column("loc_deleted_sum", sa.BigInteger(), comment="Lines really deleted"),
        sa.PrimaryKeyConstraint("scope_id", "day", "ide", name="pk__tool_copilot_metrics_by_ide"),
        comment="One row is a scope's use of Copilot by ide on one day. The rows need not sum to the total.",
    )
    op.create_table(
        "_tool_copilot_metrics_by_language_feature",
        sa.Column(
            "scope_id", sa.BigInteger(), autoincrement=False, nullable=False, comment="The scope"
        ),
        sa.Column("day", sa.Date(), nullable=False, comment="UTC day"),
        sa.Column("language", sa.Text(), nullable=False, comment="Language, normalised name"),
        sa.Column("feature", sa.Text(), nullable=False, comment="Feature, GitHub's name"),
        sa.Column(
            "user_initiated_interaction_count", sa.BigInteger(), comment="Prompts that people sent"
        ),
        sa.Column(
            "code_generation_activity_count",
            sa.BigInteger(),
            comment="Output events; every code block counts",
        ),
        sa.Column(
            "code_acceptance_activity_count",
            sa.BigInteger(),
            comment="Accept actions: accept, apply, insert, copy button",
        ),
        sa.Column(
            "loc_suggested_to_add_sum",
            sa.BigInteger(),
            comment="Lines suggested for adding, agent edits excluded",
        ),
        sa.Column(
            "loc_suggested_to_delete_sum", sa.BigInteger(), comment="Lines suggested for deleting"
        ),
        sa.Column(
            "loc_added_sum", sa.BigInteger(), comment="Lines really added, agent edits included"
        ),
        sa.Column("loc_deleted_sum", sa.BigInteger(), comment="Lines really deleted"),
        sa.PrimaryKeyConstraint(
            "scope_id",
            "day",
            "language",
            "feature",
            name="pk__tool_copilot_metrics_by_language_feature",
        ),
        comment="One row is a scope's use of Copilot by language and feature on one day. The rows need not sum to the total.",
    )
    op.create_table(
        "_tool_copilot_metrics_by_language_model",
        sa.Column(
            "scope_id", sa.BigInteger(), autoincrement=False, nullable=False, comment="The scope"
        ),
        sa.Column("day", sa.Date(), nullable=False, comment="UTC day"),
        sa.Column("language", sa.Text(), nullable=False, comment="Language, normalised name"),
        sa.Column("model", sa.Text(), nullable=False, comment="Model, normalised name"),
        sa.Column(
            "user_initiated_interaction_count", sa.BigInteger(), comment="Prompts that people sent"
        ),
        sa.Column(
            "code_generation_activity_count",
            sa.BigInteger(),
            comment="Output events; every code block counts",
        ),
        sa.Column(
            "code_acceptance_activity_count",
            sa.BigInteger(),
            comment="Accept actions: accept, apply, insert, copy button",
        ),
        sa.Column(
            "loc_suggested_to_add_sum",
            sa.BigInteger(),
            comment="Lines suggested for adding, agent edits excluded",
        ),
        sa.Column(
            "loc_suggested_to_delete_sum", sa.BigInteger(), comment="Lines suggested for deleting"
        ),
        sa.Column(
            "loc_added_sum", sa.BigInteger(), comment="Lines really added, agent edits included"
        ),
        sa.Column("loc_deleted_sum", sa.BigInteger(), comment="Lines really deleted"),
        sa.PrimaryKeyConstraint(
            "scope_id",
            "day",
            "language",
            "model",
            name="pk__tool_copilot_metrics_by_language_model",
        ),
        comment="One row is a scope's use of Copilot by language and model on one day. The rows need not sum to the total.",
    )
    op.create_table(
        "_tool_copilot_metrics_by_model_feature",
        sa.Column(
            "scope_id", sa.BigInteger(), autoincrement=False, nullable=False, comment="The scope"
        ),
        sa.Column("day", sa.Date(), nullable=False, comment="UTC day"),
        sa.Column("model", sa.Text(), nullable=False, comment="Model, normalised name"),
        sa.Column("feature", sa.Text(), nullable=False, comment="Feature, GitHub's name"),
        sa.Column(
            "user_initiated_interaction_count", sa.BigInteger(), comment="Prompts that people sent"
        ),
        sa.Column(
            "code_generation_activity_count",
            sa.BigInteger(),
            comment="Output events; every code block counts",
        ),
        sa.Column(
            "code_acceptance_activity_count",
            sa.BigInteger(),
            comment="Accept actions: accept, apply, insert, copy button",
        ),
        sa.Column(
            "loc_suggested_to_add_sum",
            sa.BigInteger(),
            comment="Lines suggested for adding, agent edits excluded",
        ),
        sa.Column(
            "loc_suggested_to_delete_sum", sa.BigInteger(), comment="Lines suggested for deleting"
        ),
        sa.Column(
            "loc_added_sum", sa.BigInteger(), comment="Lines really added, agent edits included"
        ),
        sa.Column("loc_deleted_sum", sa.BigInteger(), comment="Lines really deleted"),
        sa.PrimaryKeyConstraint(
            "scope_id", "day", "model", "feature", name="pk__tool_copilot_metrics_by_model_feature"
        ),
        comment="One row is a scope's use of Copilot by model and feature on one day. The rows need not sum to the total.",
    )
    op.create_table(
        "_tool_copilot_org_metrics",
        sa.Column(
            "scope_id", sa.BigInteger(), autoincrement=False, nullable=False, comment="The scope"
        ),
        sa.Column("day", sa.Date(), nullable=False, comment="UTC day"),
        sa.Column(
            "source", sa.Text(), nullable=False, comment="reports or legacy: different definitions"
        ),
        sa.Column(
            "total_active_users",
            sa.BigInteger(),
            comment="People active on the day (reports: daily_active_users)",
        ),
        sa.Column(
            "total_engaged_users",
            sa.BigInteger(),
            comment="People engaged on the day (legacy only)",
        ),
        sa.Column("completion_suggestions", sa.BigInteger(), comment="Code completions suggested"),
        sa.Column("completion_acceptances", sa.BigInteger(), comment="Code completions accepted"),
        sa.Column(
            "completion_lines_suggested", sa.BigInteger(), comment="Lines in suggested completions"
        ),
        sa.Column(
            "completion_lines_accepted",
            sa.BigInteger(),
            comment="Lines of accepted completions (reports: lines added by them)",
        ),
        sa.Column("ide_chats", sa.BigInteger(), comment="Chat prompts in the IDE"),
        sa.Column(
            "ide_chat_copy_events",
            sa.BigInteger(),
            comment="Copies out of the IDE's chat (legacy only)",
        ),
        sa.Column(
            "ide_chat_insertion_events",
            sa.BigInteger(),
            comment="Insertions out of the IDE's chat (legacy only)",
        ),
        sa.Column(
            "ide_chat_engaged_users",
            sa.BigInteger(),
            comment="People who used the IDE's chat (legacy only)",
        ),
        sa.Column(
            "dotcom_chats", sa.BigInteger(), comment="Chat prompts on github.com (legacy only)"
        ),
        sa.Column(
            "dotcom_chat_engaged_users",
            sa.BigInteger(),
            comment="People who used the chat on github.com (legacy only)",
        ),
        sa.Column(
            "pr_summaries_created",
            sa.BigInteger(),
            comment="Pull request summaries written (legacy only)",
        ),
        sa.Column(
            "pr_engaged_users",
            sa.BigInteger(),
            comment="People who used the summaries (legacy only)",
        ),
        sa.Column(
            "weekly_active_users",
            sa.BigInteger(),
            comment="People active in the 7 days that end on the day",
        ),
        sa.Column(
            "monthly_active_users",
            sa.BigInteger(),
            comment="People active in the 28 days that end on the day",
        ),
        sa.Column(
            "monthly_active_chat_users",
            sa.BigInteger(),
            comment="People who used IDE chat in the 28 days",
        ),
        sa.Column(
            "monthly_active_agent_users",
            sa.BigInteger(),
            comment="People who used IDE agent mode in the 28 days",
        ),
        sa.Column(
            "daily_active_cli_users",
            sa.BigInteger(),
            comment="People who used Copilot CLI on the day",
        ),
        sa.Column("weekly_active_cli_users", sa.BigInteger(), comment="The same in 7 days"),
        sa.Column("monthly_active_cli_users", sa.BigInteger(), comment="The same in 28 days"),
        sa.Column(
            "daily_active_copilot_app_users",
            sa.BigInteger(),
            comment="People who used the Copilot app on the day",
        ),
        sa.Column("weekly_active_copilot_app_users", sa.BigInteger(), comment="The same in 7 days"),
        sa.Column(
            "monthly_active_copilot_app_users", sa.BigInteger(), comment="The same in 28 days"
        ),
        sa.Column(
            "daily_active_vscode_agent_users",
            sa.BigInteger(),
            comment="People who used VS Code's agents window on the day",
        ),
        sa.Column(
            "weekly_active_vscode_agent_users", sa.BigInteger(), comment="The same in 7 days"
        ),
        sa.Column(
            "monthly_active_vscode_agent_users", sa.BigInteger(), comment="The same in 28 days"
        ),
        sa.Column(
            "daily_active_copilot_cloud_agent_users",
            sa.BigInteger(),
            comment="People who used the cloud agent on the day",
        ),
        sa.Column(
            "weekly_active_copilot_cloud_agent_users", sa.BigInteger(), comment="The same in 7 days"
        ),
        sa.Column(
            "monthly_active_copilot_cloud_agent_users",
            sa.BigInteger(),
            comment="The same in 28 days",
        ),
        sa.Column(
            "daily_active_copilot_code_review_users",
            sa.BigInteger(),
            comment="People who asked for or used a review on the day",
        ),
        sa.Column(
            "weekly_active_copilot_code_review_users", sa.BigInteger(), comment="The same in 7 days"
        ),
        sa.Column(
            "monthly_active_copilot_code_review_users",
            sa.BigInteger(),
            comment="The same in 28 days",
        ),
        sa.Column(
            "daily_passive_copilot_code_review_users",
            sa.BigInteger(),
            comment="People reviewed without asking on the day",
        ),
        sa.Column(
            "weekly_passive_copilot_code_review_users",
            sa.BigInteger(),
            comment="The same in 7 days",
        ),
        sa.Column(
            "monthly_passive_copilot_code_review_users",
            sa.BigInteger(),
            comment="The same in 28 days",
        ),
        sa.Column(
            "user_initiated_interaction_count",
            sa.BigInteger(),
            comment="Prompts that people sent, all features",
        ),
        sa.Column(
            "code_generation_activity_count", sa.BigInteger(), comment="Output events, all features"
        ),
        sa.Column(
            "code_acceptance_activity_count",
            sa.BigInteger(),
            comment="Accept actions, all features",
        ),
        sa.Column(
            "loc_suggested_to_add_sum",
            sa.BigInteger(),
            comment="Lines suggested for adding, agent edits excluded",
        ),
        sa.Column(
            "loc_suggested_to_delete_sum", sa.BigInteger(), comment="Lines suggested for deleting"
        ),
        sa.Column(
            "loc_added_sum", sa.BigInteger(), comment="Lines really added, agent edits included"
        ),
        sa.Column("loc_deleted_sum", sa.BigInteger(), comment="Lines really deleted"),
        sa.Column("cli_session_count", sa.BigInteger(), comment="Copilot CLI: sessions"),
        sa.Column(
            "cli_request_count",
            sa.BigInteger(),
            comment="Copilot CLI: requests to a model, automatic follow-ups included",
        ),
        sa.Column("cli_prompt_count", sa.BigInteger(), comment="Copilot CLI: prompts"),
        sa.Column("cli_output_tokens_sum", sa.BigInteger(), comment="Copilot CLI: tokens written"),
        sa.Column("cli_prompt_tokens_sum", sa.BigInteger(), comment="Copilot CLI: tokens read"),
        sa.Column(
            "cli_avg_tokens_per_request",
            sa.Double(),
            comment="Copilot CLI: tokens per request, as GitHub says",
        ),
        sa.Column("copilot_app_session_count", sa.BigInteger(), comment="Copilot app: sessions"),
        sa.Column(
            "copilot_app_request_count",
            sa.BigInteger(),
            comment="Copilot app: requests to a model, automatic follow-ups included",
        ),
        sa.Column("copilot_app_prompt_count", sa.BigInteger(), comment="Copilot app: prompts"),
        sa.Column(
            "copilot_app_output_tokens_sum", sa.BigInteger(), comment="Copilot app: tokens written"
        ),
        sa.Column(
            "copilot_app_prompt_tokens_sum", sa.BigInteger(), comment="Copilot app: tokens read"
        ),
        sa.Column(
            "copilot_app_avg_tokens_per_request",
            sa.Double(),
            comment="Copilot app: tokens per request, as GitHub says",
        ),
        sa.Column(
            "vscode_agent_session_count",
            sa.BigInteger(),
            comment="VS Code's agents window: sessions",
        ),
        sa.Column(
            "vscode_agent_total_user_messages",
            sa.BigInteger(),
            comment="VS Code's agents window: messages that people sent",
        ),
        sa.Column("distinct_skill_use_count", sa.BigInteger(), comment="Different skills used"),
        sa.Column(
            "distinct_custom_agent_use_count",
            sa.BigInteger(),
            comment="Different custom agents used",
        ),
        sa.Column("distinct_mcp_use_count", sa.BigInteger(), comment="Different MCP servers used"),
        sa.Column(
            "distinct_slash_cmd_use_count", sa.BigInteger(), comment="Different slash commands used"
        ),
        sa.Column("distinct_plugin_use_count", sa.BigInteger(), comment="Different plugins used"),
        sa.Column("pull_requests_total_created", sa.BigInteger(), comment="Pull requests created"),
        sa.Column(
            "pull_requests_total_reviewed",
            sa.BigInteger(),
            comment="Pull requests reviewed; one may count on several days",
        ),
        sa.Column("pull_requests_total_merged", sa.BigInteger(), comment="Pull requests merged"),
        sa.Column(
            "pull_requests_total_suggestions",
            sa.BigInteger(),
            comment="Review suggestions by anyone",
        ),
        sa.Column(
            "pull_requests_total_applied_suggestions",
            sa.BigInteger(),
            comment="Review suggestions applied",
        ),
        sa.Column(
            "pull_requests_total_created_by_copilot",
            sa.BigInteger(),
            comment="Pull requests created by Copilot",
        ),
        sa.Column(
            "pull_requests_total_reviewed_by_copilot",
            sa.BigInteger(),
            comment="Pull requests reviewed by Copilot; one may count on several days",
        ),
        sa.Column(
            "pull_requests_total_merged_created_by_copilot",
            sa.BigInteger(),
            comment="Merged pull requests that Copilot created",
        ),
        sa.Column(
            "pull_requests_total_merged_reviewed_by_copilot",
            sa.BigInteger(),
            comment="Merged pull requests that Copilot reviewed",
        ),
        sa.Column(
            "pull_requests_total_copilot_suggestions",
            sa.BigInteger(),
            comment="Review suggestions by Copilot",
        ),
        sa.Column(
            "pull_requests_total_copilot_applied_suggestions",
            sa.BigInteger(),
            comment="Review suggestions by Copilot that were applied",
        ),
        sa.Column(
            "pull_requests_median_minutes_to_merge",
            sa.Double(),
            comment="Median minutes to the merge; cannot be averaged",
        ),
        sa.Column(
            "pull_requests_median_minutes_to_merge_copilot_authored",
            sa.Double(),
            comment="The same where Copilot is the author",
        ),
        sa.Column(
            "pull_requests_median_minutes_to_merge_copilot_reviewed",
            sa.Double(),
            comment="The same where Copilot reviewed",
        ),
        sa.PrimaryKeyConstraint("scope_id", "day", name="pk__tool_copilot_org_metrics"),
        comment="One row is a scope's use of Copilot on one day. NULL: GitHub did not say.",
    )
    op.create_table(
        "_tool_copilot_removed_scopes",
        sa.Column(
            "id",
            sa.BigInteger(),
            autoincrement=False,
            nullable=False,
            comment="The id that its rows in the other tables keep",
        ),
        sa.Column(
            "endpoint", sa.Text(), nullable=False, comment="Where its account's REST API was"
        ),
        sa.Column("kind", sa.Text(), nullable=False, comment="organization or enterprise"),
        sa.Column("slug", sa.Text(), nullable=False, comment="The name in GitHub's addresses"),
        sa.Column("name", sa.Text(), comment="A name for people"),
        sa.Column("metrics_api", sa.Text(), nullable=False, comment="reports or legacy"),
        sa.Column("implementation_date", sa.Date(), comment="When the roll-out began"),
        sa.Column("reports", sa.Text(), comment="The reports to collect, after commas; NULL: all"),
        sa.Column("removed_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk__tool_copilot_removed_scopes"),
        comment="One row is a scope that is no longer collected; its rows are kept.",
    )
    op.create_table(
        "_tool_copilot_repo_metrics",
        sa.Column(
            "scope_id", sa.BigInteger(), autoincrement=False, nullable=False, comment="The scope"
        ),
        sa.Column("day", sa.Date(), nullable=False, comment="UTC day"),
        sa.Column(
            "repo_id",
            sa.BigInteger(),
            autoincrement=False,
            nullable=False,
            comment="GitHub's id of the repository",
        ),
        sa.Column("repo_owner_name", sa.Text(), comment="The owner's name on the day"),
        sa.Column("repo_name", sa.Text(), comment="The repository's name on the day"),
        sa.Column("repo_visibility", sa.Text(), comment="INTERNAL, PRIVATE, …"),
        sa.Column(
            "organization_id",
            sa.Text(),
            comment="GitHub's id of the organization, where it says one",
        ),
        sa.Column("total_created", sa.BigInteger(), comment="Pull requests created"),
        sa.Column(
            "total_reviewed",
            sa.BigInteger(),
            comment="Pull requests reviewed; one may count on several days",
        ),
        sa.Column("total_merged", sa.BigInteger(), comment="Pull requests merged"),
        sa.Column("total_suggestions", sa.BigInteger(), comment="Review suggestions by anyone"),
        sa.Column(
            "total_applied_suggestions", sa.BigInteger(), comment="Review suggestions applied"
        ),
        sa.Column(
            "total_created_by_copilot", sa.BigInteger(), comment="Pull requests created by Copilot"
        ),
        sa.Column(
            "total_reviewed_by_copilot",
            sa.BigInteger(),
            comment="Pull requests reviewed by Copilot; one may count on several days",
        ),
        sa.Column(
            "total_merged_created_by_copilot",
            sa.BigInteger(),
            comment="Merged pull requests that Copilot created",
        ),
        sa.Column(
            "total_merged_reviewed_by_copilot",
            sa.BigInteger(),
            comment="Merged pull requests that Copilot reviewed",
        ),
        sa.Column(
            "total_copilot_suggestions", sa.BigInteger(), comment="Review suggestions by Copilot"
        ),
        sa.Column(
            "total_copilot_applied_suggestions",
            sa.BigInteger(),
            comment="Review suggestions by Copilot that were applied",
        ),
        sa.Column(
            "median_minutes_to_merge",
            sa.Double(),
            comment="Median minutes to the merge; cannot be averaged",
        ),
        sa.Column(
            "median_minutes_to_merge_copilot_authored",
            sa.Double(),
            comment="The same where Copilot is the author",
        ),
        sa.Column(
            "median_minutes_to_merge_copilot_reviewed",
            sa.Double(),
            comment="The same where Copilot reviewed",
        ),
        sa.PrimaryKeyConstraint("scope_id", "day", "repo_id", name="pk__tool_copilot_repo_metrics"),
        comment="One row is a repository's pull requests on one day on which it had any.",
    )
    op.create_table(
        "_tool_copilot_restatements",
        sa.Column(
            "scope_id", sa.BigInteger(), autoincrement=False, nullable=False, comment="The scope"
        ),
        sa.Column("day", sa.Date(), nullable=False, comment="The UTC day whose numbers changed"),
        sa.Column(
            "report", sa.Text(), nullable=False, comment="GitHub's name of the report, or legacy"
        ),
        sa.Column("metric", sa.Text(), nullable=False, comment="The headline value that changed"),
        sa.Column(
            "seen_at",
            sa.DateTime(timezone=True),
            nullable=False,
            comment="When the new value was loaded",
        ),
        sa.Column("old", sa.Double(), comment="The value before"),
        sa.Column("new", sa.Double(), comment="The value that replaced it"),
        sa.PrimaryKeyConstraint(
            "scope_id", "day", "report", "metric", "seen_at", name="pk__tool_copilot_restatements"
        ),
        comment="One row is a headline value that GitHub changed after it had been loaded.",
    )
    op.create_table(
        "_tool_copilot_seat_days",
        sa.Column(
            "scope_id", sa.BigInteger(), autoincrement=False, nullable=False, comment="The scope"
        ),
        sa.Column(
            "day",
            sa.Date(),
            nullable=False,
            comment="The newest complete UTC day when the snapshot was taken",
        ),
        sa.Column("seats", sa.BigInteger(), comment="People who hold a seat"),
        sa.Column(
            "seats_enterprise",
            sa.BigInteger(),
            comment="Of these, with the plan Copilot Enterprise",
        ),
        sa.Column(
            "active_users",
            sa.BigInteger(),
            comment="People with a seat and activity in the users report of the 28 days; NULL where those reports do not cover the 28 days",
        ),
        sa.Column(
            "active_seats",
            sa.BigInteger(),
            comment="People with activity in the 28 days, in the seat list or the users report",
        ),
        sa.Column(
            "idle_seats",
            sa.BigInteger(),
            comment="People whose last activity is 30 days ago or more, with a seat for 30 days, not cancelled",
        ),
        sa.Column(
            "never_used_seats",
            sa.BigInteger(),
            comment="People without any activity, with a seat for 30 days, not cancelled",
        ),
        sa.Column(
            "unused_seats_enterprise",
            sa.BigInteger(),
            comment="Of the idle and the never used, those with the plan Copilot Enterprise",
        ),
        sa.Column(
            "new_seats", sa.BigInteger(), comment="People whose seat was assigned in the 30 days"
        ),
        sa.Column(
            "pending_seats",
            sa.BigInteger(),
            comment="People whose seat is cancelled and ends with the billing cycle",
        ),
        sa.Column(
            "is_stale",
            sa.Boolean(),
            nullable=False,
            comment="A users report came since; it is counted again at the end of the run",
        ),
        sa.PrimaryKeyConstraint("scope_id", "day", name="pk__tool_copilot_seat_days"),
        comment="One row is a scope's seats on one day, counted by person.",
    )
    op.create_table(
        "_tool_copilot_seats",
        sa.Column(
            "scope_id", sa.BigInteger(), autoincrement=False, nullable=False, comment="The scope"
        ),
        sa.Column(
            "day",
            sa.Date(),
            nullable=False,
            comment="The newest complete UTC day when the snapshot was taken",
        ),
        sa.Column(
            "organization", sa.Text(), nullable=False, comment="Who pays; '' if GitHub does not say"
        ),
        sa.Column(
            "user_id", sa.BigInteger(), autoincrement=False, nullable=False, comment="GitHub's id"
        ),
        sa.Column("user_login", sa.Text(), comment="Login at the time of the snapshot"),
        sa.Column("plan_type", sa.Text(), comment="business, enterprise or unknown"),
        sa.Column("assigning_team_id", sa.BigInteger(), comment="NULL: assigned directly"),
        sa.Column("assigning_team_slug", sa.Text(), comment="The team that gives the seat"),
        sa.Column("created_at", sa.DateTime(timezone=True), comment="When the seat was assigned"),
        sa.Column("updated_at", sa.DateTime(timezone=True), comment="Deprecated by GitHub"),
        sa.Column(
            "last_activity_at", sa.DateTime(timezone=True), comment="NULL: never, or no telemetry"
        ),
        sa.Column(
            "last_activity_editor",
            sa.Text(),
            comment="Editor, version and plugin of the last activity",
        ),
        sa.Column(
            "last_authenticated_at",
            sa.DateTime(timezone=True),
            comment="When the user last signed in to Copilot",
        ),
        sa.Column(
            "pending_cancellation_date",
            sa.Date(),
            comment="When the seat ends, if it was cancelled",
        ),
        sa.PrimaryKeyConstraint(
            "scope_id", "day", "organization", "user_id", name="pk__tool_copilot_seats"
        ),
        comment="One row is a seat held on one day.",
    )
    op.create_table(
        "_tool_copilot_shown_names",
        sa.Column(
            "kind", sa.Text(), nullable=False, comment="field, feature, ide, language or model"
        ),
        sa.Column("name", sa.Text(), nullable=False, comment="As in _tool_copilot_unknown_names"),
        sa.Column(
            "shown_at",
            sa.DateTime(timezone=True),
            nullable=False,
            comment="When a check warned of it",
        ),
        sa.PrimaryKeyConstraint("kind", "name", name="pk__tool_copilot_shown_names"),
        comment="One row is an unknown name of which a check has warned; it does so once.",
    )
    op.create_table(
        "_tool_copilot_unknown_names",
        sa.Column(
            "scope_id", sa.BigInteger(), autoincrement=False, nullable=False, comment="The scope"
        ),
        sa.Column("day", sa.Date(), nullable=False, comment="The UTC day of the report"),
        sa.Column(
            "report", sa.Text(), nullable=False, comment="GitHub's name of the report, or legacy"
        ),
        sa.Column(
            "kind", sa.Text(), nullable=False, comment="field, feature, ide, language or model"
        ),
        sa.Column(
            "name",
            sa.Text(),
            nullable=False,
            comment="As GitHub writes it; of a field, with the fields around it",
        ),
        sa.Column("occurrences", sa.BigInteger(), nullable=False, comment="In the day's report"),
        sa.PrimaryKeyConstraint(
            "scope_id", "day", "report", "kind", "name", name="pk__tool_copilot_unknown_names"
        ),
        comment="One row is a name in a report that this version does not know; raw keeps it all.",
    )
    op.create_table(
        "_tool_copilot_user_metrics",
        sa.Column(
            "scope_id", sa.BigInteger(), autoincrement=False, nullable=False, comment="The scope"
        ),
        sa.Column("day", sa.Date(), nullable=False, comment="UTC day"),
        sa.Column(
            "user_id",
            sa.BigInteger(),
            autoincrement=False,
            nullable=False,
            comment="GitHub's id of the user",
        ),
        sa.Column("user_login", sa.Text(), comment="Login on the day"),
        sa.Column(
            "user_initiated_interaction_count", sa.BigInteger(), comment="Prompts that people sent"
        ),
        sa.Column(
            "code_generation_activity_count",
            sa.BigInteger(),
            comment="Output events; every code block counts",
        ),
        sa.Column(
            "code_acceptance_activity_count",
            sa.BigInteger(),
            comment="Accept actions: accept, apply, insert, copy button",
        ),
        sa.Column(
            "loc_suggested_to_add_sum",
            sa.BigInteger(),
            comment="Lines suggested for adding, agent edits excluded",
        ),
        sa.Column(
            "loc_suggested_to_delete_sum", sa.BigInteger(), comment="Lines suggested for deleting"
        ),
        sa.Column(
            "loc_added_sum", sa.BigInteger(), comment="Lines really added, agent edits included"
        ),
        sa.Column("loc_deleted_sum", sa.BigInteger(), comment="Lines really deleted"),
        sa.Column(
            "ai_credits_used", sa.Double(), comment="AI credits used: a signal of use, not a bill"
        ),
        sa.Column("used_agent", sa.Boolean(), comment="Used agent mode in the IDE"),
        sa.Column("used_chat", sa.Boolean(), comment="Used chat in the IDE"),
        sa.Column("used_cli", sa.Boolean(), comment="Used Copilot CLI"),
        sa.Column(
            "used_copilot_cloud_agent",
            sa.Boolean(),
            comment="Used the cloud agent (formerly used_copilot_coding_agent)",
        ),
        sa.Column("used_copilot_app", sa.Boolean(), comment="Used the Copilot app"),
        sa.Column("used_vscode_agent", sa.Boolean(), comment="Used VS Code's agents window"),
        sa.Column(
            "used_copilot_code_review_active",
            sa.Boolean(),
            comment="Asked for a review, or applied a suggestion",
        ),
        sa.Column(
            "used_copilot_code_review_passive", sa.Boolean(), comment="Was reviewed without asking"
        ),
        sa.Column(
            "ai_adoption_phase_number", sa.BigInteger(), comment="GitHub's adoption phase, 0 to 3"
        ),
        sa.Column("ai_adoption_phase", sa.Text(), comment="The phase's name"),
        sa.Column(
            "ai_adoption_phase_version",
            sa.Text(),
            comment="The version of GitHub's rule for phases",
        ),
        sa.Column("cli_session_count", sa.BigInteger(), comment="Copilot CLI: sessions"),
        sa.Column(
            "cli_request_count",
            sa.BigInteger(),
            comment="Copilot CLI: requests to a model, automatic follow-ups included",
        ),
        sa.Column("cli_prompt_count", sa.BigInteger(), comment="Copilot CLI: prompts"),
        sa.Column("cli_output_tokens_sum", sa.BigInteger(), comment="Copilot CLI: tokens written"),
        sa.Column("cli_prompt_tokens_sum", sa.BigInteger(), comment="Copilot CLI: tokens read"),
        sa.Column(
            "cli_avg_tokens_per_request",
            sa.Double(),
            comment="Copilot CLI: tokens per request, as GitHub says",
        ),
        sa.Column("copilot_app_session_count", sa.BigInteger(), comment="Copilot app: sessions"),
        sa.Column(
            "copilot_app_request_count",
            sa.BigInteger(),
            comment="Copilot app: requests to a model, automatic follow-ups included",
        ),
        sa.Column("copilot_app_prompt_count", sa.BigInteger(), comment="Copilot app: prompts"),
        sa.Column(
            "copilot_app_output_tokens_sum", sa.BigInteger(), comment="Copilot app: tokens written"
        ),
        sa.Column(
            "copilot_app_prompt_tokens_sum", sa.BigInteger(), comment="Copilot app: tokens read"
        ),
        sa.Column(
            "copilot_app_avg_tokens_per_request",
            sa.Double(),
            comment="Copilot app: tokens per request, as GitHub says",
        ),
        sa.Column(
            "vscode_agent_session_count",
            sa.BigInteger(),
            comment="VS Code's agents window: sessions",
        ),
        sa.Column(
            "vscode_agent_total_user_messages",
            sa.BigInteger(),
            comment="VS Code's agents window: messages that people sent",
        ),
        sa.Column("distinct_skill_use_count", sa.BigInteger(), comment="Different skills used"),
        sa.Column(
            "distinct_custom_agent_use_count",
            sa.BigInteger(),
            comment="Different custom agents used",
        ),
        sa.Column("distinct_mcp_use_count", sa.BigInteger(), comment="Different MCP servers used"),
        sa.Column(
            "distinct_slash_cmd_use_count", sa.BigInteger(), comment="Different slash commands used"
        ),
        sa.Column("distinct_plugin_use_count", sa.BigInteger(), comment="Different plugins used"),
        sa.PrimaryKeyConstraint("scope_id", "day", "user_id", name="pk__tool_copilot_user_metrics"),
        comment="One row is a user's use of Copilot in a scope on one day. NULL: GitHub did not say.",
    )
    op.create_index(
        "ix__tool_copilot_user_metrics_active_day",
        "_tool_copilot_user_metrics",
        ["scope_id", "day", "user_id"],
        postgresql_include=["user_initiated_interaction_count", "loc_added_sum"],
        postgresql_where=sa.text(_was_active("")),
        sqlite_where=sa.text(_was_active(" = 1")),
    )
    op.create_index(
        "ix__tool_copilot_user_metrics_active_user",
        "_tool_copilot_user_metrics",
        ["scope_id", "user_id", "day"],
        postgresql_where=sa.text(_was_active("")),
        sqlite_where=sa.text(_was_active(" = 1")),
    )
    op.create_table(
        "_tool_copilot_user_metrics_by_feature",
        sa.Column(
            "scope_id", sa.BigInteger(), autoincrement=False, nullable=False, comment="The scope"
        ),
        sa.Column("day", sa.Date(), nullable=False, comment="UTC day"),
        sa.Column(
            "user_id",
            sa.BigInteger(),
            autoincrement=False,
            nullable=False,
            comment="GitHub's id of the user",
        ),
        sa.Column("feature", sa.Text(), nullable=False, comment="Feature, GitHub's name"),
        sa.Column(
            "user_initiated_interaction_count", sa.BigInteger(), comment="Prompts that people sent"
        ),
        sa.Column(
            "code_generation_activity_count",
            sa.BigInteger(),
            comment="Output events; every code block counts",
        ),
        sa.Column(
            "code_acceptance_activity_count",
            sa.BigInteger(),
            comment="Accept actions: accept, apply, insert, copy button",
        ),
        sa.Column(
            "loc_suggested_to_add_sum",
            sa.BigInteger(),
            comment="Lines suggested for adding, agent edits excluded",
        ),
        sa.Column(
            "loc_suggested_to_delete_sum", sa.BigInteger(), comment="Lines suggested for deleting"
        ),
        sa.Column(
            "loc_added_sum", sa.BigInteger(), comment="Lines really added, agent edits included"
        ),
        sa.Column("loc_deleted_sum", sa.BigInteger(), comment="Lines really deleted"),
        sa.PrimaryKeyConstraint(
            "scope_id", "day", "user_id", "feature", name="pk__tool_copilot_user_metrics_by_feature"
        ),
        comment="One row is a user's use of Copilot by feature on one day. The rows need not sum to the total.",
    )
    op.create_index(
        "ix__tool_copilot_user_metrics_by_feature_completions",
        "_tool_copilot_user_metrics_by_feature",
        ["scope_id", "day", "user_id"],
        postgresql_include=["code_generation_activity_count", "code_acceptance_activity_count"],
        postgresql_where=sa.text("feature = 'code_completion'"),
        sqlite_where=sa.text("feature = 'code_completion'"),
    )
    op.create_table(
        "_tool_copilot_user_metrics_by_ide",
        sa.Column(
            "scope_id", sa.BigInteger(), autoincrement=False, nullable=False, comment="The scope"
        ),
        sa.Column("day", sa.Date(), nullable=False, comment="UTC day"),
        sa.Column(
            "user_id",
            sa.BigInteger(),
            autoincrement=False,
            nullable=False,
            comment="GitHub's id of the user",
        ),
        sa.Column("ide", sa.Text(), nullable=False, comment="Editor, normalised name"),
        sa.Column(
            "user_initiated_interaction_count", sa.BigInteger(), comment="Prompts that people sent"
        ),
        sa.Column(
            "code_generation_activity_count",
            sa.BigInteger(),
            comment="Output events; every code block counts",
        ),
        sa.Column(
            "code_acceptance_activity_count",
            sa.BigInteger(),
            comment="Accept actions: accept, apply, insert, copy button",
        ),
        sa.Column(
            "loc_suggested_to_add_sum",
            sa.BigInteger(),
            comment="Lines suggested for adding, agent edits excluded",
        ),
        sa.Column(
            "loc_suggested_to_delete_sum", sa.BigInteger(), comment="Lines suggested for deleting"
        ),
        sa.Column(
            "loc_added_sum", sa.BigInteger(), comment="Lines really added, agent edits included"
        ),
        sa.Column("loc_deleted_sum", sa.BigInteger(), comment="Lines really deleted"),
        sa.PrimaryKeyConstraint(
            "scope_id", "day", "user_id", "ide", name="pk__tool_copilot_user_metrics_by_ide"
        ),
        comment="One row is a user's use of Copilot by ide on one day. The rows need not sum to the total.",
    )
    op.create_table(
        "_tool_copilot_user_metrics_by_language_feature",
        sa.Column(
            "scope_id", sa.BigInteger(), autoincrement=False, nullable=False, comment="The scope"
        ),
        sa.Column("day", sa.Date(), nullable=False, comment="UTC day"),
        sa.Column(
            "user_id",
            sa.BigInteger(),
            autoincrement=False,
            nullable=False,
            comment="GitHub's id of the user",
        ),
        sa.Column("language", sa.Text(), nullable=False, comment="Language, normalised name"),
        sa.Column("feature", sa.Text(), nullable=False, comment="Feature, GitHub's name"),
        sa.Column(
            "user_initiated_interaction_count", sa.BigInteger(), comment="Prompts that people sent"
        ),
        sa.Column(
            "code_generation_activity_count",
            sa.BigInteger(),
            comment="Output events; every code block counts",
        ),
        sa.Column(
            "code_acceptance_activity_count",
            sa.BigInteger(),
            comment="Accept actions: accept, apply, insert, copy button",
        ),
        sa.Column(
            "loc_suggested_to_add_sum",
            sa.BigInteger(),
            comment="Lines suggested for adding, agent edits excluded",
        ),
        sa.Column(
            "loc_suggested_to_delete_sum", sa.BigInteger(), comment="Lines suggested for deleting"
        ),
        sa.Column(
            "loc_added_sum", sa.BigInteger(), comment="Lines really added, agent edits included"
        ),
        sa.Column("loc_deleted_sum", sa.BigInteger(), comment="Lines really deleted"),
        sa.PrimaryKeyConstraint(
            "scope_id",
            "day",
            "user_id",
            "language",
            "feature",
            name="pk__tool_copilot_user_metrics_by_language_feature",
        ),
        comment="One row is a user's use of Copilot by language and feature on one day. The rows need not sum to the total.",
    )
    op.create_table(
        "_tool_copilot_user_metrics_by_language_model",
        sa.Column(
            "scope_id", sa.BigInteger(), autoincrement=False, nullable=False, comment="The scope"
        ),
        sa.Column("day", sa.Date(), nullable=False, comment="UTC day"),
        sa.Column(
            "user_id",
            sa.BigInteger(),
            autoincrement=False,
            nullable=False,
            comment="GitHub's id of the user",
        ),
        sa.Column("language", sa.Text(), nullable=False, comment="Language, normalised name"),
        sa.Column("model", sa.Text(), nullable=False, comment="Model, normalised name"),
        sa.Column(
            "user_initiated_interaction_count", sa.BigInteger(), comment="Prompts that people sent"
        ),
        sa.Column(
            "code_generation_activity_count",
            sa.BigInteger(),
            comment="Output events; every code block counts",
        ),
        sa.Column(
            "code_acceptance_activity_count",
            sa.BigInteger(),
            comment="Accept actions: accept, apply, insert, copy button",
        ),
        sa.Column(
            "loc_suggested_to_add_sum",
            sa.BigInteger(),
            comment="Lines suggested for adding, agent edits excluded",
        ),
        sa.Column(
            "loc_suggested_to_delete_sum", sa.BigInteger(), comment="Lines suggested for deleting"
        ),
        sa.Column(
            "loc_added_sum", sa.BigInteger(), comment="Lines really added, agent edits included"
        ),
        sa.Column("loc_deleted_sum", sa.BigInteger(), comment="Lines really deleted"),
        sa.PrimaryKeyConstraint(
            "scope_id",
            "day",
            "user_id",
            "language",
            "model",
            name="pk__tool_copilot_user_metrics_by_language_model",
        ),
        comment="One row is a user's use of Copilot by language and model on one day. The rows need not sum to the total.",
    )
    op.create_table(
        "_tool_copilot_user_metrics_by_model_feature",
        sa.Column(
            "scope_id", sa.BigInteger(), autoincrement=False, nullable=False, comment="The scope"
        ),
        sa.Column("day", sa.Date(), nullable=False, comment="UTC day"),
        sa.Column(
            "user_id",
            sa.BigInteger(),
            autoincrement=False,
            nullable=False,
            comment="GitHub's id of the user",
        ),
        sa.Column("model", sa.Text(), nullable=False, comment="Model, normalised name"),
        sa.Column("feature", sa.Text(), nullable=False, comment="Feature, GitHub's name"),
        sa.Column(
            "user_initiated_interaction_count", sa.BigInteger(), comment="Prompts that people sent"
        ),
        sa.Column(
            "code_generation_activity_count",
            sa.BigInteger(),
            comment="Output events; every code block counts",
        ),
        sa.Column(
            "code_acceptance_activity_count",
            sa.BigInteger(),
            comment="Accept actions: accept, apply, insert, copy button",
        ),
        sa.Column(
            "loc_suggested_to_add_sum",
            sa.BigInteger(),
            comment="Lines suggested for adding, agent edits excluded",
        ),
        sa.Column(
            "loc_suggested_to_delete_sum", sa.BigInteger(), comment="Lines suggested for deleting"
        ),
        sa.Column(
            "loc_added_sum", sa.BigInteger(), comment="Lines really added, agent edits included"
        ),
        sa.Column("loc_deleted_sum", sa.BigInteger(), comment="Lines really deleted"),
        sa.PrimaryKeyConstraint(
            "scope_id",
            "day",
            "user_id",
            "model",
            "feature",
            name="pk__tool_copilot_user_metrics_by_model_feature",
        ),
        comment="One row is a user's use of Copilot by model and feature on one day. The rows need not sum to the total.",
    )
    op.create_table(
        "_tool_copilot_user_teams",
        sa.Column(
            "scope_id", sa.BigInteger(), autoincrement=False, nullable=False, comment="The scope"
        ),
        sa.Column("day", sa.Date(), nullable=False, comment="UTC day"),
        sa.Column(
            "user_id",
            sa.BigInteger(),
            autoincrement=False,
            nullable=False,
            comment="GitHub's id of the user",
        ),
        sa.Column(
            "team_id",
            sa.BigInteger(),
            autoincrement=False,
            nullable=False,
            comment="GitHub's id of the team",
        ),
        sa.Column("user_login", sa.Text(), comment="Login on the day"),
        sa.Column("slug", sa.Text(), comment="The team's name in GitHub's addresses"),
        sa.Column(
            "organization_id",
            sa.Text(),
            comment="GitHub's id of the organization, where it says one",
        ),
        sa.PrimaryKeyConstraint(
            "scope_id", "day", "user_id", "team_id", name="pk__tool_copilot_user_teams"
        ),
        comment="One row is a user's membership in a team on one day. Teams below five seats have none.",
    )
    op.create_table(
        "copilot_github_accounts",
        sa.Column("id", ROW_ID, nullable=False),
        sa.Column("login", sa.Text(), nullable=False, comment="GitHub login of the token's owner"),
        sa.Column(
            "github_user_id", sa.BigInteger(), nullable=False, comment="GitHub's id of the user"
        ),
        sa.Column("node_id", sa.Text()),
        sa.Column("avatar_url", sa.Text()),
        sa.Column("endpoint", sa.Text(), nullable=False, comment="Base address of the REST API"),
        sa.Column("proxy", sa.Text(), comment="The proxy of all calls with this account's token"),
        sa.Column("token_ciphertext", sa.Text(), nullable=False, comment="AES-256-GCM, base64"),
        sa.Column("token_nonce", sa.Text(), nullable=False, comment="12 bytes, base64"),
        sa.Column("token_salt", sa.Text(), nullable=False, comment="16 bytes, base64"),
        sa.Column("token_kdf", sa.Text(), nullable=False, comment="Argon2id parameters of the key"),
        sa.Column(
            "token_scopes", sa.Text(), comment="X-OAuth-Scopes at import; NULL if GitHub sent none"
        ),
        sa.Column(
            "token_expires_at",
            sa.DateTime(timezone=True),
            comment="When GitHub says the token expires",
        ),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_copilot_github_accounts"),
        sa.UniqueConstraint(
            "endpoint", "github_user_id", name="uq_copilot_github_accounts_endpoint_github_user_id"
        ),
        comment="One row is a GitHub identity whose access token is stored sealed.",
        sqlite_autoincrement=True,
    )
    op.create_table(
        "_tool_copilot_scopes",
        sa.Column("id", ROW_ID, nullable=False),
        sa.Column("account_id", ROW_ID, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False, comment="organization or enterprise"),
        sa.Column("slug", sa.Text(), nullable=False, comment="The name in GitHub's addresses"),
        sa.Column("name", sa.Text(), comment="A name for people"),
        sa.Column("metrics_api", sa.Text(), nullable=False, comment="reports or legacy"),
        sa.Column("implementation_date", sa.Date(), comment="When the roll-out began"),
        sa.Column("reports", sa.Text(), comment="The reports to collect, after commas; NULL: all"),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id"],
            ["copilot_github_accounts.id"],
            name="fk__tool_copilot_scopes_account_id",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name="pk__tool_copilot_scopes"),
        comment="One row is an organization or enterprise whose Copilot data an account collects.",
        sqlite_autoincrement=True,
    )
    op.create_index("ix__tool_copilot_scopes_account_id", "_tool_copilot_scopes", ["account_id"])
    op.create_index(
        "uq__tool_copilot_scopes_account_id_kind_slug",
        "_tool_copilot_scopes",
        ["account_id", "kind", sa.text("lower(slug)")],
        unique=True,
    )
    op.create_table(
        "copilot_metrics",
        sa.Column("id", ROW_ID, nullable=False),
        sa.Column("account_id", ROW_ID, nullable=False),
        sa.Column("fetched_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("payload", sa.Text(), nullable=False, comment="GitHub's answer, JSON"),
        sa.ForeignKeyConstraint(
            ["account_id"],
            ["copilot_github_accounts.id"],
            name="fk_copilot_metrics_account_id",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name="pk_copilot_metrics"),
        comment="One row is an account's own Copilot plan and quota as GitHub showed it once.",
        sqlite_autoincrement=True,
    )
    op.create_index("ix_copilot_metrics_account_id", "copilot_metrics", ["account_id"])
    if op.get_bind().dialect.name == "postgresql":
        for table in LARGE_TABLES:
            op.create_index(
                f"ix_{table}_day",
                table,
                ["day"],
                postgresql_using="brin",
                postgresql_with={"pages_per_range": 32},
            )
