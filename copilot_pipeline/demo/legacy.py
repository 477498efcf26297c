"""The days of the closed metrics endpoint.

Shapes: GitHub's documentation page "REST API endpoints for Copilot metrics".
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from datetime import date

from copilot_pipeline.demo.chance import split
from copilot_pipeline.demo.organization import Enterprise, Organization, Record
from copilot_pipeline.demo.people import active_people
from copilot_pipeline.demo.usage import (
    CODE_COUNTERS,
    COMPLETION,
    PROMPTS,
    breakdown,
    usage_rows,
)

_EDITORS = {"vscode": 0.62, "JetBrains": 0.24, "Visual Studio": 0.10, "Neovim": 0.04}
_MODELS = {"default": 0.8, "demo-custom-model": 0.2}
_COUNTERS = {
    "total_code_suggestions": "code_generation_activity_count",
    "total_code_acceptances": "code_acceptance_activity_count",
    "total_code_lines_suggested": "loc_suggested_to_add_sum",
    "total_code_lines_accepted": "loc_added_sum",
}


def legacy_day(scope: Organization | Enterprise, day: date) -> Record:
    """One day of the closed `/copilot/metrics`, with the completions that the report counts.

    An enterprise's counts are its organizations' together, with each person once.
    """
    organizations = scope.organizations if isinstance(scope, Enterprise) else [scope]
    present = [organization for organization in organizations if organization.has_day(day)]
    users = len({number for each in present for number in active_people(each, day)})
    rows = [row for organization in present for row in usage_rows(organization, day)]
    chats = sum(row[PROMPTS] for row in rows if row["feature"].startswith("chat_"))
    return {
        "date": day.isoformat(),
        "total_active_users": users,
        "total_engaged_users": _most_of(users, 0.94),
        "copilot_ide_code_completions": _completions(rows, _most_of(users, 0.92)),
        "copilot_ide_chat": _ide_chat(chats, round(users * 0.70)),
        "copilot_dotcom_chat": _dotcom_chat(round(users * 0.25)),
        "copilot_dotcom_pull_requests": _pull_requests(round(users * 0.20)),
    }


def _most_of(users: int, share: float) -> int:
    """Some are active without being engaged, but not if there is one person only."""
    return max(int(users * share), min(users, 1))


def _model(name: str, users: int) -> Record:
    custom = name != "default"
    return {
        "name": name,
        "is_custom_model": custom,
        "custom_model_training_date": "2025-02-01" if custom else None,
        "total_engaged_users": users,
    }


def _editors(users: int, model: Callable[[str, str, int], Record]) -> Iterator[Record]:
    """The editors somebody used, each with the models `model(editor, name, users)` describes."""
    per_editor = split(users, list(_EDITORS.values()))
    for editor, count in zip(_EDITORS, per_editor, strict=True):
        if count:
            # A person meets both models, so their users do not add up to the editor's.
            models = [model(editor, "default", count)]
            models.append(model(editor, "demo-custom-model", math.ceil(count * 0.3)))
            yield {"name": editor, "total_engaged_users": count, "models": models}


def _completions(rows: list[Record], users: int) -> Record:
    languages = breakdown(
        [row for row in rows if row["feature"] == COMPLETION], ["language"], CODE_COUNTERS
    )
    most: int = max((row["code_generation_activity_count"] for row in languages), default=0)

    def reach(row: Record, users: int) -> int:
        generations: int = row["code_generation_activity_count"]
        return max(1, round(users * generations / most))

    cells = _cells(users)

    def model(editor: str, name: str, count: int) -> Record:
        cell = list(cells).index((editor, name))
        entries = [
            {
                "name": row["language"],
                "total_engaged_users": reach(row, count),
                **{
                    legacy: split(row[counter], list(cells.values()))[cell]
                    for legacy, counter in _COUNTERS.items()
                },
            }
            for row in languages
        ]
        return {**_model(name, count), "languages": entries}

    return {
        "total_engaged_users": users,
        "languages": [
            {"name": row["language"], "total_engaged_users": reach(row, users)}
            for row in languages
            if users
        ],
        "editors": list(_editors(users, model)),
    }


def _cells(users: int) -> dict[tuple[str, str], float]:
    """The weight of each (editor, model) among the editors that somebody used."""
    per_editor = split(users, list(_EDITORS.values()))
    return {
        (editor, model): count * share
        for editor, count in zip(_EDITORS, per_editor, strict=True)
        if count
        for model, share in _MODELS.items()
    }


def _ide_chat(chats: int, users: int) -> Record:
    cells = _cells(users)

    def model(editor: str, name: str, count: int) -> Record:
        cell = list(cells).index((editor, name))
        total = split(chats, list(cells.values()))[cell]
        return {
            **_model(name, count),
            "total_chats": total,
            "total_chat_insertion_events": round(total * 0.15),
            "total_chat_copy_events": round(total * 0.22),
        }

    return {"total_engaged_users": users, "editors": list(_editors(users, model))}


def _dotcom_chat(users: int) -> Record:
    models = [{**_model("default", users), "total_chats": users * 3}] if users else []
    return {"total_engaged_users": users, "models": models}


def _pull_requests(users: int) -> Record:
    repositories = []
    per_repository = split(users, [0.5, 0.3, 0.2])
    for name, count in zip(("web", "services", "mobile"), per_repository, strict=True):
        if count:
            model = {**_model("default", count), "total_pr_summaries_created": count * 2}
            repositories.append(
                {"name": f"demo/{name}", "total_engaged_users": count, "models": [model]}
            )
    return {"total_engaged_users": users, "repositories": repositories}
