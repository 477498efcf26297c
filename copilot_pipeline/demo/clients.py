"""What clients report beside the code counters: the CLI, the app, agents and customisations.

Shapes: GitHub's documentation page "Data available in Copilot usage metrics".
"""

from __future__ import annotations

import math
from datetime import date

from copilot_pipeline.demo.chance import seeded, split
from copilot_pipeline.demo.organization import Organization, Record
from copilot_pipeline.demo.usage import PROMPTS, active_users

PROMPTS_PER_APP_USER = 6
SESSIONS_PER_AGENT_USER = 3
MESSAGES_PER_AGENT_USER = 13


def sessions_of(prompts: int) -> int:
    return math.ceil(prompts / 6)


def agent_client(prompts: int, sessions: int) -> Record:
    """`totals_by_cli` and `totals_by_copilot_app`: a prompt leads to several model requests."""
    requests = prompts * 5
    tokens = {"output_tokens_sum": requests * 410, "prompt_tokens_sum": requests * 9_300}
    average = round(sum(tokens.values()) / requests, 2) if requests else None
    return {
        "session_count": sessions,
        "request_count": requests,
        "prompt_count": prompts,
        "token_usage": {**tokens, "avg_tokens_per_request": average},
    }


CUSTOMISATIONS = {
    "skill": ("explain-failure", "write-changelog", "update-docs", "review-checklist", "other"),
    "custom_agent": ("release-notes", "test-writer", "other"),
    "mcp": ("issue-tracker", "database-reader", "browser", "other"),
    "slash_cmd": ("fix", "tests", "explain", "doc", "custom"),
    "plugin": ("documentation-kit", "other"),
}


def customisations(organization: Organization, day: date) -> Record:
    users = active_users(organization, day)
    fields: Record = {}
    for kind, names in CUSTOMISATIONS.items():
        rng = seeded(organization.slug.lower(), day, kind)
        uses = round(users.daily * rng.uniform(0.3, 0.7))
        counts = split(uses, [rng.uniform(0.5, 1.5) for _ in names])
        entries = [
            {kind: name, "interaction_count": count}
            for name, count in zip(names, counts, strict=True)
            if count
        ]
        fields[f"totals_by_{kind}"] = entries
        fields[f"distinct_{kind}_use_count"] = len(entries)
    fields["totals_by_3rd_party_agent"] = []
    if agents := round(users.daily * 0.2):
        agent = {"agent_id": "demo-agent-1", "agent_name": "Demo Agent", PROMPTS: agents}
        fields["totals_by_3rd_party_agent"].append(agent)
    return fields
