"""Code that the steps share: the selection of scopes, progress, and loading or rebuilding."""

from collections.abc import Callable, Iterator

import dagster as dg

from copilot_pipeline.assets.results import report
from copilot_pipeline.assets.specs import asset_tables, raw_assets
from copilot_pipeline.checks import check_snapshots
from copilot_pipeline.collect.loader import load
from copilot_pipeline.collect.outcomes import Outcome
from copilot_pipeline.collect.plan import LoadRequest
from copilot_pipeline.collect.rebuild import rebuild
from copilot_pipeline.collect.selection import select_scopes
from copilot_pipeline.days import Today
from copilot_pipeline.partitions import requested_days
from copilot_pipeline.resources.github import GitHubResource
from copilot_pipeline.warehouse.database import Database
from copilot_pipeline.warehouse.scopes import Scope

# Which scopes a run collects, and how much of them. Not a `dg.Config`: see jobs.py.
SCOPE_SELECTION = {
    "organizations": dg.Field(
        [str],
        default_value=[],
        description="The organizations to collect. Empty, as enterprises: every scope.",
    ),
    "enterprises": dg.Field(
        [str],
        default_value=[],
        description="The enterprises to collect. Empty, as organizations: every scope.",
    ),
    "accounts": dg.Field(
        [int],
        default_value=[],
        description="The IDs of the accounts whose scopes to collect. Empty: every account.",
    ),
    "only_missing": dg.Field(
        bool,
        default_value=False,
        description="Ask GitHub only for what is not stored and was not refused today.",
    ),
}


def selected_scopes(context: dg.AssetExecutionContext, database: Database) -> list[Scope]:
    """Returns the scopes that the config of the step selects.

    Raises:
        NoScopeError: no scope is configured, or not the given one.
    """
    config = context.op_execution_context.op_config
    return select_scopes(
        database, config["organizations"], config["enterprises"], config["accounts"]
    )


class Progress:
    """Passes each outcome to a callback. Runs in the UI have no callback."""

    def __init__(self, on_outcome: Callable[[Outcome], None] = lambda _: None) -> None:
        self.on_outcome = on_outcome


def collect_step(
    context: dg.AssetExecutionContext,
    database: Database,
    github: GitHubResource,
    progress: Progress,
    scopes: list[Scope],
    step: str,
    request: LoadRequest,
) -> list[Outcome]:
    """Loads the step's sources from GitHub.

    If no raw asset is selected, derives the selected assets from the stored raw data instead.
    """
    if loads(context, step):
        return load(database, github.client, scopes, step, request, progress.on_outcome)
    return list(rebuild(database, scopes, step, request.days, selected_assets(context)))


def report_step(
    context: dg.AssetExecutionContext,
    database: Database,
    scopes: list[Scope],
    step: str,
    outcomes: list[Outcome],
) -> Iterator[dg.AssetMaterialization]:
    """Yields the materializations of the step's assets that were written.

    Loading writes all of them, also those that are not selected or belong to another Dagster step.
    """
    tables = asset_tables(step)
    if not loads(context, step):
        selected = selected_assets(context)
        tables = {name: of_asset for name, of_asset in tables.items() if name in selected}
    return report(context, database, tables, scopes, outcomes)


def snapshot_step(
    context: dg.AssetExecutionContext,
    database: Database,
    github: GitHubResource,
    progress: Progress,
    today: Today,
    step: str,
) -> Iterator[dg.AssetMaterialization | dg.AssetCheckResult]:
    """Takes or keeps the snapshots of the run's days, and checks them.

    Without selected assets, it only checks.
    """
    days = requested_days(context) if context.selected_asset_keys else []
    scopes = selected_scopes(context, database)
    wanted_checks = context.selected_asset_check_keys
    if not days:
        yield from check_snapshots(database, scopes, step, wanted_checks, today)
        return
    only_missing = context.op_execution_context.op_config["only_missing"]
    request = LoadRequest(today, days, only_missing=only_missing)
    outcomes = collect_step(context, database, github, progress, scopes, step, request)
    yield from check_snapshots(database, scopes, step, wanted_checks, today, outcomes)
    yield from report_step(context, database, scopes, step, outcomes)


def loads(context: dg.AssetExecutionContext, step: str) -> bool:
    """Whether a raw asset of the step is selected, so that the step asks GitHub."""
    return not raw_assets(step).isdisjoint(selected_assets(context))


def selected_assets(context: dg.AssetExecutionContext) -> set[str]:
    return {key.path[-1] for key in context.selected_asset_keys}
