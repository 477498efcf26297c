"""The step of metrics: the raw reports and the tool tables derived from them."""

from collections.abc import Iterator
from datetime import timedelta

import dagster as dg

from copilot_pipeline.assets.collecting import (
    SCOPE_SELECTION,
    Progress,
    collect_step,
    report_step,
    selected_scopes,
)
from copilot_pipeline.assets.specs import GITHUB_POOL, asset_specs, first_day
from copilot_pipeline.checks import METRICS_CHECKS, check_metrics
from copilot_pipeline.collect.plan import LoadRequest
from copilot_pipeline.collect.rebuild import rebuild
from copilot_pipeline.days import Today, day_range
from copilot_pipeline.partitions import daily_partitions, daily_partitions_from, requested_days
from copilot_pipeline.resources.database import DatabaseResource
from copilot_pipeline.resources.github import GitHubResource
from copilot_pipeline.sources.reports import METRICS_STEP

CHECKED_ALONE = timedelta(days=27)


# Which scopes and days a run collects.
METRICS_SELECTION = {
    **SCOPE_SELECTION,
    "refetch": dg.Field(
        bool,
        default_value=False,
        description="Ask GitHub again for days that are loaded and no longer revised.",
    ),
    "gap_days": dg.Field(
        int,
        default_value=0,
        description=(
            "The number of earlier failed or missing days of each report to collect as well."
        ),
    ),
}


@dg.multi_asset(
    name=METRICS_STEP,
    specs=asset_specs(METRICS_STEP),
    partitions_def=daily_partitions,
    check_specs=METRICS_CHECKS,
    backfill_policy=dg.BackfillPolicy.single_run(),
    can_subset=True,
    pool=GITHUB_POOL,
    config_schema=METRICS_SELECTION,
)
def metrics(
    context: dg.AssetExecutionContext,
    copilot_warehouse: DatabaseResource,
    copilot_github: GitHubResource,
    copilot_today: dg.ResourceParam[Today],
    copilot_progress: dg.ResourceParam[Progress],
) -> Iterator[dg.AssetMaterialization | dg.AssetCheckResult]:
    """Loads the days from GitHub and writes all tables that derive from them.

    If `raw_metrics` is not selected, derives the selected tables from the stored raw data. The
    checks cover the days of the run. They are in the same step so that they also run if a scope
    fails. Without selected assets, the checks cover the four newest weeks.
    """
    config = context.op_execution_context.op_config
    wanted_checks = context.selected_asset_check_keys
    days = requested_days(context) if context.selected_asset_keys else []
    with copilot_warehouse.open() as warehouse:
        scopes = selected_scopes(context, warehouse)
        if not days:
            newest = day_range(copilot_today.newest - CHECKED_ALONE, copilot_today.newest)
            yield from check_metrics(warehouse, scopes, newest, wanted_checks, copilot_today)
            return
        request = LoadRequest(
            copilot_today,
            days,
            config["refetch"],
            config["gap_days"],
            config["only_missing"],
        )
        outcomes = collect_step(
            context, warehouse, copilot_github, copilot_progress, scopes, METRICS_STEP, request
        )
        collected = sorted({outcome.day for outcome in outcomes})
        yield from check_metrics(
            warehouse, scopes, collected, wanted_checks, copilot_today, outcomes
        )
        yield from report_step(context, warehouse, scopes, METRICS_STEP, outcomes)


def _late_step(spec: dg.AssetSpec) -> dg.AssetsDefinition:
    """Returns the step of an asset whose data begins later than that of `raw_metrics`.

    All assets of a Dagster step and of a job have the same partitions. So the step `metrics`, which
    loads and writes these assets too, records their days, and this step only derives them again.
    """
    name = spec.key.path[-1]

    @dg.multi_asset(
        name=name,
        specs=[spec],
        partitions_def=daily_partitions_from(first_day(name)),
        backfill_policy=dg.BackfillPolicy.single_run(),
        can_subset=True,
        config_schema=SCOPE_SELECTION,
        description="Derives the table from the stored raw data. `metrics` loads and writes it.",
    )
    def derived(
        context: dg.AssetExecutionContext, copilot_warehouse: DatabaseResource
    ) -> Iterator[dg.AssetMaterialization]:
        days = requested_days(context)
        with copilot_warehouse.open() as warehouse:
            scopes = selected_scopes(context, warehouse)
            outcomes = list(rebuild(warehouse, scopes, METRICS_STEP, days, {name}))
            yield from report_step(context, warehouse, scopes, METRICS_STEP, outcomes)

    return derived


LATE_METRICS = [_late_step(spec) for spec in asset_specs(METRICS_STEP, late=True)]
