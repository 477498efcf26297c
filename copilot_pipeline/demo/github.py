"""A simulated GitHub on loopback that speaks the shapes of GitHub's Copilot REST API.

Two servers in one background thread: the API, and the download host that the signed links of the
usage metrics reports point to. Routes and answers live here; the figures in `legacy`, `seats`,
`users` and the modules that `catalog` names; what can go wrong in `faults`. Shapes: GitHub's
documentation pages "REST API endpoints for Copilot usage metrics", "REST API endpoints for Copilot
user management" and "Rate limits for the REST API".
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hashlib
import hmac
import itertools
import json
import re
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any, Self
from urllib.parse import urlencode

import uvicorn
from starlette.applications import Starlette
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request as HttpRequest
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from copilot_pipeline.demo import faults
from copilot_pipeline.demo.catalog import has_report, is_offered, report_records
from copilot_pipeline.demo.enterprise_seats import (
    enterprise_seat_rows,
    enterprise_seat_total,
    enterprise_seats,
)
from copilot_pipeline.demo.faults import Answer, FaultMiddleware, Faults, Origin, query_of
from copilot_pipeline.demo.legacy import legacy_day
from copilot_pipeline.demo.organization import Enterprise, NotReady, Organization, ReportFiles
from copilot_pipeline.demo.seats import billing, seat_total, seats
from copilot_pipeline.demo.users import authenticated_user, copilot_user

DEMO_TOKEN = "ghp_" + "SimulatedGitHub0".ljust(36, "0")
DEFAULT_SCOPES = "manage_billing:copilot, read:org"
HOURLY_LIMIT = 5000

# The classic scopes that admit to an endpoint, each with those that include it.
ANY_SCOPE: frozenset[str] = frozenset()
METRICS_SCOPES = frozenset({"read:org", "write:org", "admin:org"})
BILLING_SCOPES = METRICS_SCOPES | {"manage_billing:copilot"}
ENTERPRISE_SCOPES = frozenset({"read:enterprise", "admin:enterprise", "manage_billing:copilot"})
LEGACY_REACH = timedelta(days=100)


@dataclass(frozen=True)
class Request:
    """One request as it arrived; the headers (lower-case names) hold a token: not in its repr."""

    origin: Origin
    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str] = field(repr=False)


@dataclass(frozen=True)
class _Account:
    user: Mapping[str, Any]
    scopes: str
    expires_at: datetime | None


_Serve = Callable[[HttpRequest, _Account], Response]


class _RefusedError(Exception):
    def __init__(self, answer: Answer) -> None:
        self.answer = answer


class SimulatedGitHub:
    """GitHub for a demo or a test: `with SimulatedGitHub([Organization("demo-org")]) as github:`.

    An enterprise's organizations are served too, without being listed again.

    `today` stops the clock for reports and seats, not for signed links, which are valid for
    `link_lifetime` seconds. Every report comes in `shards` files, its lines dealt out in turn. The
    API listens on `port`, by default on any free one.
    """

    faults: Faults
    requests: list[Request]
    url: str
    download_url: str
    token: str

    def __init__(
        self,
        organizations: Sequence[Organization],
        *,
        enterprises: Sequence[Enterprise] = (),
        token: str = DEMO_TOKEN,
        user: Mapping[str, Any] | None = None,
        today: date | None = None,
        link_lifetime: float = 3600.0,
        shards: int = 1,
        port: int = 0,
    ) -> None:
        self.faults = Faults()
        self.requests = []
        self.token = token
        self.link_lifetime = link_lifetime
        self.shards = shards
        self._port = port
        inside = [each for enterprise in enterprises for each in enterprise.organizations]
        self._organizations = {each.slug.lower(): each for each in [*organizations, *inside]}
        self._enterprises = {each.slug.lower(): each for each in enterprises}
        self._today = today
        self._accounts: dict[str, _Account] = {}
        self._blobs: dict[str, bytes] = {}
        self._key = hashlib.sha256(b"signing key of the simulated download host").digest()
        self._servers: list[_Server] = []
        self._thread: threading.Thread | None = None
        midnight = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
        self.accept(token, user, expires_at=midnight + timedelta(days=90))

    def accept(
        self,
        token: str,
        user: Mapping[str, Any] | None = None,
        *,
        scopes: str = DEFAULT_SCOPES,
        expires_at: datetime | None = None,
    ) -> None:
        """Let in another token; `user` is the `GET /user` body it gets (default: a demo admin).

        Without `expires_at` the token never expires and `GET /user` names no expiration; `today`
        does not matter to it.
        Fine-grained tokens (`github_pat_…`) answer without `X-OAuth-Scopes`, as GitHub's do.
        """
        user = user or authenticated_user("demo-admin", 9_000_001)
        self._accounts[token] = _Account(user, scopes, expires_at)

    def organization(self, slug: str) -> Organization:
        """The organization to change while the servers run; KeyError for an unknown one."""
        return self._organizations[slug.lower()]

    def enterprise(self, slug: str) -> Enterprise:
        """The enterprise to change while the servers run; KeyError for an unknown one."""
        return self._enterprises[slug.lower()]

    def signed_link(self, path: str) -> str:
        """A link the download host accepts for this path, whether or not a blob is there."""
        now = datetime.now(UTC)
        query = {
            "se": _azure_time(now + timedelta(seconds=self.link_lifetime)),
            "sp": "r",
            "st": _azure_time(now),
        }
        query["sig"] = self._signature(path, query)
        return f"{self.download_url}{path}?{urlencode(query)}"

    @contextlib.contextmanager
    def as_of(self, day: date) -> Iterator[None]:
        """Shows reports and seats as on the next morning, when the day was the newest complete."""
        before, self._today = self._today, day + timedelta(days=1)
        try:
            yield
        finally:
            self._today = before

    @property
    def today(self) -> date:
        return self._today or datetime.now(UTC).date()

    @property
    def newest_day(self) -> date:
        """The newest complete UTC day, whose reports are ready."""
        return self.today - timedelta(days=1)

    def __enter__(self) -> Self:
        self._servers = [_Server(self._api(), self._port), _Server(self._downloads())]
        self.url, self.download_url = (server.url for server in self._servers)
        self._thread = threading.Thread(target=self._serve, name="simulated-github", daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        for server in self._servers:
            server.stop()
        if self._thread is not None:
            self._thread.join()

    def _serve(self) -> None:
        async def both() -> None:
            await asyncio.gather(*(server.run_until_stopped() for server in self._servers))

        asyncio.run(both())

    # --- the API --------------------------------------------------------------------------------

    def _api(self) -> ASGIApp:
        prefix = "/orgs/{org}/copilot"
        enterprise = "/enterprises/{enterprise}/copilot"
        one_day, latest = "metrics/reports/{report}-1-day", "metrics/reports/{report}-28-day/latest"
        routes: list[tuple[str, _Serve, frozenset[str]]] = [
            ("/user", self._user, ANY_SCOPE),
            ("/rate_limit", self._rate_limit, ANY_SCOPE),
            ("/copilot_internal/user", self._copilot_user, ANY_SCOPE),
            (f"{prefix}/billing", self._billing, BILLING_SCOPES),
            (f"{prefix}/billing/seats", self._seats, BILLING_SCOPES),
            (f"{prefix}/metrics", self._legacy_metrics, BILLING_SCOPES),
            (f"{prefix}/{one_day}", self._one_day_report, METRICS_SCOPES),
            (f"{prefix}/{latest}", self._latest_report, METRICS_SCOPES),
            (f"{enterprise}/billing/seats", self._enterprise_seats, ENTERPRISE_SCOPES),
            (f"{enterprise}/metrics", self._legacy_metrics, ENTERPRISE_SCOPES),
            (f"{enterprise}/{one_day}", self._one_day_report, ENTERPRISE_SCOPES),
            (f"{enterprise}/{latest}", self._latest_report, ENTERPRISE_SCOPES),
            ("/{path:path}", self._nothing, ANY_SCOPE),
        ]
        # Tracebacks in the answer, as uvicorn's log is silenced for the sake of cut connections.
        app = Starlette(
            debug=True,
            routes=[
                Route(path, self._for_accounts(serve, scopes)) for path, serve, scopes in routes
            ],
        )
        faulty = FaultMiddleware(app, self.faults, "api")
        return _Recorder(_CommonHeaders(faulty), self.requests, "api")

    def _for_accounts(
        self, serve: _Serve, accepted: frozenset[str]
    ) -> Callable[[HttpRequest], Any]:
        """What every API route asks first: a User-Agent, a token it knows, and a classic scope."""

        async def endpoint(request: HttpRequest) -> Response:
            try:
                account = self._account(request)
            except _RefusedError as refused:
                return _respond(refused.answer)
            token = request.headers["authorization"].split()[-1]
            is_classic = not token.startswith("github_pat_")
            try:
                if is_classic and accepted and accepted.isdisjoint(account.scopes.split(", ")):
                    raise _RefusedError(faults.missing_scope(account.scopes, accepted))
                response = serve(request, account)
            except _RefusedError as refused:
                response = _respond(refused.answer)
            if is_classic:
                response.headers["x-oauth-scopes"] = account.scopes
            if account.expires_at is not None:
                expiration = account.expires_at.astimezone(UTC)
                response.headers["github-authentication-token-expiration"] = (
                    f"{expiration:%Y-%m-%d %H:%M:%S} UTC"
                )
            return response

        return endpoint

    def _account(self, request: HttpRequest) -> _Account:
        if not request.headers.get("user-agent"):
            raise _RefusedError(faults.missing_user_agent())
        authorization = request.headers.get("authorization")
        if authorization is None:
            raise _RefusedError(faults.requires_authentication())
        scheme, _, token = authorization.partition(" ")
        if scheme.lower() not in ("bearer", "token") or token not in self._accounts:
            raise _RefusedError(faults.bad_credentials())
        account = self._accounts[token]
        if account.expires_at is not None and account.expires_at <= datetime.now(UTC):
            raise _RefusedError(faults.bad_credentials())
        return account

    def _organization(self, request: HttpRequest) -> Organization:
        organization = self._organizations.get(request.path_params["org"].lower())
        if organization is None:
            raise _RefusedError(faults.not_found())
        return organization

    def _enterprise(self, request: HttpRequest) -> Enterprise:
        enterprise = self._enterprises.get(request.path_params["enterprise"].lower())
        if enterprise is None:
            raise _RefusedError(faults.not_found())
        return enterprise

    def _scope(self, request: HttpRequest) -> Organization | Enterprise:
        if "enterprise" in request.path_params:
            return self._enterprise(request)
        return self._organization(request)

    def _nothing(self, request: HttpRequest, account: _Account) -> Response:
        raise _RefusedError(faults.not_found())

    def _user(self, request: HttpRequest, account: _Account) -> Response:
        return JSONResponse(dict(account.user))

    def _rate_limit(self, request: HttpRequest, account: _Account) -> Response:
        now = int(time.time())
        core = {
            "limit": HOURLY_LIMIT,
            "used": 1,
            "remaining": HOURLY_LIMIT - 1,
            "reset": now + 3600,
        }
        search = {"limit": 30, "used": 0, "remaining": 30, "reset": now + 60}
        return JSONResponse({"resources": {"core": core, "search": search}, "rate": core})

    def _copilot_user(self, request: HttpRequest, account: _Account) -> Response:
        return JSONResponse(copilot_user(str(account.user["login"]), self.today))

    def _billing(self, request: HttpRequest, account: _Account) -> Response:
        return JSONResponse(billing(self._organization(request), self.newest_day))

    def _seats(self, request: HttpRequest, account: _Account) -> Response:
        organization = self._organization(request)
        page = _Page.of(request, seat_total(organization, self.newest_day), default_size=50)
        listed = seats(organization, self.newest_day, page.start, page.stop)
        body = {"total_seats": page.total, "seats": listed}
        return JSONResponse(body, headers=page.link_header(request, self.url))

    def _enterprise_seats(self, request: HttpRequest, account: _Account) -> Response:
        enterprise = self._enterprise(request)
        day = self.newest_day
        page = _Page.of(request, enterprise_seat_rows(enterprise, day), default_size=50)
        listed = enterprise_seats(enterprise, day, page.start, page.stop)
        body = {"total_seats": enterprise_seat_total(enterprise, day), "seats": listed}
        return JSONResponse(body, headers=page.link_header(request, self.url))

    def _legacy_metrics(self, request: HttpRequest, account: _Account) -> Response:
        scope = self._scope(request)
        if not scope.legacy:
            raise _RefusedError(faults.legacy_closed())
        since = _day_parameter(request, "since") or date.min
        until = _day_parameter(request, "until") or date.max
        days = [day for day in self._legacy_days(scope) if since <= day <= until]
        page = _Page.of(request, len(days), default_size=100)
        given = scope.legacy_days or {}
        body = [given.get(day) or legacy_day(scope, day) for day in days[page.start : page.stop]]
        return JSONResponse(body, headers=page.link_header(request, self.url))

    def _legacy_days(self, scope: Organization | Enterprise) -> list[date]:
        if scope.legacy_days is not None:
            return sorted(scope.legacy_days)
        reach = (self.newest_day - timedelta(days=n) for n in reversed(range(LEGACY_REACH.days)))
        return [day for day in reach if scope.has_day(day)]

    def _one_day_report(self, request: HttpRequest, account: _Account) -> Response:
        scope = self._scope(request)
        day = _day_parameter(request, "day", dates_only=True)
        if day is None:
            raise _RefusedError(faults.invalid_parameter("day"))
        name = f"{request.path_params['report']}-1-day"
        return self._envelope(scope, name, day, {"report_day": day.isoformat()})

    def _latest_report(self, request: HttpRequest, account: _Account) -> Response:
        last = self.newest_day
        window = {
            "report_start_day": (last - timedelta(days=27)).isoformat(),
            "report_end_day": last.isoformat(),
        }
        name = f"{request.path_params['report']}-28-day"
        return self._envelope(self._scope(request), name, last, window)

    def _envelope(
        self, scope: Organization | Enterprise, name: str, day: date, days: dict[str, str]
    ) -> Response:
        """Links to the report's files, or one of the ways to say that there is none."""
        if not is_offered(scope, name):
            raise _RefusedError(faults.not_found())
        report = scope.reports.get((name, day))
        if report is None:
            ready = day <= self.newest_day and has_report(scope, name, day)
            report = self._generate(scope, name, day) if ready else NotReady.NO_CONTENT
        match report:
            case NotReady.NO_CONTENT:
                return Response(status_code=204)
            case NotReady.EMPTY_STRING:
                return JSONResponse("")
            case NotReady.NO_LINKS:
                return JSONResponse({"download_links": [], **days})
            case ReportFiles(files, report_day, links):
                if report_day is not None and "report_day" in days:
                    days = {"report_day": report_day.isoformat()}
                if links is None:
                    folder = f"/{scope.id}/{name}/{day.isoformat()}"
                    links = [self._publish(folder, part, body) for part, body in enumerate(files)]
                return JSONResponse({"download_links": links, **days})

    def _generate(self, scope: Organization | Enterprise, name: str, day: date) -> ReportFiles:
        lines = [json.dumps(record) + "\n" for record in report_records(scope, name, day)]
        return ReportFiles(["".join(lines[part :: self.shards]) for part in range(self.shards)])

    # --- the download host ------------------------------------------------------------------------

    def _downloads(self) -> ASGIApp:
        app = Starlette(debug=True, routes=[Route("/{path:path}", self._download)])
        faulty = FaultMiddleware(app, self.faults, "download")
        return _Recorder(faulty, self.requests, "download")

    def _publish(self, folder: str, part: int, body: bytes | str) -> str:
        """Keep a file under a name that follows from its content, and sign a link to it."""
        content = body.encode() if isinstance(body, str) else body
        digest = hashlib.sha256(content).hexdigest()[:16]
        path = f"{folder}/{digest}-{part}.json"
        self._blobs[path] = content
        return self.signed_link(path)

    async def _download(self, request: HttpRequest) -> Response:
        path = request.url.path
        if "authorization" in request.headers:
            return _respond(faults.authorization_refused())
        if not self._is_valid(path, dict(request.query_params)):
            return _respond(faults.link_expired())
        if path not in self._blobs:
            return _respond(faults.blob_not_found())
        return Response(self._blobs[path], media_type="application/octet-stream")

    def _is_valid(self, path: str, query: dict[str, str]) -> bool:
        signature = query.pop("sig", "")
        if not hmac.compare_digest(signature.encode(), self._signature(path, query).encode()):
            return False
        start, expiry = (datetime.fromisoformat(query[name]) for name in ("st", "se"))
        return start <= datetime.now(UTC) < expiry

    def _signature(self, path: str, query: Mapping[str, str]) -> str:
        signed = "\n".join([path, *(f"{name}={text}" for name, text in sorted(query.items()))])
        return base64.b64encode(hmac.digest(self._key, signed.encode(), "sha256")).decode()


def _azure_time(instant: datetime) -> str:
    return instant.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _respond(answer: Answer) -> Response:
    if isinstance(answer["body"], dict):
        return JSONResponse(answer["body"], answer["status"], answer["headers"])
    return Response(answer["body"], answer["status"], answer["headers"])


def _day_parameter(request: HttpRequest, name: str, *, dates_only: bool = False) -> date | None:
    """The UTC day that a date or an ISO 8601 timestamp names; None if the parameter is absent."""
    text = request.query_params.get(name)
    if text is None:
        return None
    form = r"\d{4}-\d{2}-\d{2}" if dates_only else r"\d{4}-\d{2}-\d{2}(T.*)?"
    with contextlib.suppress(ValueError):
        if re.fullmatch(form, text):
            instant = datetime.fromisoformat(text)
            return (instant.astimezone(UTC) if instant.tzinfo else instant).date()
    raise _RefusedError(faults.invalid_parameter(name))


@dataclass(frozen=True)
class _Page:
    """A page of a listing, and GitHub's `Link` header to its neighbours."""

    number: int
    size: int
    total: int

    @classmethod
    def of(cls, request: HttpRequest, total: int, *, default_size: int) -> Self:
        def positive(name: str, default: int) -> int:
            text = request.query_params.get(name, "")
            return int(text) if text.isdecimal() and int(text) > 0 else default

        return cls(positive("page", 1), min(positive("per_page", default_size), 100), total)

    @property
    def start(self) -> int:
        return (self.number - 1) * self.size

    @property
    def stop(self) -> int:
        return self.start + self.size

    def link_header(self, request: HttpRequest, base: str) -> dict[str, str]:
        last = max(1, -(-self.total // self.size))
        neighbours = {}
        if self.number > 1:
            neighbours["prev"] = min(self.number - 1, last)
        if self.number < last:
            neighbours |= {"next": self.number + 1, "last": last}
        if self.number > 1:
            neighbours["first"] = 1
        links = []
        for relation, number in neighbours.items():
            query = urlencode({**request.query_params, "page": number})
            links.append(f'<{base}{request.url.path}?{query}>; rel="{relation}"')
        return {"link": ", ".join(links)} if links else {}


class _Recorder:
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


class _CommonHeaders:
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


class _Server(uvicorn.Server):
    """One origin on a port of 127.0.0.1 (0: a free one), stopped at once, not gracefully."""

    def __init__(self, app: ASGIApp, port: int = 0) -> None:
        super().__init__(
            uvicorn.Config(
                app,
                lifespan="off",
                ws="none",
                log_config=None,
                log_level="critical",
                access_log=False,
                server_header=False,
            )
        )
        # Listening before the thread runs: the first request waits instead of being refused.
        # Named as TCP, or asyncio leaves Nagle's delay on: 40 ms for every answer.
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        # A second demo takes the port of the first, which may still be closing connections.
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._socket.bind(("127.0.0.1", port))
        self._socket.listen(128)
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}"

    async def run_until_stopped(self) -> None:
        await self.serve(sockets=[self._socket])

    def stop(self) -> None:
        self.should_exit = True

    async def main_loop(self) -> None:
        for tick in itertools.count():
            if await self.on_tick(tick // 5):
                return
            await asyncio.sleep(0.02)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        for server in self.servers:
            server.close()
        for connection in list(self.server_state.connections):
            connection.shutdown()
        for task in self.server_state.tasks:
            task.cancel()
        await asyncio.gather(*self.server_state.tasks, return_exceptions=True)
