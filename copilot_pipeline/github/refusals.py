"""Why GitHub permanently refuses a request, and what to do about it.

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


class RefusalReason(StrEnum):
    """Why a request failed. `copilot-pipeline accounts check` prints the values."""

    BAD_TOKEN = "bad_token"  # noqa: S105 (a reason)
    MISSING_SCOPE = "missing_scope"
    MISSING_PERMISSION = "missing_permission"
    SSO_NOT_AUTHORIZED = "sso_not_authorized"
    NOT_OWNER = "not_owner"
    POLICY_OFF = "policy_off"
    TOKEN_KIND_FORBIDDEN = "token_kind_forbidden"  # noqa: S105 (a reason)
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


def explain_refusal(
    status: int, headers: Mapping[str, str], message: str, needs: Needs | None
) -> tuple[RefusalReason, str]:
    """Return why GitHub refused a request, and advice for the user.

    `message` is GitHub's message in lower case. `needs` is what the endpoint requires of a token.
    """
    match status:
        case HTTPStatus.UNAUTHORIZED:
            return RefusalReason.BAD_TOKEN, f"The token is invalid or expired. {RENEWAL_ADVICE}"
        case HTTPStatus.FORBIDDEN:
            return _forbidden(headers, message, needs)
        case HTTPStatus.NOT_FOUND if "closed down" in message:
            return (
                RefusalReason.ENDPOINT_CLOSED,
                "GitHub closed this endpoint on 2026-04-02. Import the account again with --org "
                "(its name) and --metrics-api reports.",
            )
        case HTTPStatus.NOT_FOUND:
            # GitHub also answers 404 to hide a resource that the token may not read.
            return _missing_scope(headers, needs) or (
                RefusalReason.NOT_FOUND,
                "The name is wrong, Copilot is not available for it, or the token may not read it. "
                "Check the name, and that the token's owner is an owner there.",
            )
        case HTTPStatus.GONE:
            return (
                RefusalReason.API_VERSION_UNSUPPORTED,
                "GitHub no longer serves this API version. Upgrade copilot_pipeline.",
            )
        case HTTPStatus.UNPROCESSABLE_ENTITY if "payment" in message or "billing" in message:
            return (
                RefusalReason.BILLING_PROBLEM,
                "GitHub reports a payment problem. Settle it in the billing settings.",
            )
        case HTTPStatus.UNPROCESSABLE_ENTITY if "disabled" in message:
            return (
                RefusalReason.POLICY_OFF,
                "The Copilot metrics API is disabled. An owner can enable it under Settings, "
                "Copilot, Policies.",
            )
    return RefusalReason.BAD_REQUEST, "GitHub does not accept this request."


def _forbidden(
    headers: Mapping[str, str], message: str, needs: Needs | None
) -> tuple[RefusalReason, str]:
    permissions = headers.get("x-accepted-github-permissions")
    missing_scope = _missing_scope(headers, needs)
    if "x-github-sso" in headers or "saml" in message:
        return (
            RefusalReason.SSO_NOT_AUTHORIZED,
            "Authorize the token for the organization: GitHub, Settings, Tokens, Configure SSO.",
        )
    if "ip allow list" in message:
        return (
            RefusalReason.IP_NOT_ALLOWED,
            "The IP allow list does not contain this machine. An owner can add its address, or the "
            "address of the account's proxy.",
        )
    if "forbids access via" in message:
        return (
            RefusalReason.TOKEN_KIND_FORBIDDEN,
            "A policy there forbids this kind or lifetime of token. Make a token that it allows.",
        )
    if "policy" in message:
        return (
            RefusalReason.POLICY_OFF,
            "The policy 'Copilot usage metrics' is off. An owner can enable it under Settings, "
            "Copilot, Policies; for an enterprise choose 'Enabled everywhere'.",
        )
    if missing_scope is not None:
        return missing_scope
    # GitHub may name the accepted permissions even if the token has them.
    if "requires admin" not in message and (permissions or "resource not accessible" in message):
        return _missing_permission(permissions, needs)
    if not message and "x-github-request-id" not in headers:
        return (
            RefusalReason.BAD_ANSWER,
            "The response does not look like GitHub's: a proxy or firewall may have sent it.",
        )
    return (
        RefusalReason.NOT_OWNER,
        "The token's owner must be an owner there, or have a role that may view Copilot metrics.",
    )


def _missing_permission(accepted: str | None, needs: Needs | None) -> tuple[RefusalReason, str]:
    if accepted:
        named = f": GitHub accepts {describe_permissions(accepted)}"
    elif needs is not None and needs.permission is not None:
        named = f': it needs "{needs.permission}" (read)'
    else:
        named = ". The README lists the permissions of each endpoint"
    return (
        RefusalReason.MISSING_PERMISSION,
        f"The token lacks a permission{named}. Change it under GitHub, Settings, Developer "
        "settings, or use a classic token.",
    )


def _missing_scope(
    headers: Mapping[str, str], needs: Needs | None
) -> tuple[RefusalReason, str] | None:
    """Return the advice for a classic token that lacks a scope, or None.

    Fine-grained tokens have no scopes.
    """
    held = headers.get("x-oauth-scopes")
    documented = needs.scopes if needs is not None else ()
    accepted = parse_scopes(headers.get("x-accepted-oauth-scopes", "")) or documented
    if held is None or not accepted or includes_any(parse_scopes(held), accepted):
        return None
    # GitHub also names broader scopes. Ask for the documented ones, which grant the least.
    wanted = [scope for scope in documented if scope in accepted] or accepted
    return (
        RefusalReason.MISSING_SCOPE,
        f"The token lacks a scope: it has {held or 'none'} and needs {' or '.join(wanted)}. Add it "
        "under GitHub, Settings, Developer settings, Tokens (classic).",
    )
