"""What the steps have in common: which scopes and days, GitHub or what is stored, and results."""

from collections.abc import Callable

import dagster as dg

from copilot_pipeline.assets.specs import raw_assets
from copilot_pipeline.collect.loader import load
from copilot_pipeline.collect.outcomes import Outcome
from copilot_pipeline.collect.plan import LoadRequest
from copilot_pipeline.collect.rebuild import rebuild
from copilot_pipeline.resources.github import GitHubResource
from copilot_pipeline.warehouse.database import Database
from copilot_pipeline.warehouse.scopes import Scope

# Which scopes a run collects. Not a `dg.Config`: see jobs.py.
SCOPE_SELECTION = {
    "organizations": dg.Field([str], default_value=[], description="Empty: every scope.")
}


class Progress:
    """Tells somebody who waits of each outcome as it comes. Nobody waits for a run of the UI."""

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
    """Loads the step's sources from GitHub, or derives the selected assets from what is stored
    if no raw asset is selected."""
    selected = {key.path[-1] for key in context.selected_asset_keys}
    if not raw_assets(step).isdisjoint(selected):
        return load(database, github.client, scopes, step, request, progress.on_outcome)
    return list(rebuild(database, scopes, step, request.days, selected))
