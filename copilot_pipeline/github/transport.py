"""Sends requests: headers, timeouts, size limits, redirects. A token goes to its endpoint only."""

import io
import logging
import ssl
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Self

import httpx

from copilot_pipeline.github.bodies import Body, Limit
from copilot_pipeline.github.credentials import Credential
from copilot_pipeline.github.deadlines import deadline, limited_transport
from copilot_pipeline.github.documents import Document, Spool, require_text
from copilot_pipeline.github.errors import (
    Answer,
    GitHubError,
    RefusedUrlError,
    RetryableError,
    Subject,
    check,
    check_download,
)
from copilot_pipeline.github.retries import DEFAULT_RETRY_POLICY, Retries, RetryPolicy
from copilot_pipeline.github.urls import DownloadHosts, join, same_origin, without_query

API_VERSION = "2026-03-10"
USER_AGENT = "copilot_pipeline"

TIMEOUT = httpx.Timeout(60.0, connect=15.0)
LONGEST_ANSWER_SECONDS = 600.0

# An answer of the API is read in memory: a page of 100 seats has some hundred kilobytes. A file of
# a report holds some thousand users and goes to disk; it is in memory once, as a row.
LARGEST_ANSWER_BYTES = 32 * 1024 * 1024
LARGEST_FILE_BYTES = 128 * 1024 * 1024
LARGEST_REPORT_BYTES = 4 * 1024 * 1024 * 1024

MOST_REDIRECTS = 3

_TALKATIVE = ("httpx", "httpcore.connection", "httpcore.http11", "httpcore.proxy")


@dataclass(frozen=True)
class Connection:
    """Where and how the requests of a credential go."""

    endpoint: str
    credential: Credential
    proxy: str | None = None
    download_hosts: tuple[str, ...] = ()
    storage_accounts: tuple[str, ...] = ()
    concurrency: int = 4
    retry_policy: RetryPolicy = DEFAULT_RETRY_POLICY


class Transport:
    """The HTTP side of one credential: a pool for the API, and one without it for downloads."""

    def __init__(self, connection: Connection) -> None:
        # They log whole addresses and headers, with the signatures of download links.
        for name in _TALKATIVE:
            logging.getLogger(name).disabled = True
        self._endpoint = httpx.URL(connection.endpoint)
        self._credential = connection.credential
        self._hosts = DownloadHosts.of(
            connection.endpoint, connection.download_hosts, connection.storage_accounts
        )
        self._policy = connection.retry_policy
        self._retries = Retries(self._policy)
        self._download_retries: dict[bytes, Retries] = {}
        self._lock = threading.Lock()
        self._closed = False
        # A credential goes to the endpoint only: downloads have a client without it.
        self._api = self._new_client(connection, connection.credential)
        self._downloads = self._new_client(connection, None)

    @staticmethod
    def _new_client(connection: Connection, auth: Credential | None) -> httpx.Client:
        # trust_env: HTTP(S)_PROXY of the machine is not an account's own setting.
        transport = httpx.HTTPTransport(
            trust_env=False,
            verify=_ssl_context(),
            proxy=connection.proxy,
            limits=httpx.Limits(max_connections=connection.concurrency),
        )
        return httpx.Client(
            trust_env=False,
            auth=auth,
            transport=limited_transport(transport),
            timeout=TIMEOUT,
            headers={"User-Agent": USER_AGENT, "Accept-Encoding": "gzip"},
        )

    def get(self, path: str, params: Mapping[str, str | int], subject: Subject) -> Answer:
        """The API's answer to a path below the endpoint."""
        url = self._endpoint.copy_with(path=self._endpoint.path.rstrip("/") + path)
        return self.follow(url.copy_merge_params(params), subject)

    def follow(self, url: httpx.URL | str, subject: Subject) -> Answer:
        """The API's answer to an address that GitHub gave; it must lie at the endpoint."""
        headers = {
            "Accept": "application/vnd.github+json",
            "X-GitHub-Api-Version": API_VERSION,
        }

        def request() -> Answer:
            content = io.BytesIO()
            body = Body(content, Limit(LARGEST_ANSWER_BYTES), subject)
            response, address = self._send(
                self._api, url, headers, subject, self._require_own_origin, body
            )
            answer = Answer(response.status_code, response.headers, content.getvalue(), address)
            check(answer, subject, *self._credential.secrets())
            self._require_no_echo(address, [answer.body], subject)
            return answer

        return self._retries.call(request)

    def download(self, link: str, subject: Subject, spool: Spool) -> Document:
        """A report's file from a signed link, asked for without the token, onto the spool.

        The limits are those of a file, and of what the spool holds already.
        """
        try:
            host = self._hosts.require(link).netloc
        except RefusedUrlError as error:
            raise RefusedUrlError(f"{subject}: {error}.") from None

        def request() -> Document:
            spool.file.seek(spool.size)
            left = LARGEST_REPORT_BYTES - max(spool.size, spool.received)
            limit = Limit(LARGEST_FILE_BYTES, "a file of the report")
            if left < limit.size:
                limit = Limit(
                    LARGEST_REPORT_BYTES, "the report", already=LARGEST_REPORT_BYTES - left
                )
            body = Body(spool.file, limit, subject)
            response, address = self._send(
                self._downloads, link, {}, subject, self._hosts.require, body
            )
            check_download(Answer(response.status_code, response.headers, b"", address), subject)
            file = spool.take(without_query(httpx.URL(address)), body.size, body.received)
            require_text(file, subject)
            self._require_no_echo(file.url, file.blocks(), subject)
            return file

        return self._retries_of(host).call(request)

    def _retries_of(self, host: bytes) -> Retries:
        """Those of one download host: its limits hold up neither the API nor other hosts."""
        with self._lock:
            retries = self._download_retries.get(host)
            if retries is None:
                retries = self._download_retries[host] = Retries(self._policy)
                if self._closed:
                    retries.close()
            return retries

    def _require_no_echo(self, url: str, blocks: Iterable[bytes], subject: Subject) -> None:
        """What an answer holds is stored as received, and a token is stored sealed only."""
        if self._credential.is_repeated([url.encode()]) or self._credential.is_repeated(blocks):
            raise GitHubError(f"{subject}: the answer repeats the token. Check the endpoint.")

    def close(self) -> None:
        self._retries.close()
        with self._lock:
            self._closed = True
            for retries in self._download_retries.values():
                retries.close()
        self._api.close()
        self._downloads.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _require_own_origin(self, link: str | httpx.URL) -> httpx.URL:
        url = join(self._endpoint, link)
        if not same_origin(url, self._endpoint):
            raise RefusedUrlError(
                f"GitHub points to the host {url.host!r}, which is not the account's endpoint; "
                "the token is not sent there"
            )
        return url

    def _send(
        self,
        client: httpx.Client,
        link: str | httpx.URL,
        headers: Mapping[str, str],
        subject: Subject,
        require: Callable[[str | httpx.URL], httpx.URL],
        body: Body,
    ) -> tuple[httpx.Response, str]:
        """The last answer, redirects followed, and its address; `body` then holds what it brought.

        `require` checks each address before it is called.
        """
        for _ in range(MOST_REDIRECTS + 1):
            try:
                url = require(link)
                response = self._receive(client, url, headers, subject, body)
                if not response.has_redirect_location:
                    return response, str(url)
                link = join(url, response.headers["location"])
            except RefusedUrlError as error:
                raise RefusedUrlError(f"{subject}: {error}.") from None
        raise GitHubError(f"{subject}: more than {MOST_REDIRECTS} redirects.")

    def _receive(
        self,
        client: httpx.Client,
        url: httpx.URL,
        headers: Mapping[str, str],
        subject: Subject,
        body: Body,
    ) -> httpx.Response:
        try:
            # Cookies that an answer sets go nowhere else.
            client.cookies.clear()
            with (
                deadline(LONGEST_ANSWER_SECONDS),
                client.stream("GET", url, headers=dict(headers)) as response,
            ):
                body.begin(response.headers.get("content-encoding", "identity"))
                for chunk in response.iter_raw():
                    body.add(chunk)
                body.end()
        except (httpx.InvalidURL, UnicodeError):
            # httpx looks at the target of a redirect, though it does not follow it.
            raise RefusedUrlError("a redirect leads to no address") from None
        except httpx.TransportError as error:
            # The cause is cut off: its text and its request may hold a signed link.
            raise RetryableError(
                f"{subject}: no whole answer came ({type(error).__name__}). Check the network, the "
                "endpoint and the proxy, and try again."
            ) from None
        if response.is_redirect and not response.has_redirect_location:
            raise GitHubError(f"{subject}: {response.status_code} without a location.")
        return response


@cache
def _ssl_context() -> ssl.SSLContext:
    """One for all clients: loading the certificates takes longer than a request."""
    return httpx.create_ssl_context(trust_env=False)
