"""Sends requests: headers, timeouts, size limits, redirects. A token goes to its endpoint only."""

import gzip
import io
import logging
import ssl
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Self

import httpx

from copilot_pipeline.github.deadlines import deadline, limited_transport
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
LARGEST_ANSWER_BYTES = 256 * 1024 * 1024
MOST_REDIRECTS = 3

_TALKATIVE = ("httpx", "httpcore.connection", "httpcore.http11", "httpcore.proxy")


@dataclass(frozen=True)
class Connection:
    """Where and how a token's requests go."""

    endpoint: str
    token: str = field(repr=False)
    proxy: str | None = None
    download_hosts: tuple[str, ...] = ()
    concurrency: int = 4
    retry_policy: RetryPolicy = DEFAULT_RETRY_POLICY


class Transport:
    """The HTTP side of one token: one pool for the API, one without credentials for downloads."""

    def __init__(self, connection: Connection) -> None:
        # They log whole addresses and headers, with the signatures of download links.
        for name in _TALKATIVE:
            logging.getLogger(name).disabled = True
        self._endpoint = httpx.URL(connection.endpoint)
        self._token = connection.token
        self._hosts = DownloadHosts.of(connection.endpoint, connection.download_hosts)
        self._retries = Retries(connection.retry_policy)
        self._api = self._new_client(connection)
        self._downloads = self._new_client(connection)

    @staticmethod
    def _new_client(connection: Connection) -> httpx.Client:
        # trust_env: HTTP(S)_PROXY of the machine is not an account's own setting.
        transport = httpx.HTTPTransport(
            trust_env=False,
            verify=_ssl_context(),
            proxy=connection.proxy,
            limits=httpx.Limits(max_connections=connection.concurrency),
        )
        return httpx.Client(
            trust_env=False,
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
            "Authorization": f"Bearer {self._token}",
            "X-GitHub-Api-Version": API_VERSION,
        }

        def request() -> Answer:
            answer = self._send(self._api, url, headers, subject, self._require_own_origin, str)
            check(answer, subject, self._token)
            # What an answer holds is stored as received, and a token is stored sealed only.
            if self._token in answer.url or self._token.encode() in answer.body:
                raise GitHubError(f"{subject}: the answer repeats the token. Check the endpoint.")
            return answer

        return self._retries.call(request)

    def download(self, link: str, subject: Subject) -> Answer:
        """A report's file from a signed link, asked for without the token."""

        def request() -> Answer:
            hosts = self._hosts
            answer = self._send(self._downloads, link, {}, subject, hosts.require, without_query)
            check_download(answer, subject)
            return answer

        return self._retries.call(request)

    def close(self) -> None:
        self._retries.close()
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
        shown: Callable[[httpx.URL], str],
    ) -> Answer:
        """One answer, redirects followed; `require` checks each address before it is called.

        `shown` gives the form in which an address may be kept.
        """
        for _ in range(MOST_REDIRECTS + 1):
            try:
                url = require(link)
                response, body = self._receive(client, url, headers, subject)
                if not response.has_redirect_location:
                    return Answer(response.status_code, response.headers, body, shown(url))
                link = join(url, response.headers["location"])
            except RefusedUrlError as error:
                raise RefusedUrlError(f"{subject}: {error}.") from None
        raise GitHubError(f"{subject}: more than {MOST_REDIRECTS} redirects.")

    def _receive(
        self, client: httpx.Client, url: httpx.URL, headers: Mapping[str, str], subject: Subject
    ) -> tuple[httpx.Response, bytes]:
        received = bytearray()
        try:
            # Cookies that an answer sets go nowhere else.
            client.cookies.clear()
            with (
                deadline(LONGEST_ANSWER_SECONDS),
                client.stream("GET", url, headers=dict(headers)) as response,
            ):
                for chunk in response.iter_raw():
                    received += chunk
                    _require_size(len(received), subject)
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
        encoding = response.headers.get("content-encoding", "identity").strip().lower()
        return response, _decoded(bytes(received), encoding, subject)


@cache
def _ssl_context() -> ssl.SSLContext:
    """One for all clients: loading the certificates takes longer than a request."""
    return httpx.create_ssl_context(trust_env=False)


def _decoded(received: bytes, encoding: str, subject: Subject) -> bytes:
    """The body without its compression. httpx itself would take half a gzip stream for a whole."""
    if encoding in ("", "identity") or not received:
        return received
    if encoding not in ("gzip", "x-gzip"):
        raise GitHubError(f"{subject}: the answer's compression is not known.")
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(received)) as stream:
            body = stream.read(LARGEST_ANSWER_BYTES + 1)
    except EOFError:
        raise RetryableError(f"{subject}: the compressed answer was cut. Try again.") from None
    except (gzip.BadGzipFile, zlib.error):
        raise GitHubError(f"{subject}: the answer's compression is broken.") from None
    _require_size(len(body), subject)
    return body


def _require_size(size: int, subject: Subject) -> None:
    if size > LARGEST_ANSWER_BYTES:
        limit = f"{LARGEST_ANSWER_BYTES // 1024 // 1024} MiB"
        raise GitHubError(f"{subject}: the answer is larger than {limit}.")
