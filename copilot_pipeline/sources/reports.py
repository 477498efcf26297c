"""What the usage metrics reports have in common.

Source: GitHub's REST documentation of the Copilot usage metrics.
"""

from copilot_pipeline.github.kinds import ScopeKind
from copilot_pipeline.github.permissions import Needs
from copilot_pipeline.sources.shape import HOUSEKEEPING, Field, FieldType, only_raw

# The Dagster step that collects reports and legacy metrics.
METRICS_STEP = "metrics"

# GitHub serves a year of reports.
REPORT_REACH_DAYS = 365

REPORT_NEEDS = {
    ScopeKind.ORGANIZATION: Needs(("read:org",), "Organization Copilot metrics"),
    ScopeKind.ENTERPRISE: Needs(
        ("read:enterprise", "manage_billing:copilot"), "Enterprise Copilot metrics"
    ),
}

# What every record begins with, apart from the ids that a table has.
HEADER = (Field("day", FieldType.DATE), *only_raw("enterprise_id", *HOUSEKEEPING))
ORGANIZATION_ID = only_raw("organization_id")
