"""The well-known answers that GitHub and its download host give instead of the true one.

An `Answer` is a mapping to splat into `Faults.add`, for example
`faults.add("/copilot/billing$", **not_owner(), times=1)`. The texts are the ones that GitHub's and
Azure Blob Storage's servers send, since clients have to tell some answers apart by them.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any, Literal, TypedDict

Origin = Literal["api", "download"]
Body = dict[str, Any] | str | bytes

DOCUMENTATION = "https://docs.github.com/rest"
USAGE_METRICS_DOCUMENTATION = f"{DOCUMENTATION}/copilot/copilot-usage-metrics"


class Answer(TypedDict):
    """One complete HTTP answer: what `Faults.add` takes and the routes send."""

    status: int
    body: Body
    headers: dict[str, str]


def _refusal(
    status: int, message: str, documentation: str = DOCUMENTATION, **headers: str
) -> Answer:
    body = {"message": message, "documentation_url": documentation, "status": str(status)}
    dashed = {name.replace("_", "-"): value for name, value in headers.items()}
    return Answer(status=status, body=body, headers=dashed)


def bad_credentials() -> Answer:
    return _refusal(401, "Bad credentials")


def requires_authentication() -> Answer:
    return _refusal(401, "Requires authentication")


def missing_user_agent() -> Answer:
    return Answer(
        status=403,
        body="Request forbidden by administrative rules. Send a User-Agent header.",
        headers={"content-type": "text/html"},
    )


def not_owner() -> Answer:
    """The token's scope suffices, the role of the person behind it does not."""
    return _refusal(
        403,
        "requires admin, or relevant organization role access",
        USAGE_METRICS_DOCUMENTATION,
        x_oauth_scopes="read:org",
        x_accepted_oauth_scopes="admin:org, read:org, write:org",
    )


def policy_off() -> Answer:
    return _refusal(
        403,
        "The 'Copilot usage metrics' policy must be enabled to use this API",
        USAGE_METRICS_DOCUMENTATION,
    )


def missing_scope(held: str, accepted: Iterable[str]) -> Answer:
    """A classic token without any of the scopes that the endpoint accepts."""
    return _refusal(
        403,
        "The token does not have the scope that this endpoint requires.",
        x_oauth_scopes=held,
        x_accepted_oauth_scopes=", ".join(sorted(accepted)),
    )


def sso(organization: str = "demo-org") -> Answer:
    """A token that was not authorized for an organization behind SAML single sign-on."""
    where = f"https://github.com/orgs/{organization}/sso?authorization_request=DEMO"
    return _refusal(
        403,
        "Resource protected by organization SAML enforcement. You must grant your Personal Access "
        "token access to this organization.",
        x_github_sso=f"required; url={where}",
    )


def fine_grained_permission(permission: str = "organization_copilot_metrics=read") -> Answer:
    return _refusal(
        403,
        "Resource not accessible by personal access token",
        x_accepted_github_permissions=permission,
    )


def copilot_user_refused() -> Answer:
    """The undocumented endpoint of an account's own plan, to a personal access token."""
    return _refusal(403, "Resource not accessible by personal access token")


def not_found() -> Answer:
    return _refusal(404, "Not Found")


def legacy_closed() -> Answer:
    return _refusal(
        404,
        "These Copilot metrics endpoints were closed down on April 2, 2026. Use the Copilot usage "
        "metrics endpoints instead",
        USAGE_METRICS_DOCUMENTATION,
    )


def metrics_disabled() -> Answer:
    """The closed metrics endpoint with the organization's metrics setting off."""
    return _refusal(
        422,
        "Copilot Usage Metrics API setting is disabled at the organization or enterprise level.",
    )


def billing_problem() -> Answer:
    return _refusal(422, "There is a problem with your account's associated payment method.")


def invalid_parameter(name: str) -> Answer:
    return _refusal(422, f"Invalid request. The parameter '{name}' is missing or malformed.")


def secondary_limit(retry_after: int = 60) -> Answer:
    return _refusal(
        403,
        "You have exceeded a secondary rate limit. Please wait a few minutes before you try again.",
        retry_after=str(retry_after),
    )


def too_many_requests(retry_after: int | datetime | None = 60) -> Answer:
    """429 with a wait in seconds, as an HTTP date (an aware datetime), or without any hint."""
    if retry_after is None:
        return _refusal(429, "API rate limit exceeded")
    if isinstance(retry_after, datetime):
        hint = format_datetime(retry_after.astimezone(UTC), usegmt=True)
    else:
        hint = str(retry_after)
    return _refusal(
        429,
        "You have exceeded a secondary rate limit. Please wait a few minutes before you try again.",
        retry_after=hint,
    )


def primary_limit(reset: datetime | None = None) -> Answer:
    """The hourly quota is spent until `reset` (default: in one hour)."""
    reset = reset or datetime.now(UTC) + timedelta(hours=1)
    return _refusal(
        403,
        "API rate limit exceeded for user ID 9000001.",
        x_ratelimit_limit="5000",
        x_ratelimit_remaining="0",
        x_ratelimit_used="5000",
        x_ratelimit_reset=str(int(reset.timestamp())),
        x_ratelimit_resource="core",
    )


def server_error(status: int = 500) -> Answer:
    """500 or 503."""
    return _refusal(status, "Server Error" if status == 500 else "Service unavailable")


def _blob_error(status: int, code: str, message: str) -> Answer:
    text = (
        '<?xml version="1.0" encoding="utf-8"?>'
        f"<Error><Code>{code}</Code><Message>{message}</Message></Error>"
    )
    return Answer(status=status, body=text, headers={"content-type": "application/xml"})


def link_expired() -> Answer:
    """The download host refuses a signed link: too late, or not signed by it."""
    return _blob_error(
        403,
        "AuthenticationFailed",
        "Server failed to authenticate the request. Make sure the value of Authorization header is "
        "formed correctly including the signature.",
    )


def blob_not_found() -> Answer:
    return _blob_error(404, "BlobNotFound", "The specified blob does not exist.")


def authorization_refused() -> Answer:
    """The download host does not accept a token beside a signed link."""
    return _blob_error(
        400,
        "InvalidAuthenticationInfo",
        "Authentication information is not given in the correct format. Check the value of "
        "Authorization header.",
    )
