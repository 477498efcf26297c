"""What a report says, apart from how its files are cut: its headline values."""

from collections.abc import Mapping, Sequence

import pandas as pd
import sqlalchemy as sa

from copilot_pipeline.warehouse import report_tables, tables
from copilot_pipeline.warehouse.columns import ACTIVITY_COUNTERS, PULL_REQUEST_COUNTERS

# What is added up over the rows of a report with many; of an aggregate, every number is a headline.
_SUMS = {
    report_tables.user_metrics: (*ACTIVITY_COUNTERS, "ai_credits_used"),
    report_tables.user_teams: (),
    report_tables.repo_metrics: tuple(PULL_REQUEST_COUNTERS),
}


def headlines(frames: Mapping[sa.Table, pd.DataFrame]) -> dict[str, float | None]:
    """The values by which a report's changes are told, by name. None: not known."""
    table, frame = next(iter(frames.items()))
    if table is tables.org_metrics:
        return {str(name): frame[name].iloc[0] for name in frame if name != "source"}
    sums = {name: _sum(frame[name].tolist()) for name in summed_columns(table)}
    return {"row_count": len(frame), **sums}


def summed_columns(table: sa.Table) -> Sequence[str]:
    """The headline values of a report with many rows, besides their number, by its first table."""
    return _SUMS[table]


def _sum(values: list[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) if known else None
