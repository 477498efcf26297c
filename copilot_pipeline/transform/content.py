"""What a report says, apart from how its files are cut: its digest, and its headline values."""

import json
from collections.abc import Mapping, Sequence
from hashlib import sha256

import pandas as pd
import sqlalchemy as sa

from copilot_pipeline.transform.records import significant
from copilot_pipeline.transform.values import Json
from copilot_pipeline.warehouse import report_tables, tables
from copilot_pipeline.warehouse.columns import ACTIVITY_COUNTERS, PULL_REQUEST_COUNTERS

# What is added up over the rows of a report with many; of an aggregate, every number is a headline.
_SUMS = {
    report_tables.user_metrics: (*ACTIVITY_COUNTERS, "ai_credits_used"),
    report_tables.user_teams: (),
    report_tables.repo_metrics: tuple(PULL_REQUEST_COUNTERS),
}


def digest(records: Sequence[Json]) -> str:
    """SHA-256 of the records, whatever their order, their files and the order of their fields."""
    texts = {json.dumps(significant(record), sort_keys=True) for record in records}
    return sha256("\n".join(sorted(texts)).encode()).hexdigest()


def headlines(frames: Mapping[sa.Table, pd.DataFrame]) -> dict[str, float | None]:
    """The values by which a report's changes are told, by name. None: not known."""
    table, frame = next(iter(frames.items()))
    if table is tables.org_metrics:
        return {str(name): frame[name].iloc[0] for name in frame if name != "source"}
    sums = {name: _sum(frame[name].tolist()) for name in _SUMS[table]}
    return {"row_count": len(frame), **sums}


def _sum(values: list[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) if known else None
