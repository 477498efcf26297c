"""Billing: the raw answers, and the table of seat breakdowns and policies derived from them."""

from collections.abc import Iterator

import dagster as dg

from copilot_pipeline.assets.results import SCOPE_SELECTION, Result, report
from copilot_pipeline.assets.specs import table_spec
from copilot_pipeline.checks import TOKEN_EXPIRY, check_token_expiry
from copilot_pipeline.collect.scopes import select_scopes
from copilot_pipeline.collect.snapshots import load_billing, rebuild_billing
from copilot_pipeline.partitions import asked_days, daily_partitions
from copilot_pipeline.resources.database import DatabaseResource
from copilot_pipeline.resources.github import GitHubResource
from copilot_pipeline.warehouse import tables

RAW, TOOL = "raw_billing", "billing"


@dg.multi_asset(
    name="billing_snapshot",
    specs=[
        table_spec(RAW, tables.raw_billing, group="raw", kind="github"),
        table_spec(TOOL, tables.billing, group="tool", kind="pandas", deps=[RAW]),
    ],
    partitions_def=daily_partitions,
    check_specs=[TOKEN_EXPIRY],
    backfill_policy=dg.BackfillPolicy.single_run(),
    can_subset=True,
    config_schema=SCOPE_SELECTION,
)
def billing_snapshot(
    context: dg.AssetExecutionContext,
    database: DatabaseResource,
    github: GitHubResource,
) -> Iterator[Result | dg.AssetCheckResult]:
    """Takes today's billing for the newest complete day; keeps what is stored for a past one.

    The check comes first, in the same step: one of its own would be skipped where billing fails,
    and a token that may not read billing expires too.
    """
    config = context.op_execution_context.op_config
    with database.open() as warehouse:
        if TOKEN_EXPIRY.key in context.selected_asset_check_keys:
            yield check_token_expiry(warehouse)
        if not context.selected_asset_keys:
            return
        days = asked_days(context)
        selected = [key.path[-1] for key in context.selected_asset_keys]
        scopes = select_scopes(warehouse, config["organizations"])
        if RAW in selected:
            outcomes = load_billing(warehouse, github.client, scopes, days)
        else:
            outcomes = rebuild_billing(warehouse, scopes, days)
        of_assets = {RAW: [tables.raw_billing], TOOL: [tables.billing]}
        yield from report(context, warehouse, of_assets, outcomes)
