"""The tables that say how far the history can be trusted."""

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
            "loaded: its rows are there. not_ready: not yet, the day is provisional. no_data: "
            "GitHub has no report of the day. no_access: the token may not read it. failed"
        ),
    ),
    Column("http_status", Integer, comment="Of the last answer; NULL: none came"),
    Column("row_count", BigInteger, comment="Records in the report, each once"),
    Column(
        "sha256",
        Text,
        comment="SHA-256 of the report's records, in any order, without GitHub's housekeeping",
    ),
    Column("first_loaded_at", UtcDateTime, comment="When the day was loaded first"),
    Column("last_fetched_at", UtcDateTime, nullable=False, comment="When it was asked for last"),
    Column("changed_at", UtcDateTime, comment="When other content came last"),
    Column(
        "change_count", Integer, nullable=False, comment="How often other content came than before"
    ),
    Column("message", Text, comment="Why the last attempt failed; a loaded day keeps its rows"),
    Column(
        "attempt",
        BigInteger,
        nullable=False,
        server_default="0",
        comment="How many attempts were written down; orders them whatever the clocks say",
    ),
    comment="One row is what became of one report of one scope and day.",
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
    Column("new", Double, comment="The value that replaced it"),
    comment="One row is a headline value that GitHub changed after it had been loaded.",
)

unknown_names = Table(
    "_tool_copilot_unknown_names",
    metadata,
    scope_id(),
    day("The UTC day of the report"),
    _report(),
    key_text("kind", "field, feature, ide, language or model"),
    key_text("name", "As GitHub writes it; of a field, with the fields around it"),
    Column("occurrences", BigInteger, nullable=False, comment="In the day's report"),
    comment="One row is a name in a report that this version does not know; raw keeps it all.",
)

shown_names = Table(
    "_tool_copilot_shown_names",
    metadata,
    key_text("kind", "field, feature, ide, language or model"),
    key_text("name", "As in _tool_copilot_unknown_names"),
    Column("shown_at", UtcDateTime, nullable=False, comment="When a check warned of it"),
    comment="One row is an unknown name of which a check has warned; it does so once.",
)

definition_changes = Table(
    "_tool_copilot_definition_changes",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("day", Date, nullable=False, comment="Announced; the data may switch days around it"),
    Column(
        "scope",
        Text,
        nullable=False,
        comment="What it is about: all, organization, enterprise, users, repos, legacy or billing",
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
    Column("what_changed", Text, nullable=False, comment="In a sentence, for a chart"),
    Column("metrics_affected", Text, nullable=False, comment="GitHub's names, after commas"),
    comment="One row is a day on which GitHub changed what its numbers mean, or which exist.",
)
