"""Seats: the raw pages of the seat list, and the seat table derived from them."""

from collections.abc import Iterator

import dagster as dg

from copilot_pipeline.assets.results import SCOPE_SELECTION, Result, report
from copilot_pipeline.assets.specs import table_spec
from copilot_pipeline.collect.scopes import select_scopes
from copilot_pipeline.collect.snapshots import load_seats, rebuild_seats
from copilot_pipeline.partitions import asked_days, daily_partitions
from copilot_pipeline.resources.database import DatabaseResource
from copilot_pipeline.resources.github import GitHubResource
from copilot_pipeline.warehouse import tables
from copilot_pipeline.warehouse.seat_days import seat_days

RAW, TOOL = "raw_seats", "seats"
TOOL_TABLES = [tables.seats, seat_days]


@dg.multi_asset(
    name="seat_snapshot",
    specs=[
        table_spec(RAW, tables.raw_seats, group="raw", kind="github"),
        table_spec(TOOL, *TOOL_TABLES, group="tool", kind="pandas", deps=[RAW]),
    ],
    partitions_def=daily_partitions,
    backfill_policy=dg.BackfillPolicy.single_run(),
    can_subset=True,
    config_schema=SCOPE_SELECTION,
)
def seat_snapshot(
    context: dg.AssetExecutionContext,
    database: DatabaseResource,
    github: GitHubResource,
) -> Iterator[Result]:
    """Takes today's seat list for the newest complete day; keeps what is stored for a past one."""
    config = context.op_execution_context.op_config
    days = asked_days(context)
    selected = [key.path[-1] for key in context.selected_asset_keys]
    with database.open() as warehouse:
        scopes = select_scopes(warehouse, config["organizations"])
        if RAW in selected:
            outcomes = load_seats(warehouse, github.client, scopes, days)
        else:
            outcomes = rebuild_seats(warehouse, scopes, days)
        yield from report(
            context, warehouse, {RAW: [tables.raw_seats], TOOL: TOOL_TABLES}, outcomes
        )
