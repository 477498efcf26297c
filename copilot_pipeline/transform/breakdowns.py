"""The rows of GitHub's `totals_by_…` arrays, of an aggregate record or of user records.

Names that mean the same thing become one, and their counters are added.
"""

from collections.abc import Sequence
from typing import Any

import pandas as pd

from copilot_pipeline.transform.activity import activity
from copilot_pipeline.transform.names import normalized
from copilot_pipeline.transform.rows import Row, frame, merge
from copilot_pipeline.transform.values import Json, identity, largest, name, optional_list, total
from copilot_pipeline.warehouse.columns import ACTIVITY_COUNTERS
from copilot_pipeline.warehouse.report_tables import Breakdown


def of_scope(breakdown: Breakdown, records: Sequence[Json]) -> pd.DataFrame:
    """The breakdown of the one aggregate record of a day."""
    (record,) = records
    return frame(_entries(breakdown, record), [*breakdown.dimensions, *ACTIVITY_COUNTERS])


def of_users(breakdown: Breakdown, records: Sequence[Json]) -> pd.DataFrame:
    """The breakdowns of a day's users. One who comes twice is not added up."""
    rows: list[Row] = []
    for record in records:
        user_id = identity(record, "user_id")
        rows += [{"user_id": user_id, **row} for row in _entries(breakdown, record)]
    key = ["user_id", *breakdown.dimensions]
    return frame(merge(rows, key, largest), [*key, *ACTIVITY_COUNTERS])


def _entries(breakdown: Breakdown, record: Json) -> list[Row]:
    rows: list[dict[str, Any]] = [
        {
            **{each: normalized(each, name(entry, each)) for each in breakdown.dimensions},
            **activity(entry),
        }
        for entry in optional_list(record, breakdown.field) or []
    ]
    return merge(rows, breakdown.dimensions, total)
