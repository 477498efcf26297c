"""Accounts: what the jobs and the command line both call to import, change and use them."""

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
from copilot_pipeline.sources.shape import storable
from copilot_pipeline.sources.source import MetricsApi
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

# In the place of the names of reports.
ALL_REPORTS = "all"
REPORT_CHOICES = (*(source.name for source in REPORTS), ALL_REPORTS)

# GitHub's slugs have letters, digits and hyphens; managed users' enterprises also underscores.
_SLUG = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}", re.ASCII)


class AccountError(CopilotPipelineError):
    """An account cannot be imported, found, changed, or used as asked."""


@dataclass(frozen=True)
class AccountOptions:
    """What is given for an account, apart from its token. None leaves what is stored as it is.

    An import goes to GitHub's own endpoint without one, and through a proxy only if one is given.
    An empty proxy means none. Organizations and enterprises come on top of those it has; the
    metrics API and the reports are those of the given ones, or of all if none is given.
    """

    endpoint: str | None = None
    proxy: str | None = None
    organizations: Sequence[str] = ()
    enterprises: Sequence[str] = ()
    metrics_api: str | None = None
    reports: Sequence[str] = ()

    def slugs(self) -> list[tuple[ScopeKind, Sequence[str]]]:
        """The slugs to collect, by kind of scope."""
        return [
            (ScopeKind.ORGANIZATION, self.organizations),
            (ScopeKind.ENTERPRISE, self.enterprises),
        ]


def import_account(database: Database, token: str, options: AccountOptions) -> int:
    """Asks GitHub whose token it is, seals it, and saves the account and its scopes; its id.

    The same GitHub user imported again gets the new token, and further scopes.
    """
    _require_usable(options)
    vault = current_vault()
    endpoint = options.endpoint or GITHUB_ENDPOINT
    profile = _ask_for_profile(endpoint, token, _normalized(options.proxy))
    sealed = vault.seal(token, profile.identity)
    with database.write() as connection:
        lock_accounts(connection)
        _require_free(connection, profile.identity, options.slugs())
        account_id = stored.save_account(connection, profile, sealed)
        _save_options(connection, account_id, options)
    return account_id


def update_account(
    database: Database, account_id: int, token: str | None, options: AccountOptions
) -> None:
    """Changes what is given. A token that is None, empty or masked stays as it is stored."""
    _require_usable(options)
    account, scopes = one_account(database, account_id)
    token = None if token is None or is_masked(token) else token
    endpoint = allowed_endpoint(options.endpoint) if options.endpoint else account.endpoint
    if token is None and endpoint != account.endpoint:
        raise AccountError(
            "the stored token is not sent to another endpoint: give the token for it as well, with "
            "--token-env NAME."
        )
    identity, profile, sealed = account.identity, None, None
    if token is not None:
        vault = current_vault()
        proxy = account.proxy if options.proxy is None else _normalized(options.proxy)
        profile = _ask_for_profile(endpoint, token, proxy)
        identity = profile.identity
        if identity.github_user_id != account.github_user_id:
            raise AccountError(
                f"the token belongs to {one_line(profile.login)}, not to "
                f"{one_line(account.login)}: import it as an account of its own."
            )
        sealed = vault.seal(token, identity)
    with database.write() as connection:
        lock_accounts(connection)
        if account not in stored.list_accounts(connection):
            raise AccountError(f"account {account_id} was changed meanwhile: try again.")
        same_user = stored.find_account_of(connection, identity)
        if same_user is not None and same_user.id != account_id:
            raise AccountError(
                f"account {same_user.id} is this GitHub user at {endpoint} already: update that "
                "one."
            )
        own = [(scope.kind, [scope.slug]) for scope in scopes]
        _require_free(connection, identity, [*options.slugs(), *own])
        if profile is not None and sealed is not None:
            stored.replace_token(connection, account_id, profile, sealed)
        _save_options(connection, account_id, options)


def remove_account(database: Database, account_id: int) -> None:
    """Deletes the account with its token, scopes and own metrics. What was collected stays."""
    with database.write() as connection:
        lock_accounts(connection)
        for scope in list_scopes(connection, account_id):
            delete_scope(connection, scope.id)
        stored.delete_account(connection, account_id)


def all_accounts(database: Database) -> list[tuple[Account, list[Scope]]]:
    """Every account with its scopes."""
    with database.read() as connection:
        accounts, scopes = stored.list_accounts(connection), list_scopes(connection)
    return [
        (account, [scope for scope in scopes if scope.account_id == account.id])
        for account in accounts
    ]


def one_account(database: Database, account_id: int) -> tuple[Account, list[Scope]]:
    """The account of that id with its scopes."""
    for account, scopes in all_accounts(database):
        if account.id == account_id:
            return account, scopes
    raise AccountError(
        f"there is no account {account_id}. `copilot-pipeline accounts list` shows them."
    )


def select_accounts(database: Database, account_ids: Sequence[int] = ()) -> list[Account]:
    """The accounts of those ids, or all."""
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
    """A client of the account, whose credential is opened for it; close it after use."""
    return client_of(account, open_credential(database, account), retry_policy)


def client_of(
    account: Account, credential: Credential, retry_policy: RetryPolicy = DEFAULT_RETRY_POLICY
) -> GitHubClient:
    """A client of the account with its opened credential; close it after use."""
    login = one_line(account.login)
    try:
        # Again: the setting may have changed since the import, and so may the stored row.
        endpoint = allowed_endpoint(account.endpoint)
    except RefusedUrlError as error:
        raise RefusedUrlError(f"account {login}: {error}.") from None
    connection = _connection_settings(endpoint, credential, account.proxy, retry_policy)
    return GitHubClient(connection, login)


def allowed_endpoint(text: str) -> str:
    """The endpoint in its one spelling, if it is GitHub's or COPILOT_METRICS__ENDPOINTS names it.

    Raises:
        RefusedUrlError: no token may be sent there.
    """
    return normalize_endpoint(text, settings.endpoints())


def is_masked(token: str) -> bool:
    """Whether this stands for a token that is not shown: empty, or with asterisks or bullets."""
    return not token.strip() or any(mask in token for mask in "*\N{BULLET}")


def _ask_for_profile(endpoint: str, token: str, proxy: str | None) -> Profile:
    # Whoever may name the variable could otherwise send any variable of this process.
    if not is_github_token(token):
        raise AccountError(
            "what was given for the token is empty, masked, or has none of the forms of GitHub's "
            "tokens (ghp_…, gho_…, ghu_…, github_pat_…). It was not sent anywhere, and is not "
            "repeated here."
        )
    endpoint = allowed_endpoint(endpoint)
    connection = _connection_settings(
        endpoint, PersonalAccessToken(token), proxy, DEFAULT_RETRY_POLICY
    )
    with GitHubClient(connection) as client:
        user = client.user()
    if any(token in (text or "") for text in (user.login, user.token_scopes, user.node_id)):
        raise AccountError("the answer repeats the token. Check the endpoint.")
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
    """The column that says which reports such a scope collects; nothing where none was chosen.

    `all` means what it says. Either aggregate stands for that of the scope's own kind.
    """
    if not chosen:
        return {}
    if ALL_REPORTS in chosen:
        return {"reports": None}
    aggregates = {source.name for source in AGGREGATES.values()}
    wanted = {AGGREGATES[kind].name if name in aggregates else name for name in chosen}
    own = [source.name for source in REPORTS if kind in source.served]
    return {"reports": ",".join(name for name in own if name in wanted)}


def _require_free(
    connection: sa.Connection, identity: Identity, slugs: Iterable[tuple[ScopeKind, Sequence[str]]]
) -> None:
    for kind, names in slugs:
        taken = find_collecting_login(connection, identity, kind, names)
        if taken is not None:
            slug, login = taken
            raise AccountError(
                f"the account {one_line(login)} collects the {kind} {slug} already: two would "
                "collect every day twice. Leave it out here, or remove it there."
            )


def _require_usable(options: AccountOptions) -> None:
    if options.metrics_api not in (*METRICS_APIS, None):
        raise AccountError(f"metrics_api must be one of: {', '.join(METRICS_APIS)}.")
    if not set(options.reports) <= set(REPORT_CHOICES):
        raise AccountError(f"reports must be of: {', '.join(REPORT_CHOICES)}.")
    for kind, slugs in options.slugs():
        for slug in slugs:
            settings.refuse_token(slug)
            if not _SLUG.fullmatch(slug):
                raise AccountError(
                    f"{one_line(slug)!r} is not the name of an {kind}: give the part of its "
                    "address after github.com/, such as octo-org."
                )
