"""The days of the closed metrics endpoint, counted from the same people as the reports.

Shapes: GitHub's documentation page "REST API endpoints for Copilot metrics".
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from typing import NamedTuple

from copilot_pipeline.simulated_github.company import Record, Staff
from copilot_pipeline.simulated_github.people import COMPLETION
from copilot_pipeline.simulated_github.pull_requests import REPOSITORIES, pulls_of
from copilot_pipeline.simulated_github.usage import PROMPTS, user_days

_EDITORS = {
    "intellij": "JetBrains",
    "visualstudio": "Visual Studio",
    "neovim": "Neovim",
    "xcode": "Xcode",
}
_DEFAULT, _CUSTOM = "default", "demo-custom-model"
_COUNTERS = {
    "total_code_suggestions": "code_generation_activity_count",
    "total_code_acceptances": "code_acceptance_activity_count",
    "total_code_lines_suggested": "loc_suggested_to_add_sum",
    "total_code_lines_accepted": "loc_added_sum",
}


class _Use(NamedTuple):
    """What a person did in one editor and language."""

    user: int
    editor: str
    language: str
    counts: dict[str, int]


def legacy_day(staffs: tuple[Staff, ...], day: date) -> Record:
    """Returns one day of the closed `/copilot/metrics`, with the completions of the reports."""
    people = user_days(staffs, day)
    completions = [use for person in people for use in _completions(person)]
    chats = [use for person in people for use in _chats(person)]
    on_site = [person for person in people if person["used_copilot_cloud_agent"]]
    summarized = [pull for pull in pulls_of(staffs, day) if pull["total_reviewed_by_copilot"]]
    engaged = {use.user for use in [*completions, *chats]}
    engaged |= {person["user_id"] for person in on_site}
    site_chats = {**_model(_DEFAULT, len(on_site)), "total_chats": 3 * len(on_site)}
    return {
        "date": day.isoformat(),
        "total_active_users": len(people),
        "total_engaged_users": len(engaged),
        "copilot_ide_code_completions": {
            "total_engaged_users": _users(completions),
            "languages": [
                {"name": name, "total_engaged_users": _users(uses)}
                for name, uses in _by_language(completions).items()
            ],
            "editors": _editors(completions),
        },
        "copilot_ide_chat": {"total_engaged_users": _users(chats), "editors": _editors(chats)},
        "copilot_dotcom_chat": {
            "total_engaged_users": len(on_site),
            "models": [site_chats] if on_site else [],
        },
        "copilot_dotcom_pull_requests": {
            "total_engaged_users": len({pull["author"] for pull in summarized}),
            "repositories": _repositories(summarized),
        },
    }


def _completions(person: Record) -> Iterator[_Use]:
    for entry in person["totals_by_language_feature"]:
        if entry["feature"] == COMPLETION:
            counts = {name: entry[counter] for name, counter in _COUNTERS.items()}
            yield _Use(person["user_id"], _editor(person), entry["language"], counts)


def _chats(person: Record) -> Iterator[_Use]:
    features = person["totals_by_feature"]
    chats = sum(entry[PROMPTS] for entry in features if entry["feature"].startswith("chat_"))
    if chats:
        counts = {
            "total_chats": chats,
            "total_chat_insertion_events": round(chats * 0.15),
            "total_chat_copy_events": round(chats * 0.22),
        }
        yield _Use(person["user_id"], _editor(person), "", counts)


def _editor(person: Record) -> str:
    """Returns the old name of the editor; who completes or chats has exactly one."""
    ide: str = person["totals_by_ide"][0]["ide"]
    return _EDITORS.get(ide, ide)


def _users(uses: Iterable[_Use]) -> int:
    return len({use.user for use in uses})


def _by_language(uses: Sequence[_Use]) -> dict[str, list[_Use]]:
    names = dict.fromkeys(use.language for use in uses)
    return {name: [use for use in uses if use.language == name] for name in names}


def _editors(uses: Sequence[_Use]) -> list[Record]:
    """Returns the editors, each with its models: every fifth person has the custom one."""
    editors = []
    for name in dict.fromkeys(use.editor for use in uses):
        inside = [use for use in uses if use.editor == name]
        models = []
        for model, is_custom in {_DEFAULT: False, _CUSTOM: True}.items():
            own = [use for use in inside if (use.user % 5 == 0) is is_custom]
            languages = [
                {"name": language, "total_engaged_users": _users(each), **_sums(each)}
                for language, each in _by_language(own).items()
            ]
            if own:
                # Chats have no language: what is counted is the model's own.
                counted = {"languages": languages} if own[0].language else _sums(own)
                models.append({**_model(model, _users(own)), **counted})
        editors.append({"name": name, "total_engaged_users": _users(inside), "models": models})
    return editors


def _model(name: str, users: int) -> Record:
    return {
        "name": name,
        "is_custom_model": name == _CUSTOM,
        "custom_model_training_date": "2025-02-01" if name == _CUSTOM else None,
        "total_engaged_users": users,
    }


def _sums(uses: Sequence[_Use]) -> dict[str, int]:
    return {name: sum(use.counts[name] for use in uses) for name in uses[0].counts}


def _repositories(summarized: Sequence[Record]) -> list[Record]:
    """Returns the repositories with summaries: one for each pull request that Copilot reviewed."""
    repositories = []
    for position in sorted({pull["repository"] for pull in summarized}):
        own = [pull for pull in summarized if pull["repository"] == position]
        users = len({pull["author"] for pull in own})
        model = {**_model(_DEFAULT, users), "total_pr_summaries_created": len(own)}
        name = f"demo/{REPOSITORIES[position]}"
        repositories.append({"name": name, "total_engaged_users": users, "models": [model]})
    return repositories
