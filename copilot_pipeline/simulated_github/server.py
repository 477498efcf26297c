"""A simulated GitHub on loopback that speaks the shapes of GitHub's Copilot REST API.

Two servers in one background thread: the API, and the download host that the signed links of the
usage metrics reports point to. Shapes: GitHub's documentation pages "REST API endpoints for Copilot
usage metrics" and "REST API endpoints for Copilot user management".
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any, Self

from starlette.applications import Starlette
from starlette.requests import Request as HttpRequest
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from copilot_pipeline.simulated_github import faults
from copilot_pipeline.simulated_github.company import (
    Enterprise,
    NotReady,
    Organization,
    ReportFiles,
    Scope,
)
from copilot_pipeline.simulated_github.downloads import Downloads, respond, signed_path
from copilot_pipeline.simulated_github.legacy import legacy_day
from copilot_pipeline.simulated_github.loopback import Servers
from copilot_pipeline.simulated_github.middleware import CommonHeaders, Faults, Recorded, Request
from copilot_pipeline.simulated_github.queries import Page, RefusedError, day_parameter
from copilot_pipeline.simulated_github.reports import has_report, is_offered, report_records
from copilot_pipeline.simulated_github.seats import (
    billing,
    seat_rows,
    seat_total,
    seats,
)
from copilot_pipeline.simulated_github.users import authenticated_user, copilot_user

DEMO_TOKEN = "ghp_" + "SimulatedGitHub0".ljust(36, "0")
DEFAULT_SCOPES = "manage_billing:copilot, read:org"

# The classic scopes that admit to an endpoint, each with those that include it.
ANY_SCOPE: frozenset[str] = frozenset()
METRICS_SCOPES = frozenset({"read:org", "write:org", "admin:org"})
BILLING_SCOPES = METRICS_SCOPES | {"manage_billing:copilot"}
ENTERPRISE_SCOPES = frozenset({"read:enterprise", "admin:enterprise", "manage_billing:copilot"})
LEGACY_REACH = timedelta(days=100)


@dataclass(frozen=True)
class _Account:
    user: Mapping[str, Any]
    scopes: str
    expires_at: datetime | None


_Serve = Callable[[HttpRequest, _Account], Response]


class SimulatedGitHub:
    """GitHub for a demo or a test: `with SimulatedGitHub([Organization("demo-org")]) as github:`.

    An enterprise's organizations are served too, without being listed again.

    `today` stops the clock for reports and seats, not for signed links, which are valid for
    `link_lifetime` seconds. Every report comes in `shards` files, its lines dealt out in turn. The
    API listens on `port`, by default on any free one.
    """

    url: str
    download_url: str

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
        self.requests: list[Request] = []
        self.token = token
        self.link_lifetime = link_lifetime
        self.shards = shards
        self._port = port
        inside = [each for enterprise in enterprises for each in enterprise.organizations]
        self._organizations = {each.slug.lower(): each for each in [*organizations, *inside]}
        self._enterprises = {each.slug.lower(): each for each in enterprises}
        self._today = today
        self._accounts: dict[str, _Account] = {}
        self._downloads = Downloads()
        self._servers: Servers | None = None
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
        return self.download_url + signed_path(path, self.link_lifetime)

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
        downloads = Recorded(self._downloads.app, "download", self.requests, self.faults)
        self._servers = Servers([(self._api(), self._port), (downloads, 0)])
        self.url, self.download_url = self._servers.urls
        return self

    def __exit__(self, *_: object) -> None:
        if self._servers is not None:
            self._servers.stop()

    def _api(self) -> ASGIApp:
        prefix = "/orgs/{org}/copilot"
        enterprise = "/enterprises/{enterprise}/copilot"
        one_day, latest = "metrics/reports/{report}-1-day", "metrics/reports/{report}-28-day/latest"
        routes: list[tuple[str, _Serve, frozenset[str]]] = [
            ("/user", self._user, ANY_SCOPE),
            ("/copilot_internal/user", self._copilot_user, ANY_SCOPE),
            (f"{prefix}/billing", self._billing, BILLING_SCOPES),
            (f"{prefix}/billing/seats", self._seats, BILLING_SCOPES),
            (f"{prefix}/metrics", self._legacy_metrics, BILLING_SCOPES),
            (f"{prefix}/{one_day}", self._one_day_report, METRICS_SCOPES),
            (f"{prefix}/{latest}", self._latest_report, METRICS_SCOPES),
            (f"{enterprise}/billing/seats", self._seats, ENTERPRISE_SCOPES),
            (f"{enterprise}/metrics", self._legacy_metrics, ENTERPRISE_SCOPES),
            (f"{enterprise}/{one_day}", self._one_day_report, ENTERPRISE_SCOPES),
            (f"{enterprise}/{latest}", self._latest_report, ENTERPRISE_SCOPES),
            ("/{path:path}", self._nothing, ANY_SCOPE),
        ]
        # Tracebacks in the answer, as in `Downloads`.
        app = Starlette(
            debug=True,
            routes=[
                Route(path, self._for_accounts(serve, scopes)) for path, serve, scopes in routes
            ],
        )
        return CommonHeaders(Recorded(app, "api", self.requests, self.faults))

    def _for_accounts(
        self, serve: _Serve, accepted: frozenset[str]
    ) -> Callable[[HttpRequest], Any]:
        """What every API route asks first: a User-Agent, a token it knows, and a classic scope."""

        async def endpoint(request: HttpRequest) -> Response:
            try:
                account = self._account(request)
            except RefusedError as refused:
                return respond(refused.answer)
            token = request.headers["authorization"].split()[-1]
            is_classic = not token.startswith("github_pat_")
            try:
                if is_classic and accepted and accepted.isdisjoint(account.scopes.split(", ")):
                    raise RefusedError(faults.missing_scope(account.scopes, accepted))
                response = serve(request, account)
            except RefusedError as refused:
                response = respond(refused.answer)
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
            raise RefusedError(faults.missing_user_agent())
        authorization = request.headers.get("authorization")
        if authorization is None:
            raise RefusedError(faults.requires_authentication())
        scheme, _, token = authorization.partition(" ")
        if scheme.lower() not in ("bearer", "token") or token not in self._accounts:
            raise RefusedError(faults.bad_credentials())
        account = self._accounts[token]
        if account.expires_at is not None and account.expires_at <= datetime.now(UTC):
            raise RefusedError(faults.bad_credentials())
        return account

    def _scope(self, request: HttpRequest) -> Scope:
        names = request.path_params
        scope = (
            self._enterprises.get(names["enterprise"].lower())
            if "enterprise" in names
            else self._organizations.get(names["org"].lower())
        )
        if scope is None:
            raise RefusedError(faults.not_found())
        return scope

    def _nothing(self, request: HttpRequest, account: _Account) -> Response:
        raise RefusedError(faults.not_found())

    def _user(self, request: HttpRequest, account: _Account) -> Response:
        return JSONResponse(dict(account.user))

    def _copilot_user(self, request: HttpRequest, account: _Account) -> Response:
        return JSONResponse(copilot_user(str(account.user["login"]), self.today))

    def _billing(self, request: HttpRequest, account: _Account) -> Response:
        scope = self._scope(request)
        if isinstance(scope, Enterprise):
            raise RefusedError(faults.not_found())
        return JSONResponse(billing(scope, self.newest_day))

    def _seats(self, request: HttpRequest, account: _Account) -> Response:
        scope, day = self._scope(request), self.newest_day
        page = Page.of(request, seat_rows(scope, day), default_size=50)
        listed = seats(scope, day, page.start, page.stop)
        body = {"total_seats": seat_total(scope, day), "seats": listed}
        return JSONResponse(body, headers=page.link_header(request, self.url))

    def _legacy_metrics(self, request: HttpRequest, account: _Account) -> Response:
        scope = self._scope(request)
        if not scope.legacy:
            raise RefusedError(faults.legacy_closed())
        since = day_parameter(request, "since") or date.min
        until = day_parameter(request, "until") or date.max
        days = [day for day in self._legacy_days(scope) if since <= day <= until]
        page = Page.of(request, len(days), default_size=100)
        given = scope.legacy_days or {}
        body = [
            given.get(day) or legacy_day(scope.staffs, day) for day in days[page.start : page.stop]
        ]
        return JSONResponse(body, headers=page.link_header(request, self.url))

    def _legacy_days(self, scope: Scope) -> list[date]:
        if scope.legacy_days is not None:
            return sorted(scope.legacy_days)
        reach = (self.newest_day - timedelta(days=n) for n in reversed(range(LEGACY_REACH.days)))
        return [day for day in reach if scope.has_day(day)]

    def _one_day_report(self, request: HttpRequest, account: _Account) -> Response:
        scope = self._scope(request)
        day = day_parameter(request, "day", dates_only=True)
        if day is None:
            raise RefusedError(faults.invalid_parameter("day"))
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

    def _envelope(self, scope: Scope, name: str, day: date, days: dict[str, str]) -> Response:
        """Links to the report's files, or one of the ways to say that there is none."""
        if not is_offered(scope, name):
            raise RefusedError(faults.not_found())
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
                    paths = [self._downloads.publish(folder, *each) for each in enumerate(files)]
                    links = [self.signed_link(path) for path in paths]
                return JSONResponse({"download_links": links, **days})

    def _generate(self, scope: Scope, name: str, day: date) -> ReportFiles:
        lines = [json.dumps(record) + "\n" for record in report_records(scope, name, day)]
        return ReportFiles(["".join(lines[part :: self.shards]) for part in range(self.shards)])
