"""One row from the answer of `GET /orgs/{org}/copilot/billing`."""

import pandas as pd

from copilot_pipeline.transform.rows import frame
from copilot_pipeline.transform.values import (
    counter,
    json_object,
    optional_object,
    optional_text,
    parse_json,
)
from copilot_pipeline.warehouse.tables import POLICIES, SEAT_BREAKDOWN


def from_answer(text: str) -> pd.DataFrame:
    """The seat breakdown and the policies."""
    answer = json_object(parse_json(text), "the answer")
    seats = optional_object(answer, "seat_breakdown")
    row = {
        **{name: counter(seats, name) for name in SEAT_BREAKDOWN},
        **{name: optional_text(answer, name) for name in POLICIES},
    }
    return frame([row], [*SEAT_BREAKDOWN, *POLICIES])
