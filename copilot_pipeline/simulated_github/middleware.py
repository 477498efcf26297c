"""What lies around the routes of both servers: faults, the record of requests, common headers."""

from __future__ import annotations

import asyncio
import itertools
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

    def add(self, path_regex: str, **options: Any) -> None:
        """Puts a fault in force; the options are the fields of `Fault`."""
        with self._lock:
            self._faults.append(Fault(path_regex, **options))

    def clear(self) -> None:
        with self._lock:
            self._faults.clear()

    def take(self, origin: str, path: str, query: Mapping[str, str]) -> Fault | None:
        """The fault for this request, counted as used once more."""
        with self._lock:
            for fault in self._faults:
                is_left = fault.times is None or fault.used < fault.times
                if is_left and fault.matches(origin, path, query):
                    fault.used += 1
                    return fault
        return None


class FaultyApp:
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


class Recorder:
    """Notes every request before anything answers it."""

    def __init__(self, app: ASGIApp, requests: list[Request], origin: Origin) -> None:
        self.app = app
        self.requests = requests
        self.origin = origin

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(
            origin=self.origin,
            method=scope["method"],
            path=scope["path"],
            query=query_of(scope),
            headers=dict(Headers(scope=scope)),
        )
        self.requests.append(request)
        await self.app(scope, receive, send)


class CommonHeaders:
    """The headers that come with every API answer, unless the answer has its own."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app
        self._count = itertools.count(1)
        self._reset = int(time.time()) + 3600

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        number = next(self._count)
        # A demo or a test may need more than an hour's quota; only a fault may say it is spent.
        used = min(number, HOURLY_LIMIT - 1)
        common = {
            "x-github-request-id": f"DEMO:{number:06X}",
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
