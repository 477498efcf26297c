"""Imports, updates and removes accounts, and opens their clients.

Both the jobs and the command line call these functions.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from copilot_pipeline import settings
from copilot_pipeline.errors import CopilotPipelineError
from copilot_pipeline.github.client import GitHubClient
from copilot_pipeline.github.credentials import Credential, PersonalAccessToken
from copilot_pipeline.github.errors import RefusedUrlError
from copilot_pipeline.github.kinds import ScopeKind
from copilot_pipeline.github.retries import DEFAULT_RETRY_POLICY, RetryPolicy
from copilot_pipeline.github.transport import ConnectionSettings
from copilot_pipeline.github.urls import GITHUB_ENDPOINT, normalize_endpoint, normalize_proxy
from copilot_pipeline.redaction import is_github_token, one_line
from copilot_pipeline.sources import AGGREGATES, REPORTS
from copilot_pipeline.sources.source import MetricsApi
from copilot_pipeline.sources.values import storable
from copilot_pipeline.tokens import current_vault, open_credential
from copilot_pipeline.vault import Identity
from copilot_pipeline.warehouse import accounts as stored
from copilot_pipeline.warehouse.accounts import Account, Profile
from copilot_pipeline.warehouse.database import Database
from copilot_pipeline.warehouse.locks import lock_accounts
from copilot_pipeline.warehouse.scopes import (
    Scope,
    delete_scope,
    find_collecting_login,
    list_scopes,
    save_scope,
    update_scope,
)

METRICS_APIS = tuple(api.value for api in MetricsApi)

# Chooses all reports.
ALL_REPORTS = "all"
REPORT_CHOICES = (*(source.name for source in REPORTS), ALL_REPORTS)

# GitHub's slugs contain letters, digits and hyphens. Enterprises with managed users may also have
# underscores.
_SLUG = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}", re.ASCII)


class AccountError(CopilotPipelineError):
    """An account cannot be imported, found, changed or used."""


@dataclass(frozen=True)
class AccountOptions:
    """The options of an import or an update, except the token. None keeps the stored value.

    The default endpoint of an import is GitHub's, and there is no proxy by default. An empty proxy
    removes the stored one. Organizations and enterprises are added to those of the account. The
    metrics API and the reports apply to the given organizations and enterprises, or to all scopes
    of the account if none is given.
    """

    endpoint: str | None = None
    proxy: str | None = None
    organizations: Sequence[str] = ()
    enterprises: Sequence[str] = ()
    metrics_api: str | None = None
    reports: Sequence[str] = ()

    def slugs(self) -> list[tuple[ScopeKind, Sequence[str]]]:
        """Return the given slugs by kind of scope."""
        return [
            (ScopeKind.ORGANIZATION, self.organizations),
            (ScopeKind.ENTERPRISE, self.enterprises),
        ]


def import_account(database: Database, token: str, options: AccountOptions) -> int:
    """Request the token's user from GitHub, and save the account with its sealed token and scopes.

    If the GitHub user is already imported, the token is replaced and the scopes are added.

    Returns:
        The id of the account.

    Raises:
        AccountError: the token or an option is not valid, or another account collects a scope.
        GitHubError: GitHub refuses the token, or cannot be reached.
    """
    _validate(options)
    vault = current_vault()
    endpoint = options.endpoint or GITHUB_ENDPOINT
    profile = _fetch_profile(endpoint, token, _normalized(options.proxy))
    sealed = vault.seal(token, profile.identity)
    with database.write() as connection:
        lock_accounts(connection)
        _require_not_collected(connection, profile.identity, options.slugs())
        account_id = stored.save_account(connection, profile, sealed)
        _save_options(connection, account_id, options)
    return account_id


def update_account(
    database: Database, account_id: int, token: str | None, options: AccountOptions
) -> None:
    """Change the given options. A token that is None, empty or masked is not changed.

    Raises:
        AccountError: the account does not exist, an option is not valid, or the token belongs to
            another user.
        GitHubError: GitHub refuses the token, or cannot be reached.
    """
    _validate(options)
    account, scopes = one_account(database, account_id)
    token = None if token is None or is_masked(token) else token
    endpoint = allowed_endpoint(options.endpoint) if options.endpoint else account.endpoint
    if token is None and endpoint != account.endpoint:
        raise AccountError(
            "the stored token is not sent to another endpoint: give the token for the new endpoint "
            "with --token-env NAME."
        )
    identity, profile, sealed = account.identity, None, None
    if token is not None:
        vault = current_vault()
        proxy = account.proxy if options.proxy is None else _normalized(options.proxy)
        profile = _fetch_profile(endpoint, token, proxy)
        identity = profile.identity
        if identity.github_user_id != account.github_user_id:
            raise AccountError(
                f"the token belongs to {one_line(profile.login)}, not to "
                f"{one_line(account.login)}: import it as a new account."
            )
        sealed = vault.seal(token, identity)
    with database.write() as connection:
        lock_accounts(connection)
        if account not in stored.list_accounts(connection):
            raise AccountError(f"account {account_id} was changed by another process: try again.")
        same_user = stored.find_account_of(connection, identity)
        if same_user is not None and same_user.id != account_id:
            raise AccountError(
                f"account {same_user.id} already belongs to this GitHub user at {endpoint}: update "
                "that account."
            )
        own = [(scope.kind, [scope.slug]) for scope in scopes]
        _require_not_collected(connection, identity, [*options.slugs(), *own])
        if profile is not None and sealed is not None:
            stored.replace_token(connection, account_id, profile, sealed)
        _save_options(connection, account_id, options)


def remove_account(database: Database, account_id: int) -> None:
    """Delete the account with its token, scopes and own metrics. Collected data is kept."""
    with database.write() as connection:
        lock_accounts(connection)
        for scope in list_scopes(connection, account_id):
            delete_scope(connection, scope.id)
        stored.delete_account(connection, account_id)


def all_accounts(database: Database) -> list[tuple[Account, list[Scope]]]:
    """Return every account with its scopes."""
    with database.read() as connection:
        accounts, scopes = stored.list_accounts(connection), list_scopes(connection)
    return [
        (account, [scope for scope in scopes if scope.account_id == account.id])
        for account in accounts
    ]


def one_account(database: Database, account_id: int) -> tuple[Account, list[Scope]]:
    """Return the account with its scopes.

    Raises:
        AccountError: there is no such account.
    """
    for account, scopes in all_accounts(database):
        if account.id == account_id:
            return account, scopes
    raise AccountError(
        f"there is no account {account_id}. `copilot-pipeline accounts list` lists all accounts."
    )


def select_accounts(database: Database, account_ids: Sequence[int] = ()) -> list[Account]:
    """Return the accounts with these ids, or all accounts.

    Raises:
        AccountError: an account does not exist, or none is imported.
    """
    if account_ids:
        return [one_account(database, account_id)[0] for account_id in account_ids]
    accounts = [account for account, _ in all_accounts(database)]
    if not accounts:
        raise AccountError(
            "no account is imported yet: copilot-pipeline accounts import --org SLUG"
        )
    return accounts


def open_client(
    database: Database, account: Account, retry_policy: RetryPolicy = DEFAULT_RETRY_POLICY
) -> GitHubClient:
    """Open the account's credential and return a client. Close it after use."""
    return client_of(account, open_credential(database, account), retry_policy)


def client_of(
    account: Account, credential: Credential, retry_policy: RetryPolicy = DEFAULT_RETRY_POLICY
) -> GitHubClient:
    """Return a client of the account with an opened credential. Close it after use.

    Raises:
        RefusedUrlError: the account's endpoint is not allowed.
    """
    login = one_line(account.login)
    try:
        # The setting or the stored row may have changed since the import.
        endpoint = allowed_endpoint(account.endpoint)
    except RefusedUrlError as error:
        raise RefusedUrlError(f"account {login}: {error}.") from None
    connection = _connection_settings(endpoint, credential, account.proxy, retry_policy)
    return GitHubClient(connection, login)


def allowed_endpoint(text: str) -> str:
    """Return the normalized endpoint, if it is GitHub's or in COPILOT_METRICS__ENDPOINTS.

    Raises:
        RefusedUrlError: no token may be sent there.
    """
    return normalize_endpoint(text, settings.endpoints())


def is_masked(token: str) -> bool:
    """Return whether the text is empty or masked with asterisks or bullets."""
    return not token.strip() or any(mask in token for mask in "*\N{BULLET}")


def _fetch_profile(endpoint: str, token: str, proxy: str | None) -> Profile:
    # Otherwise a user who names the variable could send any variable of this process.
    if not is_github_token(token):
        raise AccountError(
            "the token is empty, masked, or has none of the forms of GitHub's tokens (ghp_…, "
            "gho_…, ghu_…, github_pat_…). It was not sent anywhere, and is not repeated here."
        )
    endpoint = allowed_endpoint(endpoint)
    connection = _connection_settings(
        endpoint, PersonalAccessToken(token), proxy, DEFAULT_RETRY_POLICY
    )
    with GitHubClient(connection) as client:
        user = client.user()
    if any(token in (text or "") for text in (user.login, user.token_scopes, user.node_id)):
        raise AccountError("the response repeats the token. Check the endpoint.")
    return Profile(
        identity=Identity(endpoint, user.id),
        login=storable(user.login),
        node_id=user.node_id and storable(user.node_id),
        avatar_url=user.avatar_url and storable(user.avatar_url),
        token_scopes=user.token_scopes,
        token_expires_at=user.token_expires_at,
    )


def _connection_settings(
    endpoint: str, credential: Credential, proxy: str | None, retry_policy: RetryPolicy
) -> ConnectionSettings:
    return ConnectionSettings(
        endpoint=endpoint,
        credential=credential,
        proxy=proxy,
        download_hosts=settings.download_hosts(),
        storage_accounts=settings.storage_accounts(),
        concurrency=settings.concurrency(),
        retry_policy=retry_policy,
    )


def _normalized(proxy: str | None) -> str | None:
    return normalize_proxy(proxy) if proxy else None


def _save_options(connection: sa.Connection, account_id: int, options: AccountOptions) -> None:
    if options.proxy is not None:
        stored.set_proxy(connection, account_id, _normalized(options.proxy))
    values: dict[str, str | None] = {}
    if options.metrics_api is not None:
        values["metrics_api"] = options.metrics_api
    given = [(kind, slug) for kind, slugs in options.slugs() for slug in slugs]
    for kind, slug in given:
        chosen = values | choose_reports(kind, options.reports)
        save_scope(connection, account_id, kind, slug, **chosen)
    if not given:
        for scope in list_scopes(connection, account_id):
            chosen = values | choose_reports(scope.kind, options.reports)
            if chosen:
                update_scope(connection, scope.id, **chosen)


def choose_reports(kind: ScopeKind, chosen: Sequence[str]) -> dict[str, str | None]:
    """Return the column value for the chosen reports, or nothing if none was chosen.

    `all` chooses all reports. Either aggregate report chooses that of the scope's kind.
    """
    if not chosen:
        return {}
    if ALL_REPORTS in chosen:
        return {"reports": None}
    aggregates = {source.name for source in AGGREGATES.values()}
    wanted = {AGGREGATES[kind].name if name in aggregates else name for name in chosen}
    own = [source.name for source in REPORTS if kind in source.served]
    return {"reports": ",".join(name for name in own if name in wanted)}


def _require_not_collected(
    connection: sa.Connection, identity: Identity, slugs: Iterable[tuple[ScopeKind, Sequence[str]]]
) -> None:
    for kind, names in slugs:
        taken = find_collecting_login(connection, identity, kind, names)
        if taken is not None:
            slug, login = taken
            raise AccountError(
                f"the account {one_line(login)} already collects the {kind} {slug}. Leave it out "
                "here, or remove it there, so that it is not collected twice."
            )


def _validate(options: AccountOptions) -> None:
    if options.metrics_api not in (*METRICS_APIS, None):
        raise AccountError(f"metrics_api must be one of {', '.join(METRICS_APIS)}.")
    if not set(options.reports) <= set(REPORT_CHOICES):
        raise AccountError(f"reports must be among {', '.join(REPORT_CHOICES)}.")
    for kind, slugs in options.slugs():
        for slug in slugs:
            settings.refuse_token(slug)
            if not _SLUG.fullmatch(slug):
                raise AccountError(
                    f"{one_line(slug)!r} is not the slug of an {kind}: give the part of its "
                    "URL after github.com/, such as octo-org."
                )
