"""Fetches account metrics: the Copilot plan and quota of each account."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from copilot_pipeline.collect.workers import OpenClient
from copilot_pipeline.errors import CopilotPipelineError
from copilot_pipeline.github.documents import Spool
from copilot_pipeline.redaction import one_line
from copilot_pipeline.sources.values import RecordError, parse_json
from copilot_pipeline.warehouse.account_metrics import insert_account_metrics
from copilot_pipeline.warehouse.accounts import Account
from copilot_pipeline.warehouse.database import Database

# Identifies a person in GitHub's telemetry. It is not needed here and is removed.
TRACKING_ID = "analytics_tracking_id"


@dataclass(frozen=True)
class Fetched:
    """The id of the stored payload, or the error."""

    account: Account
    metrics_id: int | None = None
    error: CopilotPipelineError | None = None


def fetch_account_metrics(
    database: Database, open_client: OpenClient, accounts: Sequence[Account]
) -> Iterator[Fetched]:
    """Fetches and stores each account's payload. A failed account does not stop the others."""
    for account in accounts:
        try:
            yield Fetched(account, metrics_id=_fetch(database, open_client, account))
        except CopilotPipelineError as error:
            yield Fetched(account, error=error)


def _fetch(database: Database, open_client: OpenClient, account: Account) -> int:
    with open_client(database, account) as client, Spool() as spool:
        answer = client.copilot_user(spool)
        content = answer.content()
    of_whom = f"account {one_line(account.login)}, its Copilot plan"
    try:
        payload = parse_json(content)
        if not isinstance(payload, dict):
            raise RecordError("the answer is not an object")
        text = json.dumps(_without_tracking(payload), separators=(",", ":"))
    except RecordError as error:
        raise RecordError(f"{of_whom}: {error}.") from None
    except RecursionError:
        raise RecordError(f"{of_whom}: it is nested too deeply.") from None
    with database.write() as connection:
        return insert_account_metrics(connection, account.id, answer.fetched_at, text)


def _without_tracking(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: _without_tracking(v) for k, v in value.items() if k != TRACKING_ID}
    if isinstance(value, list):
        return [_without_tracking(entry) for entry in value]
    return value
