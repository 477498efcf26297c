"""What we ask GitHub for: who a token belongs to, billing, seats, reports, legacy metrics.

Every method gives answers as received; what they hold is for others to say. Source of paths,
parameters and paging: GitHub's REST documentation of Copilot user management, Copilot usage metrics
and (closed on 2026-04-02) Copilot metrics.
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from http import HTTPStatus
from typing import Self
from urllib.parse import quote, urljoin

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
from copilot_pipeline.github.meanings import Meaning
from copilot_pipeline.github.permissions import Needs
from copilot_pipeline.github.transport import Connection, Transport

# More pages than this is a circle, not a list.
MAX_PAGES = 10_000

# A report has a file for some thousand users.
MAX_FILES = 10_000

# A signed link lives about an hour: new ones are asked for this often when files do not come.
MAX_ENVELOPES = 3

_ROLE_OR_PERMISSION = (Meaning.NOT_OWNER, Meaning.MISSING_PERMISSION, Meaning.MISSING_SCOPE)


@dataclass(frozen=True)
class Report:
    """All files of a report, and the HTTP status of the answer that gave or denied them.

    No files: GitHub has no report for that day (yet).
    """

    status: int
    files: list[Document]


@dataclass(frozen=True)
class User:
    """Who a token belongs to, and what GitHub says of the token itself."""

    login: str
    id: int
    node_id: str | None
    avatar_url: str | None
    token_scopes: str | None
    token_expires_at: datetime | None


class GitHubClient:
    """GitHub as seen with one token. Safe to use from several threads; close it after use.

    Raises `GitHubError` (see `errors`) with a message that names account, scope and endpoint.
    """

    def __init__(self, connection: Connection, login: str = "") -> None:
        self._account = f"account {login}" if login else ""
        self._transport = Transport(connection)
        self.concurrency = connection.concurrency

    def user(self) -> User:
        """`GET /user`."""
        subject = Subject(self._account, "", "GET /user")
        answer = self._transport.get("/user", {}, subject)
        body = _json(answer, subject)
        user_id = body.get("id") if isinstance(body, dict) else None
        if not isinstance(body, dict) or not _is_user_id(user_id) or not body.get("login"):
            raise GitHubError(f"{subject}: the answer names no user. Check the endpoint.")
        return User(
            login=str(body["login"]),
            id=body["id"],
            node_id=_text(body.get("node_id")),
            avatar_url=_text(body.get("avatar_url")),
            token_scopes=answer.headers.get("x-oauth-scopes"),
            token_expires_at=_expiration(answer.headers),
        )

    def copilot_user(self, spool: Spool) -> Document:
        """The token owner's own Copilot plan and quota: `GET /copilot_internal/user`.

        The endpoint is undocumented, and may vanish.
        """
        subject = Subject(self._account, "", "GET /copilot_internal/user")
        try:
            answer = self._transport.get("/copilot_internal/user", {}, subject)
            return _document(answer, subject, spool)
        except GitHubError as error:
            if error.meaning not in (*_ROLE_OR_PERMISSION, Meaning.NOT_FOUND):
                raise
            raise AccessError(
                error.said,
                "GitHub does not document this endpoint and may refuse a personal access token: it "
                "is made for the tokens of editors and of the GitHub CLI. Nothing else needs it.",
                error.meaning,
            ) from None

    def document(
        self, kind: ScopeKind, slug: str, path: str, needs: Needs, spool: Spool
    ) -> Document:
        """One answer below the scope's path."""
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
        """Every page of a list below the scope's path, following `Link` as given."""
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
        """All files of a 1-day report; none where GitHub has no report for that day (yet)."""
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
        """Raises why GitHub refuses a report, whatever the day: asks for its latest form.

        Tells a 404 for one day from a 404 for the scope.
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
        subject = Subject(self._account, f"{kind} {slug}", f"GET {full_path}", needs)
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
        raise GitHubError(f"{subject}: the answer is not JSON. Check the endpoint.") from None


def _download_links(answer: Answer, subject: Subject, day: date) -> list[str]:
    """The links of an envelope; none where GitHub says that there is no report.

    GitHub says so in several ways: 204, an empty body, a JSON text, null, or no links.
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
        raise GitHubError(f"{subject}: the answer holds no list of download links.")
    stated = envelope.get("report_day") if isinstance(envelope, dict) else None
    if links and stated not in (None, str(day)):
        raise GitHubError(f"{subject}: GitHub sent the report of another day than {day}.")
    return links


def _next_link(answer: Answer) -> str | None:
    """`Link: <…>; rel="next"`, as GitHub gives it (RFC 8288; addresses may hold `;` and `,`)."""
    for target, parameters in re.findall(r"<([^>]*)>([^<]*)", answer.headers.get("link", "")):
        relation = re.search(r"\brel\s*=\s*\"?([^\";,]*)", parameters, re.IGNORECASE)
        if relation and "next" in relation.group(1).lower().split():
            try:
                return urljoin(answer.url, str(target))
            except ValueError:
                # No address at all: refused, with words, where it is followed.
                return str(target)
    return None


def _expiration(headers: Mapping[str, str]) -> datetime | None:
    """`github-authentication-token-expiration`: `2026-12-01 08:00:00 UTC`, or with an offset."""
    text = re.sub(r"\s*UTC$", "+00:00", headers.get("github-authentication-token-expiration", ""))
    try:
        instant = datetime.fromisoformat(text.replace(" +", "+").replace(" -", "-"))
        return (instant if instant.tzinfo else instant.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        return None
