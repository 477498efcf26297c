"""GitHub as a Dagster resource."""

import dagster as dg

from copilot_pipeline.accounts import open_client
from copilot_pipeline.github.client import GitHubClient
from copilot_pipeline.warehouse.accounts import Account
from copilot_pipeline.warehouse.database import Database


class GitHubResource(dg.ConfigurableResource):  # type: ignore[type-arg]
    """Clients for accounts. A token is opened inside the client only, and not kept here."""

    def client(self, database: Database, account: Account) -> GitHubClient:
        """The account's client; close it after use (it is a context manager)."""
        return open_client(database, account)
