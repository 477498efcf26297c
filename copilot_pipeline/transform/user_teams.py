"""One row per user and team of a day's `user-teams-1-day` report."""

from collections.abc import Sequence

import pandas as pd

from copilot_pipeline.transform.rows import frame, merge
from copilot_pipeline.transform.values import Json, identity, largest, optional_text

TEXTS = ("user_login", "slug", "organization_id")
COLUMNS = ["user_id", "team_id", *TEXTS]


def from_records(records: Sequence[Json]) -> pd.DataFrame:
    """A membership that comes twice counts once."""
    rows = [
        {
            "user_id": identity(record, "user_id"),
            "team_id": identity(record, "team_id"),
            **{name: optional_text(record, name) for name in TEXTS},
        }
        for record in records
    ]
    return frame(merge(rows, ["user_id", "team_id"], largest), COLUMNS)
