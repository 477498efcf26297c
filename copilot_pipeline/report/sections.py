"""The parts of a scope's section: its figures, charts and tables."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from copilot_pipeline.report.charts import Chart, Thing, draw_bars, draw_lines, draw_states
from copilot_pipeline.report.numbers import Measure, Numbers, ScopeNumbers, rows_of
from copilot_pipeline.report.texts import UNKNOWN, Unit, change_text, day_text
from copilot_pipeline.report.words import Team, teams_of
from copilot_pipeline.rules import ACTIVE_DAYS, GRACE_DAYS, IDLE_DAYS, PROVISIONAL_DAYS
from copilot_pipeline.warehouse.report_queries import ADOPTER_COLUMNS

# As many names as the dashboards show, and the fewest suggestions of a language.
MAX_NAMES = 8
FEWEST_SUGGESTIONS = 100
COLLECTIVE = ("others", "other", "unknown", "auto", "custom")
THE_REST = "all the rest"

MAX_TEAMS = 40
MAX_RESTATED = 10

_LAST_ACTIVITY = (
    "The last activity is the later one of those in the seat list and in the users reports."
)

MONTHLY = Thing(f"{ACTIVE_DAYS} days", "blue")
WEEKLY = Thing("7 days", "teal", (7, 3))
DAILY = Thing("one day", "green", (2, 2))
ADOPTION = Thing("active share of seats", "blue")
SUGGESTED = Thing("suggested", "blue")
ACCEPTED = Thing("accepted", "green")
BY_COUNT = Thing("by count", "green")
BY_LINES = Thing("by lines", "yellow", (7, 3))
ADOPTERS = {
    "chat": Thing("chat", "blue"),
    "agent mode": Thing("agent mode", "purple", (9, 2)),
    "CLI": Thing("CLI", "green", (2, 2)),
    "code review": Thing("code review", "orange", (7, 3)),
    "cloud agent": Thing("cloud agent", "red", (7, 2, 2, 2)),
    "app": Thing("app", "yellow", (4, 4)),
}
FEATURES = {
    "Code completion": Thing("Code completion", "navy"),
    "Agent edits": Thing("Agent edits", "purple"),
    "Chat: agent": Thing("Chat: agent", "violet"),
    "Chat: ask": Thing("Chat: ask", "blue"),
    "Chat: edit": Thing("Chat: edit", "teal"),
    "Chat: plan": Thing("Chat: plan", "green"),
    "Inline chat": Thing("Inline chat", "yellow"),
    "Copilot CLI": Thing("Copilot CLI", "darkgreen"),
    "Copilot app": Thing("Copilot app", "orange"),
}
OTHER_FEATURES = Thing("other features", "gray")
HELD = Thing("held", "blue")
ACTIVE = Thing("active", "green", (7, 3))
IDLE = Thing("idle", "orange")
NEVER_USED = Thing("never used", "red", (7, 3))
STATES = {
    "loaded": Thing("loaded", "green"),
    "no_data": Thing("no data", "blue"),
    "not_ready": Thing("not ready", "yellow"),
    "no_access": Thing("no access", "orange"),
    "failed": Thing("failed", "red"),
    "missing": Thing("missing", "gray"),
}


@dataclass(frozen=True)
class Figure:
    """A key figure. `meaning` is its definition, with the day."""

    label: str
    value: str
    meaning: str
    change: str = ""


@dataclass(frozen=True)
class Bar:
    """A row of a table of names, with its share of the whole."""

    name: str
    share: float
    cells: Sequence[str]


@dataclass(frozen=True)
class Shares:
    """A table of names."""

    title: str
    meaning: str
    columns: Sequence[str]
    bars: Sequence[Bar]


@dataclass(frozen=True)
class Part:
    """A part of a section under a heading of its own."""

    id: str
    title: str
    figures: Sequence[Figure]
    charts: Sequence[Chart]
    shares: Sequence[Shares] = ()
    missing: str = ""


@dataclass(frozen=True)
class Section:
    """The section of a scope. A scope without charts has figures and teams only."""

    scope: ScopeNumbers
    id: str
    figures: Sequence[Figure]
    parts: Sequence[Part]
    teams: Sequence[Team]
    teams_left_out: int
    states: Chart | None
    restated: Sequence[Sequence[str]]
    restated_left_out: int
    marks: Sequence[str]


def build_section(scope: ScopeNumbers, numbers: Numbers, max_small_rows: int) -> Section:
    """Return the section of a scope. One without charts has so many teams at most."""
    teams = teams_of(scope)
    shown = MAX_TEAMS if scope.has_charts else min(MAX_TEAMS, max_small_rows)
    marks = [
        f"{day_text(mark.day)}: {mark.text}."
        for mark in rows_of(numbers.marks)
        if pd.isna(mark.scope_id) or mark.scope_id == scope.scope.id
    ]
    return Section(
        scope=scope,
        id=f"scope-{scope.scope.id}",
        figures=_figures(scope),
        parts=_parts(scope, numbers) if scope.has_charts else (),
        teams=teams[:shown],
        teams_left_out=max(0, len(teams) - shown),
        states=_states(scope),
        restated=[_restated(row) for row in rows_of(scope.restated.head(MAX_RESTATED))],
        restated_left_out=max(0, len(scope.restated) - MAX_RESTATED),
        marks=marks,
    )


def _figures(scope: ScopeNumbers) -> list[Figure]:
    active, change = scope.active(), scope.change()
    return [
        _figure(
            f"Active in {ACTIVE_DAYS} days",
            active,
            Unit.PEOPLE,
            scope,
            change="" if change is None else f"{change_text(change)} in {ACTIVE_DAYS} days",
        ),
        _figure("Active in 7 days", scope.newest("weekly_active_users"), Unit.PEOPLE, scope),
        _figure("Active on the day", scope.newest("total_active_users"), Unit.PEOPLE, scope),
        _share_of_seats(scope),
        Figure(
            "Acceptance by count",
            _percent(scope.acceptance()),
            "of completions in the period",
        ),
        _figure("Unused seats", scope.newest("unused_seats"), Unit.PEOPLE, scope),
    ]


def _share_of_seats(scope: ScopeNumbers) -> Figure:
    """Return the adoption, or until it is known the share that the seat list alone shows."""
    adoption, by_seat_list = scope.adoption(), scope.utilization()
    if adoption is None and by_seat_list is not None:
        return _figure("Seats active", by_seat_list, Unit.PERCENT, scope)
    return _figure("Adoption", adoption, Unit.PERCENT, scope)


def _figure(
    label: str, measure: Measure | None, unit: Unit, scope: ScopeNumbers, change: str = ""
) -> Figure:
    if measure is None:
        return Figure(label, UNKNOWN, "not in the period")
    provisional = ", provisional" if measure.day >= scope.period.provisional_from else ""
    return Figure(label, unit.text(measure.value), f"{day_text(measure.day)}{provisional}", change)


def _percent(value: float | None) -> str:
    return UNKNOWN if value is None else f"{value:.1%}"


def _parts(scope: ScopeNumbers, numbers: Numbers) -> list[Part]:
    return [
        _adoption(scope, numbers),
        _completions(scope),
        _names(scope),
        _agents(scope),
        _seats(scope),
    ]


def _adoption(scope: ScopeNumbers, numbers: Numbers) -> Part:
    marks = [
        mark.day
        for mark in rows_of(numbers.marks)
        if pd.isna(mark.scope_id) or mark.scope_id == scope.scope.id
    ]
    return _part(
        "adoption",
        "Adoption",
        "No day of the period has active users.",
        draw_lines(
            "Active users",
            f"People who used Copilot on the day, in the 7 and in the {ACTIVE_DAYS} days that end "
            "on it, as GitHub counts them.",
            scope.days_in_period,
            {
                "monthly_active_users": MONTHLY,
                "weekly_active_users": WEEKLY,
                "total_active_users": DAILY,
            },
            scope.period,
            marks=marks,
        ),
        draw_lines(
            "Active share of seats",
            f"Adoption: people who hold a seat on the day and were active in the {ACTIVE_DAYS} "
            "days that end on it, divided by the people who hold a seat on that day. Unknown "
            f"without a snapshot, and until the users reports reach back {ACTIVE_DAYS} days.",
            scope.adoption_by_day.to_frame("adoption"),
            {"adoption": ADOPTION},
            scope.period,
            Unit.PERCENT,
        ),
    )


def _completions(scope: ScopeNumbers) -> Part:
    ratios = pd.DataFrame(
        {
            "count": scope.trailing_week("completion_acceptances", "completion_suggestions"),
            "lines": scope.trailing_week("completion_lines_accepted", "completion_lines_suggested"),
        }
    )
    by_lines = scope.acceptance_by_lines()
    return _part(
        "acceptance",
        "Acceptance of code completions",
        "No day of the period has code completions.",
        draw_lines(
            "Acceptance rate",
            "By count: accepted code completions divided by suggested ones. By lines: lines added "
            "by accepted completions divided by lines suggested. Each summed over the seven days "
            "that end on the day. Code completions only: a rate over all features would be "
            "meaningless.",
            ratios,
            {"count": BY_COUNT, "lines": BY_LINES},
            scope.period,
            Unit.PERCENT,
        ),
        draw_bars(
            "Suggested and accepted",
            "Code completions that were suggested, and those of them that were accepted.",
            scope.days_in_period.rename(
                columns={"completion_suggestions": "s", "completion_acceptances": "a"}
            ),
            {"s": SUGGESTED, "a": ACCEPTED},
            scope.period,
            Unit.COUNT,
            stacked=False,
        ),
        figures=[
            Figure("By count", _percent(scope.acceptance()), "accepted / suggested"),
            Figure("By lines", _percent(by_lines), "lines added / suggested; may exceed 100 %"),
        ],
    )


def _names(scope: ScopeNumbers) -> Part:
    languages = scope.languages.copy()
    languages["rate"] = languages["accepted"] / languages["suggested"].where(
        languages["suggested"] > 0
    )
    shares = [
        _shares(
            "Languages",
            "Code completions suggested in the period. Acceptance is by count; languages with "
            f"fewer than {FEWEST_SUGGESTIONS} suggestions have none.",
            ["Language", "Share", "Suggested", "Acceptance"],
            languages,
            "suggested",
            lambda row: (
                [
                    Unit.COUNT.text(row["suggested"]),
                    _percent(row["rate"])
                    if row["suggested"] >= FEWEST_SUGGESTIONS and pd.notna(row["rate"])
                    else "",
                ]
            ),
        ),
        _shares(
            "Editors",
            "Prompts and output events of all features. The CLI and the app are not in it.",
            ["Editor", "Share", "Events"],
            scope.editors,
            "events",
            lambda row: [Unit.COUNT.text(row["events"])],
        ),
        _shares(
            "Models",
            'Prompts in chat and to agents; GitHub reports no models of completions. "auto" means '
            "that Copilot chose the model.",
            ["Model", "Share", "Prompts"],
            scope.models,
            "prompts",
            lambda row: [Unit.COUNT.text(row["prompts"])],
        ),
    ]
    found = [each for each in shares if each.bars]
    return Part(
        "names",
        "Languages, editors and models",
        (),
        (),
        found,
        "" if found else "No day of the period has languages, editors or models.",
    )


def _shares(
    title: str,
    meaning: str,
    columns: Sequence[str],
    frame: pd.DataFrame,
    value: str,
    cells: Callable[[dict[Any, Any]], list[str]],
) -> Shares:
    """Return the most used names. Others and GitHub's placeholders come last."""
    whole = frame[value].sum()
    known = frame[frame[value].fillna(0) > 0].sort_values([value, "name"], ascending=[False, True])
    named = known[~known["name"].isin(COLLECTIVE)]
    shown = [
        *named.head(MAX_NAMES).to_dict("records"),
        *known[known["name"].isin(COLLECTIVE)].to_dict("records"),
    ]
    bars = [Bar(str(row["name"]), row[value] / whole, cells(row)) for row in shown]
    rest = named.iloc[MAX_NAMES:][value].sum()
    if rest:
        empty = [""] * (len(columns) - 3)
        bars.append(Bar(THE_REST, rest / whole, [Unit.COUNT.text(rest), *empty]))
    return Shares(title, meaning, columns, bars)


def _agents(scope: ScopeNumbers) -> Part:
    days = scope.days_in_period
    whole = days["monthly_active_users"].where(days["monthly_active_users"] > 0)
    shares = {name: days[column] / whole for name, column in ADOPTER_COLUMNS.items()}
    outputs = scope.features.pivot_table(
        index="day", columns="name", values="outputs", aggfunc="sum"
    )
    unknown = [name for name in outputs.columns if name not in FEATURES]
    outputs["other"] = outputs[unknown].sum(axis=1)
    chats = scope.trailing_week("ide_chats", "total_active_users").dropna()
    return _part(
        "agents",
        "Agents and chat",
        "No day of the period has reports of agents and chat.",
        draw_lines(
            "Users of chat, agents and more",
            f"People who used each in the {ACTIVE_DAYS} days that end on the day, divided by all "
            "active users of these days. Chat and agent mode are those in the IDE; code review "
            "counts those who asked for a review or applied a suggestion.",
            pd.DataFrame(shares),
            ADOPTERS,
            scope.period,
            Unit.PERCENT,
        ),
        draw_bars(
            "What Copilot produced, by feature",
            "Output events: every code block, completion or edit that Copilot made counts.",
            outputs,
            {**FEATURES, "other": OTHER_FEATURES},
            scope.period,
            Unit.COUNT,
            stacked=True,
        ),
        figures=[
            Figure(
                "Chat requests a day",
                UNKNOWN if chats.empty else f"{chats.iloc[-1]:.1f}",
                "per active user, in the last seven days",
            )
        ],
    )


def _seats(scope: ScopeNumbers) -> Part:
    def newest(label: str, column: str, unit: Unit = Unit.PEOPLE) -> Figure:
        return _figure(label, scope.newest(column), unit, scope)

    seats = scope.seats_in_period
    return _part(
        "seats",
        "Seats and idle money",
        "No snapshot of the seats is stored in the period.",
        draw_lines(
            "Seats held and active",
            f"People who hold a seat, and those of them active in the {ACTIVE_DAYS} days that end "
            f"on the day, from daily snapshots. {_LAST_ACTIVITY}",
            seats,
            {"seats": HELD, "active_seats": ACTIVE},
            scope.period,
        ),
        draw_lines(
            "Idle and never used seats",
            f"Idle: no activity for {IDLE_DAYS} days. Never used: no activity at all. Both held "
            f"for {GRACE_DAYS} days, and not canceled.",
            seats,
            {"idle_seats": IDLE, "never_used_seats": NEVER_USED},
            scope.period,
        ),
        figures=[
            newest("Seats held", "seats"),
            newest("Idle", "idle_seats"),
            newest("Never used", "never_used_seats"),
            newest("Pending cancellation", "pending_seats"),
            newest("Cost a month", "cost", Unit.DOLLARS),
            newest("Cost of unused seats", "unused_cost", Unit.DOLLARS),
        ],
    )


def _states(scope: ScopeNumbers) -> Chart | None:
    return draw_states(
        "Collected days",
        f"Each report on each day, and the snapshots of the seats. The {PROVISIONAL_DAYS} newest "
        "days are provisional. No data: GitHub has no report of the day, which does not mean zero "
        "use.",
        scope.states,
        STATES,
        scope.period,
    )


def _restated(row: Any) -> list[str]:
    change = (row.new - row.old) / abs(row.old) if row.old else None
    return [
        day_text(row.day),
        str(row.report),
        str(row.metric),
        Unit.COUNT.text(row.old),
        Unit.COUNT.text(row.new),
        "" if change is None or pd.isna(change) else f"{change:+.1%}",
    ]


def _part(
    id_: str,
    title: str,
    missing: str,
    *charts: Chart | None,
    figures: Sequence[Figure] = (),
) -> Part:
    drawn = [chart for chart in charts if chart is not None]
    return Part(id_, title, figures, drawn, (), "" if drawn else missing)
