"""Lists, updates and removes the scopes that accounts collect."""

from dataclasses import dataclass
from datetime import date
from typing import Any

from copilot_pipeline.accounts import all_accounts
from copilot_pipeline.collect.selection import select_scopes
from copilot_pipeline.errors import CopilotPipelineError
from copilot_pipeline.warehouse import scopes
from copilot_pipeline.warehouse.accounts import Account
from copilot_pipeline.warehouse.database import Database
from copilot_pipeline.warehouse.locks import lock_accounts
from copilot_pipeline.warehouse.scopes import Scope, newest_days


class ScopeError(CopilotPipelineError):
    """There is no such scope, or more than one."""


@dataclass(frozen=True)
class CollectedScope:
    """A scope with the account that collects it and the newest day that has metrics."""

    scope: Scope
    account: Account
    newest_day: date | None


def all_scopes(database: Database) -> list[CollectedScope]:
    """Return all scopes with their account and newest day."""
    accounts = all_accounts(database)
    with database.read() as connection:
        days = newest_days(connection)
    return [
        CollectedScope(scope, account, days.get(scope.id))
        for account, own in accounts
        for scope in own
    ]


def one_scope(
    database: Database, slug: str, kind: str | None = None, account_id: int | None = None
) -> CollectedScope:
    """Return the scope with this slug, kind and account.

    Raises:
        ScopeError: no scope matches, or several do.
    """
    known = all_scopes(database)
    found = [
        each
        for each in known
        if each.scope.slug.lower() == slug.lower()
        and kind in (None, each.scope.kind)
        and account_id in (None, each.account.id)
    ]
    if len(found) == 1:
        return found[0]
    if found:
        several = ", ".join(f"the {each.scope} of account {each.account.id}" for each in found)
        raise ScopeError(f"several scopes have this slug: {several}. Add --kind or --account ID.")
    names = ", ".join(sorted(each.scope.slug for each in known)) or "none"
    raise ScopeError(f"no account collects this scope. Collected scopes: {names}.")


def scopes_named(database: Database, slug: str | None) -> list[Scope]:
    """Return the collected scopes with this slug. None means all scopes.

    Raises:
        NoScopeError: no scope is configured.
        ScopeError: no scope matches.
    """
    scopes = select_scopes(database)
    if slug is None:
        return scopes
    chosen = [scope for scope in scopes if scope.slug.lower() == slug.lower()]
    if not chosen:
        names = ", ".join(sorted(scope.slug for scope in scopes))
        raise ScopeError(f"no account collects this scope. Collected scopes: {names}.")
    return chosen


def update_scope(database: Database, scope: Scope, **values: Any) -> None:
    """Set the given columns of the scope."""
    with database.write() as connection:
        # The scope may be removed at the same time. Its remembered settings would miss the change.
        lock_accounts(connection)
        scopes.update_scope(connection, scope.id, **values)


def remove_scope(database: Database, scope: Scope) -> None:
    """Stop collecting the scope. Its data is kept, and belongs to it again if it is re-added."""
    with database.write() as connection:
        lock_accounts(connection)
        scopes.delete_scope(connection, scope.id)
