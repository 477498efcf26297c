"""What the tests of the pipeline share: importing, loading, and reading tables."""

import gzip
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

import dagster as dg
import sqlalchemy as sa

from copilot_pipeline import settings
from copilot_pipeline.accounts import AccountOptions, client_of, import_account
from copilot_pipeline.collect.loader import load
from copilot_pipeline.collect.outcomes import OutcomeState, describe_errors
from copilot_pipeline.collect.plan import LoadRequest
from copilot_pipeline.collect.selection import select_scopes
from copilot_pipeline.days import Today
from copilot_pipeline.definitions import defs
from copilot_pipeline.github.client import GitHubClient
from copilot_pipeline.partitions import range_tags
from copilot_pipeline.simulated_github import SimulatedGitHub
from copilot_pipeline.sources.reports import METRICS_STEP
from copilot_pipeline.tokens import open_credential
from copilot_pipeline.warehouse.accounts import Account
from copilot_pipeline.warehouse.database import Database

Rows = list[dict[str, Any]]

# GitHub's names of its reports.
ORGANIZATION, ENTERPRISE = "organization-1-day", "enterprise-1-day"
USERS, USER_TEAMS, REPOS = "users-1-day", "user-teams-1-day", "repos-1-day"


def newest_complete_day() -> date:
    return Today.from_clock().newest


def import_organizations(
    url: str,
    github: SimulatedGitHub,
    *slugs: str,
    metrics_api: str = "reports",
    reports: Sequence[str] = (ORGANIZATION,),
) -> int:
    """Imports the simulated GitHub's account with these organizations; its id.

    They collect the report of the organization alone, which is faster, unless others are named.
    """
    with Database(url) as database:
        wanted = AccountOptions(github.url, None, slugs, (), metrics_api, reports)
        return import_account(database, github.token, wanted)


def read_table(url: str, table: str, order: str = "1, 2, 3, 4") -> Rows:
    """All rows of a table or view, with the text of answers that are stored compressed."""
    with Database(url) as database, database.read() as connection:
        result = connection.execute(sa.text(f"SELECT * FROM {table} ORDER BY {order}"))
        return [decompressed(row._asdict()) for row in result]


def decompressed(row: Mapping[str, Any]) -> dict[str, Any]:
    """The row of a table, with the text of an answer in the place of its compressed bytes."""
    return {
        name: gzip.decompress(value).decode() if isinstance(value, bytes) else value
        for name, value in row.items()
    }


def execute(
    job: str,
    days: Sequence[date] | None = None,
    *,
    config: dict[str, Any] | None = None,
    assets: Sequence[str] | None = None,
    instance: dg.DagsterInstance | None = None,
) -> dg.ExecuteInProcessResult:
    """Runs a job in this process: one day as a partition, several as a range in a single run."""
    options: dict[str, Any] = {}
    if days is not None and len(days) == 1:
        options["partition_key"] = str(days[0])
    elif days is not None:
        options["tags"] = range_tags(min(days), max(days))
    if assets is not None:
        options["asset_selection"] = [dg.AssetKey(asset) for asset in assets]
    return defs.resolve_job_def(job).execute_in_process(
        run_config={"ops": config or {}},
        raise_on_error=False,
        instance=instance or dg.DagsterInstance.ephemeral(),
        **options,
    )


def load_metrics(days: Sequence[date], *, refetch: bool = False, gap_days: int = 0) -> list[str]:
    """Loads the days as the job `metrics_backfill` does, without Dagster: what failed of them."""

    def open_client(database: Database, account: Account) -> GitHubClient:
        return client_of(account, open_credential(database, account))

    order = LoadRequest(Today.from_clock(), days, refetch, gap_days)
    with Database(str(settings.database_url())) as database:
        scopes = select_scopes(database)
        outcomes = load(database, open_client, scopes, METRICS_STEP, order)
    asked = [outcome for outcome in outcomes if outcome.day in days]
    return describe_errors(asked, OutcomeState.FAILED)


def failure(result: dg.ExecuteInProcessResult) -> str:
    """What the failed steps of a run say."""
    texts = []
    for event in result.all_events:
        if event.is_step_failure:
            data = event.step_failure_data
            described = data.user_failure_data and data.user_failure_data.description
            texts.append(described or str(data.error))
    return "\n".join(texts)
