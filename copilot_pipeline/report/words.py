"""Says what the numbers mean: the answers at the top of the page."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from functools import cached_property

import pandas as pd

from copilot_pipeline.github.kinds import ScopeKind
from copilot_pipeline.report.numbers import Measure, Numbers, ScopeNumbers, rows_of
from copilot_pipeline.report.texts import (
    Unit,
    change_text,
    day_text,
    listed,
    long_day,
    medium_day,
    people,
    plural,
)
from copilot_pipeline.rules import (
    ACTIVE_DAYS,
    GRACE_DAYS,
    IDLE_DAYS,
    MIN_TEAM_MEMBERS,
    NO_NEW_DATA_DAYS,
    PRICE_BUSINESS,
    PRICE_ENTERPRISE,
    STEADY_CHANGE,
    TEAM_LAG,
)

# A sentence names so many teams at most.
MAX_TEAMS_NAMED = 4
MAX_TEAMS_IN_VERDICT = 2


@dataclass(frozen=True)
class Answer:
    """A question that the page answers. `verdict` is the answer in a few words."""

    question: str
    verdict: str
    text: str


@dataclass(frozen=True)
class Team:
    """A team of at least five members in the last 28 days."""

    id: int
    scope: str
    slug: str
    name: str
    members: int
    active: int
    prompts_a_day: float | None
    suggested: float | None
    acceptance: float | None
    lags: bool

    @property
    def share(self) -> float:
        return self.active / self.members


@dataclass(frozen=True)
class Overview:
    """The scopes of the highest level together. People are not summed over scopes."""

    numbers: Numbers

    @property
    def scopes(self) -> list[ScopeNumbers]:
        return self.numbers.highest

    @property
    def label(self) -> str:
        if len(self.scopes) == 1:
            return self.scopes[0].label
        kind = self.scopes[0].scope.kind
        return f"{len(self.scopes)} {kind}s"

    @cached_property
    def teams(self) -> list[Team]:
        """The teams of all scopes, those that lag most first."""
        found = [team for scope in self.scopes for team in teams_of(scope)]
        return sorted(found, key=lambda team: (team.share, -team.members, team.name))

    def total(self, column: str) -> float | None:
        """Return the sum of the newest numbers of the scopes, or None if none has one."""
        found = [each.newest(column) for each in self.scopes]
        known = [each.value for each in found if each is not None]
        return sum(known) if known else None

    def answers(self) -> list[Answer]:
        return [
            self._how_many(),
            self._growth(),
            self._lag(),
            self._cost(),
            self._waste(),
            self._trust(),
        ]

    def _how_many(self) -> Answer:
        question = "How many use it?"
        if len(self.scopes) > 1:
            return self._how_many_of_several(question)
        (scope,) = self.scopes
        active, daily = scope.active(), scope.newest("total_active_users")
        if active is None:
            if daily is None:
                return Answer(question, "Unknown", "No day with active users is loaded.")
            return Answer(
                question,
                people(daily.value),
                f"used Copilot on {long_day(daily.day)}. These days are of the old metrics API, "
                "which counts the people of single days only.",
            )
        text = f"used Copilot in the {ACTIVE_DAYS} days up to {long_day(active.day)}"
        text += f", {people(daily.value)} on {_on(daily, active)}." if daily else "."
        return Answer(question, people(active.value), f"{text} {self._seats_used()}")

    def _how_many_of_several(self, question: str) -> Answer:
        found = self.numbers.people
        kind = self.scopes[0].scope.kind
        if found is None:
            largest = max(self.scopes, key=lambda each: _value(each.active()) or 0)
            active = largest.active()
            if active is None:
                return Answer(question, "Unknown", "No day with active users is loaded.")
            return Answer(
                question,
                f"{people(active.value)} in the largest {kind}",
                f"({largest.label}) used Copilot in the {ACTIVE_DAYS} days up to "
                f"{long_day(active.day)}. People of several {kind}s cannot be added, because a "
                "person may be in more than one; the table has them all.",
            )
        return Answer(
            question,
            people(found.now),
            f"used Copilot in the {ACTIVE_DAYS} days up to {long_day(self.numbers.period.last)}, "
            f"each counted once over {len(self.scopes)} {kind}s. {self._seats_used()}",
        )

    def _seats_used(self) -> str:
        """Say how many seat holders were active, by the users reports if these reach back."""
        for column in ("active_users", "active_seats"):
            pairs = [each.newest_of_seats(column) for each in self.scopes]
            known = [pair for pair in pairs if pair is not None]
            if sum(held for _, held in known):
                break
        else:
            return ""
        active, seats = (sum(each) for each in zip(*known, strict=True))
        share = f"{active:,.0f} of {plural(seats, 'seat holder')} ({active / seats:.0%})"
        return f"{share} were active."

    def _growth(self) -> Answer:
        question = "Is it growing?"
        now: float | None
        before: float | None
        if len(self.scopes) > 1:
            found = self.numbers.people
            now, before = (found.now, found.before) if found else (None, None)
            days = ""
        else:
            (scope,) = self.scopes
            now, before = _value(scope.active()), _value(scope.active_before())
            earlier = scope.active_before()
            days = f", up to {medium_day(earlier.day)}" if earlier else ""
        if now is None or not before:
            return Answer(
                question,
                "Too early to say",
                f"That needs the active users of {ACTIVE_DAYS} days before, which are not loaded.",
            )
        change = now / before - 1
        if abs(change) < STEADY_CHANGE:
            verdict = "Steady"
        else:
            verdict = "Growing" if change > 0 else "Shrinking"
        return Answer(
            question,
            f"{verdict}, {change_text(change)}",
            f"{people(now)} in the last {ACTIVE_DAYS} days, {people(before)} in the "
            f"{ACTIVE_DAYS} days before{days}.{self._definitions_changed()}",
        )

    def _definitions_changed(self) -> str:
        """Name the days since the earlier number on which GitHub changed what active users are."""
        marks = self.numbers.marks
        changed = [
            mark.day
            for mark in rows_of(marks)
            if mark.kind == "definition"
            and str(mark.text).startswith("Active users")
            and mark.day >= self.numbers.period.month_first
        ]
        if not changed:
            return ""
        return f" GitHub changed who counts as active on {listed([*map(medium_day, changed)])}."

    def _lag(self) -> Answer:
        question = "Which teams lag?"
        if not self.teams:
            return Answer(
                question,
                "Unknown",
                f"No team of {MIN_TEAM_MEMBERS} or more members is in the reports yet.",
            )
        share = share_of(self.teams)
        lagging = [team for team in self.teams if team.lags]
        days = min([ACTIVE_DAYS, *(each.loaded_user_days for each in self.scopes)])
        together = f"Of all teams together {share:.0%} were active in {plural(days, 'day')}."
        if not lagging:
            return Answer(
                question,
                "None",
                f"No team is {TEAM_LAG * 100:.0f} percentage points or more below the others. "
                f"{together}",
            )
        several = len(self.scopes) > 1
        named = [
            f"{team.name}{f' of {team.scope}' if several else ''}: {team.active} of {team.members}"
            for team in lagging[:MAX_TEAMS_NAMED]
        ]
        if len(lagging) > len(named):
            named.append(f"{len(lagging) - len(named)} more")
        return Answer(
            question,
            listed([team.name for team in lagging])
            if len(lagging) <= MAX_TEAMS_IN_VERDICT
            else f"{len(lagging)} of {len(self.teams)} teams",
            f"Active members of {listed(named)}. {together}",
        )

    def _cost(self) -> Answer:
        question = "What does it cost?"
        cost, seats = self.total("cost"), self.total("seats")
        if cost is None or seats is None:
            return Answer(question, "Unknown", "No snapshot of the seats is stored.")
        active = self.total("active_seats")
        each = f", ${cost / active:,.2f} for each active one" if active else ""
        return Answer(
            question,
            f"{Unit.DOLLARS.text(cost)} a month",
            f"for {plural(seats, 'seat')}{each}, at list prices ({prices()}). GitHub's bill may "
            f"differ.{self._added()}",
        )

    def _added(self) -> str:
        if len(self.scopes) == 1:
            return ""
        return f" A person with seats in two {self.scopes[0].scope.kind}s counts twice."

    def _waste(self) -> Answer:
        question = "What is wasted?"
        unused, seats = self.total("unused_seats"), self.total("seats")
        if unused is None or seats is None:
            return Answer(question, "Unknown", "No snapshot of the seats is stored.")
        idle, never = self.total("idle_seats") or 0, self.total("never_used_seats") or 0
        pending = self.total("pending_seats") or 0
        ending = ""
        if pending:
            ending = f" {pending:,.0f} more {_are(pending)} canceled, billed until the cycle ends."
        if not unused:
            return Answer(question, "Nothing", f"No seat is idle or was never used.{ending}")
        return Answer(
            question,
            f"Up to {Unit.DOLLARS.text(self.total('unused_cost'))} a month",
            f"for {unused:,.0f} of {plural(seats, 'seat')}: {idle:,.0f} idle for {IDLE_DAYS} days, "
            f"{never:,.0f} never used in {GRACE_DAYS} days.{ending} Potential waste, not "
            "guaranteed savings.",
        )

    def _trust(self) -> Answer:
        question = "Can I trust the last days?"
        period, scopes = self.numbers.period, self.numbers.scopes
        newest = [each.newest_day for each in scopes]
        known = [day for day in newest if day is not None]
        if not known:
            return Answer(question, "No", "No day of the period is loaded.")
        oldest = min(known)
        late = [each for each in scopes if _is_late(each)]
        gaps = sum(each.gaps for each in scopes)
        parts = [
            f"The three days from {medium_day(period.provisional_from)} on are provisional: GitHub "
            "may still change them."
        ]
        if late:
            parts.insert(0, _describe_late(late, len(scopes)))
        elif oldest < period.last:
            parts.insert(0, f"The newest day is {medium_day(oldest)}.")
        if gaps:
            parts.append(f"Before them, {plural(gaps, 'day')} of reports {_are(gaps)} missing.")
        problems = len(self.numbers.problems)
        if problems:
            parts.append(
                f"{plural(problems, 'problem')} {'needs' if problems == 1 else 'need'} a person: "
                "see data health."
            )
        until = min(oldest, _day_before(period.provisional_from))
        verdict = f"Yes, up to {day_text(until)}"
        if late or problems:
            verdict = "Not all of them"
        return Answer(question, verdict, " ".join(parts))


def teams_of(scope: ScopeNumbers) -> list[Team]:
    """Return the teams of a scope, with the lowest share of active members first."""
    rows = rows_of(scope.teams)
    if not rows:
        return []
    slugs = [str(row.team) for row in rows]
    share = sum(row.active for row in rows) / sum(row.members for row in rows)
    found = [
        Team(
            id=int(row.team_id),
            scope=scope.label,
            slug=slug,
            name=slug if slugs.count(slug) == 1 else _full_name(scope, row.team_id, slug),
            members=int(row.members),
            active=int(row.active),
            prompts_a_day=_ratio(row.prompts, row.active_days),
            suggested=None if pd.isna(row.suggested) else float(row.suggested),
            acceptance=_ratio(row.accepted, row.suggested),
            lags=row.active / row.members <= share - TEAM_LAG,
        )
        for slug, row in zip(slugs, rows, strict=True)
    ]
    return sorted(found, key=lambda team: (team.share, -team.members, team.name))


def _full_name(scope: ScopeNumbers, team_id: int, slug: str) -> str:
    """Return a name for one of several teams with the same slug in an enterprise."""
    owner = scope.team_owners.get(team_id)
    return f"{slug} ({owner})" if owner else f"{slug} #{team_id}"


def share_of(teams: Sequence[Team]) -> float:
    """Return the share of active members of all teams. A member of two teams counts in both."""
    return sum(team.active for team in teams) / sum(team.members for team in teams)


def problem_messages(numbers: Numbers, *, with_people: bool) -> list[str]:
    """Return what needs a person. Without people, accounts are named by their number."""
    messages = [problem.message for problem in numbers.problems]
    if with_people:
        return messages
    for account_id, login in numbers.logins.items():
        named = re.compile(
            rf"(?<![\w-])(?:account {account_id}, )?{re.escape(login)}(?![\w-])", re.IGNORECASE
        )
        messages = [named.sub(f"account {account_id}", message) for message in messages]
    return messages


def prices() -> str:
    return f"Business ${PRICE_BUSINESS}, Enterprise ${PRICE_ENTERPRISE}"


def scope_title(scope: ScopeNumbers) -> str:
    kind = "Enterprise" if scope.scope.kind is ScopeKind.ENTERPRISE else "Organization"
    return f"{kind} {scope.label}"


def _is_late(scope: ScopeNumbers) -> bool:
    newest = scope.newest_day
    return newest is None or (scope.period.last - newest).days >= NO_NEW_DATA_DAYS


def _describe_late(late: Sequence[ScopeNumbers], of: int) -> str:
    if of == 1:
        newest = late[0].newest_day
        return f"The newest day is {medium_day(newest)}." if newest else "No day is loaded."
    named = [each.label for each in late[:MAX_TEAMS_NAMED]]
    if len(late) > len(named):
        named.append(f"{len(late) - len(named)} more")
    return f"{listed(named)} {_are(len(late))} late by {NO_NEW_DATA_DAYS} days or more."


def _on(one: Measure, other: Measure) -> str:
    return "that day" if one.day == other.day else day_text(one.day)


def _are(count: float) -> str:
    return "is" if count == 1 else "are"


def _day_before(day: date) -> date:
    return date.fromordinal(day.toordinal() - 1)


def _value(measure: Measure | None) -> float | None:
    return None if measure is None else measure.value


def _ratio(above: float | None, below: float | None) -> float | None:
    if above is None or not below or pd.isna(above) or pd.isna(below):
        return None
    return float(above / below)
