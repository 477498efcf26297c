"""`copilot-pipeline status`: what is collected of each scope, and what needs a person."""

from collections.abc import Sequence
from dataclasses import asdict
from itertools import groupby
from shutil import get_terminal_size
from typing import Any

import click

from copilot_pipeline.collected_scopes import scopes_named
from copilot_pipeline.collection_health import (
    Problem,
    SourceHealth,
    collection_health,
    problems,
)
from copilot_pipeline.commands.console import (
    Cell,
    Row,
    json_option,
    open_database,
    print_json,
    print_table,
    print_warning,
    prints_json,
    short_name,
)
from copilot_pipeline.days import Today

WIDE = 100

COLUMNS = (
    "scope and source",
    "newest day",
    "loaded",
    "missing",
    "without data",
    "last attempt",
    "next attempt",
)


@click.command("status")
@click.option("--scope", "slug", metavar="SLUG", help="Only this organization or enterprise.")
@json_option
def status(slug: str | None, as_json: bool) -> int:
    """Show what is collected of each scope and source.

    It asks the warehouse, not GitHub. Numbers are days: missing days were never asked for, not
    ready and no data are days for which GitHub has no report (yet). Times are in UTC. The exit code
    is 1 if something needs a person.
    """
    today = Today.from_clock()
    with open_database() as database:
        scopes = scopes_named(database, slug)
        health = collection_health(database, today, scopes)
        found = problems(database, today, scopes)
    if prints_json(as_json):
        print_json(_describe(health, found))
    else:
        _print_table(health)
        for problem in found:
            print_warning(problem.message)
    return 1 if found else 0


def _describe(health: Sequence[SourceHealth], found: Sequence[Problem]) -> dict[str, Any]:
    return {
        "ok": not found,
        "sources": [
            {
                "kind": each.scope.kind,
                "slug": each.scope.slug,
                **{
                    name: value
                    for name, value in asdict(each).items()
                    if name not in ("scope", "problems")
                },
                "ok": not each.problems,
            }
            for each in health
        ],
        "problems": [asdict(problem) for problem in found],
    }


def _print_table(health: Sequence[SourceHealth]) -> None:
    rows: list[Row] = []
    for scope, sources in groupby(health, lambda each: each.scope):
        rows.append([Cell(short_name(scope), "bold"), *[None] * (len(COLUMNS) - 1)])
        for each in sources:
            newest = str(each.newest_day or "never")
            rows.append(
                [
                    each.source,
                    Cell(newest, "red" if each.problems else "green"),
                    each.loaded,
                    each.missing,
                    _without_data(each),
                    f"{each.last_attempt:%m-%d %H:%M}" if each.last_attempt else "never",
                    f"{each.next_attempt:%m-%d %H:%M}",
                ]
            )
    # The attempts come last, and are left out where there is no room for them.
    shown = len(COLUMNS) if get_terminal_size().columns >= WIDE else len(COLUMNS) - 2
    print_table(COLUMNS[:shown], [row[:shown] for row in rows])


def _without_data(each: SourceHealth) -> str:
    """Return the days that were asked for in vain, by the reason: `3 not ready, 1 failed`."""
    reasons = {
        "not ready": each.not_ready,
        "no data": each.no_data,
        "refused": each.refused,
        "failed": each.failed,
    }
    return ", ".join(f"{days} {reason}" for reason, days in reasons.items() if days)
