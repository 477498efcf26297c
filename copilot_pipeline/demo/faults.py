"""Switchable faults of the simulated GitHub, and the well-known answers it can give instead.

An `Answer` is a mapping to splat into `Faults.add`, for example
`faults.add("/copilot/billing$", **not_owner(), times=1)`. The texts are the ones GitHub's and
Azure Blob Storage's real servers send, since clients have to tell some answers apart by them.
"""

from __future__ import annotations

import asyncio
import json
import re
import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any, Literal, TypedDict
from urllib.parse import parse_qsl

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

Origin = Literal["api", "download"]
Body = dict[str, Any] | str | bytes

DOCUMENTATION = "https://docs.github.com/rest"
USAGE_METRICS_DOCUMENTATION = f"{DOCUMENTATION}/copilot/copilot-usage-metrics"


class Answer(TypedDict):
    """One complete HTTP answer: what `Faults.add` takes and the routes send."""

    status: int
    body: Body
    headers: dict[str, str]


@dataclass(frozen=True)
class Fault:
    """What happens to the requests it matches.

    With a `status`, `body` or `redirect_to` it answers instead of the route; otherwise the route
    answers and `delay`, `headers` and `cut_after` are laid over that answer.
    """

    path_regex: str
    status: int | None = None
    body: Body | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    times: int | None = None
    query: Mapping[str, str] = field(default_factory=dict)
    origin: Origin = "api"
    cut_after: int | None = None
    delay: float = 0.0
    redirect_to: str | None = None

    def matches(self, origin: str, path: str, query: Mapping[str, str]) -> bool:
        return (
            origin == self.origin
            and re.search(self.path_regex, path) is not None
            and all(query.get(name) == value for name, value in self.query.items())
        )

    def own_answer(self) -> tuple[int, dict[str, str], bytes] | None:
        """Status, headers and body that replace the route's, or None to let the route answer."""
        if self.redirect_to is not None:
            return self.status or 302, {"location": self.redirect_to}, b""
        if self.status is None and self.body is None:
            return None
        if isinstance(self.body, dict):
            json_type = {"content-type": "application/json; charset=utf-8"}
            return self.status or 200, json_type, json.dumps(self.body).encode()
        body = self.body or b""
        return self.status or 200, {}, body.encode() if isinstance(body, str) else body


class Faults:
    """The faults in force, in the order they were added; the first that matches is used."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._faults: list[Fault] = []
        self._used: dict[int, int] = {}

    def add(
        self,
        path_regex: str,
        *,
        status: int | None = None,
        body: Body | None = None,
        headers: Mapping[str, str] | None = None,
        times: int | None = None,
        query: Mapping[str, str] | None = None,
        origin: Origin = "api",
        cut_after: int | None = None,
        delay: float = 0.0,
        redirect_to: str | None = None,
    ) -> Fault:
        """Put a fault in force for the next `times` matching requests (None: until cleared)."""
        fault = Fault(
            path_regex=path_regex,
            status=status,
            body=body,
            headers=headers or {},
            times=times,
            query=query or {},
            origin=origin,
            cut_after=cut_after,
            delay=delay,
            redirect_to=redirect_to,
        )
        with self._lock:
            self._faults.append(fault)
        return fault

    def clear(self) -> None:
        with self._lock:
            self._faults.clear()
            self._used.clear()

    def take(self, origin: str, path: str, query: Mapping[str, str]) -> Fault | None:
        """The fault for this request, counted as used once more."""
        with self._lock:
            for fault in self._faults:
                used = self._used.get(id(fault), 0)
                if fault.times is not None and used >= fault.times:
                    continue
                if fault.matches(origin, path, query):
                    self._used[id(fault)] = used + 1
                    return fault
        return None


class FaultMiddleware:
    """Pure ASGI, because only there can an answer end before its Content-Length is reached."""

    def __init__(self, app: ASGIApp, faults: Faults, origin: Origin) -> None:
        self.app = app
        self.faults = faults
        self.origin = origin

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        fault = self.faults.take(self.origin, scope["path"], query_of(scope))
        if fault is None:
            await self.app(scope, receive, send)
            return
        await asyncio.sleep(fault.delay)
        start, body = await self._answer(fault, scope, receive)
        headers = MutableHeaders(scope=start)
        headers.update(fault.headers)
        if start["status"] != 204:
            headers["content-length"] = str(len(body))
        await send(start)
        if fault.cut_after is None:
            await send({"type": "http.response.body", "body": body})
        else:
            # Returning while more is promised makes uvicorn close the connection.
            part = body[: fault.cut_after]
            await send({"type": "http.response.body", "body": part, "more_body": True})

    async def _answer(self, fault: Fault, scope: Scope, receive: Receive) -> tuple[Message, bytes]:
        own = fault.own_answer()
        if own is not None:
            status, headers, body = own
            raw = [
                (name.encode("latin-1"), text.encode("latin-1")) for name, text in headers.items()
            ]
            return {"type": "http.response.start", "status": status, "headers": raw}, body
        messages: list[Message] = []

        async def collect(message: Message) -> None:
            messages.append(message)

        await self.app(scope, receive, collect)
        return messages[0], b"".join(message.get("body", b"") for message in messages[1:])


def query_of(scope: Scope) -> dict[str, str]:
    """The query parameters of an ASGI request; of a repeated one, the last."""
    return dict(parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True))


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
    """A token that was not authorised for an organization behind SAML single sign-on."""
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
