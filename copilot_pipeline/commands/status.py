"""`copilot-pipeline status`: what is collected of each scope, and what needs a person."""

import sys
from collections.abc import Sequence
from dataclasses import asdict
from itertools import groupby
from typing import Any

import click
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from copilot_pipeline.collected_scopes import scopes_named
from copilot_pipeline.collection_health import (
    Problem,
    SourceHealth,
    collection_health,
    problems,
)
from copilot_pipeline.commands.console import open_database, print_json, print_message
from copilot_pipeline.days import Today

# The headings of the columns of numbers are on two lines, so that the table fits a terminal.
NUMBERS = ("loaded", "missing", "not\nready", "no\ndata", "refused", "failed")


@click.command("status")
@click.option("--scope", "slug", metavar="SLUG", help="Only this organization or enterprise.")
@click.option("--json", "as_json", is_flag=True, help="JSON on a terminal too.")
def status(slug: str | None, as_json: bool) -> int:
    """Show what is collected of each scope and source, without asking GitHub.

    Numbers are days: missing days were never asked for, not ready and no data are days for which
    GitHub has no report (yet). Times are in UTC. The exit code is 1 if something needs a person.
    """
    today = Today.from_clock()
    with open_database() as database:
        scopes = scopes_named(database, slug)
        health = collection_health(database, today, scopes)
        found = problems(database, today, scopes)
    if as_json or not sys.stdout.isatty():
        print_json(_describe(health, found))
    else:
        _print_table(health)
        for problem in found:
            print_message(f"Warning: {problem.message}")
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
    table = Table(box=box.SIMPLE_HEAD)
    table.add_column("scope and source", overflow="fold")
    table.add_column("newest\nday", no_wrap=True)
    for heading in NUMBERS:
        table.add_column(heading, justify="right")
    table.add_column("last\nattempt", no_wrap=True)
    table.add_column("next\nattempt", no_wrap=True)
    for scope, sources in groupby(health, lambda each: each.scope):
        table.add_row(Text(str(scope), "bold"))
        for each in sources:
            table.add_row(
                f"  {each.source}",
                Text(str(each.newest_day or "never"), "red" if each.problems else "green"),
                *map(str, _numbers(each)),
                f"{each.last_attempt:%m-%d %H:%M}" if each.last_attempt else "never",
                f"{each.next_attempt:%m-%d %H:%M}",
            )
        table.add_section()
    Console().print(table)


def _numbers(each: SourceHealth) -> tuple[int, ...]:
    return each.loaded, each.missing, each.not_ready, each.no_data, each.refused, each.failed
