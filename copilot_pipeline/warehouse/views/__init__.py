"""The views that dashboards and people's own queries read: each number is defined once, here.

They are made from the rules (`rules.py`) and the tables, for both databases, and made anew when
their query changed (`warehouse/fingerprints.py`).
"""

from copilot_pipeline.warehouse.views.days import FEATURE_DAYS, ORG_DAYS
from copilot_pipeline.warehouse.views.history import (
    MARKS,
    REPORT_DAYS,
    REPORT_SPANS,
    SNAPSHOT_DAYS,
)
from copilot_pipeline.warehouse.views.people import SEAT_PEOPLE, TEAM_MEMBER_DAYS, USER_DAYS
from copilot_pipeline.warehouse.views.scopes import SCOPES
from copilot_pipeline.warehouse.views.view import View

__all__ = ["VIEWS", "View"]

# A view comes after those that it selects from.
VIEWS = (
    SCOPES,
    ORG_DAYS,
    FEATURE_DAYS,
    USER_DAYS,
    TEAM_MEMBER_DAYS,
    SEAT_PEOPLE,
    REPORT_SPANS,
    REPORT_DAYS,
    SNAPSHOT_DAYS,
    MARKS,
)
