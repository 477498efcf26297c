"""Fields that several reports share: activity, clients and customizations.

Source: GitHub's documentation page "Data available in Copilot usage metrics".
"""

from copilot_pipeline.sources.shape import Array, Object, Part, counters, numbers, only_raw

# The activity counters of a record.
ACTIVITY = counters(
    {
        "user_initiated_interaction_count": "Prompts sent",
        "code_generation_activity_count": "Output events; every code block counts",
        "code_acceptance_activity_count": "Accept actions: accept, apply, insert, copy button",
        "loc_suggested_to_add_sum": "Lines suggested for adding, agent edits excluded",
        "loc_suggested_to_delete_sum": "Lines suggested for deleting",
        "loc_added_sum": "Lines added, agent edits included",
        "loc_deleted_sum": "Lines deleted, agent edits included",
    }
)
ACTIVITY_NAMES = tuple(field.name for field in ACTIVITY)

# The clients that report sessions, by the prefix of their columns.
CLIENTS = {"cli": "Copilot CLI", "copilot_app": "Copilot app"}


def _client(prefix: str, client: str) -> Object:
    """Return the shape of `totals_by_cli` or `totals_by_copilot_app`."""
    tokens = Object(
        "token_usage",
        (
            *counters(
                {"output_tokens_sum": "tokens written", "prompt_tokens_sum": "tokens read"},
                f"{prefix}_",
                f"{client}: ",
            ),
            *numbers(
                {"avg_tokens_per_request": "tokens per request, as reported by GitHub"},
                f"{prefix}_",
                f"{client}: ",
            ),
        ),
    )
    return Object(
        f"totals_by_{prefix}",
        (
            *counters(
                {
                    "session_count": "sessions",
                    "request_count": "requests to a model, automatic follow-ups included",
                    "prompt_count": "prompts",
                },
                f"{prefix}_",
                f"{client}: ",
            ),
            tokens,
            Object("last_known_cli_version", only_raw("cli_version", "sampled_at")),
        ),
    )


CUSTOMIZATIONS = {
    "skill": "skills",
    "custom_agent": "custom agents",
    "mcp": "MCP servers",
    "slash_cmd": "slash commands",
    "plugin": "plugins",
}

# The use of Copilot's own clients and of customizations.
CLIENT_USE: tuple[Part, ...] = (
    *(_client(prefix, client) for prefix, client in CLIENTS.items()),
    Object(
        "totals_by_vscode_agent",
        counters(
            {"session_count": "sessions", "total_user_messages": "messages sent"},
            "vscode_agent_",
            "VS Code's agents window: ",
        ),
    ),
    *counters(
        {
            f"distinct_{kind}_use_count": f"Distinct {what} used"
            for kind, what in CUSTOMIZATIONS.items()
        }
    ),
    *(
        Array(
            f"totals_by_{kind}",
            only_raw(kind, "interaction_count", "user_initiated_interaction_count"),
        )
        for kind in CUSTOMIZATIONS
    ),
    Array(
        "totals_by_3rd_party_agent",
        only_raw("agent_id", "agent_name", "user_initiated_interaction_count"),
    ),
)
