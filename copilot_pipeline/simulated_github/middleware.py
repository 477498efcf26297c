"""What lies around the routes of both servers: the record of requests, faults, common headers."""

from __future__ import annotations

import asyncio
import json
import re
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from copilot_pipeline.simulated_github.faults import Body, Origin

HOURLY_LIMIT = 5000


@dataclass(frozen=True)
class Request:
    """One request as it arrived; the headers (lower-case names) hold a token: not in its repr."""

    origin: Origin
    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str] = field(repr=False)


@dataclass
class Fault:
    """What happens to the next `times` requests that it matches (None: until it is cleared).

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
    used: int = 0

    def matches(self, request: Request) -> bool:
        return (
            (self.times is None or self.used < self.times)
            and request.origin == self.origin
            and re.search(self.path_regex, request.path) is not None
            and all(request.query.get(name) == value for name, value in self.query.items())
        )

    def own_answer(self) -> tuple[Message, bytes] | None:
        """The answer that replaces the route's, or None to let the route answer."""
        if self.status is None and self.body is None and self.redirect_to is None:
            return None
        headers, status, body = {}, self.status or 200, self.body or b""
        if self.redirect_to is not None:
            headers, status, body = {"location": self.redirect_to}, self.status or 302, b""
        elif isinstance(body, dict):
            headers, body = {"content-type": "application/json; charset=utf-8"}, json.dumps(body)
        start = {"type": "http.response.start", "status": status, "headers": Headers(headers).raw}
        return start, body.encode() if isinstance(body, str) else body


class Faults:
    """The faults in force, in the order they were added; the first that matches is used."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._faults: list[Fault] = []

    def add(self, path_regex: str, **options: Any) -> None:
        """Puts a fault in force; the options are the fields of `Fault`."""
        with self._lock:
            self._faults.append(Fault(path_regex, **options))

    def clear(self) -> None:
        with self._lock:
            self._faults.clear()

    def take(self, request: Request) -> Fault | None:
        """Returns the fault for this request, counted as used once more."""
        with self._lock:
            for fault in self._faults:
                if fault.matches(request):
                    fault.used += 1
                    return fault
        return None


class Recorded:
    """An app whose requests are recorded, and may meet a fault.

    It is pure ASGI, because only there can an answer end before its Content-Length is reached.
    """

    def __init__(
        self, app: ASGIApp, origin: Origin, requests: list[Request], faults: Faults
    ) -> None:
        self.app = app
        self.origin = origin
        self.requests = requests
        self.faults = faults

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        query = dict(parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True))
        headers = dict(Headers(scope=scope))
        request = Request(self.origin, scope["method"], scope["path"], query, headers)
        self.requests.append(request)
        fault = self.faults.take(request)
        if fault is None:
            await self.app(scope, receive, send)
            return
        await asyncio.sleep(fault.delay)
        start, body = fault.own_answer() or await self._answer(scope, receive)
        answered = MutableHeaders(scope=start)
        answered.update(fault.headers)
        if start["status"] != 204:
            answered["content-length"] = str(len(body))
        await send(start)
        if fault.cut_after is None:
            await send({"type": "http.response.body", "body": body})
        else:
            # Returning while more is promised makes uvicorn close the connection.
            part = body[: fault.cut_after]
            await send({"type": "http.response.body", "body": part, "more_body": True})

    async def _answer(self, scope: Scope, receive: Receive) -> tuple[Message, bytes]:
        messages: list[Message] = []

        async def collect(message: Message) -> None:
            messages.append(message)

        await self.app(scope, receive, collect)
        return messages[0], b"".join(message.get("body", b"") for message in messages[1:])


class CommonHeaders:
    """The headers that come with every API answer, unless the answer has its own."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app
        self._count = 0
        self._reset = int(time.time()) + 3600

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self._count += 1
        # A demo or a test may need more than an hour's quota; only a fault may say it is spent.
        used = min(self._count, HOURLY_LIMIT - 1)
        common = {
            "x-github-request-id": f"DEMO:{self._count:06X}",
            "x-github-media-type": "github.v3; format=json",
            "x-ratelimit-limit": str(HOURLY_LIMIT),
            "x-ratelimit-remaining": str(HOURLY_LIMIT - used),
            "x-ratelimit-used": str(used),
            "x-ratelimit-reset": str(self._reset),
            "x-ratelimit-resource": "core",
        }

        async def send_with_common(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, text in common.items():
                    headers.setdefault(name, text)
            await send(message)

        await self.app(scope, receive, send_with_common)
