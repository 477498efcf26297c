"""One row per seat of a page of the seat list."""

from dataclasses import dataclass
from typing import Any

import pandas as pd

from copilot_pipeline.transform.rows import frame
from copilot_pipeline.transform.values import (
    Json,
    TransformError,
    counter,
    json_object,
    optional_date,
    optional_instant,
    optional_list,
    optional_object,
    optional_text,
    parse_json,
)

COLUMNS = [
    "organization",
    "user_id",
    "user_login",
    "plan_type",
    "assigning_team_id",
    "assigning_team_slug",
    "created_at",
    "updated_at",
    "last_activity_at",
    "last_activity_editor",
    "last_authenticated_at",
    "pending_cancellation_date",
]


@dataclass(frozen=True)
class SeatPage:
    """The seats with an assignee as a frame, the count of those without, and GitHub's total."""

    seats: pd.DataFrame
    unassigned: int
    total_seats: int | None


def from_page(text: str, default_organization: str) -> SeatPage:
    """Seats that name no organization are paid by `default_organization`."""
    page = json_object(parse_json(text), "the page")
    entries = optional_list(page, "seats")
    if entries is None:
        raise TransformError("the page has no seats")
    rows = [
        _seat(entry, default_organization) for entry in entries if entry.get("assignee") is not None
    ]
    return SeatPage(
        frame(rows, COLUMNS),
        unassigned=len(entries) - len(rows),
        total_seats=counter(page, "total_seats"),
    )


def _seat(seat: Json, default_organization: str) -> dict[str, Any]:
    assignee = json_object(seat["assignee"], "assignee")
    user_id = counter(assignee, "id")
    if user_id is None:
        raise TransformError("an assignee has no id")
    team = optional_object(seat, "assigning_team")
    organization = optional_object(seat, "organization")
    return {
        "organization": optional_text(organization, "login") or default_organization,
        "user_id": user_id,
        "user_login": optional_text(assignee, "login"),
        "plan_type": optional_text(seat, "plan_type"),
        "assigning_team_id": counter(team, "id"),
        "assigning_team_slug": optional_text(team, "slug"),
        "created_at": optional_instant(seat, "created_at"),
        "updated_at": optional_instant(seat, "updated_at"),
        "last_activity_at": optional_instant(seat, "last_activity_at"),
        "last_activity_editor": optional_text(seat, "last_activity_editor"),
        "last_authenticated_at": optional_instant(seat, "last_authenticated_at"),
        "pending_cancellation_date": optional_date(seat, "pending_cancellation_date"),
    }
