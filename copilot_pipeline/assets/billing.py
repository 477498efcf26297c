"""The step of seat billing: the raw response and the billing table derived from it."""

from collections.abc import Iterator

import dagster as dg

from copilot_pipeline.assets.collecting import SCOPE_SELECTION, Progress, snapshot_step
from copilot_pipeline.assets.specs import GITHUB_POOL, asset_specs
from copilot_pipeline.checks import (
    SCOPES_ARE_COLLECTED,
    TOKEN_EXPIRY,
    check_token_expiry,
)
from copilot_pipeline.days import Today
from copilot_pipeline.partitions import daily_partitions
from copilot_pipeline.resources.database import DatabaseResource
from copilot_pipeline.resources.github import GitHubResource
from copilot_pipeline.sources.seat_billing import SEAT_BILLING


@dg.multi_asset(
    name=SEAT_BILLING.step,
    specs=asset_specs(SEAT_BILLING.step),
    partitions_def=daily_partitions,
    check_specs=[TOKEN_EXPIRY, SCOPES_ARE_COLLECTED[SEAT_BILLING.step]],
    backfill_policy=dg.BackfillPolicy.single_run(),
    can_subset=True,
    pool=GITHUB_POOL,
    config_schema=SCOPE_SELECTION,
)
def billing_snapshot(
    context: dg.AssetExecutionContext,
    copilot_warehouse: DatabaseResource,
    copilot_github: GitHubResource,
    copilot_today: dg.ResourceParam[Today],
    copilot_progress: dg.ResourceParam[Progress],
) -> Iterator[dg.AssetMaterialization | dg.AssetCheckResult]:
    """Stores the current billing for the newest complete day. Keeps the stored one of a past day.

    The check of token expiry runs first in the same step. A separate step would be skipped if
    billing fails.
    """
    with copilot_warehouse.open() as warehouse:
        if TOKEN_EXPIRY.key in context.selected_asset_check_keys:
            yield check_token_expiry(warehouse)
        yield from snapshot_step(
            context, warehouse, copilot_github, copilot_progress, copilot_today, SEAT_BILLING.step
        )
