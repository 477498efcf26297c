"""The kinds of scope that GitHub serves Copilot data for."""

from enum import StrEnum


class ScopeKind(StrEnum):
    """An organization or an enterprise."""

    ORGANIZATION = "organization"
    ENTERPRISE = "enterprise"

    @property
    def path(self) -> str:
        """The first part of the paths below which GitHub serves such a scope."""
        return {"organization": "orgs", "enterprise": "enterprises"}[self]
