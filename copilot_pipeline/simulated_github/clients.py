"""What clients report beside the code counters: versions, the CLI, the app, and customizations.

Shapes: GitHub's documentation page "Data available in Copilot usage metrics".
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from random import Random

from copilot_pipeline.simulated_github import since
from copilot_pipeline.simulated_github.company import Record

IDE_VERSIONS = {
    "vscode": ("1.128.2", "copilot-chat", "0.53.1"),
    "intellij": ("2026.2.1", "copilot-intellij", "1.9.14"),
    "visualstudio": ("18.4.0", "copilot-vs", "2.6.0"),
    "neovim": ("0.12.1", "copilot.vim", "1.62.0"),
    "xcode": ("27.0", "copilot-xcode", "0.51.0"),
}
CLI_VERSIONS = ("1.0.61", "1.0.58", "unknown")

CUSTOMIZATIONS = {
    "skill": ("explain-failure", "write-changelog", "update-docs", "review-checklist", "other"),
    "custom_agent": ("release-notes", "test-writer", "other"),
    "mcp": ("issue-tracker", "database-reader", "browser", "other"),
    "slash_cmd": ("fix", "tests", "explain", "doc", "custom"),
    "plugin": ("documentation-kit", "other"),
}
THIRD_PARTY_AGENT = {"agent_id": "demo-agent-1", "agent_name": "Demo Agent"}


def agent_client(prompts: int, rng: Random) -> Record:
    """Returns `totals_by_cli` or `totals_by_copilot_app`: a prompt leads to several requests."""
    requests = prompts * rng.randint(3, 8)
    return {
        "session_count": -(-prompts // 6),
        "request_count": requests,
        "prompt_count": prompts,
        "token_usage": _token_usage(
            requests, requests * rng.randint(300, 520), requests * rng.randint(6_000, 12_000)
        ),
    }


def summed_clients(clients: Iterable[Record]) -> Record:
    """Returns the totals of several people, without anybody's version."""
    clients = list(clients)
    total = {
        name: sum(client[name] for client in clients)
        for name in ("session_count", "request_count", "prompt_count")
    }
    output, prompt = (
        sum(client["token_usage"][name] for client in clients)
        for name in ("output_tokens_sum", "prompt_tokens_sum")
    )
    return {**total, "token_usage": _token_usage(total["request_count"], output, prompt)}


def _token_usage(requests: int, output: int, prompt: int) -> Record:
    return {
        "output_tokens_sum": output,
        "prompt_tokens_sum": prompt,
        "avg_tokens_per_request": round((output + prompt) / requests, 2) if requests else None,
    }


def customizations(day: date, rng: Random, *, uses_agents: bool) -> Record:
    """Returns a person's skills, servers, commands and agents of others, those known on the day."""
    fields: Record = {}
    if day >= since.THIRD_PARTY_AGENTS:
        used = uses_agents and rng.random() < 0.15
        agent = {**THIRD_PARTY_AGENT, "user_initiated_interaction_count": rng.randint(1, 4)}
        fields["totals_by_3rd_party_agent"] = [agent] if used else []
    if day >= since.CUSTOMIZATIONS:
        for kind, names in CUSTOMIZATIONS.items():
            count = rng.choice((0, 1, 1, 2)) if uses_agents else 0
            entries = [
                {kind: name, "interaction_count": rng.randint(1, 5)}
                for name in rng.sample(names, count)
            ]
            fields[f"totals_by_{kind}"] = entries
            fields[f"distinct_{kind}_use_count"] = len(entries)
    return fields
