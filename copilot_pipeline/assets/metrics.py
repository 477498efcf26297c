"""Metrics: the raw reports, and the tool tables derived from them."""

from collections.abc import Iterator
from datetime import timedelta

import dagster as dg

from copilot_pipeline.assets.results import SCOPE_SELECTION, Result, report
from copilot_pipeline.assets.specs import table_spec
from copilot_pipeline.checks import METRICS_CHECKS, check_metrics
from copilot_pipeline.collect.metrics import load_metrics
from copilot_pipeline.collect.rebuild import rebuild_metrics
from copilot_pipeline.collect.scopes import select_scopes
from copilot_pipeline.days import day_range, newest_complete_day
from copilot_pipeline.partitions import asked_days, daily_partitions
from copilot_pipeline.resources.database import DatabaseResource
from copilot_pipeline.resources.github import GitHubResource
from copilot_pipeline.warehouse import report_tables, tables

RAW = "raw_metrics"

# Tables that one array of GitHub's fills alike are one asset: Dagster records every asset for
# every day, which takes longer than loading the day.
TOOL = {
    "org_metrics": [tables.org_metrics],
    "language_metrics": [tables.language_metrics],
    "metrics_breakdowns": [
        *report_tables.scope_breakdowns.values(),
        report_tables.adoption_phases,
    ],
    "user_metrics": [report_tables.user_metrics, *report_tables.user_breakdowns.values()],
    "user_teams": [report_tables.user_teams],
    "repo_metrics": [report_tables.repo_metrics],
}

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
            "How many earlier days of each report that failed or are missing to collect as well."
        ),
    ),
}


@dg.multi_asset(
    name="metrics",
    specs=[
        table_spec(RAW, tables.raw_metrics, group="raw", kind="github"),
        *(
            table_spec(name, *of_asset, group="tool", kind="pandas", deps=[RAW])
            for name, of_asset in TOOL.items()
        ),
    ],
    partitions_def=daily_partitions,
    check_specs=METRICS_CHECKS,
    backfill_policy=dg.BackfillPolicy.single_run(),
    can_subset=True,
    config_schema=METRICS_SELECTION,
)
def metrics(
    context: dg.AssetExecutionContext,
    database: DatabaseResource,
    github: GitHubResource,
) -> Iterator[Result | dg.AssetCheckResult]:
    """Reads the days from GitHub, and writes all tables that derive from them; without
    `raw_metrics` selected, derives the selected ones from what is stored.

    The checks look at the days of the run, in the same step: they are due where a scope failed too.
    Run alone, they look at the four newest weeks.
    """
    config = context.op_execution_context.op_config
    wanted_checks = context.selected_asset_check_keys
    if not context.selected_asset_keys:
        newest = newest_complete_day()
        with database.open() as warehouse:
            scopes = select_scopes(warehouse, config["organizations"])
            days = day_range(newest - CHECKED_ALONE, newest)
            yield from check_metrics(warehouse, scopes, days, wanted_checks)
        return
    days = asked_days(context)
    selected = [key.path[-1] for key in context.selected_asset_keys]
    with database.open() as warehouse:
        scopes = select_scopes(warehouse, config["organizations"])
        if RAW in selected:
            outcomes = load_metrics(
                warehouse,
                github.client,
                scopes,
                days,
                refetch=config["refetch"],
                gap_days=config["gap_days"],
            )
        else:
            tool_tables = [table for name in TOOL if name in selected for table in TOOL[name]]
            outcomes = rebuild_metrics(warehouse, scopes, days, tool_tables)
        done = list(outcomes)
        collected = sorted({outcome.day for outcome in done})
        yield from check_metrics(warehouse, scopes, collected, wanted_checks)
        yield from report(context, warehouse, {RAW: [tables.raw_metrics], **TOOL}, done)
