"""The days of the closed metrics endpoint, counted from the same people as the reports.

Shapes: GitHub's documentation page "REST API endpoints for Copilot metrics".
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date
from typing import Any

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
# What somebody did: who, where, in which language, and the counters.
_Use = tuple[int, str, str, dict[str, int]]


def legacy_day(staffs: tuple[Staff, ...], day: date) -> Record:
    """Returns one day of the closed `/copilot/metrics`, with the completions of the reports."""
    people = user_days(staffs, day)
    completions = [use for person in people for use in _completions(person)]
    chats = [use for person in people for use in _chats(person)]
    on_site = [
        (person["user_id"], "", "", {"total_chats": 3})
        for person in people
        if person["used_copilot_cloud_agent"]
    ]
    engaged = {use[0] for use in [*completions, *chats, *on_site]}
    return {
        "date": day.isoformat(),
        "total_active_users": len(people),
        "total_engaged_users": len(engaged),
        "copilot_ide_code_completions": {
            "total_engaged_users": _users(completions),
            "languages": [
                {"name": name, "total_engaged_users": _users(uses)}
                for name, uses in _grouped(completions, 2).items()
            ],
            "editors": _editors(completions, with_languages=True),
        },
        "copilot_ide_chat": {
            "total_engaged_users": _users(chats),
            "editors": _editors(chats, with_languages=False),
        },
        "copilot_dotcom_chat": {
            "total_engaged_users": _users(on_site),
            "models": [_model(_DEFAULT, on_site)] if on_site else [],
        },
        "copilot_dotcom_pull_requests": _pull_requests(staffs, day),
    }


def _editor(person: Record) -> str | None:
    if not person["totals_by_ide"]:
        return None
    ide: str = person["totals_by_ide"][0]["ide"]
    return _EDITORS.get(ide, ide)


def _completions(person: Record) -> Iterable[_Use]:
    editor = _editor(person)
    for entry in person["totals_by_language_feature"]:
        if entry["feature"] == COMPLETION and editor is not None:
            counts = {name: entry[counter] for name, counter in _COUNTERS.items()}
            yield person["user_id"], editor, entry["language"], counts


def _chats(person: Record) -> Iterable[_Use]:
    editor = _editor(person)
    prompts = sum(
        entry[PROMPTS]
        for entry in person["totals_by_feature"]
        if entry["feature"].startswith("chat_")
    )
    if prompts and editor is not None:
        counts = {
            "total_chats": prompts,
            "total_chat_insertion_events": round(prompts * 0.15),
            "total_chat_copy_events": round(prompts * 0.22),
        }
        yield person["user_id"], editor, "", counts


def _users(uses: Iterable[_Use]) -> int:
    return len({use[0] for use in uses})


def _grouped(uses: Iterable[_Use], position: int) -> dict[str, list[_Use]]:
    groups: dict[str, list[_Use]] = {}
    for use in uses:
        groups.setdefault(str(use[position]), []).append(use)
    return groups


def _editors(uses: Sequence[_Use], *, with_languages: bool) -> list[Record]:
    """Returns the editors, each with its models: every fifth person has the custom one."""
    editors = []
    for editor, inside in _grouped(uses, 1).items():
        by_model = {
            _DEFAULT: [use for use in inside if use[0] % 5],
            _CUSTOM: [use for use in inside if not use[0] % 5],
        }
        models = []
        for name, own in by_model.items():
            if own and with_languages:
                languages = [
                    {"name": language, "total_engaged_users": _users(each), **_sums(each)}
                    for language, each in _grouped(own, 2).items()
                ]
                models.append({**_model(name, own, with_sums=False), "languages": languages})
            elif own:
                models.append(_model(name, own))
        users = _users(inside)
        editors.append({"name": editor, "total_engaged_users": users, "models": models})
    return editors


def _model(name: str, uses: Sequence[_Use], *, with_sums: bool = True) -> Record:
    return {
        "name": name,
        "is_custom_model": name == _CUSTOM,
        "custom_model_training_date": "2025-02-01" if name == _CUSTOM else None,
        "total_engaged_users": _users(uses),
        **(_sums(uses) if with_sums else {}),
    }


def _sums(uses: Sequence[_Use]) -> dict[str, int]:
    return {name: sum(use[3][name] for use in uses) for name in uses[0][3]}


def _pull_requests(staffs: Sequence[Staff], day: date) -> Record:
    """Returns the summaries that Copilot wrote: one for each pull request it reviewed."""
    summarized = [pull for pull in pulls_of(staffs, day) if pull["total_reviewed_by_copilot"]]
    repositories: list[dict[str, Any]] = []
    for position, name in enumerate(REPOSITORIES):
        own = [pull for pull in summarized if pull["repository"] == position]
        if own:
            users = len({pull["author"] for pull in own})
            model = {
                **_model(_DEFAULT, [], with_sums=False),
                "total_engaged_users": users,
                "total_pr_summaries_created": len(own),
            }
            repository = {"name": f"demo/{name}", "total_engaged_users": users, "models": [model]}
            repositories.append(repository)
    return {
        "total_engaged_users": len({pull["author"] for pull in summarized}),
        "repositories": repositories,
    }
