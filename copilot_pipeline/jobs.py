"""The Dagster jobs: import an account, fetch accounts' own metrics, collect days."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import dagster as dg

from copilot_pipeline import settings
from copilot_pipeline.accounts import (
    AccountOptions,
    allowed_endpoint,
    import_account,
    select_accounts,
)
from copilot_pipeline.assets.billing import billing_snapshot
from copilot_pipeline.assets.metrics import metrics
from copilot_pipeline.assets.seats import seat_snapshot
from copilot_pipeline.assets.specs import DOMAIN_TAG, GITHUB_POOL
from copilot_pipeline.collect.account_metrics import fetch_account_metrics
from copilot_pipeline.errors import CopilotPipelineError
from copilot_pipeline.github.urls import GITHUB_ENDPOINT, normalize_proxy
from copilot_pipeline.resources.database import DatabaseResource
from copilot_pipeline.resources.github import GitHubResource
from copilot_pipeline.sources.source import MetricsApi

METRICS_ASSET_KEYS = list(metrics.keys)
SNAPSHOT_ASSET_KEYS = [*billing_snapshot.keys, *seat_snapshot.keys]

# After this many seconds Dagster's run monitoring ends a run. The limits suffice for a day of many
# large organizations, and for a year of them that waits for GitHub's hourly limit. Monitoring needs
# the daemon, and `run_monitoring` in dagster.yaml.
MAX_RUNTIME = "dagster/max_runtime"
MAX_DAY_SECONDS = 6 * 60 * 60
MAX_BACKFILL_SECONDS = 48 * 60 * 60


@contextmanager
def user_errors_as_failures() -> Iterator[None]:
    """Raise user errors as `dg.Failure`, with the message as description and without traceback."""
    try:
        yield
    except CopilotPipelineError as error:
        raise dg.Failure(str(error), allow_retries=False) from None


# `token_env` is the name of the variable with the token, never a token. The jobs do not use
# `dg.Config`: a user who may start runs could give {"env": "NAME"} as a value, and read any
# variable in the resulting error.
IMPORT_ACCOUNT = {
    "token_env": dg.Field(
        str,
        default_value="GITHUB_TOKEN",
        description="The name of the environment variable with the token.",
    ),
    "endpoint": dg.Field(
        str,
        default_value=GITHUB_ENDPOINT,
        description=(
            "The URL of GitHub's API. Only GitHub's own hosts and those in "
            f"{settings.ENDPOINTS} are accepted."
        ),
    ),
    "proxy": dg.Field(
        dg.Noneable(str),
        default_value=None,
        description="The URL of the proxy for all requests of the account. None keeps what is set.",
    ),
    "organizations": dg.Field(
        [str], default_value=[], description="The names of the organizations to collect."
    ),
    "enterprises": dg.Field(
        [str], default_value=[], description="The slugs of the enterprises to collect."
    ),
    "metrics_api": dg.Field(
        dg.Noneable(str),
        default_value=None,
        description=(
            f"{' or '.join(MetricsApi)}: which of GitHub's APIs to ask for metrics. None keeps "
            "what is set, which is reports at first."
        ),
    ),
    "reports": dg.Field(
        [str],
        default_value=[],
        description=(
            "GitHub's names of the reports to collect, such as users-1-day, or all. Empty keeps "
            "what is set, which is all at first."
        ),
    ),
}


@dg.op(name="import_account", config_schema=IMPORT_ACCOUNT, pool=GITHUB_POOL)
def import_account_op(context: dg.OpExecutionContext, copilot_warehouse: DatabaseResource) -> None:
    """Import the account whose token is in an environment variable."""
    wanted = dict(context.op_config)
    variable = wanted.pop("token_env")
    with user_errors_as_failures(), copilot_warehouse.open() as warehouse:
        account_id = import_account(
            warehouse, settings.token_from(variable), AccountOptions(**wanted)
        )
    context.log.info(f"Imported account {account_id}.")
    context.add_output_metadata({"account_id": account_id})


@dg.graph
def account_import() -> None:
    import_account_op()


# Dagster's error for a wrong type would repeat a token that was given instead of a list.
_UNCHECKED = {
    name: dg.Field(dg.Any, default_value=field.default_value, description=field.description)
    for name, field in IMPORT_ACCOUNT.items()
}


def _require_type(name: str, value: object) -> None:
    default = IMPORT_ACCOUNT[name].default_value
    if isinstance(default, list):
        fits = isinstance(value, list) and all(isinstance(each, str) for each in value)
    else:
        fits = isinstance(value, str) or value is default is None
    if not fits:
        what = "a list of strings" if isinstance(default, list) else "a string"
        raise settings.SettingError(f"{name} must be {what}. The value is not repeated here.")


def _refuse_secrets(run_config: dict[str, Any]) -> dict[str, Any]:
    """Validate the config before Dagster stores the run, so that no misplaced secret is stored."""
    given = run_config["ops"]["import_account"]["config"]
    for name, value in given.items():
        _require_type(name, value)
    settings.require_variable_name(given["token_env"])
    allowed_endpoint(given["endpoint"])
    lists = (*given["organizations"], *given["enterprises"], *given["reports"])
    for text in (*lists, given.get("metrics_api") or ""):
        settings.refuse_token(text)
    if given.get("proxy"):
        normalize_proxy(given["proxy"])
    return run_config


import_account_job = account_import.to_job(
    name="import_account",
    description="Stores a GitHub account with its encrypted token, organizations and enterprises.",
    tags=DOMAIN_TAG,
    config=dg.ConfigMapping(
        config_fn=_refuse_secrets,
        config_schema={
            "ops": {"import_account": {"config": _UNCHECKED}},
            "loggers": dg.Field(dict, is_required=False),
        },
    ),
)


@dg.op(
    name="fetch_account_metrics",
    pool=GITHUB_POOL,
    config_schema={
        "account_ids": dg.Field(
            [int], default_value=[], description="The IDs of the accounts. Empty: all accounts."
        )
    },
)
def fetch_account_metrics_op(
    context: dg.OpExecutionContext,
    copilot_warehouse: DatabaseResource,
    copilot_github: GitHubResource,
) -> None:
    """Store each account's own plan and quota. An account that fails does not stop the others."""
    with user_errors_as_failures(), copilot_warehouse.open() as warehouse:
        accounts = select_accounts(warehouse, context.op_config["account_ids"])
        fetched = list(fetch_account_metrics(warehouse, copilot_github.client, accounts))
    refused = [str(each.error) for each in fetched if each.error is not None]
    metadata: dict[str, Any] = {
        "metrics_ids": [each.metrics_id for each in fetched if each.error is None],
        "refused": len(refused),
    }
    if refused:
        raise dg.Failure("\n".join(refused), metadata, allow_retries=False)
    context.add_output_metadata(metadata)


@dg.graph
def account_metrics() -> None:
    fetch_account_metrics_op()


fetch_account_metrics_job = account_metrics.to_job(
    name="fetch_account_metrics",
    description="Stores the Copilot plan and quota of the accounts' own users.",
    tags=DOMAIN_TAG,
)

daily_copilot = dg.define_asset_job(
    "daily_copilot",
    selection=[*METRICS_ASSET_KEYS, *SNAPSHOT_ASSET_KEYS],
    description="Collects the metrics of one day, and the snapshot of billing and seats.",
    tags={**DOMAIN_TAG, MAX_RUNTIME: str(MAX_DAY_SECONDS)},
)

metrics_backfill = dg.define_asset_job(
    "metrics_backfill",
    selection=METRICS_ASSET_KEYS,
    description=(
        "Collects the metrics of any range of days that GitHub still serves, in one run. Days that "
        "are loaded and no longer revised are not fetched again."
    ),
    tags={**DOMAIN_TAG, MAX_RUNTIME: str(MAX_BACKFILL_SECONDS)},
)
