"""What stands in the way when GitHub refuses for good, and what to do about it.

Sources: GitHub's REST documentation (status codes, headers), and texts observed on live systems.
"""

from collections.abc import Mapping
from enum import StrEnum
from http import HTTPStatus

from copilot_pipeline.github.permissions import (
    Needs,
    describe_permissions,
    includes_any,
    parse_scopes,
)

RENEWAL_ADVICE = (
    "Make a new one and import the account again, or give it to the account as it is: "
    "copilot-pipeline accounts update ID --token-env NAME."
)


class Meaning(StrEnum):
    """What stands in the way, in a word for programs."""

    BAD_TOKEN = "bad_token"  # noqa: S105 (a meaning)
    MISSING_SCOPE = "missing_scope"
    MISSING_PERMISSION = "missing_permission"
    SSO_NOT_AUTHORISED = "sso_not_authorised"
    NOT_OWNER = "not_owner"
    POLICY_OFF = "policy_off"
    TOKEN_KIND_FORBIDDEN = "token_kind_forbidden"  # noqa: S105 (a meaning)
    IP_NOT_ALLOWED = "ip_not_allowed"
    NOT_FOUND = "not_found"
    ENDPOINT_CLOSED = "endpoint_closed"
    API_VERSION_UNSUPPORTED = "api_version_unsupported"
    BILLING_PROBLEM = "billing_problem"
    BAD_REQUEST = "bad_request"
    RATE_LIMITED = "rate_limited"
    UNAVAILABLE = "unavailable"
    REFUSED_ADDRESS = "refused_address"
    LINK_EXPIRED = "link_expired"
    BAD_ANSWER = "bad_answer"


def refusal(
    status: int, headers: Mapping[str, str], message: str, needs: Needs | None
) -> tuple[Meaning, str]:
    """What the status, the headers and GitHub's words (in lower case) mean together, and advice."""
    match status:
        case HTTPStatus.UNAUTHORIZED:
            return Meaning.BAD_TOKEN, f"The token is invalid or expired. {RENEWAL_ADVICE}"
        case HTTPStatus.FORBIDDEN:
            return _forbidden(headers, message, needs)
        case HTTPStatus.NOT_FOUND if "closed down" in message:
            return (
                Meaning.ENDPOINT_CLOSED,
                "GitHub closed this endpoint on 2026-04-02. Import the account again with --org "
                "(its name) and --metrics-api reports.",
            )
        case HTTPStatus.NOT_FOUND:
            # GitHub says so too where it does not even want to admit that something exists.
            return _missing_scope(headers, needs) or (
                Meaning.NOT_FOUND,
                "The name is wrong, Copilot is not available for it, or the token may not see it. "
                "Check the name, and that the token's owner is an owner there.",
            )
        case HTTPStatus.GONE:
            return (
                Meaning.API_VERSION_UNSUPPORTED,
                "GitHub no longer serves this API version. Upgrade copilot_pipeline.",
            )
        case HTTPStatus.UNPROCESSABLE_ENTITY if "payment" in message or "billing" in message:
            return (
                Meaning.BILLING_PROBLEM,
                "GitHub reports a payment problem. Settle it in the billing settings.",
            )
        case HTTPStatus.UNPROCESSABLE_ENTITY if "disabled" in message:
            return (
                Meaning.POLICY_OFF,
                "The Copilot metrics API is disabled. An owner can enable it under Settings, "
                "Copilot, Policies.",
            )
    return Meaning.BAD_REQUEST, "GitHub does not accept this request."


def _forbidden(
    headers: Mapping[str, str], message: str, needs: Needs | None
) -> tuple[Meaning, str]:
    permissions = headers.get("x-accepted-github-permissions")
    missing_scope = _missing_scope(headers, needs)
    if "x-github-sso" in headers or "saml" in message:
        return (
            Meaning.SSO_NOT_AUTHORISED,
            "Authorize the token for the organization: GitHub, Settings, Tokens, Configure SSO.",
        )
    if "ip allow list" in message:
        return (
            Meaning.IP_NOT_ALLOWED,
            "Only listed IP addresses are admitted: an owner can add that of this machine, or of "
            "the account's proxy.",
        )
    if "forbids access via" in message:
        return (
            Meaning.TOKEN_KIND_FORBIDDEN,
            "A policy there excludes this kind or lifetime of token: make one that it admits.",
        )
    if "policy" in message:
        return (
            Meaning.POLICY_OFF,
            "The policy 'Copilot usage metrics' is off. An owner can enable it under Settings, "
            "Copilot, Policies; for an enterprise choose 'Enabled everywhere'.",
        )
    if missing_scope is not None:
        return missing_scope
    # The permissions that GitHub accepts may be stated where they are held, too.
    if "requires admin" not in message and (permissions or "resource not accessible" in message):
        return _missing_permission(permissions, needs)
    if not message and "x-github-request-id" not in headers:
        return (
            Meaning.BAD_ANSWER,
            "The answer does not look like GitHub's own: a proxy or firewall may have given it.",
        )
    return (
        Meaning.NOT_OWNER,
        "The token's owner must be an owner there, or have the role that may view Copilot metrics.",
    )


def _missing_permission(accepted: str | None, needs: Needs | None) -> tuple[Meaning, str]:
    if accepted:
        named = f": GitHub accepts {describe_permissions(accepted)}"
    elif needs is not None and needs.permission is not None:
        named = f': it needs "{needs.permission}" (read)'
    else:
        named = ". The README lists those that each endpoint needs"
    return (
        Meaning.MISSING_PERMISSION,
        f"The token lacks a permission{named}. Change it under GitHub, Settings, Developer "
        "settings, or use a classic token.",
    )


def _missing_scope(headers: Mapping[str, str], needs: Needs | None) -> tuple[Meaning, str] | None:
    """None where a classic token has what it takes, and for tokens without scopes."""
    held = headers.get("x-oauth-scopes")
    documented = needs.scopes if needs is not None else ()
    accepted = parse_scopes(headers.get("x-accepted-oauth-scopes", "")) or documented
    if held is None or not accepted or includes_any(parse_scopes(held), accepted):
        return None
    # GitHub states parents too: of what suffices, the documented scopes are the least.
    wanted = [scope for scope in documented if scope in accepted] or accepted
    return (
        Meaning.MISSING_SCOPE,
        f"The token lacks a scope: it has {held or 'none'} and needs {' or '.join(wanted)}. Add it "
        "under GitHub, Settings, Developer settings, Tokens (classic).",
    )
