"""Accounts and their tokens: what the jobs and the command line both call."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from copilot_pipeline import settings
from copilot_pipeline.errors import CopilotPipelineError
from copilot_pipeline.github.client import GitHubClient
from copilot_pipeline.github.transport import Connection
from copilot_pipeline.github.urls import GITHUB_ENDPOINT, normalize_endpoint, normalize_proxy
from copilot_pipeline.vault import Identity, Vault, VaultError
from copilot_pipeline.warehouse.accounts import (
    Account,
    Scope,
    find_account,
    find_collecting_login,
    list_accounts,
    list_scopes,
    save_account,
    save_scope,
)
from copilot_pipeline.warehouse.database import Database

METRICS_APIS = ("reports", "legacy")

# GitHub's slugs have letters, digits and hyphens; managed users' enterprises also underscores.
_SLUG = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}", re.ASCII)


class AccountError(CopilotPipelineError):
    """An account cannot be imported, found, or used as asked."""


@dataclass(frozen=True)
class AccountImport:
    """What to import, apart from the token. Of an account that is there, None leaves as it is."""

    endpoint: str = GITHUB_ENDPOINT
    proxy: str | None = None
    organizations: Sequence[str] = ()
    enterprises: Sequence[str] = ()
    metrics_api: str | None = None

    def slugs(self) -> list[tuple[str, Sequence[str]]]:
        """The slugs to collect, by kind of scope."""
        return [("organization", self.organizations), ("enterprise", self.enterprises)]


def import_account(database: Database, token: str, wanted: AccountImport) -> int:
    """Asks GitHub whose token it is, seals it, and saves the account and its scopes; its id.

    The same GitHub user imported again gets the new token, and further scopes.
    """
    _require_usable(token, wanted)
    vault = Vault(settings.token_secret())
    endpoint = normalize_endpoint(wanted.endpoint)
    proxy = normalize_proxy(wanted.proxy) if wanted.proxy else None
    with GitHubClient(_connection(endpoint, token, proxy)) as client:
        user = client.user()
    identity = Identity(endpoint, user.id)
    sealed = vault.seal(token, identity)
    with database.write() as connection:
        for kind, slugs in wanted.slugs():
            taken = find_collecting_login(connection, identity, kind, slugs)
            if taken is not None:
                slug, login = taken
                raise AccountError(
                    f"the account {login} collects the {kind} {slug} already: two would collect "
                    "every day twice. Leave it out here."
                )
        account_id = save_account(
            connection,
            login=user.login,
            identity=identity,
            node_id=user.node_id,
            avatar_url=user.avatar_url,
            proxy=proxy,
            sealed=sealed,
            token_scopes=user.token_scopes,
            token_expires_at=user.token_expires_at,
        )
        for kind, slugs in wanted.slugs():
            for slug in slugs:
                save_scope(connection, account_id, kind, slug, wanted.metrics_api)
    return account_id


def all_accounts(database: Database) -> list[tuple[Account, list[Scope]]]:
    """Every account with its scopes."""
    with database.read() as connection:
        accounts, scopes = list_accounts(connection), list_scopes(connection)
    return [
        (account, [scope for scope in scopes if scope.account_id == account.id])
        for account in accounts
    ]


def one_account(database: Database, account_id: int) -> tuple[Account, list[Scope]]:
    """The account of that id with its scopes."""
    with database.read() as connection:
        account = find_account(connection, account_id)
        scopes = list_scopes(connection)
    if account is None:
        raise AccountError(
            f"there is no account {account_id}. `copilot-pipeline accounts list` shows them."
        )
    return account, [scope for scope in scopes if scope.account_id == account_id]


def open_client(account: Account) -> GitHubClient:
    """A client that holds the account's opened token for as long as it lives: close it."""
    try:
        token = Vault(settings.token_secret()).open(account.sealed, account.identity)
    except VaultError as error:
        raise VaultError(f"account {account.login}: {error}") from None
    return GitHubClient(_connection(account.endpoint, token, account.proxy), account.login)


def _connection(endpoint: str, token: str, proxy: str | None) -> Connection:
    return Connection(
        endpoint=endpoint,
        token=token,
        proxy=proxy,
        download_hosts=settings.download_hosts(),
        concurrency=settings.concurrency(),
    )


def _require_usable(token: str, wanted: AccountImport) -> None:
    if not token.isascii() or not token.isprintable() or " " in token or not token:
        raise AccountError("the token is empty or holds characters that no GitHub token has.")
    if wanted.metrics_api not in (*METRICS_APIS, None):
        raise AccountError(f"metrics_api must be one of: {', '.join(METRICS_APIS)}.")
    for kind, slugs in wanted.slugs():
        for slug in slugs:
            if not _SLUG.fullmatch(slug):
                raise AccountError(
                    f"{slug!r} is not the name of an {kind}: give the part of its address after "
                    "github.com/, such as octo-org."
                )
