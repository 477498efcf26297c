"""One row per adoption phase of an aggregate record."""

from collections.abc import Sequence

import pandas as pd

from copilot_pipeline.transform.rows import frame, merge
from copilot_pipeline.transform.values import (
    Json,
    counter,
    largest,
    name,
    number,
    optional_list,
    optional_text,
)
from copilot_pipeline.warehouse.report_tables import PHASE_AVERAGES, PHASE_COUNTERS

COLUMNS = ["phase", "phase_number", "version", *PHASE_COUNTERS, *PHASE_AVERAGES]


def from_records(records: Sequence[Json]) -> pd.DataFrame:
    """`totals_by_ai_adoption_phase` of the one record of a day."""
    (record,) = records
    rows = [
        {
            "phase": _name(entry),
            "phase_number": counter(entry, "phase_number"),
            "version": optional_text(entry, "version"),
            **{key: counter(entry, key) for key in PHASE_COUNTERS},
            **{key: number(entry, key) for key in PHASE_AVERAGES},
        }
        for entry in optional_list(record, "totals_by_ai_adoption_phase") or []
    ]
    return frame(merge(rows, ["phase"], largest), COLUMNS)


def _name(entry: Json) -> str:
    """GitHub's name of the phase; where there is none, the one that its number has."""
    number = counter(entry, "phase_number")
    if optional_text(entry, "phase") or number is None:
        return name(entry, "phase")
    return f"Phase {number}" if number else "No Cohort"
