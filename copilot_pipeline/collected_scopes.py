"""Scopes: what the command line calls to list, change and remove them."""

from dataclasses import dataclass
from datetime import date
from typing import Any

from copilot_pipeline.accounts import all_accounts
from copilot_pipeline.errors import CopilotPipelineError
from copilot_pipeline.warehouse import scopes
from copilot_pipeline.warehouse.accounts import Account
from copilot_pipeline.warehouse.database import Database
from copilot_pipeline.warehouse.locks import lock_accounts
from copilot_pipeline.warehouse.scopes import Scope, newest_days


class ScopeError(CopilotPipelineError):
    """There is no such scope, or there are several."""


@dataclass(frozen=True)
class CollectedScope:
    """A scope with the account that collects it and the newest day that has metrics."""

    scope: Scope
    account: Account
    newest_day: date | None


def all_scopes(database: Database) -> list[CollectedScope]:
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
    """The scope of that slug; kind and account are needed only where several have it."""
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
        raise ScopeError(f"several scopes have that name: {several}. Add --kind or --account ID.")
    names = ", ".join(sorted(each.scope.slug for each in known)) or "none"
    raise ScopeError(f"no account collects such a scope; known: {names}.")


def update_scope(database: Database, scope: Scope, **values: Any) -> None:
    """Sets the given columns of the scope."""
    with database.write() as connection:
        # Not while it is being removed: what is remembered of it would miss the change.
        lock_accounts(connection)
        scopes.update_scope(connection, scope.id, **values)


def remove_scope(database: Database, scope: Scope) -> None:
    """Stops collecting the scope. What was collected stays, and is its own if it comes back."""
    with database.write() as connection:
        lock_accounts(connection)
        scopes.delete_scope(connection, scope.id)
