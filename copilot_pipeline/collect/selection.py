"""Selects the scopes that a run collects."""

from collections.abc import Sequence

from copilot_pipeline.errors import CopilotPipelineError
from copilot_pipeline.github.kinds import ScopeKind
from copilot_pipeline.redaction import redact
from copilot_pipeline.warehouse.database import Database
from copilot_pipeline.warehouse.scopes import Scope, list_scopes


class NoScopeError(CopilotPipelineError):
    """There is no scope to collect, or a requested organization is not configured."""


def select_scopes(database: Database, organizations: Sequence[str] = ()) -> list[Scope]:
    """Return all scopes, or the organizations with the given slugs.

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
    if not organizations:
        return scopes
    known = [scope for scope in scopes if scope.kind is ScopeKind.ORGANIZATION]
    for slug in organizations:
        if slug.lower() not in {scope.slug.lower() for scope in known}:
            names = ", ".join(sorted(scope.slug for scope in known)) or "none"
            raise NoScopeError(
                f"no account collects the organization {redact(slug)!r}; known: {names}."
            )
    wanted = {slug.lower() for slug in organizations}
    return [scope for scope in known if scope.slug.lower() in wanted]
