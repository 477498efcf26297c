"""The numbers that aggregate records and user records share: activity, clients, pull requests."""

from typing import Any

from copilot_pipeline.transform.values import Json, counter, number, optional_object
from copilot_pipeline.warehouse.columns import (
    ACTIVITY_COUNTERS,
    AGENT_COUNTERS,
    CLIENT_COUNTERS,
    CLIENTS,
    CUSTOMISATION_COUNTERS,
    PULL_REQUEST_COUNTERS,
    PULL_REQUEST_MEDIANS,
    TOKEN_AVERAGE,
    TOKEN_COUNTERS,
)


def activity(record: Json) -> dict[str, Any]:
    """The seven counters of a record or of a breakdown's entry."""
    return {name: counter(record, name) for name in ACTIVITY_COUNTERS}


def clients(record: Json) -> dict[str, Any]:
    """What a record says of Copilot CLI, the Copilot app, VS Code's agents, and customisations."""
    values: dict[str, Any] = {}
    for prefix in CLIENTS:
        client = optional_object(record, f"totals_by_{prefix}")
        tokens = optional_object(client, "token_usage")
        values |= {f"{prefix}_{name}": counter(client, name) for name in CLIENT_COUNTERS}
        values |= {f"{prefix}_{name}": counter(tokens, name) for name in TOKEN_COUNTERS}
        values[f"{prefix}_{TOKEN_AVERAGE}"] = number(tokens, TOKEN_AVERAGE)
    agent = optional_object(record, "totals_by_vscode_agent")
    values |= {f"vscode_agent_{name}": counter(agent, name) for name in AGENT_COUNTERS}
    return values | {name: counter(record, name) for name in CUSTOMISATION_COUNTERS}


def pull_requests(record: Json, prefix: str = "") -> dict[str, Any]:
    """The counts and medians of a record's `pull_requests`."""
    said = optional_object(record, "pull_requests")
    return {
        **{prefix + name: counter(said, name) for name in PULL_REQUEST_COUNTERS},
        **{prefix + name: number(said, name) for name in PULL_REQUEST_MEDIANS},
    }
