"""The people of a company: what they are like, when they work, and what they use on a day.

A person's traits never change, but what most people do does: around the company's turning point
agents gain ground, a model is replaced by its successor, and some languages fade.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cached_property, lru_cache
from typing import NamedTuple

from copilot_pipeline.simulated_github import since
from copilot_pipeline.simulated_github.chance import chance

TEAMS = ("platform", "web", "mobile", "data")

COMPLETION = "code_completion"
AGENT_MODE = "chat_panel_agent_mode"
CLI = "copilot_cli"

# The part of all people who use something before and after the turning point, and the part of
# those who do so on one of their days.
_USES = {
    COMPLETION: (0.97, 0.94, 0.97),
    "chat_inline": (0.36, 0.28, 0.50),
    "chat_panel_ask_mode": (0.76, 0.62, 0.60),
    "chat_panel_edit_mode": (0.34, 0.14, 0.45),
    "chat_panel_plan_mode": (0.08, 0.34, 0.40),
    AGENT_MODE: (0.34, 0.74, 0.70),
    CLI: (0.14, 0.40, 0.50),
    "cloud_agent": (0.14, 0.34, 0.35),
    "review_active": (0.34, 0.55, 0.35),
    "review_passive": (0.30, 0.30, 0.40),
    "copilot_app": (0.05, 0.22, 0.50),
    "vscode_agent": (0.10, 0.52, 0.60),
}
_USED_SINCE = {
    "review_active": since.CODE_REVIEW,
    "review_passive": since.CODE_REVIEW,
    "copilot_app": since.APP,
    "vscode_agent": since.VSCODE_AGENT,
}
_FEATURES = tuple(_USES)[:7]

# Steps that spread even few people evenly over these traits; the others are left to chance.
_STEPS = {
    "day": math.sqrt(2) % 1,
    "editor": math.sqrt(3) % 1,
    "heavy": math.sqrt(7) % 1,
    "kind": math.pi % 1,
    "team": math.sqrt(5) % 1,
}

# Of all people, those who never use their seat, and those who use it for some months only and
# then do something else.
_NEVER, _SOMETIMES = 0.15, 0.10
_SPELL, _WORKING_SPELL = 210, 120
_HEAVY = 0.08
_WEEKEND, _HOLIDAY = 0.16, 0.14
# The part of their days on which people use Copilot on GitHub's site only, which no editor reports.
_SITE_ONLY = 0.03


class Tenure(NamedTuple):
    """When a seat was given (None: before any report), and cancelled: it ends with the month.

    From `stopped` on, its holder no longer uses Copilot.
    """

    given: date | None = None
    cancelled: date | None = None
    stopped: date | None = None

    def is_held(self, day: date) -> bool:
        """Whether the seat is held at the end of the day."""
        if self.given is not None and day < self.given:
            return False
        return self.cancelled is None or day < next_month(self.cancelled)


@dataclass(frozen=True, eq=False)
class Person:
    company: str
    number: int
    turning_point: date
    tenure: Tenure

    def trait(self, name: str) -> float:
        """Where the person stands in a matter, in [0, 1)."""
        if name in _STEPS:
            return (self.number * _STEPS[name] + chance(self.company, name)) % 1
        return chance(self.company, self.number, name)

    @cached_property
    def team(self) -> str | None:
        """The team through which the seat came; None for a direct assignment."""
        place = int(self.trait("team") * (len(TEAMS) + 1))
        return TEAMS[place] if place < len(TEAMS) else None

    @cached_property
    def teams(self) -> set[str]:
        """All teams of the person."""
        second = int(self.trait("second team") * 10 * len(TEAMS))
        also = TEAMS[second] if second < len(TEAMS) else None
        return {team for team in (self.team, also) if team is not None}

    @cached_property
    def never_uses_it(self) -> bool:
        return self.trait("kind") < _NEVER

    @cached_property
    def is_heavy(self) -> bool:
        """Whether the person leaves most of the work to agents."""
        return self.trait("heavy") < _HEAVY

    @cached_property
    def skill(self) -> float:
        return 0.78 + 0.44 * self.trait("skill")

    def progress(self, day: date) -> float:
        """How far the company is past its turning point, from 0 to 1."""
        return progress(self.turning_point, day)

    def practice(self, day: date) -> float:
        """How used to Copilot the person is, from 0.5 on the first day to 1 after six weeks."""
        if self.tenure.given is None:
            return 1.0
        return min(1.0, 0.5 + (day - self.tenure.given).days / 84)

    def effort(self, day: date) -> float:
        """How much the person does on the day compared to others; 1 on average."""
        effort = (0.4 + 1.2 * self.trait("effort")) * self.practice(day)
        return effort if is_workday(day) else effort * 0.5

    @cached_property
    def _habit(self) -> float:
        return 0.15 + 0.8 * math.sqrt(self.trait("habit"))

    @cached_property
    def always_uses_it(self) -> bool:
        return self.trait("kind") >= _NEVER + _SOMETIMES

    @cached_property
    def _spell_offset(self) -> int | None:
        """Where the person's spells begin; None for somebody who always works with Copilot."""
        if self.always_uses_it:
            return None
        return int(self.trait("spell") * _SPELL)

    @cached_property
    def _place(self) -> float:
        return self.trait("day")

    def is_active(self, day: date) -> bool:
        """Whether the person uses Copilot on the day, if there is a seat."""
        if self.never_uses_it:
            return False
        if self.tenure.stopped is not None and day >= self.tenure.stopped:
            return False
        offset = self._spell_offset
        if offset is not None and (day.toordinal() + offset) % _SPELL >= _WORKING_SPELL:
            return False
        return (self._place + chance(self.company, day, "day")) % 1 < self._habit * _presence(day)

    def last_active_day(self, day: date) -> date | None:
        """Returns the last day with use up to this one, since the seat was given."""
        if self.never_uses_it:
            return None
        first = max(self.tenure.given or date.min, day - timedelta(days=_SPELL))
        while day >= first:
            if self.is_active(day):
                return day
            day -= timedelta(days=1)
        return None

    def uses(self, day: date) -> set[str]:
        """Returns what an active person uses on the day: features, clients, and kinds of both."""
        uses = {name for name in _USES if self._uses(name, day)}
        if "review_active" in uses:
            # Whoever gave both signals counts as active only.
            uses.discard("review_passive")
        if (self.trait("site only") + chance(self.company, day, "site only")) % 1 < _SITE_ONLY:
            return {"cloud_agent"} | (uses & {"review_active", "review_passive"})
        if uses.isdisjoint(_FEATURES):
            uses.add(COMPLETION)
        if AGENT_MODE in uses:
            uses |= {"agent", "agent_edit"}
        if any(name.startswith("chat_") and name != AGENT_MODE for name in uses):
            uses.add("chat")
        return uses

    def _uses(self, name: str, day: date) -> bool:
        before, after, daily = _USES[name]
        if day < _USED_SINCE.get(name, date.min):
            return False
        share = before + (after - before) * self.progress(day)
        if self.is_heavy and name in (AGENT_MODE, CLI, "vscode_agent"):
            share = daily = 0.95
        trait = self.trait(name)
        # How often falls out differently on every day, also for people of the same kind.
        return trait < share and (self._place * 7 + chance(self.company, day, name)) % 1 < daily

    def phase(self, day: date) -> int:
        """How far the person has come with AI, from 0 (no cohort) to 3."""
        if self.practice(day) < 0.65 or self._habit < 0.35:
            return 0
        share = self.progress(day)
        if self.trait(AGENT_MODE) >= 0.34 + 0.40 * share and not self.is_heavy:
            return 1
        return 3 if self.is_heavy or self.trait(CLI) < 0.14 + 0.26 * share else 2


@lru_cache(maxsize=4096)
def progress(turning_point: date, day: date) -> float:
    """Returns how far past its turning point a company is: 0.5 on that day, 0.9 weeks later."""
    return 1 / (1 + math.exp(-max(-600, min(600, (day - turning_point).days)) / 18))


@lru_cache(maxsize=4096)
def _presence(day: date) -> float:
    if day.weekday() >= 5:
        return _WEEKEND
    return 1.0 if is_workday(day) else _HOLIDAY


@lru_cache(maxsize=4096)
def is_workday(day: date) -> bool:
    """Whether the day is neither on a weekend nor a holiday of this company."""
    thanksgiving = day.month == 11 and day.weekday() == 3 and 22 <= day.day <= 28
    fixed = (day.month, day.day) in {(1, 1), (5, 1), (12, 24), (12, 25), (12, 26), (12, 31)}
    labor_day = day.month == 9 and day.weekday() == 0 and day.day <= 7
    return day.weekday() < 5 and not (thanksgiving or fixed or labor_day)


def next_month(day: date) -> date:
    """Returns the first day of the following month."""
    return (day.replace(day=1) + timedelta(days=32)).replace(day=1)
