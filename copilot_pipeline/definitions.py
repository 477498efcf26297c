"""The one place where everything is put together."""

from collections.abc import Mapping
from typing import Any

import dagster as dg

from copilot_pipeline.assets.billing import billing_snapshot
from copilot_pipeline.assets.collecting import Progress
from copilot_pipeline.assets.metrics import metrics
from copilot_pipeline.assets.seats import seat_snapshot
from copilot_pipeline.days import Today
from copilot_pipeline.jobs import (
    daily_copilot,
    fetch_account_metrics_job,
    import_account_job,
    metrics_backfill,
)
from copilot_pipeline.resources.database import DatabaseResource
from copilot_pipeline.resources.github import GitHubResource
from copilot_pipeline.schedules import daily_copilot_schedule


def build_defs(resource_overrides: Mapping[str, Any] | None = None) -> dg.Definitions:
    """All definitions, with other resources in the place of the usual ones where given."""
    return dg.Definitions(
        assets=[metrics, seat_snapshot, billing_snapshot],
        jobs=[import_account_job, fetch_account_metrics_job, daily_copilot, metrics_backfill],
        schedules=[daily_copilot_schedule],
        resources={
            "database": DatabaseResource(),
            "github": GitHubResource(),
            # Made once for all steps of a run, so that a run over midnight sees one newest day.
            "today": dg.ResourceDefinition(lambda _: Today.from_clock(), config_schema={}),
            "progress": Progress(),
            **(resource_overrides or {}),
        },
        # In one process: sub-processes cost seconds a step, and the work waits for the network.
        executor=dg.in_process_executor,
    )


defs = build_defs()
