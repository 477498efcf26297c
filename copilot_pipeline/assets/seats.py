"""The step of seats: the raw pages of the seat list and the table derived from them."""

from collections.abc import Iterator

import dagster as dg

from copilot_pipeline.assets.collecting import SCOPE_SELECTION, Progress, collect_step
from copilot_pipeline.assets.results import Result, report
from copilot_pipeline.assets.specs import asset_specs
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
) -> Iterator[Result]:
    """Stores the current seats for the newest complete day. Keeps the stored ones of a past day."""
    config = context.op_execution_context.op_config
    request = LoadRequest(today, requested_days(context), only_missing=config["only_missing"])
    with database.open() as warehouse:
        scopes = select_scopes(warehouse, config["organizations"], config["enterprises"])
        outcomes = collect_step(context, warehouse, github, progress, scopes, SEATS.step, request)
        yield from report(context, warehouse, SEATS.step, outcomes)
