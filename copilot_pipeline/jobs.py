"""The jobs: import an account, collect a day, collect the metrics of a range of days."""

from typing import Any

import dagster as dg

from copilot_pipeline import settings
from copilot_pipeline.accounts import AccountImport, import_account
from copilot_pipeline.github.urls import (
    GITHUB_ENDPOINT,
    normalize_endpoint,
    normalize_proxy,
)
from copilot_pipeline.resources.database import DatabaseResource

METRICS_ASSET_KEYS = [dg.AssetKey(n) for n in ("raw_metrics", "org_metrics", "language_metrics")]
SNAPSHOT_ASSET_KEYS = [dg.AssetKey(n) for n in ("raw_billing", "raw_seats", "seats")]


class ImportAccountConfig(dg.Config):
    """The name of the variable that holds the token, never a token; and what to collect with it."""

    token_env: str = "GITHUB_TOKEN"  # noqa: S105 (a name)
    endpoint: str = GITHUB_ENDPOINT
    proxy: str | None = None
    organizations: list[str] = []
    enterprises: list[str] = []
    metrics_api: str | None = None


@dg.op(name="import_account")
def import_account_op(
    context: dg.OpExecutionContext, config: ImportAccountConfig, database: DatabaseResource
) -> None:
    """Seals the token of an environment variable and saves the account and its scopes."""
    wanted = AccountImport(
        endpoint=config.endpoint,
        proxy=config.proxy,
        organizations=config.organizations,
        enterprises=config.enterprises,
        metrics_api=config.metrics_api,
    )
    with database.open() as warehouse:
        account_id = import_account(warehouse, settings.token_from(config.token_env), wanted)
    context.log.info(f"Imported account {account_id}.")
    context.add_output_metadata({"account_id": account_id})


@dg.graph
def account_import() -> None:
    import_account_op()


def _refuse_secrets(run_config: dict[str, Any]) -> dict[str, Any]:
    """Runs before Dagster stores the run: a secret given by mistake is then written nowhere."""
    given = run_config["ops"]["import_account"]["config"]
    settings.require_variable_name(given["token_env"])
    normalize_endpoint(given["endpoint"])
    if given.get("proxy"):
        normalize_proxy(given["proxy"])
    return run_config


import_account_job = account_import.to_job(
    name="import_account",
    description="Stores a GitHub account: its token sealed, its organizations and enterprises.",
    config=dg.ConfigMapping(
        config_fn=_refuse_secrets,
        config_schema={
            "ops": {
                "import_account": {"config": ImportAccountConfig.to_config_schema().as_field()}
            },
            "loggers": dg.Field(dict, is_required=False),
        },
    ),
)

daily_copilot = dg.define_asset_job(
    "daily_copilot",
    selection=[*METRICS_ASSET_KEYS, *SNAPSHOT_ASSET_KEYS],
    description="Collects one day: metrics, and the snapshot of billing and seats.",
)

metrics_backfill = dg.define_asset_job(
    "metrics_backfill",
    selection=METRICS_ASSET_KEYS,
    description="Collects the metrics of any range of days that GitHub still serves, in one run.",
)
