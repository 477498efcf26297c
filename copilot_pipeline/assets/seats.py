"""The step of seats: the raw pages of the seat list and the table derived from them."""

from collections.abc import Iterator

import dagster as dg

from copilot_pipeline.assets.collecting import SCOPE_SELECTION, Progress, snapshot_step
from copilot_pipeline.assets.specs import GITHUB_POOL, asset_specs
from copilot_pipeline.checks import SCOPES_ARE_COLLECTED
from copilot_pipeline.days import Today
from copilot_pipeline.partitions import daily_partitions
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
    pool=GITHUB_POOL,
    config_schema=SCOPE_SELECTION,
)
def seat_snapshot(
    context: dg.AssetExecutionContext,
    copilot_warehouse: DatabaseResource,
    copilot_github: GitHubResource,
    copilot_today: dg.ResourceParam[Today],
    copilot_progress: dg.ResourceParam[Progress],
) -> Iterator[dg.AssetMaterialization | dg.AssetCheckResult]:
    """Stores the current seats for the newest complete day. Keeps the stored ones of a past day."""
    with copilot_warehouse.open() as warehouse:
        yield from snapshot_step(
            context, warehouse, copilot_github, copilot_progress, copilot_today, SEATS.step
        )
