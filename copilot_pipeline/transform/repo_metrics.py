"""One row per repository of a day's `repos-1-day` report."""

from collections.abc import Sequence

import pandas as pd

from copilot_pipeline.transform.activity import pull_requests
from copilot_pipeline.transform.rows import frame, merge
from copilot_pipeline.transform.values import Json, identity, largest, optional_text
from copilot_pipeline.warehouse.columns import PULL_REQUEST_COUNTERS, PULL_REQUEST_MEDIANS

TEXTS = ("repo_owner_name", "repo_name", "repo_visibility", "organization_id")
COLUMNS = ["repo_id", *TEXTS, *PULL_REQUEST_COUNTERS, *PULL_REQUEST_MEDIANS]


def from_records(records: Sequence[Json]) -> pd.DataFrame:
    """A repository that comes twice counts once."""
    rows = [
        {
            "repo_id": identity(record, "repo_id"),
            **{name: optional_text(record, name) for name in TEXTS},
            **pull_requests(record),
        }
        for record in records
    ]
    return frame(merge(rows, ["repo_id"], largest), COLUMNS)
