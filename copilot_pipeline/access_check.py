"""The test connection: may an account's token read what its scopes are collected from?"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import partial

from copilot_pipeline.accounts import one_account, open_client
from copilot_pipeline.days import newest_complete_day
from copilot_pipeline.github.client import GitHubClient
from copilot_pipeline.github.errors import GitHubError
from copilot_pipeline.github.meanings import RENEWAL_ADVICE, Meaning
from copilot_pipeline.github.retries import RetryPolicy
from copilot_pipeline.vault import VaultError
from copilot_pipeline.warehouse.accounts import Account
from copilot_pipeline.warehouse.database import Database
from copilot_pipeline.warehouse.scopes import Scope

OK = "ok"
EXPIRES_SOON = "expires_soon"
DOES_NOT_OPEN = "does_not_open"

# Long enough to ask an owner for a new token.
EXPIRY_WARNING = timedelta(days=14)

# GitHub has the reports of a day ready within two full days after it.
UNTIL_READY = timedelta(days=2)

# Somebody waits for the answer: a rate limit is told, not waited for.
IMPATIENT = RetryPolicy(attempts=2, rate_limit_attempts=1)


@dataclass(frozen=True)
class Check:
    """What one endpoint says to an account's token.

    `status` is `ok`, a `Meaning`, `expires_soon` or `does_not_open`. The check of the token itself
    has no scope.
    """

    scope: Scope | None
    endpoint: str
    status: str
    message: str = ""
    advice: str = ""


@dataclass(frozen=True)
class AccessReport:
    """The checks of one account."""

    account: Account
    token_expires_at: datetime | None
    checks: list[Check]

    @property
    def ok(self) -> bool:
        return all(check.status == OK for check in self.checks)


def check_access(database: Database, account_id: int) -> AccessReport:
    """Asks every endpoint that the account's scopes are collected from, one after the other."""
    account, scopes = one_account(database, account_id)
    expires_at = account.token_expires_at
    try:
        client = open_client(database, account, IMPATIENT)
    except VaultError as error:
        refused = Check(None, "token", DOES_NOT_OPEN, str(error))
        return AccessReport(account, expires_at, [refused, *_not_asked(scopes, refused)])
    except GitHubError as error:
        refused = _refused(None, "token", error)
        return AccessReport(account, expires_at, [refused, *_not_asked(scopes, refused)])
    with client:
        try:
            expires_at = client.user().token_expires_at
        except GitHubError as error:
            refused = _refused(None, "token", error)
            return AccessReport(account, expires_at, [refused, *_not_asked(scopes, refused)])
        checks = [_check_expiry(expires_at)]
        for scope in scopes:
            checks += _check_scope(client, scope)
    return AccessReport(account, expires_at, checks)


def describe_expiry(expires_at: datetime | None, now: datetime) -> str | None:
    """A warning with advice, where a token has expired or will within two weeks."""
    if expires_at is None or expires_at - now > EXPIRY_WARNING:
        return None
    when = "expired" if expires_at <= now else "expires"
    return f"The token {when} on {expires_at:%Y-%m-%d at %H:%M} UTC. {RENEWAL_ADVICE}"


def _check_expiry(expires_at: datetime | None) -> Check:
    warning = describe_expiry(expires_at, datetime.now(UTC))
    if warning is None:
        return Check(None, "token", OK)
    return Check(None, "token", EXPIRES_SOON, warning, warning)


def _endpoints(scope: Scope) -> dict[str, Callable[[GitHubClient], None]]:
    """What a scope is collected from; each call raises what stands in the way."""
    asked: dict[str, Callable[[Scope, GitHubClient], None]] = (
        {"billing": _ask_billing} if scope.kind == "organization" else {}
    )
    asked["seats"] = _ask_seats
    if scope.metrics_api == "legacy":
        asked["legacy metrics"] = _ask_legacy
    else:
        asked["reports"] = partial(_ask_report, scope.collected_reports[0])
    return {endpoint: partial(ask, scope) for endpoint, ask in asked.items()}


def _check_scope(client: GitHubClient, scope: Scope) -> Iterator[Check]:
    limited: Check | None = None
    for endpoint, ask in _endpoints(scope).items():
        if limited is not None:
            # Going on while limited would only make GitHub angrier. (Other scopes are asked: a
            # secondary limit may be that of one endpoint.)
            yield replace(limited, endpoint=endpoint)
            continue
        try:
            ask(client)
        except GitHubError as error:
            check = _refused(scope, endpoint, error)
            limited = check if error.meaning is Meaning.RATE_LIMITED else None
            yield check
        else:
            yield Check(scope, endpoint, OK)
            if endpoint == "reports":
                yield from _check_other_reports(client, scope)


def _check_other_reports(client: GitHubClient, scope: Scope) -> Iterator[Check]:
    """The reports that are refused although the one that carries the scope is not."""
    for report in scope.collected_reports[1:]:
        try:
            _ask_report(report, scope, client)
        except GitHubError as error:
            yield _refused(scope, report, error)
            if error.meaning is Meaning.RATE_LIMITED:
                return


def _ask_billing(scope: Scope, client: GitHubClient) -> None:
    client.billing(scope.kind, scope.slug)


def _ask_seats(scope: Scope, client: GitHubClient) -> None:
    next(client.seats(scope.kind, scope.slug), None)


def _ask_report(report: str, scope: Scope, client: GitHubClient) -> None:
    """Downloads a day too: the host of the files may be out of reach where the API is not."""
    day = newest_complete_day() - UNTIL_READY
    try:
        client.report(scope.kind, scope.slug, report, day)
    except GitHubError as error:
        if error.meaning is not Meaning.NOT_FOUND:
            raise
        client.require_reports(scope.kind, scope.slug, report)


def _ask_legacy(scope: Scope, client: GitHubClient) -> None:
    day = newest_complete_day() - UNTIL_READY
    next(client.legacy_metrics(scope.kind, scope.slug, day, day), None)


def _refused(scope: Scope | None, endpoint: str, error: GitHubError) -> Check:
    return Check(scope, endpoint, error.meaning, str(error), error.advice)


def _not_asked(scopes: list[Scope], refused: Check) -> list[Check]:
    """Without a token that works, every endpoint would only say the same."""
    return [
        replace(refused, scope=scope, endpoint=endpoint)
        for scope in scopes
        for endpoint in _endpoints(scope)
    ]
