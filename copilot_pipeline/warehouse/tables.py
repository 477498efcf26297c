"""The tables as SQLAlchemy Core objects. The Alembic revisions make them; a test compares the two.

Every column has a comment: PostgreSQL keeps it, and the Dagster UI shows it.
"""

from sqlalchemy import (
    BigInteger,
    Column,
    Date,
    ForeignKey,
    Index,
    Integer,
    Table,
    Text,
    UniqueConstraint,
    func,
)

from copilot_pipeline.warehouse.columns import (
    clients,
    counters,
    day,
    index_days,
    metadata,
    pull_requests,
    scope_id,
    texts,
)
from copilot_pipeline.warehouse.types import RowId, UtcDateTime

# sqlite_autoincrement: the id of a removed row is never given to another one, whose history it
# would inherit.
accounts = Table(
    "copilot_github_accounts",
    metadata,
    Column("id", RowId, primary_key=True),
    Column("login", Text, nullable=False, comment="GitHub login of the token's owner"),
    Column("github_user_id", BigInteger, nullable=False, comment="GitHub's id of the user"),
    Column("node_id", Text),
    Column("avatar_url", Text),
    Column("endpoint", Text, nullable=False, comment="Base address of the REST API"),
    Column("proxy", Text, comment="The proxy of all calls with this account's token"),
    Column("token_ciphertext", Text, nullable=False, comment="AES-256-GCM, base64"),
    Column("token_nonce", Text, nullable=False, comment="12 bytes, base64"),
    Column("token_salt", Text, nullable=False, comment="16 bytes, base64"),
    Column("token_kdf", Text, nullable=False, comment="Argon2id parameters of the key"),
    Column("token_scopes", Text, comment="X-OAuth-Scopes at import; NULL if GitHub sent none"),
    Column("token_expires_at", UtcDateTime, comment="When GitHub says the token expires"),
    Column("created_at", UtcDateTime, nullable=False),
    Column("updated_at", UtcDateTime, nullable=False),
    UniqueConstraint("endpoint", "github_user_id"),
    comment="One row is a GitHub identity whose access token is stored sealed.",
    sqlite_autoincrement=True,
)

account_metrics = Table(
    "copilot_metrics",
    metadata,
    Column("id", RowId, primary_key=True),
    Column("account_id", ForeignKey(accounts.c.id, ondelete="CASCADE"), nullable=False, index=True),
    Column("fetched_at", UtcDateTime, nullable=False),
    Column("payload", Text, nullable=False, comment="GitHub's answer, JSON"),
    comment="One row is an account's own Copilot plan and quota as GitHub showed it once.",
    sqlite_autoincrement=True,
)

scopes = Table(
    "_tool_copilot_scopes",
    metadata,
    Column("id", RowId, primary_key=True),
    Column("account_id", ForeignKey(accounts.c.id, ondelete="CASCADE"), nullable=False, index=True),
    Column("kind", Text, nullable=False, comment="organization or enterprise"),
    Column("slug", Text, nullable=False, comment="The name in GitHub's addresses"),
    Column("name", Text, comment="A name for people"),
    Column("metrics_api", Text, nullable=False, comment="reports or legacy"),
    Column("implementation_date", Date, comment="When the roll-out began"),
    Column("reports", Text, comment="The reports to collect, after commas; NULL: all"),
    Column("created_at", UtcDateTime, nullable=False),
    Column("updated_at", UtcDateTime, nullable=False),
    comment="One row is an organization or enterprise whose Copilot data an account collects.",
    sqlite_autoincrement=True,
)
# GitHub's slugs ignore case.
Index(
    "uq__tool_copilot_scopes_account_id_kind_slug",
    scopes.c.account_id,
    scopes.c.kind,
    func.lower(scopes.c.slug),
    unique=True,
)

removed_scopes = Table(
    "_tool_copilot_removed_scopes",
    metadata,
    Column(
        "id",
        BigInteger,
        primary_key=True,
        autoincrement=False,
        comment="The id that its rows in the other tables keep",
    ),
    Column("endpoint", Text, nullable=False, comment="Where its account's REST API was"),
    Column("kind", Text, nullable=False, comment="organization or enterprise"),
    Column("slug", Text, nullable=False, comment="The name in GitHub's addresses"),
    Column("name", Text, comment="A name for people"),
    Column("metrics_api", Text, nullable=False, comment="reports or legacy"),
    Column("implementation_date", Date, comment="When the roll-out began"),
    Column("reports", Text, comment="The reports to collect, after commas; NULL: all"),
    Column("removed_at", UtcDateTime, nullable=False),
    comment="One row is a scope that is no longer collected; its rows are kept.",
)


def _answer_columns() -> list[Column[object]]:
    return [
        Column("fetched_at", UtcDateTime, nullable=False, comment="When GitHub answered"),
        Column("url", Text, nullable=False, comment="Without the query of a signed link"),
        Column("payload", Text, nullable=False, comment="GitHub's answer as received"),
    ]


raw_billing = Table(
    "_raw_copilot_billing",
    metadata,
    scope_id(),
    day("The newest complete UTC day when the snapshot was taken"),
    *_answer_columns(),
    comment="One row is an organization's seat breakdown and policies as GitHub showed them.",
)

raw_seats = Table(
    "_raw_copilot_seats",
    metadata,
    scope_id(),
    day("The newest complete UTC day when the snapshot was taken"),
    Column("page", Integer, primary_key=True, autoincrement=False, comment="From 1"),
    *_answer_columns(),
    comment="One row is a page of the seat list as GitHub showed it.",
)

raw_metrics = Table(
    "_raw_copilot_metrics",
    metadata,
    scope_id(),
    day("The UTC day that the report is about"),
    Column("report", Text, primary_key=True, comment="GitHub's name of the report, or legacy"),
    Column("part", Integer, primary_key=True, autoincrement=False, comment="The file, from 0"),
    *_answer_columns(),
    Column("sha256", Text, nullable=False, comment="SHA-256 of the payload's UTF-8, hexadecimal"),
    comment="One row is a file of a report, or a day of the legacy endpoint, as received.",
)

# What both sources or only the legacy endpoint know, in the words of its tool table.
HEADLINE_COUNTERS = {
    "total_active_users": "People active on the day (reports: daily_active_users)",
    "total_engaged_users": "People engaged on the day (legacy only)",
    "completion_suggestions": "Code completions suggested",
    "completion_acceptances": "Code completions accepted",
    "completion_lines_suggested": "Lines in suggested completions",
    "completion_lines_accepted": "Lines of accepted completions (reports: lines added by them)",
    "ide_chats": "Chat prompts in the IDE",
    "ide_chat_copy_events": "Copies out of the IDE's chat (legacy only)",
    "ide_chat_insertion_events": "Insertions out of the IDE's chat (legacy only)",
    "ide_chat_engaged_users": "People who used the IDE's chat (legacy only)",
    "dotcom_chats": "Chat prompts on github.com (legacy only)",
    "dotcom_chat_engaged_users": "People who used the chat on github.com (legacy only)",
    "pr_summaries_created": "Pull request summaries written (legacy only)",
    "pr_engaged_users": "People who used the summaries (legacy only)",
}

# The top-level numbers of an aggregate report, under GitHub's names.
REPORT_COUNTERS = {
    "weekly_active_users": "People active in the 7 days that end on the day",
    "monthly_active_users": "People active in the 28 days that end on the day",
    "monthly_active_chat_users": "People who used IDE chat in the 28 days",
    "monthly_active_agent_users": "People who used IDE agent mode in the 28 days",
    "daily_active_cli_users": "People who used Copilot CLI on the day",
    "weekly_active_cli_users": "The same in 7 days",
    "monthly_active_cli_users": "The same in 28 days",
    "daily_active_copilot_app_users": "People who used the Copilot app on the day",
    "weekly_active_copilot_app_users": "The same in 7 days",
    "monthly_active_copilot_app_users": "The same in 28 days",
    "daily_active_vscode_agent_users": "People who used VS Code's agents window on the day",
    "weekly_active_vscode_agent_users": "The same in 7 days",
    "monthly_active_vscode_agent_users": "The same in 28 days",
    "daily_active_copilot_cloud_agent_users": "People who used the cloud agent on the day",
    "weekly_active_copilot_cloud_agent_users": "The same in 7 days",
    "monthly_active_copilot_cloud_agent_users": "The same in 28 days",
    "daily_active_copilot_code_review_users": "People who asked for or used a review on the day",
    "weekly_active_copilot_code_review_users": "The same in 7 days",
    "monthly_active_copilot_code_review_users": "The same in 28 days",
    "daily_passive_copilot_code_review_users": "People reviewed without asking on the day",
    "weekly_passive_copilot_code_review_users": "The same in 7 days",
    "monthly_passive_copilot_code_review_users": "The same in 28 days",
    "user_initiated_interaction_count": "Prompts that people sent, all features",
    "code_generation_activity_count": "Output events, all features",
    "code_acceptance_activity_count": "Accept actions, all features",
    "loc_suggested_to_add_sum": "Lines suggested for adding, agent edits excluded",
    "loc_suggested_to_delete_sum": "Lines suggested for deleting",
    "loc_added_sum": "Lines really added, agent edits included",
    "loc_deleted_sum": "Lines really deleted",
}

org_metrics = Table(
    "_tool_copilot_org_metrics",
    metadata,
    scope_id(),
    day(),
    Column("source", Text, nullable=False, comment="reports or legacy: different definitions"),
    *counters(HEADLINE_COUNTERS),
    *counters(REPORT_COUNTERS),
    *clients(),
    *pull_requests("pull_requests_"),
    comment="One row is a scope's use of Copilot on one day. NULL: GitHub did not say.",
)

language_metrics = Table(
    "_tool_copilot_language_metrics",
    metadata,
    scope_id(),
    day(),
    Column("editor", Text, primary_key=True, comment="'all' for reports, which have no editors"),
    Column("language", Text, primary_key=True, comment="GitHub's name; 'unknown' if empty"),
    *counters(
        {
            "engaged_users": "People; the largest of the models' values (legacy only)",
            "suggestions": "Code completions suggested",
            "acceptances": "Code completions accepted",
            "lines_suggested": "Lines in suggested completions",
            "lines_accepted": "Lines of accepted completions (reports: lines added by them)",
        }
    ),
    comment="One row is a scope's code completions in one editor and language on one day.",
)

seats = Table(
    "_tool_copilot_seats",
    metadata,
    scope_id(),
    day("The newest complete UTC day when the snapshot was taken"),
    Column("organization", Text, primary_key=True, comment="Who pays; '' if GitHub does not say"),
    Column("user_id", BigInteger, primary_key=True, autoincrement=False, comment="GitHub's id"),
    Column("user_login", Text, comment="Login at the time of the snapshot"),
    Column("plan_type", Text, comment="business, enterprise or unknown"),
    Column("assigning_team_id", BigInteger, comment="NULL: assigned directly"),
    Column("assigning_team_slug", Text, comment="The team that gives the seat"),
    Column("created_at", UtcDateTime, comment="When the seat was assigned"),
    Column("updated_at", UtcDateTime, comment="Deprecated by GitHub"),
    Column("last_activity_at", UtcDateTime, comment="NULL: never, or no telemetry"),
    Column("last_activity_editor", Text, comment="Editor, version and plugin of the last activity"),
    Column("last_authenticated_at", UtcDateTime, comment="When the user last signed in to Copilot"),
    Column("pending_cancellation_date", Date, comment="When the seat ends, if it was cancelled"),
    comment="One row is a seat held on one day.",
)

# The seat breakdown and the policies of GET /orgs/{org}/copilot/billing, under GitHub's names.
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

billing = Table(
    "_tool_copilot_billing",
    metadata,
    scope_id(),
    day("The newest complete UTC day when the snapshot was taken"),
    *counters(SEAT_BREAKDOWN),
    *texts(POLICIES),
    comment="One row is an organization's seat breakdown and policies on one day.",
)

index_days(language_metrics, seats)
