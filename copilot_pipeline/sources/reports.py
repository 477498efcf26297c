"""Declarations that all usage metrics reports share.

Source: GitHub's REST documentation of the Copilot usage metrics.
"""

from copilot_pipeline.github.kinds import ScopeKind
from copilot_pipeline.github.permissions import Needs
from copilot_pipeline.sources.shape import HOUSEKEEPING, Field, FieldType, only_raw

# The Dagster step that collects reports and legacy metrics.
METRICS_STEP = "metrics"

# GitHub serves the reports of one year.
REPORT_REACH_DAYS = 365

REPORT_NEEDS = {
    ScopeKind.ORGANIZATION: Needs(("read:org",), "Organization Copilot metrics"),
    ScopeKind.ENTERPRISE: Needs(
        ("read:enterprise", "manage_billing:copilot"), "Enterprise Copilot metrics"
    ),
}

# Fields of every record, apart from the ids that are columns.
HEADER = (Field("day", FieldType.DATE), *only_raw("enterprise_id", *HOUSEKEEPING))
ORGANIZATION_ID = only_raw("organization_id")
