"""The text that the demo ends with: each scope's summary, and what did not go to plan."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping
from datetime import date
from pathlib import Path

from sqlalchemy.engine import Connection

from copilot_pipeline.demo.octo_corp import ENTERPRISE, NEW, OLD
from copilot_pipeline.demo.story import Story
from copilot_pipeline.rules import IDLE_DAYS
from copilot_pipeline.sources import ORGANIZATION_DAY, REPOS, SEATS
from copilot_pipeline.warehouse.history import DayState, Status, read_statuses
from copilot_pipeline.warehouse.raw import has_raw
from copilot_pipeline.warehouse.restatements import list_restatements
from copilot_pipeline.warehouse.scopes import Scope
from copilot_pipeline.warehouse.summary import PERIOD_DAYS, Summary
from copilot_pipeline.warehouse.unknown_names import list_unknown_names

MAX_LANGUAGES = 5

Statuses = Mapping[tuple[str, date], Status]


def describe(scope: Scope, summary: Summary) -> str:
    lines = [
        f"GitHub Copilot at the {scope} (simulated), {summary.days_loaded} days up to "
        f"{summary.day:%A, %Y-%m-%d}",
        "",
        f"  Active users       {_number(summary.active_users_1d)} on the day,"
        f" {_number(summary.active_users_7d)} in 7 days,"
        f" {_number(summary.active_users_28d)} in 28 days",
        f"  Acceptance rate    {_rate(summary.acceptances, summary.suggestions)}"
        f" of {_number(summary.suggestions)} code completions in {PERIOD_DAYS} days",
        f"  Top languages      {_languages(summary)}",
        f"  Seats              {_number(summary.seat_total)} held,"
        f" {_number(summary.seats_idle)} idle for {IDLE_DAYS} days or never used",
    ]
    return "\n".join(lines)


def tell(
    connection: Connection, scopes: Mapping[str, Scope], story: Story, before: Statuses
) -> str:
    """Returns what the tables say of the story; a second demo finds its days loaded already.

    `before` are the statuses of the old organization between the first load and the second run.
    """
    lines = ["What did not go to plan", ""]
    if before[ORGANIZATION_DAY.name, story.late].state is DayState.NOT_READY:
        lines.append(f"  Late      {story.late} was not ready at first, and was collected later")
    lines += _tell_of_restatements(connection, scopes, story)
    if before[ORGANIZATION_DAY.name, story.gap].state is DayState.FAILED:
        lines.append(f"  Gap       {story.gap} had broken files, and was collected again")
    lasting = read_statuses(connection, scopes[NEW].id)[REPOS.name, story.lasting_gap]
    if lasting.state is DayState.FAILED:
        lines.append(
            f"  Gap       {story.lasting_gap}, {REPOS.name} of {NEW} and {ENTERPRISE}, is still"
            " broken; the schedule keeps asking"
        )
    if not has_raw(connection, SEATS, scopes[OLD].id, story.missed):
        lines.append(
            f"  Missed    {story.missed} has no seats and no billing: nothing ran on the"
            " next morning"
        )
    if names := sorted({each.name for each in list_unknown_names(connection)}):
        lines.append(
            f"  New       {', '.join(names)}: names that are new to this version; they are kept"
        )
    return "\n".join(lines)


def how_to_go_on(home: Path) -> str:
    return (
        "Look at it in the Dagster UI, then at http://localhost:3000:\n"
        f"  DAGSTER_HOME={shlex.quote(str(home))} .venv/bin/dagster dev\n"
        "The simulated GitHub is gone now, so new runs there find nothing to collect."
    )


def _tell_of_restatements(
    connection: Connection, scopes: Mapping[str, Scope], story: Story
) -> Iterator[str]:
    restated = list_restatements(connection, story.restated)
    for slug in (OLD, ENTERPRISE):
        own = [each for each in restated if each.scope_id == scopes[slug].id]
        last = [each for each in own if each.seen_at == own[-1].seen_at]
        for users in (each for each in last if each.metric == "total_active_users"):
            yield (
                f"  Restated  {story.restated} of {slug} had {users.old:.0f} active users at"
                f" first, and has {users.new:.0f}: {len(last)} numbers changed; the old ones"
                " are kept"
            )


def _languages(summary: Summary) -> str:
    everything = sum(language.suggestions for language in summary.languages)
    top = summary.languages[:MAX_LANGUAGES]
    return ", ".join(f"{lang.name} {_rate(lang.suggestions, everything)}" for lang in top)


def _number(value: int | None) -> str:
    return "unknown" if value is None else f"{value:,}"


def _rate(part: int | None, whole: int | None) -> str:
    return f"{part / whole:.0%}" if part is not None and whole else "unknown"
