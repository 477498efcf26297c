"""The Dagster definitions of the project."""

from collections.abc import Mapping
from typing import Any

import dagster as dg

from copilot_pipeline.assets.billing import billing_snapshot
from copilot_pipeline.assets.collecting import Progress
from copilot_pipeline.assets.metrics import LATE_METRICS, metrics
from copilot_pipeline.assets.seats import seat_snapshot
from copilot_pipeline.days import Today
from copilot_pipeline.github.logs import silence_http_libraries
from copilot_pipeline.jobs import (
    daily_copilot,
    fetch_account_metrics_job,
    import_account_job,
    metrics_backfill,
)
from copilot_pipeline.report_job import write_report_job, write_report_schedule
from copilot_pipeline.resources.database import DatabaseResource
from copilot_pipeline.resources.github import GitHubResource
from copilot_pipeline.schedules import daily_copilot_schedule
from copilot_pipeline.sensors import data_problems_notification, failed_runs_notification


def build_defs(resource_overrides: Mapping[str, Any] | None = None) -> dg.Definitions:
    """Return all definitions. `resource_overrides` replaces resources by name, for tests."""
    silence_http_libraries()
    return dg.Definitions(
        assets=[metrics, *LATE_METRICS, seat_snapshot, billing_snapshot],
        jobs=[
            import_account_job,
            fetch_account_metrics_job,
            daily_copilot,
            metrics_backfill,
            write_report_job,
        ],
        schedules=[daily_copilot_schedule, write_report_schedule],
        sensors=[failed_runs_notification, data_problems_notification],
        resources={
            "copilot_warehouse": DatabaseResource(),
            "copilot_github": GitHubResource(),
            # Created once for all steps, so that a run over midnight has one newest day.
            "copilot_today": dg.ResourceDefinition(lambda _: Today.from_clock(), config_schema={}),
            "copilot_progress": Progress(),
            **(resource_overrides or {}),
        },
        # A subprocess costs seconds per step, and the steps mostly wait for the network.
        executor=dg.in_process_executor,
    )


defs = build_defs()
