"""The kinds of scope that GitHub serves Copilot data for."""

from enum import StrEnum


class ScopeKind(StrEnum):
    """An organization or an enterprise."""

    ORGANIZATION = "organization"
    ENTERPRISE = "enterprise"

    @property
    def path(self) -> str:
        """The first segment of the API paths of such a scope."""
        return {"organization": "orgs", "enterprise": "enterprises"}[self]
