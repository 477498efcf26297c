"""The tables of accounts and scopes. Those of GitHub's data are declared by their sources."""

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
