"""Checks whether an account's token can read every endpoint that its scopes need."""

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

# A user is waiting, so the check reports a rate limit instead of waiting for it.
QUICK_RETRY_POLICY = RetryPolicy(attempts=2, rate_limit_attempts=1)


@dataclass(frozen=True)
class Check:
    """The result of one endpoint for an account's token.

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
    """Request every endpoint that the account's scopes need, one after the other."""
    account, scopes = one_account(database, account_id)
    expires_at = account.token_expires_at
    try:
        client = open_client(database, account, QUICK_RETRY_POLICY)
    except VaultError as error:
        refused = Check(None, "token", DOES_NOT_OPEN, str(error))
        return AccessReport(account, expires_at, [refused, *_not_requested(scopes, refused)])
    except GitHubError as error:
        refused = _refused(None, "token", error)
        return AccessReport(account, expires_at, [refused, *_not_requested(scopes, refused)])
    with client:
        try:
            expires_at = client.user().token_expires_at
        except GitHubError as error:
            refused = _refused(None, "token", error)
            return AccessReport(account, expires_at, [refused, *_not_requested(scopes, refused)])
        checks = [_check_expiry(expires_at)]
        for scope in scopes:
            checks += _check_scope(client, scope)
    return AccessReport(account, expires_at, checks)


def what_to_do(check: Check) -> str:
    """Return the advice of a check, or the message if only that says why GitHub refuses."""
    show_message = check.status == RefusalReason.BAD_REQUEST or not check.advice
    return check.message if show_message else check.advice


def describe_expiry(expires_at: datetime | None, now: datetime) -> str | None:
    """Return a warning with advice if the token has expired or expires soon, or None."""
    if expires_at is None or expires_at - now > timedelta(days=EXPIRES_SOON_DAYS):
        return None
    when = "expired" if expires_at <= now else "expires"
    return f"The token {when} on {expires_at:%Y-%m-%d at %H:%M} UTC. {RENEWAL_ADVICE}"


def _check_expiry(expires_at: datetime | None) -> Check:
    warning = describe_expiry(expires_at, utc_now())
    if warning is None:
        return Check(None, "token", OK)
    return Check(None, "token", EXPIRES_SOON, warning, warning)


def _required_sources(scope: Scope) -> list[Source]:
    """Return the sources that must be readable: the first one of each step."""
    first: dict[str, Source] = {}
    for source in scope.sources:
        first.setdefault(source.step, source)
    return sorted(first.values(), key=lambda source: source.period is PeriodKind.DAY)


def _check_scope(client: GitHubClient, scope: Scope) -> Iterator[Check]:
    limited: Check | None = None
    for source in _required_sources(scope):
        if limited is not None:
            # Further requests would prolong the rate limit. Other scopes are still checked, because
            # a secondary limit may apply to one endpoint only.
            yield replace(limited, endpoint=source.endpoint)
            continue
        try:
            _request(client, scope, source)
        except GitHubError as error:
            check = _refused(scope, source.endpoint, error)
            limited = check if error.reason is RefusalReason.RATE_LIMITED else None
            yield check
        else:
            yield Check(scope, source.endpoint, OK)
            yield from _check_others(client, scope, source)


def _check_others(client: GitHubClient, scope: Scope, required: Source) -> Iterator[Check]:
    """Yield the checks of the step's other sources that GitHub refuses."""
    for source in scope.sources:
        if source.step != required.step or source is required:
            continue
        try:
            _request(client, scope, source)
        except GitHubError as error:
            yield _refused(scope, source.name, error)
            if error.reason is RefusalReason.RATE_LIMITED:
                return


def _request(client: GitHubClient, scope: Scope, source: Source) -> None:
    """Request the least that shows whether the source can be read.

    The report of one day is downloaded too, because the host of the files may be unreachable even
    if the API is reachable.

    Raises:
        GitHubError: the source cannot be read.
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


def _not_requested(scopes: list[Scope], refused: Check) -> list[Check]:
    """Return the checks of all endpoints for a token that does not work: they would all fail."""
    return [
        replace(refused, scope=scope, endpoint=source.endpoint)
        for scope in scopes
        for source in _required_sources(scope)
    ]
