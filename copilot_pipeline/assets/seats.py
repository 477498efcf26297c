"""The step of seats: the raw pages of the seat list and the table derived from them."""

from collections.abc import Iterator

import dagster as dg

from copilot_pipeline.assets.collecting import SCOPE_SELECTION, Progress, collect_step
from copilot_pipeline.assets.results import Result, report
from copilot_pipeline.assets.specs import asset_specs
from copilot_pipeline.checks import SCOPES_ARE_COLLECTED, check_snapshots
from copilot_pipeline.collect.plan import LoadRequest
from copilot_pipeline.collect.selection import select_scopes
from copilot_pipeline.days import Today
from copilot_pipeline.partitions import daily_partitions, requested_days
from copilot_pipeline.resources.database import DatabaseResource
from copilot_pipeline.resources.github import GitHubResource
from copilot_pipeline.sources.seats import SEATS


@dg.multi_asset(
    name=SEATS.step,
    specs=asset_specs(SEATS.step),
    partitions_def=daily_partitions,
    check_specs=[SCOPES_ARE_COLLECTED[SEATS.step]],
    backfill_policy=dg.BackfillPolicy.single_run(),
    can_subset=True,
    config_schema=SCOPE_SELECTION,
)
def seat_snapshot(
    context: dg.AssetExecutionContext,
    database: DatabaseResource,
    github: GitHubResource,
    today: dg.ResourceParam[Today],
    progress: dg.ResourceParam[Progress],
) -> Iterator[Result | dg.AssetCheckResult]:
    """Stores the current seats for the newest complete day. Keeps the stored ones of a past day."""
    config = context.op_execution_context.op_config
    with database.open() as warehouse:
        scopes = select_scopes(warehouse, config["organizations"])
        wanted_checks = context.selected_asset_check_keys
        if not context.selected_asset_keys:
            yield from check_snapshots(warehouse, scopes, SEATS.step, wanted_checks, today)
            return
        request = LoadRequest(today, requested_days(context), only_missing=config["only_missing"])
        outcomes = collect_step(context, warehouse, github, progress, scopes, SEATS.step, request)
        yield from check_snapshots(warehouse, scopes, SEATS.step, wanted_checks, today, outcomes)
        yield from report(context, warehouse, SEATS.step, outcomes)
