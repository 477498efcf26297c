"""Metrics: the raw reports, and the organization and language tables derived from them."""

from collections.abc import Iterator

import dagster as dg

from copilot_pipeline.assets.results import Result, ScopeSelection, report
from copilot_pipeline.assets.specs import table_spec
from copilot_pipeline.collect.metrics import load_metrics, rebuild_metrics
from copilot_pipeline.collect.scopes import select_scopes
from copilot_pipeline.partitions import asked_days, daily_partitions
from copilot_pipeline.resources.database import DatabaseResource
from copilot_pipeline.resources.github import GitHubResource
from copilot_pipeline.warehouse import tables

RAW = "raw_metrics"
TOOL = {"org_metrics": tables.org_metrics, "language_metrics": tables.language_metrics}


@dg.multi_asset(
    name="metrics",
    specs=[
        table_spec(RAW, tables.raw_metrics, group="raw", kind="github"),
        *(
            table_spec(name, table, group="tool", kind="pandas", deps=[RAW])
            for name, table in TOOL.items()
        ),
    ],
    partitions_def=daily_partitions,
    backfill_policy=dg.BackfillPolicy.single_run(),
    can_subset=True,
)
def metrics(
    context: dg.AssetExecutionContext,
    config: ScopeSelection,
    database: DatabaseResource,
    github: GitHubResource,
) -> Iterator[Result]:
    """Reads the days from GitHub; without `raw_metrics` selected, derives from what is stored."""
    days = asked_days(context)
    selected = [key.path[-1] for key in context.selected_asset_keys]
    tool_tables = [table for name, table in TOOL.items() if name in selected]
    with database.open() as warehouse:
        scopes = select_scopes(warehouse, config.organizations)
        if RAW in selected:
            outcomes = load_metrics(warehouse, github.client, scopes, days, tool_tables)
        else:
            outcomes = rebuild_metrics(warehouse, scopes, days, tool_tables)
        yield from report(context, warehouse, {RAW: tables.raw_metrics, **TOOL}, outcomes)
