"""How an organization uses Copilot on a day: active users, and the rows that every report sums.

Totals and their breakdowns must agree, so all of them are summed from the same rows.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import product

from copilot_pipeline.demo.chance import chance, seeded, split
from copilot_pipeline.demo.organization import Organization, Record


@dataclass(frozen=True)
class ActiveUsers:
    """Active users of a day and of the 7 and 28 days that end on it."""

    daily: int
    weekly: int
    monthly: int

    def part(self, daily: float, weekly: float, monthly: float) -> ActiveUsers:
        return ActiveUsers(
            round(self.daily * daily), round(self.weekly * weekly), round(self.monthly * monthly)
        )

    def fields(self, name: str) -> Record:
        return {
            f"daily_{name}_users": self.daily,
            f"weekly_{name}_users": self.weekly,
            f"monthly_{name}_users": self.monthly,
        }

    def trailing_fields(self) -> Record:
        """The counts that only the 28 days have."""
        return {
            "monthly_active_chat_users": round(self.monthly * 0.82),
            "monthly_active_agent_users": round(self.monthly * 0.60),
        }


def _maturity(day: date) -> float:
    """How far the rollout has come, 0 to 1: it only grows, fastest at New Year 2026."""
    return 1 / (1 + math.exp(-(day - date(2026, 1, 1)).days / 170))


def active_users(organization: Organization, day: date) -> ActiveUsers:
    # Neither given seats nor monthly users ever become fewer, and daily users stay below 0.76 of
    # the monthly ones, so no day of a window has more users than the window.
    monthly = round(len(organization.given_seats(day)) * (0.15 + 0.58 * _maturity(day)))
    low, high = (0.06, 0.14) if day.weekday() >= 5 else (0.64, 0.76)
    share = low + (high - low) * chance(organization.slug.lower(), day, "active")
    return ActiveUsers(round(monthly * share), math.ceil(monthly * 0.9), monthly)


# The part of the day's, week's and month's active users who use what is not in every editor.
_AUDIENCES = {
    "active_copilot_cloud_agent": (0.10, 0.18, 0.27),
    "active_cli": (0.22, 0.30, 0.38),
    "active_copilot_code_review": (0.18, 0.35, 0.50),
    "passive_copilot_code_review": (0.10, 0.20, 0.25),
    "active_copilot_app": (0.08, 0.12, 0.16),
    "active_vscode_agent": (0.40, 0.50, 0.58),
}


def audience(users: ActiveUsers, name: str) -> ActiveUsers:
    return users.part(*_AUDIENCES[name])


def audience_of_a_month(name: str) -> float:
    return _AUDIENCES[name][2]


@dataclass(frozen=True)
class _Feature:
    """What one active user does with a feature on one working day."""

    name: str
    prompts: float
    generations: float
    acceptance: float
    lines_suggested: float
    lines_per_acceptance: float
    lines_per_generation: float = 0.0
    deleted_per_generation: float = 0.0
    monthly_users: float = 1.0


COMPLETION = "code_completion"
CLI = "copilot_cli"
FEATURES = (
    _Feature(COMPLETION, 0, 58, 0.285, 1.8, 1.6, monthly_users=0.97),
    _Feature("chat_inline", 1.4, 1.6, 0.38, 11, 8, monthly_users=0.36),
    _Feature("chat_panel_ask_mode", 4.8, 5.6, 0.11, 14, 9, monthly_users=0.72),
    _Feature("chat_panel_edit_mode", 1.1, 2.1, 0.52, 13, 11, monthly_users=0.22),
    _Feature("chat_panel_plan_mode", 0.8, 0.7, 0.05, 7, 6, monthly_users=0.18),
    _Feature("chat_panel_agent_mode", 6.4, 7.8, 0.06, 9, 8, monthly_users=0.58),
    _Feature("agent_edit", 0, 8.8, 0, 0, 0, 21, 7, monthly_users=0.55),
    _Feature(CLI, 2.1, 3.2, 0, 0, 0, 13, 5, monthly_users=0.38),
)
# Share of the suggestions, and how far acceptance lies from the feature's own.
_LANGUAGES = {
    "typescript": (0.25, 0.000),
    "python": (0.24, 0.010),
    "go": (0.12, 0.015),
    "java": (0.11, -0.005),
    "c#": (0.08, -0.010),
    "rust": (0.04, -0.015),
    "yaml": (0.05, -0.020),
    "markdown": (0.04, -0.025),
    "others": (0.07, -0.010),
}
_MODELS: Mapping[str | None, float] = {
    "claude-sonnet-4.6": 0.38,
    "gpt-5.4": 0.29,
    "auto": 0.16,
    "claude-haiku-4.5": 0.10,
    "others": 0.07,
}
_IDES = {"vscode": 0.61, "intellij": 0.21, "visualstudio": 0.10, "neovim": 0.05, "xcode": 0.03}

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


def usage_rows(organization: Organization, day: date) -> list[Record]:
    """The day's usage per feature, language and model: every total and breakdown sums these.

    Completions have no model and the CLI has no language, as in GitHub's reports (there: None).
    """
    users = active_users(organization, day)
    rows: list[Record] = []
    for feature in FEATURES:
        if feature.name == CLI and not audience(users, "active_cli").daily:
            continue
        rows += _feature_rows(organization, day, users.daily, feature)
    return rows


def _feature_rows(
    organization: Organization, day: date, users: int, feature: _Feature
) -> Iterator[Record]:
    rng = seeded(organization.slug.lower(), day, feature.name)
    effort = users * (0.55 if day.weekday() >= 5 else 0.75 + 0.35 * _maturity(day))
    effort *= rng.uniform(0.92, 1.08)
    languages: Mapping[str | None, float] = {None: 1.0}
    models: Mapping[str | None, float] = {None: 1.0}
    if feature.name != CLI:
        languages = _language_weights(organization)
    if feature.name not in (COMPLETION, CLI):
        models = _MODELS
    keys = list(product(languages, models))
    weights = [languages[lang] * models[model] * rng.uniform(0.85, 1.15) for lang, model in keys]
    generations = split(round(effort * feature.generations), weights)
    prompts = split(round(effort * feature.prompts), weights)
    likely = [
        count * max(0.0, feature.acceptance + _LANGUAGES.get(language or "", (0, 0.0))[1])
        for (language, _), count in zip(keys, generations, strict=True)
    ]
    rate = feature.acceptance * rng.uniform(0.94, 1.06)
    acceptances = split(round(sum(generations) * rate), likely)
    for (language, model), generated, prompted, accepted in zip(
        keys, generations, prompts, acceptances, strict=True
    ):
        if not generated and not prompted:
            continue
        added = accepted * feature.lines_per_acceptance + generated * feature.lines_per_generation
        yield {
            "feature": feature.name,
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


def _language_weights(organization: Organization) -> dict[str | None, float]:
    slug = organization.slug.lower()
    return {
        name: share * (0.6 + 0.8 * chance(slug, name)) for name, (share, _) in _LANGUAGES.items()
    }


def summed(rows: Iterable[Record], counters: Sequence[str]) -> Record:
    rows = list(rows)
    return {counter: sum(row[counter] for row in rows) for counter in counters}


def breakdown(rows: Iterable[Record], keys: Sequence[str], counters: Sequence[str]) -> list[Record]:
    """One entry per combination of the keys; rows that lack one of them belong to none."""
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


def by_ide(rows: list[Record]) -> list[Record]:
    """Everything but the CLI, which is no editor."""
    totals = summed((row for row in rows if row["feature"] != CLI), COUNTERS)
    if not any(totals.values()):
        return []
    shares = {name: split(total, list(_IDES.values())) for name, total in totals.items()}
    return [
        {"ide": ide, **{name: shares[name][i] for name in COUNTERS}} for i, ide in enumerate(_IDES)
    ]
