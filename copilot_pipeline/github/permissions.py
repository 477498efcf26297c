"""Which scopes or permission an endpoint requires, and which scopes include others.

Sources: GitHub's REST documentation of the Copilot endpoints; "Scopes for OAuth apps"; "Permissions
required for fine-grained personal access tokens".
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass

# Each scope includes the scopes listed here, and the scopes that those include.
_INCLUDED_SCOPES = {
    "admin:org": ("write:org",),
    "write:org": ("read:org",),
    "admin:enterprise": ("manage_billing:enterprise", "read:enterprise"),
    "user": ("read:user", "user:email"),
}

# The names that GitHub's settings page uses for the permissions in the headers.
_PERMISSION_NAMES = {
    "organization_copilot_metrics": "Organization Copilot metrics",
    "organization_copilot_seat_management": "GitHub Copilot Business",
    "organization_administration": "Administration",
    "enterprise_copilot_metrics": "Enterprise Copilot metrics",
}


@dataclass(frozen=True)
class Needs:
    """What an endpoint requires of a token.

    A classic token needs one of `scopes`, and a fine-grained token needs `permission`. The
    permission is None if GitHub documents none for the endpoint.
    """

    scopes: tuple[str, ...]
    permission: str | None


def parse_scopes(header: str) -> tuple[str, ...]:
    """Return the comma-separated names of `X-OAuth-Scopes` or `X-Accepted-OAuth-Scopes`."""
    return tuple(name for part in header.split(",") if (name := part.strip()))


def includes_any(held: Iterable[str], accepted: Iterable[str]) -> bool:
    """Return whether the held scopes, and the scopes they include, contain an accepted one."""
    everything: set[str] = set()
    waiting = list(held)
    while waiting:
        scope = waiting.pop()
        everything.add(scope)
        waiting.extend(_INCLUDED_SCOPES.get(scope, ()))
    return not everything.isdisjoint(accepted)


def describe_permissions(header: str) -> str:
    """Return `X-Accepted-GitHub-Permissions` with the names that GitHub's settings page uses.

    The header separates alternatives with `;` and combinations with `,`, such as
    `a=read; b=read,c=write`.
    """

    def named(match: re.Match[str]) -> str:
        known = _PERMISSION_NAMES.get(match[1])
        return f'"{known}" ({match[0]})' if known else match[0]

    text = re.sub(r"([\w-]+)=(\w+)", named, header)
    return re.sub(r"\s*,\s*", " and ", re.sub(r"\s*;\s*", " or ", text))
