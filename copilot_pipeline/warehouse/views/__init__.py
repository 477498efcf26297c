"""The views for dashboards and custom queries.

They are built from the rules (`rules.py`) and the tables, for both databases.
`warehouse/fingerprints.py` creates them again when a query changes.
"""

from copilot_pipeline.warehouse.views.days import FEATURE_DAYS, ORG_DAYS
from copilot_pipeline.warehouse.views.health import COLLECTION_HEALTH
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

# A view comes after the views that it selects from.
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
    COLLECTION_HEALTH,
)
