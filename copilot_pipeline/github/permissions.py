"""What an endpoint asks of a token, and what a classic token's scopes include.

Sources: GitHub's REST documentation of the Copilot endpoints; "Scopes for OAuth apps"; "Permissions
required for fine-grained personal access tokens".
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass

# A scope includes these, and what they include.
_INCLUDED_SCOPES = {
    "admin:org": ("write:org",),
    "write:org": ("read:org",),
    "admin:enterprise": ("manage_billing:enterprise", "read:enterprise"),
    "user": ("read:user", "user:email"),
}

# What GitHub's settings page calls the permissions that it names in headers.
_PERMISSION_NAMES = {
    "organization_copilot_metrics": "Organization Copilot metrics",
    "organization_copilot_seat_management": "GitHub Copilot Business",
    "organization_administration": "Administration",
    "enterprise_copilot_metrics": "Enterprise Copilot metrics",
}


@dataclass(frozen=True)
class Needs:
    """One of the classic scopes, or the permission of a fine-grained token.

    No permission: GitHub documents none that suffices.
    """

    scopes: tuple[str, ...]
    permission: str | None


def parse_scopes(header: str) -> tuple[str, ...]:
    """`X-OAuth-Scopes` or `X-Accepted-OAuth-Scopes`: names between commas; may be empty."""
    return tuple(name for part in header.split(",") if (name := part.strip()))


def includes_any(held: Iterable[str], accepted: Iterable[str]) -> bool:
    """Whether the scopes, with all that they include, hold one of the accepted ones."""
    everything: set[str] = set()
    waiting = list(held)
    while waiting:
        scope = waiting.pop()
        everything.add(scope)
        waiting.extend(_INCLUDED_SCOPES.get(scope, ()))
    return not everything.isdisjoint(accepted)


def describe_permissions(header: str) -> str:
    """`X-Accepted-GitHub-Permissions` (`a=read; b=read,c=write`) in the settings page's words."""

    def named(match: re.Match[str]) -> str:
        known = _PERMISSION_NAMES.get(match[1])
        return f'"{known}" ({match[0]})' if known else match[0]

    text = re.sub(r"([\w-]+)=(\w+)", named, header)
    return re.sub(r"\s*,\s*", " and ", re.sub(r"\s*;\s*", " or ", text))
