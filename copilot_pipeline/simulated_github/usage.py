"""What one person did on one day: a record of the users report.

Shapes: GitHub's documentation page "Data available in Copilot usage metrics".
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from random import Random

from copilot_pipeline.simulated_github import since
from copilot_pipeline.simulated_github.chance import seeded
from copilot_pipeline.simulated_github.clients import (
    CLI_VERSIONS,
    IDE_VERSIONS,
    agent_client,
    customizations,
)
from copilot_pipeline.simulated_github.company import Record, Staff, active_people
from copilot_pipeline.simulated_github.people import CLI, COMPLETION, Person
from copilot_pipeline.simulated_github.users import FIRST_USER_ID, login_of

PROMPTS = "user_initiated_interaction_count"
CODE_COUNTERS = (
    "code_generation_activity_count",
    "code_acceptance_activity_count",
    "loc_suggested_to_add_sum",
    "loc_suggested_to_delete_sum",
    "loc_added_sum",
    "loc_deleted_sum",
)
COUNTERS = (PROMPTS, *CODE_COUNTERS)
BREAKDOWNS: dict[str, tuple[tuple[str, ...], Sequence[str]]] = {
    "totals_by_feature": (("feature",), COUNTERS),
    "totals_by_language_feature": (("language", "feature"), CODE_COUNTERS),
    "totals_by_language_model": (("language", "model"), CODE_COUNTERS),
    "totals_by_model_feature": (("model", "feature"), COUNTERS),
}
PHASES = ("No Cohort", "Phase 1", "Phase 2", "Phase 3")


@dataclass(frozen=True)
class _Feature:
    """What a person does with a feature on one day with average effort."""

    prompts: float
    generations: float
    acceptance: float
    lines_suggested: float
    lines_per_acceptance: float
    lines_per_generation: float = 0.0
    deleted_per_generation: float = 0.0
    is_agent: bool = False


FEATURES = {
    COMPLETION: _Feature(0, 62, 0.305, 1.8, 1.6),
    "chat_inline": _Feature(3.0, 3.4, 0.38, 11, 8),
    "chat_panel_ask_mode": _Feature(7.0, 8.0, 0.11, 14, 9),
    "chat_panel_edit_mode": _Feature(4.0, 7.0, 0.52, 13, 11),
    "chat_panel_plan_mode": _Feature(3.0, 2.6, 0.05, 7, 6),
    "chat_panel_agent_mode": _Feature(9.0, 11.0, 0.06, 9, 8, is_agent=True),
    "agent_edit": _Feature(0, 13.0, 0, 0, 0, 21, 7, is_agent=True),
    CLI: _Feature(6.0, 9.0, 0, 0, 0, 13, 5, is_agent=True),
}
_HEAVY_FACTOR = 4.0

# How well completions of a language are accepted, and what becomes of its use as time goes on.
_LANGUAGES = {
    "typescript": (1.10, 1.0),
    "python": (1.14, 1.0),
    "go": (1.06, 1.3),
    "java": (0.92, 0.6),
    "kotlin": (0.97, 1.3),
    "swift": (0.90, 1.0),
    "c#": (0.86, 0.7),
    "rust": (0.74, 2.2),
    "sql": (0.80, 1.0),
    "css": (0.88, 0.9),
    "yaml": (0.66, 1.0),
    "markdown": (0.48, 1.6),
    "others": (0.70, 1.0),
}
# Of each team, and of those without one.
_LANGUAGES_OF_TEAM = {
    "platform": ("go", "go", "python", "rust", "yaml"),
    "web": ("typescript", "typescript", "css", "typescript", "go"),
    "mobile": ("kotlin", "swift", "java", "kotlin", "java"),
    "data": ("python", "sql", "python", "python", "others"),
    None: ("typescript", "java", "c#", "typescript", "others"),
}
_ALSO_WRITTEN = ("markdown", "yaml")

# Share of the people, and how well completions are accepted.
_EDITORS = {
    "vscode": (0.56, 1.04),
    "intellij": (0.22, 0.93),
    "visualstudio": (0.09, 0.84),
    "neovim": (0.08, 1.15),
    "xcode": (0.05, 0.76),
}
# Shares of the chats before and after the turning point.
_MODELS = {
    "claude-sonnet-4.5": (0.42, 0.02),
    "claude-sonnet-4.6": (0.00, 0.42),
    "gpt-5.4": (0.26, 0.21),
    "claude-haiku-4.5": (0.14, 0.13),
    "auto": (0.12, 0.18),
    "others": (0.06, 0.04),
}


@lru_cache(maxsize=4)
def user_days(staffs: tuple[Staff, ...], day: date) -> list[Record]:
    """Returns what each active person did, once for a person of two organizations.

    The records have no identifiers of a scope. They are shared: callers copy what they change.
    """
    people: dict[int, Person] = {}
    for staff in staffs:
        people = active_people(staff, day) | people
    return [_user_day(people[number], day) for number in sorted(people)]


def _user_day(person: Person, day: date) -> Record:
    rng = seeded(person.company, person.number, day)
    uses = person.uses(day)
    cells = _cells(person, day, uses, rng)
    totals = {name: breakdown(cells, *each) for name, each in BREAKDOWNS.items()}
    features = totals["totals_by_feature"]
    prompts = sum(entry[PROMPTS] for entry in features)
    record: Record = {
        "day": day.isoformat(),
        "user_id": FIRST_USER_ID + person.number,
        "user_login": login_of(person.number),
        **summed(features, COUNTERS),
        **_flags(person, day, uses),
        "totals_by_ide": _totals_by_ide(person, day, features),
        **totals,
    }
    if CLI in uses:
        (cli,) = (entry for entry in features if entry["feature"] == CLI)
        record["totals_by_cli"] = {
            **agent_client(cli[PROMPTS], rng),
            "last_known_cli_version": {
                "cli_version": CLI_VERSIONS[person.number % len(CLI_VERSIONS)],
                "sampled_at": _sampled_at(day, person),
            },
        }
    if "copilot_app" in uses:
        record["totals_by_copilot_app"] = agent_client(rng.randint(2, 10), rng)
    if "vscode_agent" in uses:
        sessions = rng.randint(1, 5)
        messages = sessions + rng.randint(0, 5 * sessions)
        record["totals_by_vscode_agent"] = {
            "session_count": sessions,
            "total_user_messages": messages,
        }
    record |= customizations(day, rng, uses_agents="agent" in uses or CLI in uses)
    if day >= since.AI_CREDITS:
        price = 2.4 if person.is_heavy else 0.85
        record["ai_credits_used"] = round(prompts * price, 2) if features else None
    if day >= since.PHASES:
        phase = person.phase(day)
        record["ai_adoption_phase"] = {
            "phase_number": phase,
            "phase": PHASES[phase],
            "version": "v1",
        }
    return record


def _flags(person: Person, day: date, uses: set[str]) -> Record:
    cloud_agent = "cloud_agent" in uses
    flags: Record = {
        "used_agent": "agent" in uses,
        "used_chat": "chat" in uses,
        "used_cli": CLI in uses,
        "used_copilot_coding_agent": cloud_agent,
        "used_copilot_cloud_agent": cloud_agent,
    }
    if day >= since.CODE_REVIEW:
        active, passive = "review_active" in uses, "review_passive" in uses
        # Null says that GitHub got no signal about reviews of this person.
        silent = not active and not passive and person.number % 3 == 0
        flags["used_copilot_code_review_active"] = None if silent else active
        flags["used_copilot_code_review_passive"] = None if silent else passive
    if day >= since.APP:
        flags["used_copilot_app"] = "copilot_app" in uses
    if day >= since.VSCODE_AGENT:
        flags["used_vscode_agent"] = "vscode_agent" in uses
    return flags


def _cells(person: Person, day: date, uses: set[str], rng: Random) -> list[Record]:
    """Returns the counters by feature, language and model, of which every breakdown is a sum.

    Completions have no model and the CLI has no language, as in GitHub's reports (there: None).
    """
    cells = []
    languages = _languages(person, day, rng)
    effort = person.effort(day) * rng.uniform(0.6, 1.4)
    taste = person.skill * _EDITORS[editor_of(person, day)][1] * (0.94 + 0.1 * person.progress(day))
    for name, feature in FEATURES.items():
        if name not in uses:
            continue
        amount = effort * (_HEAVY_FACTOR if person.is_heavy and feature.is_agent else 1.0)
        model = None if name in (COMPLETION, CLI) else _model(person, day, rng)
        # Whoever uses a feature did something with it, if only once.
        generations, prompts = 1, min(1, int(feature.prompts))
        for language, part in [(None, 1.0)] if name == CLI else languages:
            generated = max(generations, round(amount * part * feature.generations))
            prompted = max(prompts, round(amount * part * feature.prompts))
            generations = prompts = 0
            if not generated and not prompted:
                continue
            likes = taste * (_LANGUAGES[language][0] if language else 1.0)
            rate = min(0.95, feature.acceptance * likes * rng.uniform(0.85, 1.15))
            # Rounded by chance, as most people have few chats in a day.
            accepted = min(generated, int(generated * rate + rng.random()) if rate else 0)
            added = accepted * feature.lines_per_acceptance
            added += generated * feature.lines_per_generation
            cells.append(
                {
                    "feature": name,
                    "language": language,
                    "model": model,
                    PROMPTS: prompted,
                    "code_generation_activity_count": generated,
                    "code_acceptance_activity_count": accepted,
                    "loc_suggested_to_add_sum": round(generated * feature.lines_suggested),
                    "loc_suggested_to_delete_sum": 0,
                    "loc_added_sum": round(added * rng.uniform(0.9, 1.1)),
                    "loc_deleted_sum": round(generated * feature.deleted_per_generation),
                }
            )
    return cells


def _languages(person: Person, day: date, rng: Random) -> list[tuple[str, float]]:
    """Returns the person's languages of the day and their parts of the work."""
    usual = _LANGUAGES_OF_TEAM[person.team]
    weights = {usual[int(person.trait("language") * len(usual))]: 1.0}
    if rng.random() < 0.5:
        weights.setdefault(usual[int(person.trait("second language") * len(usual))], 0.4)
    if rng.random() < 0.3:
        weights.setdefault(_ALSO_WRITTEN[person.number % 2], 0.2)
    done = person.progress(day)
    for name in weights:
        weights[name] *= 1 + (_LANGUAGES[name][1] - 1) * done
    # A language that fades takes work with it, one that grows takes it from the others.
    total = max(1.0, sum(weights.values()))
    return [(name, weight / total) for name, weight in weights.items()]


def _model(person: Person, day: date, rng: Random) -> str:
    """Returns the person's usual model, or another one in two of five chats."""
    place = person.trait("model") if rng.random() < 0.6 else rng.random()
    done = person.progress(day)
    for name, (before, after) in _MODELS.items():
        place -= before + (after - before) * done
        if place < 0:
            return name
    return "others"


def editor_of(person: Person, day: date) -> str:
    """Returns the person's editor of the day; every sixth person has two, of which VS Code is one.

    Whoever works on the site only has none; the seat's last activity says so.
    """
    place = person.trait("editor")
    if person.number % 6 == 0 and day.toordinal() % 3 == 0:
        return "vscode"
    for name, (share, _) in _EDITORS.items():
        place -= share
        if place < 0:
            return name
    return "vscode"


def _totals_by_ide(person: Person, day: date, features: Sequence[Record]) -> list[Record]:
    """Returns everything that was done in the editor: the CLI is no editor."""
    inside = [entry for entry in features if entry["feature"] != CLI]
    if not inside:
        return []
    ide = editor_of(person, day)
    ide_version, plugin, plugin_version = IDE_VERSIONS[ide]
    sampled = {"sampled_at": _sampled_at(day, person)}
    return [
        {
            "ide": ide,
            **summed(inside, COUNTERS),
            "last_known_ide_version": {"ide_version": ide_version, **sampled},
            "last_known_plugin_version": {
                "plugin": plugin,
                "plugin_version": plugin_version,
                **sampled,
            },
        }
    ]


def _sampled_at(day: date, person: Person) -> str:
    minute = (day.toordinal() * 77 + person.number * 131) % 1440
    return f"{day.isoformat()}T{minute // 60:02d}:{minute % 60:02d}:00.000Z"


def summed(rows: Iterable[Record], counters: Sequence[str]) -> Record:
    """Returns the sum of each counter over the rows."""
    rows = list(rows)
    return {counter: sum(row[counter] for row in rows) for counter in counters}


def breakdown(rows: Iterable[Record], keys: Sequence[str], counters: Sequence[str]) -> list[Record]:
    """Returns one entry per combination of the keys; rows without one of them belong to none."""
    names = (*keys, *counters)
    entries: dict[tuple[str | None, ...], Record] = {}
    for row in rows:
        group = tuple([row[key] for key in keys])
        if None in group:
            continue
        entry = entries.get(group)
        if entry is None:
            entries[group] = {name: row[name] for name in names}
        else:
            for counter in counters:
                entry[counter] += row[counter]
    return list(entries.values())
