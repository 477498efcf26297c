"""Prints on stderr what a run found and collected."""

import sys
from collections.abc import Mapping, Sequence

from copilot_pipeline.collect.summary import ScopeSummary
from copilot_pipeline.commands.console import (
    Cell,
    print_message,
    print_table,
    print_warning,
    short_name,
)


def print_check_warnings(warnings: Mapping[str, Sequence[str]], *, verbose: bool) -> None:
    """Print the first line of each check that warns with the number of its others, or all lines."""
    left_out = False
    for check, lines in warnings.items():
        if verbose:
            for line in lines:
                print_warning(f"{check}: {line}")
            continue
        more = len(lines) - 1
        left_out = left_out or more > 0
        count = f" (and {more} more line{'s' if more > 1 else ''})" if more > 0 else ""
        print_warning(f"{check}: {lines[0] if lines else 'failed'}{count}")
    if left_out:
        print_message("--verbose prints all lines of the warnings.")


def print_summaries(summaries: Sequence[ScopeSummary]) -> None:
    """Print what each scope got: a table on a terminal, else a line for each scope."""
    if not sys.stderr.isatty():
        for summary in summaries:
            print_message(_line(summary))
        return
    print_table(
        ("scope", "loaded", "kept", "no data", "failed", "refused", "newest day"),
        [
            (
                short_name(summary.scope),
                summary.days["loaded"],
                summary.days["kept"],
                summary.days["without_data"],
                _alarming(summary.days["failed"], "red"),
                _alarming(len(summary.refused), "yellow"),
                summary.newest_day or Cell("none", "yellow"),
            )
            for summary in summaries
        ],
        title="Days of metrics by scope",
        on_stderr=True,
    )


def _alarming(count: int, style: str) -> int | Cell:
    return Cell(str(count), style) if count else count


def _line(summary: ScopeSummary) -> str:
    days = summary.days
    refused = f", {len(summary.refused)} refused" if summary.refused else ""
    return (
        f"{summary.scope}: {days['loaded']} days loaded, {days['kept']} kept, "
        f"{days['without_data']} without data, {days['failed']} failed{refused}; newest day "
        f"{summary.newest_day or 'none'}."
    )
