"""The tables of accounts and scopes. Sources declare the tables of GitHub's data."""

from sqlalchemy import (
    BigInteger,
    Column,
    Date,
    ForeignKey,
    Index,
    Table,
    Text,
    UniqueConstraint,
    func,
)

from copilot_pipeline.schema import RowId, UtcDateTime, metadata

# sqlite_autoincrement: SQLite must not reuse the id of a removed row, because its history is kept.
accounts = Table(
    "copilot_github_accounts",
    metadata,
    Column("id", RowId, primary_key=True),
    Column("login", Text, nullable=False, comment="GitHub login of the token's owner"),
    Column("github_user_id", BigInteger, nullable=False, comment="GitHub's id of the user"),
    Column("node_id", Text),
    Column("avatar_url", Text),
    Column("endpoint", Text, nullable=False, comment="Base URL of the REST API"),
    Column("proxy", Text, comment="The proxy for all requests with this account's token"),
    Column("token_ciphertext", Text, nullable=False, comment="AES-256-GCM, base64"),
    Column("token_nonce", Text, nullable=False, comment="12 bytes, base64"),
    Column("token_salt", Text, nullable=False, comment="16 bytes, base64"),
    Column("token_kdf", Text, nullable=False, comment="Argon2id parameters of the key"),
    Column("token_scopes", Text, comment="X-OAuth-Scopes at import; NULL if GitHub sent none"),
    Column(
        "token_expires_at", UtcDateTime, comment="When the token expires, if reported by GitHub"
    ),
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
    Column("payload", Text, nullable=False, comment="GitHub's answer as JSON"),
    comment="One row is an account's own Copilot plan and quota at one time.",
    sqlite_autoincrement=True,
)

scopes = Table(
    "_tool_copilot_scopes",
    metadata,
    Column("id", RowId, primary_key=True),
    Column("account_id", ForeignKey(accounts.c.id, ondelete="CASCADE"), nullable=False, index=True),
    Column("kind", Text, nullable=False, comment="organization or enterprise"),
    Column("slug", Text, nullable=False, comment="The name in GitHub's URLs"),
    Column("name", Text, comment="The display name"),
    Column("metrics_api", Text, nullable=False, comment="reports or legacy"),
    Column("implementation_date", Date, comment="When the rollout began"),
    Column("reports", Text, comment="The reports to collect, comma-separated; NULL: all"),
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
        comment="The scope_id of its rows in the other tables",
    ),
    Column("endpoint", Text, nullable=False, comment="Base URL of its account's REST API"),
    Column("kind", Text, nullable=False, comment="organization or enterprise"),
    Column("slug", Text, nullable=False, comment="The name in GitHub's URLs"),
    Column("name", Text, comment="The display name"),
    Column("metrics_api", Text, nullable=False, comment="reports or legacy"),
    Column("implementation_date", Date, comment="When the rollout began"),
    Column("reports", Text, comment="The reports to collect, comma-separated; NULL: all"),
    Column("removed_at", UtcDateTime, nullable=False),
    comment="One row is a scope that is no longer collected; its rows are kept.",
)
