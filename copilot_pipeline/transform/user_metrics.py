"""One row per user of a day's `users-1-day` report."""

from collections.abc import Sequence

import pandas as pd

from copilot_pipeline.transform.activity import activity, clients
from copilot_pipeline.transform.rows import Row, frame, merge
from copilot_pipeline.transform.values import (
    Json,
    counter,
    flag,
    identity,
    largest,
    number,
    optional_object,
    optional_text,
)
from copilot_pipeline.warehouse.report_tables import USER_FLAGS, user_metrics

COLUMNS = [column.name for column in user_metrics.c if column.name not in ("scope_id", "day")]


def from_records(records: Sequence[Json]) -> pd.DataFrame:
    """A user who comes twice, in two files, is one row: the larger of two values is kept."""
    return frame(merge((_user(record) for record in records), ["user_id"], largest), COLUMNS)


def _user(record: Json) -> Row:
    phase = optional_object(record, "ai_adoption_phase")
    row = {
        "user_id": identity(record, "user_id"),
        "user_login": optional_text(record, "user_login"),
        **activity(record),
        "ai_credits_used": number(record, "ai_credits_used"),
        **{name: flag(record, name) for name in USER_FLAGS},
        "ai_adoption_phase_number": counter(phase, "phase_number"),
        "ai_adoption_phase": optional_text(phase, "phase"),
        "ai_adoption_phase_version": optional_text(phase, "version"),
        **clients(record),
    }
    if row["used_copilot_cloud_agent"] is None:
        # The flag's former name; where both are there they say the same.
        row["used_copilot_cloud_agent"] = flag(record, "used_copilot_coding_agent")
    return row
