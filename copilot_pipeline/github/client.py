"""The client of GitHub's Copilot endpoints: the token's user, billing, seats, reports, metrics.

The methods return response bodies as received; `sources/` parses them. Source of the paths,
parameters and paging: GitHub's REST documentation of Copilot user management, Copilot usage
metrics, and Copilot metrics (closed on 2026-04-02).
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from http import HTTPStatus
from typing import Self
from urllib.parse import quote, urljoin

import httpx

from copilot_pipeline.github.documents import Document, Spool, require_text
from copilot_pipeline.github.errors import (
    AccessError,
    Answer,
    FileMissingError,
    GitHubError,
    LinkExpiredError,
    Subject,
)
from copilot_pipeline.github.kinds import ScopeKind
from copilot_pipeline.github.permissions import Needs
from copilot_pipeline.github.refusals import RefusalReason
from copilot_pipeline.github.transport import ConnectionSettings, Transport

# A list with more pages is a loop.
MAX_PAGES = 10_000

# A report has one file for several thousand users.
MAX_FILES = 10_000

# How often the links of a report are requested. They expire after about an hour.
MAX_ENVELOPES = 3

_ROLE_OR_PERMISSION = (
    RefusalReason.NOT_OWNER,
    RefusalReason.MISSING_PERMISSION,
    RefusalReason.MISSING_SCOPE,
)


@dataclass(frozen=True)
class Report:
    """The files of a report, and the HTTP status of the response that listed them.

    `files` is empty if GitHub has no report for the day, or not yet.
    """

    status: int
    files: list[Document]


@dataclass(frozen=True)
class User:
    """The user that a token belongs to, with the scopes and the expiration of the token."""

    login: str
    id: int
    node_id: str | None
    avatar_url: str | None
    token_scopes: str | None
    token_expires_at: datetime | None


class GitHubClient:
    """A client that uses one credential. It is thread-safe; close it after use.

    The methods raise `GitHubError` (see `errors`), whose message names the host, the account, the
    scope and the endpoint.
    """

    def __init__(self, settings: ConnectionSettings, login: str = "") -> None:
        self._account = f"account {login}" if login else ""
        self._host = httpx.URL(settings.endpoint).netloc.decode()
        self._transport = Transport(settings)
        self.concurrency = settings.concurrency

    def user(self) -> User:
        """Return the user that the token belongs to: `GET /user`."""
        subject = Subject(self._host, self._account, "", "GET /user")
        answer = self._transport.get("/user", {}, subject)
        body = _json(answer, subject)
        user_id = body.get("id") if isinstance(body, dict) else None
        if not isinstance(body, dict) or not _is_user_id(user_id) or not body.get("login"):
            raise GitHubError(f"{subject}: the response names no user. Check the endpoint.")
        return User(
            login=str(body["login"]),
            id=body["id"],
            node_id=_text(body.get("node_id")),
            avatar_url=_text(body.get("avatar_url")),
            token_scopes=answer.headers.get("x-oauth-scopes"),
            token_expires_at=_expiration(answer.headers),
        )

    def copilot_user(self, spool: Spool) -> Document:
        """Return the user's own Copilot plan and quota: `GET /copilot_internal/user`.

        GitHub does not document this endpoint, and may remove it.
        """
        subject = Subject(self._host, self._account, "", "GET /copilot_internal/user")
        try:
            answer = self._transport.get("/copilot_internal/user", {}, subject)
            return _document(answer, subject, spool)
        except GitHubError as error:
            if error.reason not in (*_ROLE_OR_PERMISSION, RefusalReason.NOT_FOUND):
                raise
            raise AccessError(
                error.message,
                "GitHub does not document this endpoint and may refuse a personal access token: it "
                "is meant for the tokens of editors and of the GitHub CLI. Nothing else needs it.",
                error.reason,
            ) from None

    def document(
        self, kind: ScopeKind, slug: str, path: str, needs: Needs, spool: Spool
    ) -> Document:
        """Return one response of an endpoint below the scope's path."""
        return _document(*self._get(kind, slug, path, {}, needs), spool)

    def pages(
        self,
        kind: ScopeKind,
        slug: str,
        path: str,
        params: Mapping[str, str | int],
        needs: Needs,
        spool: Spool,
    ) -> Iterator[Document]:
        """Yield every page of a list below the scope's path, following the `Link` header."""
        answer, subject = self._get(kind, slug, path, params, needs)
        for _ in range(MAX_PAGES):
            if answer.status == HTTPStatus.NO_CONTENT:
                return
            yield _document(answer, subject, spool)
            following = _next_link(answer)
            if following is None:
                return
            answer = self._transport.follow(following, subject)
        raise GitHubError(f"{subject}: more than {MAX_PAGES} pages.")

    def report(
        self, kind: ScopeKind, slug: str, report: str, day: date, needs: Needs, spool: Spool
    ) -> Report:
        """Return the files of a report about one day.

        The report has no files if GitHub has none for the day, or not yet.
        """
        for _ in range(MAX_ENVELOPES):
            path = f"/copilot/metrics/reports/{report}"
            answer, subject = self._get(kind, slug, path, {"day": str(day)}, needs)
            links = _download_links(answer, subject, day)
            try:
                files = [self._transport.download(link, subject, spool) for link in links]
            except LinkExpiredError as error:
                expired = error
            else:
                return Report(answer.status, files)
        if isinstance(expired, FileMissingError):
            return Report(HTTPStatus.NOT_FOUND, [])
        raise expired

    def require_reports(self, kind: ScopeKind, slug: str, report: str, needs: Needs) -> None:
        """Check that the token may read a report, by requesting the latest one.

        This distinguishes a 404 for one day from a 404 for the scope.

        Raises:
            GitHubError: why GitHub refuses the report for every day.
        """
        self._get(kind, slug, f"/copilot/metrics/reports/{report}/latest", {}, needs)

    def close(self) -> None:
        self._transport.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _get(
        self, kind: ScopeKind, slug: str, path: str, params: Mapping[str, str | int], needs: Needs
    ) -> tuple[Answer, Subject]:
        full_path = f"/{kind.path}/{quote(slug, safe='')}{path}"
        subject = Subject(self._host, self._account, f"{kind} {slug}", f"GET {full_path}", needs)
        return self._transport.get(full_path, params, subject), subject


def _is_user_id(value: object) -> bool:
    return type(value) is int and 0 < value < 2**63


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None


def _document(answer: Answer, subject: Subject, spool: Spool) -> Document:
    document = spool.add(answer.url, answer.body)
    require_text(document, subject)
    return document


def _json(answer: Answer, subject: Subject) -> object:
    try:
        return json.loads(answer.body.decode("utf-8-sig"))
    except (ValueError, RecursionError):
        raise GitHubError(f"{subject}: the response is not JSON. Check the endpoint.") from None


def _download_links(answer: Answer, subject: Subject, day: date) -> list[str]:
    """Return the download links of a report, or none if there is no report.

    Without a report GitHub sends a 204, an empty body, a JSON string, null, or no links.
    """
    if answer.status == HTTPStatus.NO_CONTENT or not answer.body.strip():
        return []
    envelope = _json(answer, subject)
    if envelope is None or isinstance(envelope, str):
        return []
    links = envelope.get("download_links") if isinstance(envelope, dict) else None
    if isinstance(links, list) and len(links) > MAX_FILES:
        raise GitHubError(f"{subject}: the report has more than {MAX_FILES} files.")
    if not isinstance(links, list) or not all(isinstance(link, str) for link in links):
        raise GitHubError(f"{subject}: the response contains no list of download links.")
    stated = envelope.get("report_day") if isinstance(envelope, dict) else None
    if links and stated not in (None, str(day)):
        raise GitHubError(f"{subject}: GitHub sent the report of a day other than {day}.")
    return links


def _next_link(answer: Answer) -> str | None:
    """Return the URL of `Link: <…>; rel="next"` (RFC 8288), or None.

    `httpx.Response.links` is not used: it splits URLs that contain `;`, and does not find `next`
    among several relations.
    """
    for target, parameters in re.findall(r"<([^>]*)>([^<]*)", answer.headers.get("link", "")):
        relation = re.search(r"\brel\s*=\s*\"?([^\";,]*)", parameters, re.IGNORECASE)
        if relation and "next" in relation.group(1).lower().split():
            try:
                return urljoin(answer.url, str(target))
            except ValueError:
                # Not a URL. `Transport.follow` refuses it with a message.
                return str(target)
    return None


def _expiration(headers: Mapping[str, str]) -> datetime | None:
    """Return the instant of `github-authentication-token-expiration`, or None.

    The header holds `2026-12-01 08:00:00 UTC`, or an offset instead of `UTC`.
    """
    text = re.sub(r"\s*UTC$", "+00:00", headers.get("github-authentication-token-expiration", ""))
    try:
        instant = datetime.fromisoformat(text.replace(" +", "+").replace(" -", "-"))
        return (instant if instant.tzinfo else instant.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        return None
