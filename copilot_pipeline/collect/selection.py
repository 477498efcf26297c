"""Selects the scopes that a run collects."""

from collections.abc import Sequence

from copilot_pipeline.errors import CopilotPipelineError
from copilot_pipeline.github.kinds import ScopeKind
from copilot_pipeline.redaction import redact
from copilot_pipeline.warehouse.database import Database
from copilot_pipeline.warehouse.scopes import Scope, list_scopes


class NoScopeError(CopilotPipelineError):
    """There is no scope to collect, or a requested one is not configured."""


def select_scopes(
    database: Database,
    organizations: Sequence[str] = (),
    enterprises: Sequence[str] = (),
    accounts: Sequence[int] = (),
) -> list[Scope]:
    """Return all scopes, or the organizations and enterprises with the given slugs.

    With the ids of `accounts`, returns only what they collect.

    Raises:
        NoScopeError: no scope is configured, or not the given one.
    """
    with database.read() as connection:
        scopes = list_scopes(connection)
    if not scopes:
        raise NoScopeError(
            "no organization is configured. Import an account first: "
            "copilot-pipeline accounts import --org SLUG"
        )
    if accounts:
        scopes = _of_accounts(scopes, accounts)
    if not organizations and not enterprises:
        return scopes
    wanted = {
        *_wanted(scopes, ScopeKind.ORGANIZATION, organizations),
        *_wanted(scopes, ScopeKind.ENTERPRISE, enterprises),
    }
    return [scope for scope in scopes if (scope.kind, scope.slug.lower()) in wanted]


def _of_accounts(scopes: Sequence[Scope], accounts: Sequence[int]) -> list[Scope]:
    collecting = {scope.account_id for scope in scopes}
    for account_id in accounts:
        if account_id not in collecting:
            raise NoScopeError(
                f"account {account_id} collects nothing, or was removed. "
                "copilot-pipeline accounts list shows the accounts."
            )
    return [scope for scope in scopes if scope.account_id in accounts]


def _wanted(
    scopes: Sequence[Scope], kind: ScopeKind, slugs: Sequence[str]
) -> set[tuple[ScopeKind, str]]:
    """Return the kind and slug of each wanted scope in lower case, if all of them are known."""
    known = {scope.slug.lower(): scope.slug for scope in scopes if scope.kind is kind}
    for slug in slugs:
        if slug.lower() not in known:
            names = ", ".join(sorted(known.values())) or "none"
            raise NoScopeError(f"no account collects the {kind} {redact(slug)!r}; known: {names}.")
    return {(kind, slug.lower()) for slug in slugs}
