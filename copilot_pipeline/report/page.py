"""Puts the numbers into the templates of the page and of the summary."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

import jinja2
import pandas as pd
from markupsafe import Markup

from copilot_pipeline.days import Today
from copilot_pipeline.github.kinds import ScopeKind
from copilot_pipeline.report.numbers import (
    Measure,
    Numbers,
    ScopeNumbers,
    read_numbers,
    read_unused_seats,
    rows_of,
)
from copilot_pipeline.report.sections import Section, build_section
from copilot_pipeline.report.texts import UNKNOWN, Unit, change_text, day_text, medium_day
from copilot_pipeline.report.words import Overview, prices, problem_messages, scope_title
from copilot_pipeline.rules import ACTIVE_DAYS, MIN_TEAM_MEMBERS, TEAM_LAG
from copilot_pipeline.warehouse.database import Database
from copilot_pipeline.warehouse.scopes import Scope

# A section with charts is about 110 kB, and 140 kB for a year, so that the page stays below 2 MB.
MAX_CHARTED, MAX_CHARTED_IN_LONG_PERIODS = 10, 7
LONG_PERIOD_DAYS = 100

# The rows of teams, of about 100 bytes each, of all scopes without charts.
MAX_SMALL_ROWS = 4000

# The table of people is as long as the dashboard's at most.
MAX_HOLDERS = 500

# The columns of the table of all scopes. The summary has the first six.
ROW_COLUMNS = (
    *("Active in 28 days", "Change", "Seats", "Adoption", "Unused", "Acceptance"),
    *("Unused, a month", "7 days", "Day", "Newest day", "Gaps"),
)

_MARKDOWN = re.compile(r"([\\`*_\[\]<>#|~])")


@dataclass(frozen=True)
class ReportOptions:
    """What the report covers. `note` is shown beside the title."""

    scopes: Sequence[Scope]
    days: int
    with_people: bool = False
    note: str = ""


@dataclass(frozen=True)
class _Row:
    """A row of the table of all scopes."""

    id: str
    label: str
    cells: Sequence[str]


def render_page(database: Database, today: Today, options: ReportOptions) -> str:
    """Return the report as an HTML page that loads nothing."""
    is_long = options.days > LONG_PERIOD_DAYS
    max_charted = MAX_CHARTED_IN_LONG_PERIODS if is_long else MAX_CHARTED
    numbers = read_numbers(database, today, options.scopes, options.days, max_charted)
    small = max(1, len(options.scopes) - max_charted)
    sections = [
        _section(
            database,
            build_section(each, numbers, MAX_SMALL_ROWS // small),
            with_people=options.with_people,
        )
        for each in numbers.scopes
    ]
    environment = _environment()
    page = environment.get_template("page.html.jinja").render(
        **_context(numbers, options, today),
        sections=sections,
        charted=max_charted if len(sections) > max_charted else 0,
        # Our own file, which has nothing to escape.
        style=Markup(_compact(environment.get_template("style.css").render())),  # noqa: S704
        prices=prices(),
        version=version("copilot-pipeline"),
    )
    return page.strip() + "\n"


def render_summary(database: Database, today: Today, options: ReportOptions) -> str:
    """Return the answers and the table of scopes as Markdown."""
    numbers = read_numbers(database, today, options.scopes, options.days, max_charts=0)
    context = _context(numbers, options, today)
    several = [(kind, rows) for kind, rows in context["levels"] if len(numbers.scopes) > 1]
    template = _environment().get_template("summary.md.jinja")
    return template.render(**context, levels_with_several=several).strip() + "\n"


def _context(numbers: Numbers, options: ReportOptions, today: Today) -> dict[str, Any]:
    overview, period = Overview(numbers), numbers.period
    answers = overview.answers()
    return {
        "title": f"GitHub Copilot at {overview.label}",
        "note": options.note,
        "first": medium_day(period.first),
        "last": medium_day(period.last),
        "month_first": medium_day(period.month_first),
        "provisional_from": medium_day(period.provisional_from),
        "days": options.days,
        "written": f"{medium_day(today.now.date())}, {today.now:%H:%M} UTC",
        "overview": overview,
        "answers": answers,
        "trust": answers[-1],
        "levels": _levels(numbers),
        "row_columns": ROW_COLUMNS,
        "has_marks": not numbers.marks.empty,
        "problems": problem_messages(numbers, with_people=options.with_people),
        "with_people": options.with_people,
        "active_days": ACTIVE_DAYS,
        "least_members": MIN_TEAM_MEMBERS,
        "lag_points": f"{TEAM_LAG * 100:.0f}",
    }


def _section(database: Database, section: Section, *, with_people: bool) -> dict[str, Any]:
    scope = section.scope
    return {
        **vars(section),
        "title": scope_title(scope),
        "reports": _reports(scope) if scope.has_charts else [],
        "holders": _holders(database, scope) if with_people else None,
    }


def _reports(scope: ScopeNumbers) -> list[list[str]]:
    return [
        [
            str(row.report),
            day_text(row.newest_day) if pd.notna(row.newest_day) else "never",
            *(f"{value:,}" for value in (row.expected, row.loaded, row.no_data)),
            *(f"{value:,}" for value in (row.gaps, row.restated)),
        ]
        for row in rows_of(scope.reports)
    ]


def _holders(database: Database, scope: ScopeNumbers) -> list[list[str]]:
    rows = read_unused_seats(database, scope).head(MAX_HOLDERS)
    return [
        [
            str(row.user_login),
            "idle" if row.is_idle else "never used",
            "" if pd.isna(row.team) else str(row.team),
            str(row.plan_type),
            "" if pd.isna(row.last_active_day) else str(row.last_active_day),
            "" if pd.isna(row.created_day) else str(row.created_day),
            "" if pd.isna(row.editor) else str(row.editor).split("/")[0],
        ]
        for row in rows_of(rows)
    ]


def _levels(numbers: Numbers) -> list[tuple[str, list[_Row]]]:
    return [
        (kind.capitalize(), rows)
        for kind in (ScopeKind.ENTERPRISE, ScopeKind.ORGANIZATION)
        if (rows := [_row(each) for each in numbers.scopes if each.scope.kind is kind])
    ]


def _row(scope: ScopeNumbers) -> _Row:
    def newest(column: str, unit: Unit = Unit.PEOPLE) -> str:
        return _text(scope.newest(column), unit)

    change, rate, day = scope.change(), scope.acceptance(), scope.newest_day
    return _Row(
        f"scope-{scope.scope.id}",
        scope.label,
        [
            _text(scope.active(), Unit.PEOPLE),
            "" if change is None else change_text(change),
            newest("seats"),
            _text(scope.adoption(), Unit.PERCENT),
            newest("unused_seats"),
            "" if rate is None else f"{rate:.1%}",
            newest("unused_cost", Unit.DOLLARS),
            newest("weekly_active_users"),
            newest("total_active_users"),
            UNKNOWN if day is None else day_text(day),
            f"{scope.gaps:,}",
        ],
    )


def _text(measure: Measure | None, unit: Unit) -> str:
    return "" if measure is None else unit.text(measure.value)


def _environment() -> jinja2.Environment:
    """Return the templates. HTML is escaped everywhere, and Markdown by a filter of its own."""
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("copilot_pipeline.report"),
        autoescape=jinja2.select_autoescape(["html.jinja"]),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["markdown"] = _escape_markdown
    return environment


def _compact(style: str) -> str:
    return re.sub(r"\s+", " ", style)


def _escape_markdown(text: str) -> str:
    """Escape what Markdown, GitHub and chats would interpret, such as links and mentions.

    A mention cannot be escaped: an invisible character ends it.
    """
    return _MARKDOWN.sub(r"\\\1", " ".join(text.split())).replace("@", "@\u200b")
