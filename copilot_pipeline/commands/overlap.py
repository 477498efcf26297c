"""Says on stderr if an account collects people twice: of an enterprise and of its organizations."""

import shlex
from collections.abc import Sequence

from copilot_pipeline.commands.console import print_message
from copilot_pipeline.github.kinds import ScopeKind
from copilot_pipeline.redaction import redact
from copilot_pipeline.sources import ORGANIZATION_DAY, REPOS, USER_TEAMS, USERS
from copilot_pipeline.warehouse.scopes import Scope

# The reports with rows about people. Those of an enterprise cover all of its organizations.
PEOPLE = {USERS.name, USER_TEAMS.name}
# What is left for an organization.
AGGREGATES = (ORGANIZATION_DAY.name, REPOS.name)

# With more organizations, the command does not name each of them.
MAX_NAMED = 20


def print_overlap(account_id: int, scopes: Sequence[Scope]) -> None:
    """Recommend to collect people once, if an enterprise and organizations both collect them."""
    twice = [scope for scope in scopes if _has_people(scope)]
    enterprises = [scope.slug for scope in twice if scope.kind is ScopeKind.ENTERPRISE]
    organizations = [scope.slug for scope in twice if scope.kind is ScopeKind.ORGANIZATION]
    if not enterprises or not organizations:
        return
    reports = " ".join(f"--report {name}" for name in AGGREGATES)
    if len(organizations) <= MAX_NAMED:
        named = " ".join(f"--org {shlex.quote(slug)}" for slug in organizations)
        command = f"copilot-pipeline accounts update {account_id} {named} {reports}"
    else:
        command = f"for each organization, copilot-pipeline scopes update SLUG {reports}"
    several = "s" * (len(enterprises) > 1)
    print_message(
        redact(
            f"People are collected of the enterprise{several} {', '.join(enterprises)}, whose "
            f"reports cover all of its organizations, and of organizations ({len(organizations)}) "
            "as well: those in the enterprise are fetched and stored twice or more. Recommended, "
            f"to collect people once: {command}"
        )
    )


def _has_people(scope: Scope) -> bool:
    return any(source.name in PEOPLE for source in scope.metrics)
