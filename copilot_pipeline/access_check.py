"""The test connection: may an account's token read what its scopes are collected from?"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from copilot_pipeline.accounts import one_account, open_client
from copilot_pipeline.clock import utc_now
from copilot_pipeline.days import Today
from copilot_pipeline.github.client import GitHubClient
from copilot_pipeline.github.documents import Spool
from copilot_pipeline.github.errors import GitHubError
from copilot_pipeline.github.refusals import RENEWAL_ADVICE, RefusalReason
from copilot_pipeline.github.retries import RetryPolicy
from copilot_pipeline.rules import EXPIRES_SOON_DAYS, READY_DAYS
from copilot_pipeline.sources.source import (
    DocumentRequest,
    PagesRequest,
    PeriodKind,
    ReportRequest,
    Source,
)
from copilot_pipeline.vault import VaultError
from copilot_pipeline.warehouse.accounts import Account
from copilot_pipeline.warehouse.database import Database
from copilot_pipeline.warehouse.scopes import Scope

OK = "ok"
EXPIRES_SOON = "expires_soon"
DOES_NOT_OPEN = "does_not_open"

# Somebody waits for the answer: a rate limit is told, not waited for.
IMPATIENT = RetryPolicy(attempts=2, rate_limit_attempts=1)


@dataclass(frozen=True)
class Check:
    """What one endpoint says to an account's token.

    `status` is `ok`, a `RefusalReason`, `expires_soon` or `does_not_open`. The check of the token
    itself has no scope.
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
    """A warning with advice, where a token has expired or expires soon."""
    if expires_at is None or expires_at - now > timedelta(days=EXPIRES_SOON_DAYS):
        return None
    when = "expired" if expires_at <= now else "expires"
    return f"The token {when} on {expires_at:%Y-%m-%d at %H:%M} UTC. {RENEWAL_ADVICE}"


def _check_expiry(expires_at: datetime | None) -> Check:
    warning = describe_expiry(expires_at, utc_now())
    if warning is None:
        return Check(None, "token", OK)
    return Check(None, "token", EXPIRES_SOON, warning, warning)


def _carriers(scope: Scope) -> list[Source]:
    """What a scope is collected from: of each step the source that has to be readable."""
    first: dict[str, Source] = {}
    for source in scope.sources:
        first.setdefault(source.step, source)
    return sorted(first.values(), key=lambda source: source.period is PeriodKind.DAY)


def _check_scope(client: GitHubClient, scope: Scope) -> Iterator[Check]:
    limited: Check | None = None
    for source in _carriers(scope):
        if limited is not None:
            # Going on while limited would prolong the rate limit. (Other scopes are asked: a
            # secondary limit may be that of one endpoint.)
            yield replace(limited, endpoint=source.endpoint)
            continue
        try:
            _ask(client, scope, source)
        except GitHubError as error:
            check = _refused(scope, source.endpoint, error)
            limited = check if error.reason is RefusalReason.RATE_LIMITED else None
            yield check
        else:
            yield Check(scope, source.endpoint, OK)
            yield from _check_others(client, scope, source)


def _check_others(client: GitHubClient, scope: Scope, carrier: Source) -> Iterator[Check]:
    """The sources of the step that are refused although the one that carries it is not."""
    for source in scope.sources:
        if source.step != carrier.step or source is carrier:
            continue
        try:
            _ask(client, scope, source)
        except GitHubError as error:
            yield _refused(scope, source.name, error)
            if error.reason is RefusalReason.RATE_LIMITED:
                return


def _ask(client: GitHubClient, scope: Scope, source: Source) -> None:
    """Asks for as little as shows whether the source can be read; raises why it cannot.

    Of a report a day is downloaded too: the host of the files may be out of reach where the API is
    not.
    """
    needs = source.served[scope.kind].needs
    day = Today.from_clock().newest - timedelta(days=READY_DAYS)
    with Spool() as spool:
        match source.request:
            case DocumentRequest(path):
                client.document(scope.kind, scope.slug, path, needs, spool)
            case PagesRequest(path, per_page, by_day):
                params: dict[str, str | int] = {"per_page": per_page}
                if by_day:
                    params |= {"since": str(day), "until": str(day)}
                next(client.pages(scope.kind, scope.slug, path, params, needs, spool), None)
            case ReportRequest(latest):
                try:
                    client.report(scope.kind, scope.slug, source.name, day, needs, spool)
                except GitHubError as error:
                    if error.reason is not RefusalReason.NOT_FOUND:
                        raise
                    client.require_reports(scope.kind, scope.slug, latest[scope.kind], needs)


def _refused(scope: Scope | None, endpoint: str, error: GitHubError) -> Check:
    return Check(scope, endpoint, error.reason, str(error), error.advice)


def _not_asked(scopes: list[Scope], refused: Check) -> list[Check]:
    """Without a token that works, every endpoint would only say the same."""
    return [
        replace(refused, scope=scope, endpoint=source.endpoint)
        for scope in scopes
        for source in _carriers(scope)
    ]
