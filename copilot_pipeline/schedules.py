"""The daily schedule."""

from datetime import UTC, timedelta

import dagster as dg

from copilot_pipeline.accounts import all_accounts
from copilot_pipeline.jobs import METRICS_ASSET_KEYS, daily_copilot
from copilot_pipeline.partitions import range_tags
from copilot_pipeline.resources.database import DatabaseResource
from copilot_pipeline.rules import GAP_DAYS, REREAD_DAYS
from copilot_pipeline.run_origin import run_tags


@dg.schedule(
    job=daily_copilot,
    cron_schedule="0 6 * * *",
    execution_timezone="UTC",
    default_status=dg.DefaultScheduleStatus.RUNNING,
    name="daily_copilot_schedule",
    description=(
        "Collects the newest complete day every day at 06:00 UTC. Fetches the metrics of the "
        f"{REREAD_DAYS - 1} days before it again, which GitHub may have revised, and of earlier "
        "days that failed or are missing."
    ),
)
def daily_copilot_schedule(
    context: dg.ScheduleEvaluationContext, copilot_warehouse: DatabaseResource
) -> list[dg.RunRequest] | dg.SkipReason:
    with copilot_warehouse.open() as warehouse:
        logins = {account.login for account, scopes in all_accounts(warehouse) if scopes}
        if not logins:
            return dg.SkipReason(
                "No account with an organization is imported yet. Run the job import_account, or "
                "copilot-pipeline accounts import --org SLUG."
            )
    newest = context.scheduled_execution_time.astimezone(UTC).date() - timedelta(days=1)
    first, last = newest - timedelta(days=REREAD_DAYS - 1), newest - timedelta(days=1)
    return [
        dg.RunRequest(
            run_key=f"{newest}", partition_key=str(newest), tags=run_tags(logins, [newest])
        ),
        # A schedule can start one job only, so this run is part of daily_copilot.
        dg.RunRequest(
            run_key=f"{newest} revised",
            asset_selection=METRICS_ASSET_KEYS,
            run_config={"ops": {"metrics": {"config": {"gap_days": GAP_DAYS}}}},
            tags={**range_tags(first, last), **run_tags(logins, [first, last])},
        ),
    ]
