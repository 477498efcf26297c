"""GitHub as a Dagster resource."""

import threading

import dagster as dg
from pydantic import PrivateAttr

from copilot_pipeline.accounts import client_of
from copilot_pipeline.github.client import GitHubClient
from copilot_pipeline.github.credentials import Credential
from copilot_pipeline.tokens import open_credential
from copilot_pipeline.warehouse.accounts import Account
from copilot_pipeline.warehouse.database import Database


class GitHubResource(dg.ConfigurableResource):  # type: ignore[type-arg]
    """Returns clients for accounts. A token is decrypted once per run, and kept only in memory."""

    _credentials: dict[str, Credential] = PrivateAttr(default_factory=dict)
    _lock: threading.Lock = PrivateAttr(default_factory=threading.Lock)

    def client(self, database: Database, account: Account) -> GitHubClient:
        """Return the account's client. Close it after use (it is a context manager)."""
        sealed = account.sealed.ciphertext
        with self._lock:
            if sealed not in self._credentials:
                self._credentials[sealed] = open_credential(database, account)
        return client_of(account, self._credentials[sealed])

    def teardown_after_execution(self, context: dg.InitResourceContext) -> None:
        self._credentials.clear()
