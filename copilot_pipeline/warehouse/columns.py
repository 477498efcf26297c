"""Columns that several tables share, under GitHub's names.

Every column has a comment: PostgreSQL keeps it, and the Dagster UI shows it.
"""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import BigInteger, Boolean, Column, Date, Double, Index, MetaData, Table, Text

metadata = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    }
)

# What people did, in whatever a row is about.
ACTIVITY_COUNTERS = {
    "user_initiated_interaction_count": "Prompts that people sent",
    "code_generation_activity_count": "Output events; every code block counts",
    "code_acceptance_activity_count": "Accept actions: accept, apply, insert, copy button",
    "loc_suggested_to_add_sum": "Lines suggested for adding, agent edits excluded",
    "loc_suggested_to_delete_sum": "Lines suggested for deleting",
    "loc_added_sum": "Lines really added, agent edits included",
    "loc_deleted_sum": "Lines really deleted",
}

# Of `totals_by_cli` and `totals_by_copilot_app`, and of the `token_usage` in them.
CLIENT_COUNTERS = {
    "session_count": "sessions",
    "request_count": "requests to a model, automatic follow-ups included",
    "prompt_count": "prompts",
}
TOKEN_COUNTERS = {"output_tokens_sum": "tokens written", "prompt_tokens_sum": "tokens read"}
TOKEN_AVERAGE = "avg_tokens_per_request"  # noqa: S105 (a column)
CLIENTS = {"cli": "Copilot CLI", "copilot_app": "Copilot app"}
AGENT_COUNTERS = {"session_count": "sessions", "total_user_messages": "messages that people sent"}

CUSTOMISATION_COUNTERS = {
    f"distinct_{kind}_use_count": f"Different {what} used"
    for kind, what in {
        "skill": "skills",
        "custom_agent": "custom agents",
        "mcp": "MCP servers",
        "slash_cmd": "slash commands",
        "plugin": "plugins",
    }.items()
}

PULL_REQUEST_COUNTERS = {
    "total_created": "Pull requests created",
    "total_reviewed": "Pull requests reviewed; one may count on several days",
    "total_merged": "Pull requests merged",
    "total_suggestions": "Review suggestions by anyone",
    "total_applied_suggestions": "Review suggestions applied",
    "total_created_by_copilot": "Pull requests created by Copilot",
    "total_reviewed_by_copilot": "Pull requests reviewed by Copilot; one may count on several days",
    "total_merged_created_by_copilot": "Merged pull requests that Copilot created",
    "total_merged_reviewed_by_copilot": "Merged pull requests that Copilot reviewed",
    "total_copilot_suggestions": "Review suggestions by Copilot",
    "total_copilot_applied_suggestions": "Review suggestions by Copilot that were applied",
}
PULL_REQUEST_MEDIANS = {
    "median_minutes_to_merge": "Median minutes to the merge; cannot be averaged",
    "median_minutes_to_merge_copilot_authored": "The same where Copilot is the author",
    "median_minutes_to_merge_copilot_reviewed": "The same where Copilot reviewed",
}


def scope_id() -> Column[int]:
    # No foreign key: what was collected stays when its account and scopes are removed.
    return Column(
        "scope_id", BigInteger, primary_key=True, autoincrement=False, comment="The scope"
    )


def day(comment: str = "UTC day") -> Column[object]:
    return Column("day", Date, primary_key=True, comment=comment)


def key_id(name: str, comment: str) -> Column[int]:
    return Column(name, BigInteger, primary_key=True, autoincrement=False, comment=comment)


def key_text(name: str, comment: str) -> Column[str]:
    return Column(name, Text, primary_key=True, comment=comment)


def index_days(*tables: Table) -> None:
    """Finds the rows of some days of all scopes, which PostgreSQL would collect scope by scope.

    Rows come in the order of their days, so this kind of index costs next to nothing.
    """
    for table in tables:
        Index(
            f"ix_{table.name}_day",
            table.c.day,
            postgresql_using="brin",
            postgresql_with={"pages_per_range": 32},
        ).ddl_if(dialect="postgresql")


def counters(names: Mapping[str, str], prefix: str = "") -> list[Column[int]]:
    return [Column(prefix + name, BigInteger, comment=comment) for name, comment in names.items()]


def flags(names: Mapping[str, str]) -> list[Column[bool]]:
    # Without the CHECK that SQLAlchemy can add on SQLite: PostgreSQL has a type for it.
    return [Column(name, Boolean, comment=comment) for name, comment in names.items()]


def numbers(names: Mapping[str, str], prefix: str = "") -> list[Column[float]]:
    return [Column(prefix + name, Double, comment=comment) for name, comment in names.items()]


def texts(names: Mapping[str, str]) -> list[Column[str]]:
    return [Column(name, Text, comment=comment) for name, comment in names.items()]


def clients() -> list[Column[Any]]:
    """What people did with Copilot's own clients: CLI, app, and VS Code's agents window."""
    columns: list[Column[Any]] = []
    for prefix, client in CLIENTS.items():
        of_client = {**CLIENT_COUNTERS, **TOKEN_COUNTERS}
        said = {name: f"{client}: {what}" for name, what in of_client.items()}
        average = {TOKEN_AVERAGE: f"{client}: tokens per request, as GitHub says"}
        columns += [*counters(said, f"{prefix}_"), *numbers(average, f"{prefix}_")]
    said = {name: f"VS Code's agents window: {what}" for name, what in AGENT_COUNTERS.items()}
    return [*columns, *counters(said, "vscode_agent_"), *counters(CUSTOMISATION_COUNTERS)]


def pull_requests(prefix: str = "") -> list[Column[Any]]:
    """The counts and medians of `pull_requests`."""
    return [*counters(PULL_REQUEST_COUNTERS, prefix), *numbers(PULL_REQUEST_MEDIANS, prefix)]
