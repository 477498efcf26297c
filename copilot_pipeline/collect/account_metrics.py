"""Account metrics: each account's own Copilot plan and quota, as GitHub shows them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from copilot_pipeline.collect.scopes import OpenClient
from copilot_pipeline.errors import CopilotPipelineError
from copilot_pipeline.redaction import one_line
from copilot_pipeline.transform.values import TransformError, json_object, json_text, parse_json
from copilot_pipeline.warehouse.account_metrics import insert_account_metrics
from copilot_pipeline.warehouse.accounts import Account
from copilot_pipeline.warehouse.database import Database

# It identifies a person to GitHub's telemetry, and is of no use here.
TRACKING_ID = "analytics_tracking_id"


@dataclass(frozen=True)
class Fetched:
    """The id of the stored payload, or why there is none."""

    account: Account
    metrics_id: int | None = None
    error: CopilotPipelineError | None = None


def fetch_account_metrics(
    database: Database, open_client: OpenClient, accounts: Sequence[Account]
) -> Iterator[Fetched]:
    """Fetches and stores each account's payload. One that is refused does not stop the others."""
    for account in accounts:
        try:
            yield Fetched(account, metrics_id=_fetch(database, open_client, account))
        except CopilotPipelineError as error:
            yield Fetched(account, error=error)


def _fetch(database: Database, open_client: OpenClient, account: Account) -> int:
    with open_client(database, account) as client:
        answer = client.copilot_user()
    try:
        payload = json_object(parse_json(answer.text), "the answer")
        text = json_text(_without_tracking(payload))
    except (TransformError, RecursionError) as error:
        said = error if isinstance(error, TransformError) else "it is nested too deeply"
        of_whom = f"account {one_line(account.login)}, its Copilot plan"
        raise TransformError(f"{of_whom}: {said}.") from None
    with database.write() as connection:
        return insert_account_metrics(connection, account.id, answer.fetched_at, text)


def _without_tracking(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: _without_tracking(v) for k, v in value.items() if k != TRACKING_ID}
    if isinstance(value, list):
        return [_without_tracking(entry) for entry in value]
    return value
