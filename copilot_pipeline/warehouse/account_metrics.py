"""Account metrics: the rows of `copilot_metrics`."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from copilot_pipeline.warehouse.tables import account_metrics


@dataclass(frozen=True)
class AccountMetrics:
    """An account's own Copilot plan and quota at one time."""

    id: int
    account_id: int
    fetched_at: datetime
    payload: dict[str, Any]


def insert_account_metrics(
    connection: Connection, account_id: int, fetched_at: datetime, payload: str
) -> int:
    """Insert a payload (JSON text) and return its id."""
    statement = sa.insert(account_metrics).values(
        account_id=account_id, fetched_at=fetched_at, payload=payload
    )
    return int(connection.execute(statement.returning(account_metrics.c.id)).scalar_one())


def latest_account_metrics(
    connection: Connection, account_ids: Sequence[int] | None = None
) -> list[AccountMetrics]:
    """Return the newest stored payload of each account. None means all accounts."""
    table = account_metrics
    newest = sa.select(sa.func.max(table.c.id)).group_by(table.c.account_id)
    query = sa.select(table).where(table.c.id.in_(newest)).order_by(table.c.account_id)
    if account_ids is not None:
        query = query.where(table.c.account_id.in_(account_ids))
    return [
        AccountMetrics(row.id, row.account_id, row.fetched_at, json.loads(row.payload))
        for row in connection.execute(query)
    ]
