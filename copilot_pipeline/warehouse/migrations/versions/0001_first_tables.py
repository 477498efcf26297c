"""Accounts, scopes, raw answers, and the organization, language and seat tables.

Revision ID: 0001
Revises:
"""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

# The snapshot of a day is counted once; a scope without a snapshot on that day has NULL, not 0.
ORG_DAYS = """
CREATE VIEW copilot_org_days AS
SELECT
    metrics.*,
    CASE WHEN snapshots.day IS NULL THEN NULL ELSE coalesce(held.total, 0) END AS seat_total,
    CASE WHEN snapshots.day IS NULL THEN NULL ELSE coalesce(held.active, 0) END
        AS seat_active_count
FROM _tool_copilot_org_metrics AS metrics
LEFT JOIN (
    SELECT DISTINCT scope_id, day FROM _raw_copilot_seats
) AS snapshots ON snapshots.scope_id = metrics.scope_id AND snapshots.day = metrics.day
LEFT JOIN (
    SELECT scope_id, day, count(*) AS total, count(last_activity_at) AS active
    FROM _tool_copilot_seats
    GROUP BY scope_id, day
) AS held ON held.scope_id = metrics.scope_id AND held.day = metrics.day
"""


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
            nullable=True,
            comment="People; the largest of the models' values (legacy only)",
        ),
        sa.Column(
            "suggestions", sa.BigInteger(), nullable=True, comment="Code completions suggested"
        ),
        sa.Column(
            "acceptances", sa.BigInteger(), nullable=True, comment="Code completions accepted"
        ),
        sa.Column(
            "lines_suggested",
            sa.BigInteger(),
            nullable=True,
            comment="Lines in suggested completions",
        ),
        sa.Column(
            "lines_accepted",
            sa.BigInteger(),
            nullable=True,
            comment="Lines of accepted completions (reports: lines added by them)",
        ),
        sa.PrimaryKeyConstraint(
            "scope_id", "day", "editor", "language", name="pk__tool_copilot_language_metrics"
        ),
        comment="One row is a scope's code completions in one editor and language on one day.",
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
            nullable=True,
            comment="People active on the day (reports: daily_active_users)",
        ),
        sa.Column(
            "total_engaged_users",
            sa.BigInteger(),
            nullable=True,
            comment="People engaged on the day (legacy only)",
        ),
        sa.Column(
            "completion_suggestions",
            sa.BigInteger(),
            nullable=True,
            comment="Code completions suggested",
        ),
        sa.Column(
            "completion_acceptances",
            sa.BigInteger(),
            nullable=True,
            comment="Code completions accepted",
        ),
        sa.Column(
            "completion_lines_suggested",
            sa.BigInteger(),
            nullable=True,
            comment="Lines in suggested completions",
        ),
        sa.Column(
            "completion_lines_accepted",
            sa.BigInteger(),
            nullable=True,
            comment="Lines of accepted completions (reports: lines added by them)",
        ),
        sa.Column("ide_chats", sa.BigInteger(), nullable=True, comment="Chat prompts in the IDE"),
        sa.Column(
            "ide_chat_copy_events",
            sa.BigInteger(),
            nullable=True,
            comment="Copies out of the IDE's chat (legacy only)",
        ),
        sa.Column(
            "ide_chat_insertion_events",
            sa.BigInteger(),
            nullable=True,
            comment="Insertions out of the IDE's chat (legacy only)",
        ),
        sa.Column(
            "ide_chat_engaged_users",
            sa.BigInteger(),
            nullable=True,
            comment="People who used the IDE's chat (legacy only)",
        ),
        sa.Column(
            "dotcom_chats",
            sa.BigInteger(),
            nullable=True,
            comment="Chat prompts on github.com (legacy only)",
        ),
        sa.Column(
            "dotcom_chat_engaged_users",
            sa.BigInteger(),
            nullable=True,
            comment="People who used the chat on github.com (legacy only)",
        ),
        sa.Column(
            "pr_summaries_created",
            sa.BigInteger(),
            nullable=True,
            comment="Pull request summaries written (legacy only)",
        ),
        sa.Column(
            "pr_engaged_users",
            sa.BigInteger(),
            nullable=True,
            comment="People who used the summaries (legacy only)",
        ),
        sa.Column(
            "weekly_active_users",
            sa.BigInteger(),
            nullable=True,
            comment="People active in the 7 days that end on the day",
        ),
        sa.Column(
            "monthly_active_users",
            sa.BigInteger(),
            nullable=True,
            comment="People active in the 28 days that end on the day",
        ),
        sa.Column(
            "monthly_active_chat_users",
            sa.BigInteger(),
            nullable=True,
            comment="People who used IDE chat in the 28 days",
        ),
        sa.Column(
            "monthly_active_agent_users",
            sa.BigInteger(),
            nullable=True,
            comment="People who used IDE agent mode in the 28 days",
        ),
        sa.Column(
            "daily_active_cli_users",
            sa.BigInteger(),
            nullable=True,
            comment="People who used Copilot CLI on the day",
        ),
        sa.Column(
            "weekly_active_cli_users", sa.BigInteger(), nullable=True, comment="The same in 7 days"
        ),
        sa.Column(
            "monthly_active_cli_users",
            sa.BigInteger(),
            nullable=True,
            comment="The same in 28 days",
        ),
        sa.Column(
            "daily_active_copilot_app_users",
            sa.BigInteger(),
            nullable=True,
            comment="People who used the Copilot app on the day",
        ),
        sa.Column(
            "weekly_active_copilot_app_users",
            sa.BigInteger(),
            nullable=True,
            comment="The same in 7 days",
        ),
        sa.Column(
            "monthly_active_copilot_app_users",
            sa.BigInteger(),
            nullable=True,
            comment="The same in 28 days",
        ),
        sa.Column(
            "daily_active_vscode_agent_users",
            sa.BigInteger(),
            nullable=True,
            comment="People who used VS Code's agents window on the day",
        ),
        sa.Column(
            "weekly_active_vscode_agent_users",
            sa.BigInteger(),
            nullable=True,
            comment="The same in 7 days",
        ),
        sa.Column(
            "monthly_active_vscode_agent_users",
            sa.BigInteger(),
            nullable=True,
            comment="The same in 28 days",
        ),
        sa.Column(
            "daily_active_copilot_cloud_agent_users",
            sa.BigInteger(),
            nullable=True,
            comment="People who used the cloud agent on the day",
        ),
        sa.Column(
            "weekly_active_copilot_cloud_agent_users",
            sa.BigInteger(),
            nullable=True,
            comment="The same in 7 days",
        ),
        sa.Column(
            "monthly_active_copilot_cloud_agent_users",
            sa.BigInteger(),
            nullable=True,
            comment="The same in 28 days",
        ),
        sa.Column(
            "daily_active_copilot_code_review_users",
            sa.BigInteger(),
            nullable=True,
            comment="People who asked for or used a review on the day",
        ),
        sa.Column(
            "weekly_active_copilot_code_review_users",
            sa.BigInteger(),
            nullable=True,
            comment="The same in 7 days",
        ),
        sa.Column(
            "monthly_active_copilot_code_review_users",
            sa.BigInteger(),
            nullable=True,
            comment="The same in 28 days",
        ),
        sa.Column(
            "daily_passive_copilot_code_review_users",
            sa.BigInteger(),
            nullable=True,
            comment="People reviewed without asking on the day",
        ),
        sa.Column(
            "weekly_passive_copilot_code_review_users",
            sa.BigInteger(),
            nullable=True,
            comment="The same in 7 days",
        ),
        sa.Column(
            "monthly_passive_copilot_code_review_users",
            sa.BigInteger(),
            nullable=True,
            comment="The same in 28 days",
        ),
        sa.Column(
            "user_initiated_interaction_count",
            sa.BigInteger(),
            nullable=True,
            comment="Prompts that people sent, all features",
        ),
        sa.Column(
            "code_generation_activity_count",
            sa.BigInteger(),
            nullable=True,
            comment="Output events, all features",
        ),
        sa.Column(
            "code_acceptance_activity_count",
            sa.BigInteger(),
            nullable=True,
            comment="Accept actions, all features",
        ),
        sa.Column(
            "loc_suggested_to_add_sum",
            sa.BigInteger(),
            nullable=True,
            comment="Lines suggested for adding, agent edits excluded",
        ),
        sa.Column(
            "loc_suggested_to_delete_sum",
            sa.BigInteger(),
            nullable=True,
            comment="Lines suggested for deleting",
        ),
        sa.Column(
            "loc_added_sum",
            sa.BigInteger(),
            nullable=True,
            comment="Lines really added, agent edits included",
        ),
        sa.Column(
            "loc_deleted_sum", sa.BigInteger(), nullable=True, comment="Lines really deleted"
        ),
        sa.PrimaryKeyConstraint("scope_id", "day", name="pk__tool_copilot_org_metrics"),
        comment="One row is a scope's use of Copilot on one day. NULL: GitHub did not say.",
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
        sa.Column(
            "user_login", sa.Text(), nullable=True, comment="Login at the time of the snapshot"
        ),
        sa.Column("plan_type", sa.Text(), nullable=True, comment="business, enterprise or unknown"),
        sa.Column(
            "assigning_team_id", sa.BigInteger(), nullable=True, comment="NULL: assigned directly"
        ),
        sa.Column(
            "assigning_team_slug", sa.Text(), nullable=True, comment="The team that gives the seat"
        ),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="When the seat was assigned",
        ),
        sa.Column(
            "updated_at", sa.DateTime(timezone=True), nullable=True, comment="Deprecated by GitHub"
        ),
        sa.Column(
            "last_activity_at",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="NULL: never, or no telemetry",
        ),
        sa.Column(
            "last_activity_editor",
            sa.Text(),
            nullable=True,
            comment="Editor, version and plugin of the last activity",
        ),
        sa.Column(
            "last_authenticated_at",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="When the user last signed in to Copilot",
        ),
        sa.Column(
            "pending_cancellation_date",
            sa.Date(),
            nullable=True,
            comment="When the seat ends, if it was cancelled",
        ),
        sa.PrimaryKeyConstraint(
            "scope_id", "day", "organization", "user_id", name="pk__tool_copilot_seats"
        ),
        comment="One row is a seat held on one day.",
    )
    op.create_table(
        "copilot_github_accounts",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("login", sa.Text(), nullable=False, comment="GitHub login of the token's owner"),
        sa.Column(
            "github_user_id", sa.BigInteger(), nullable=False, comment="GitHub's id of the user"
        ),
        sa.Column("node_id", sa.Text(), nullable=True),
        sa.Column("avatar_url", sa.Text(), nullable=True),
        sa.Column("endpoint", sa.Text(), nullable=False, comment="Base address of the REST API"),
        sa.Column(
            "proxy",
            sa.Text(),
            nullable=True,
            comment="The proxy of all calls with this account's token",
        ),
        sa.Column("token_ciphertext", sa.Text(), nullable=False, comment="AES-256-GCM, base64"),
        sa.Column("token_nonce", sa.Text(), nullable=False, comment="12 bytes, base64"),
        sa.Column("token_salt", sa.Text(), nullable=False, comment="16 bytes, base64"),
        sa.Column("token_kdf", sa.Text(), nullable=False, comment="Argon2id parameters of the key"),
        sa.Column(
            "token_scopes",
            sa.Text(),
            nullable=True,
            comment="X-OAuth-Scopes at import; NULL if GitHub sent none",
        ),
        sa.Column(
            "token_expires_at",
            sa.DateTime(timezone=True),
            nullable=True,
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
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column(
            "account_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False
        ),
        sa.Column("kind", sa.Text(), nullable=False, comment="organization or enterprise"),
        sa.Column("slug", sa.Text(), nullable=False, comment="The name in GitHub's addresses"),
        sa.Column("name", sa.Text(), nullable=True, comment="A name for people"),
        sa.Column("metrics_api", sa.Text(), nullable=False, comment="reports or legacy"),
        sa.Column(
            "implementation_date", sa.Date(), nullable=True, comment="When the roll-out began"
        ),
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
    op.create_table(
        "copilot_metrics",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column(
            "account_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False
        ),
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
    op.create_index(
        "uq__tool_copilot_scopes_account_id_kind_slug",
        "_tool_copilot_scopes",
        ["account_id", "kind", sa.text("lower(slug)")],
        unique=True,
    )
    op.execute(ORG_DAYS)
