"""Checks of the collected numbers: comparisons between reports, and unknown names."""

from collections.abc import Callable, Sequence
from datetime import date

import dagster as dg
from sqlalchemy.engine import Connection

from copilot_pipeline.checks.results import MAX_ROWS, Row, check_result
from copilot_pipeline.rules import IDLE_DAYS
from copilot_pipeline.warehouse.database import Database
from copilot_pipeline.warehouse.reconciliation import (
    Comparison,
    compare_active_users,
    compare_breakdowns,
    compare_idle_seats,
    compare_seats,
)
from copilot_pipeline.warehouse.scopes import Scope
from copilot_pipeline.warehouse.unknown_names import list_unknown_names, mark_shown

KNOWN_NAMES = dg.AssetCheckSpec(
    "names_are_known",
    asset="raw_metrics",
    description=(
        "Warns once about each field, feature, editor, model and language in GitHub's reports that "
        "this version does not know. The raw tables keep them."
    ),
)
ACTIVE_USERS = dg.AssetCheckSpec(
    "active_users_agree",
    asset="user_metrics",
    description=(
        "Compares daily_active_users with the users in the users report that have activity. "
        "GitHub's reports may differ."
    ),
)
BREAKDOWNS = dg.AssetCheckSpec(
    "breakdowns_agree",
    asset="metrics_breakdowns",
    description=(
        "Compares the day's output events with the sum of each breakdown, or with the part of the "
        "events that the breakdown covers. GitHub's breakdowns may differ."
    ),
)
SEATS = dg.AssetCheckSpec(
    "active_users_have_seats",
    asset="user_metrics",
    description="Counts users with activity who hold no seat, on days with a seat snapshot.",
)
IDLE_SEATS = dg.AssetCheckSpec(
    "idle_seats_are_idle",
    asset="user_metrics",
    description=(
        f"Counts seat holders who are idle for {IDLE_DAYS} days in the seat list although the "
        "users reports show activity. The seat list only includes editors that send telemetry."
    ),
)

Compare = Callable[[Connection, Sequence[int], Sequence[date]], list[Comparison]]

COMPARISONS: list[tuple[dg.AssetCheckSpec, Compare, str]] = [
    (ACTIVE_USERS, compare_active_users, "{expected} active users, {found} with activity"),
    (BREAKDOWNS, compare_breakdowns, "{expected} output events in total, {found} by {what}"),
    (SEATS, compare_seats, "{expected} users with activity, {found} of them with a seat"),
    (IDLE_SEATS, compare_idle_seats, "{expected} seat holders idle, {found} without activity"),
]


def compare_numbers(
    database: Database,
    scopes: Sequence[Scope],
    days: Sequence[date],
    spec: dg.AssetCheckSpec,
    compare: Compare,
    words: str,
) -> dg.AssetCheckResult:
    names = {scope.id: str(scope) for scope in scopes}
    with database.read() as connection:
        compared = compare(connection, list(names), days)
    differing = sorted(
        (each for each in compared if each.expected != each.found),
        key=lambda each: each.day,
        reverse=True,
    )
    warnings = [
        f"{names[each.scope_id]}, {each.day}: "
        f"{words.format(expected=each.expected, found=each.found, what=each.what)} "
        f"({each.found - each.expected:+d})"
        for each in differing
    ]
    rows: list[Row] = [
        {
            "scope": names[each.scope_id],
            "day": str(each.day),
            "compared": each.what,
            "expected": each.expected,
            "found": each.found,
            "difference": each.found - each.expected,
        }
        for each in differing
    ]
    counts = {"compared": len(compared), "differing": len(differing)}
    summary = (
        f"{len(differing)} of {len(compared)} compared numbers differ."
        if differing
        else "All compared numbers agree."
    )
    return check_result(spec, warnings, summary, counts, rows=rows)


def check_names(database: Database) -> dg.AssetCheckResult:
    with database.write() as connection:
        unknown = list_unknown_names(connection)
        new = [each for each in unknown if not each.was_shown]
        mark_shown(connection, new[:MAX_ROWS])
    warnings = [f"{each.kind} {each.name!r}: {each.occurrences} times" for each in new]
    return check_result(
        KNOWN_NAMES,
        warnings,
        f"This version does not know {len(new)} names." if new else "No unknown name is new.",
        {"new_names": len(new), "unknown_names": len(unknown)},
        rows=[
            {"kind": each.kind, "name": each.name, "occurrences": each.occurrences} for each in new
        ],
    )
