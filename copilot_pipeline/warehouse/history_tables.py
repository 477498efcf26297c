"""The tables of the collection history: status, restatements, unknown names, changes."""

from sqlalchemy import BigInteger, Column, Date, Double, Integer, Table, Text

from copilot_pipeline.schema import UtcDateTime, day, key_text, metadata, scope_id


def _report() -> Column[str]:
    return key_text("report", "GitHub's name of the report, or legacy")


collection_status = Table(
    "_tool_copilot_collection_status",
    metadata,
    scope_id(),
    day("The UTC day that the report is about"),
    _report(),
    Column(
        "state",
        Text,
        nullable=False,
        comment=(
            "loaded: its rows are stored. not_ready: not available yet, the day is provisional. "
            "no_data: GitHub has no report of the day. no_access: the token cannot read it. "
            "failed: the last attempt failed"
        ),
    ),
    Column("http_status", Integer, comment="HTTP status of the last attempt; NULL: no response"),
    Column("row_count", BigInteger, comment="Distinct records in the report"),
    Column(
        "sha256",
        Text,
        comment="SHA-256 of the report's records, independent of their order",
    ),
    Column("first_loaded_at", UtcDateTime, comment="When the day was first loaded"),
    Column(
        "last_fetched_at", UtcDateTime, nullable=False, comment="When the last attempt was made"
    ),
    Column("changed_at", UtcDateTime, comment="When GitHub last changed the content"),
    Column("change_count", Integer, nullable=False, comment="How often GitHub changed the content"),
    Column("message", Text, comment="The error of the last attempt; a loaded day keeps its rows"),
    Column(
        "attempt",
        BigInteger,
        nullable=False,
        server_default="0",
        comment="The number of attempts; orders them independently of clocks",
    ),
    comment="One row is the status of one report of one scope and day.",
)

restatements = Table(
    "_tool_copilot_restatements",
    metadata,
    scope_id(),
    day("The UTC day whose numbers changed"),
    _report(),
    key_text("metric", "The headline value that changed"),
    Column("seen_at", UtcDateTime, primary_key=True, comment="When the new value was loaded"),
    Column("old", Double, comment="The value before"),
    Column("new", Double, comment="The value after"),
    comment="One row is a headline value that GitHub changed after it had been loaded.",
)

unknown_names = Table(
    "_tool_copilot_unknown_names",
    metadata,
    scope_id(),
    day("The UTC day of the report"),
    _report(),
    key_text("kind", "field, feature, ide, language or model"),
    key_text("name", "As GitHub writes it; the path of a field"),
    Column("occurrences", BigInteger, nullable=False, comment="Occurrences in the day's report"),
    comment="One row is a name in a report that this version does not know.",
)

shown_names = Table(
    "_tool_copilot_shown_names",
    metadata,
    key_text("kind", "field, feature, ide, language or model"),
    key_text("name", "As in _tool_copilot_unknown_names"),
    Column("shown_at", UtcDateTime, nullable=False, comment="When a check warned about it"),
    comment="One row is an unknown name that a check has warned about.",
)

definition_changes = Table(
    "_tool_copilot_definition_changes",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column(
        "day",
        Date,
        nullable=False,
        comment="The announced day; the data may change a few days earlier or later",
    ),
    Column(
        "scope",
        Text,
        nullable=False,
        comment="all, organization, enterprise, users, repos, legacy or billing",
    ),
    Column(
        "kind",
        Text,
        nullable=False,
        comment=(
            "definition, new_field, new_value, new_report, restatement, history_start, closed, "
            "status or transport"
        ),
    ),
    Column("what_changed", Text, nullable=False, comment="One sentence for charts"),
    Column("metrics_affected", Text, nullable=False, comment="GitHub's names, comma-separated"),
    comment="One row is a day on which GitHub changed, added or removed numbers.",
)
