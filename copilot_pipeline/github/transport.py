"""Sends requests: headers, timeouts, size limits, redirects.

A token is sent to its own endpoint only.
"""

import io
import ssl
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cache
from typing import Self

import httpx

from copilot_pipeline.github.bodies import Body, Limit
from copilot_pipeline.github.credentials import Credential
from copilot_pipeline.github.deadlines import TRANSPORT_ERRORS, DeadlineTransport, deadline
from copilot_pipeline.github.documents import Document, Spool, require_text
from copilot_pipeline.github.errors import (
    Answer,
    GitHubError,
    RefusedUrlError,
    RetryableError,
    Subject,
    raise_for_answer,
    raise_for_download,
)
from copilot_pipeline.github.retries import DEFAULT_RETRY_POLICY, Retries, RetryPolicy
from copilot_pipeline.github.urls import DownloadHosts, join, same_origin, without_query

API_VERSION = "2026-03-10"
USER_AGENT = "copilot_pipeline"

# Source: GitHub's REST documentation. GitHub ends a request that takes longer than 10 seconds.
TIMEOUT = httpx.Timeout(30.0, connect=15.0)
MAX_ANSWER_SECONDS = 600.0

# A response of the API is held in memory: a page of 100 seats has a few hundred kilobytes. A file
# of a report contains several thousand users and is written to disk. It is loaded into memory once,
# to store it as a row.
MAX_ANSWER_BYTES = 32 * 1024 * 1024
MAX_FILE_BYTES = 128 * 1024 * 1024
MAX_REPORT_BYTES = 4 * 1024 * 1024 * 1024

MAX_REDIRECTS = 3


@dataclass(frozen=True)
class ConnectionSettings:
    """How to reach GitHub with a credential.

    `download_hosts` and `storage_accounts` are the further hosts of report files, and `concurrency`
    is the maximum number of simultaneous requests.
    """

    endpoint: str
    credential: Credential
    proxy: str | None = None
    download_hosts: tuple[str, ...] = ()
    storage_accounts: tuple[str, ...] = ()
    concurrency: int = 4
    retry_policy: RetryPolicy = DEFAULT_RETRY_POLICY


class Transport:
    """Sends the requests of one credential.

    One connection pool serves the API. Another one, which does not know the credential, downloads
    report files.
    """

    def __init__(self, settings: ConnectionSettings) -> None:
        self._endpoint = httpx.URL(settings.endpoint)
        self._credential = settings.credential
        self._hosts = DownloadHosts.of(
            settings.endpoint, settings.download_hosts, settings.storage_accounts
        )
        self._policy = settings.retry_policy
        endpoint_host = self._endpoint.netloc.decode()
        self._retries = Retries(self._policy, endpoint_host, is_endpoint=True)
        self._download_retries: dict[str, Retries] = {}
        self._lock = threading.Lock()
        self._closed = False
        # The credential is sent to the endpoint only, so downloads use a client without it.
        self._api = self._new_client(settings, settings.credential)
        self._downloads = self._new_client(settings, None)

    @staticmethod
    def _new_client(settings: ConnectionSettings, auth: Credential | None) -> httpx.Client:
        # Without trust_env, HTTP(S)_PROXY and .netrc are ignored: an account has its own proxy.
        return httpx.Client(
            trust_env=False,
            auth=auth,
            transport=DeadlineTransport(_ssl_context(), settings.concurrency, settings.proxy),
            timeout=TIMEOUT,
            headers={"User-Agent": USER_AGENT, "Accept-Encoding": "gzip"},
        )

    def get(self, path: str, params: Mapping[str, str | int], subject: Subject) -> Answer:
        """Return the response of a path below the endpoint."""
        url = self._endpoint.copy_with(path=self._endpoint.path.rstrip("/") + path)
        return self.follow(url.copy_merge_params(params), subject)

    def follow(self, url: httpx.URL | str, subject: Subject) -> Answer:
        """Return the response of a URL that GitHub sent, such as that of the next page.

        Raises:
            RefusedUrlError: the URL does not belong to the endpoint.
            GitHubError: the request failed (see `errors`).
        """
        headers = {
            "Accept": "application/vnd.github+json",
            "X-GitHub-Api-Version": API_VERSION,
        }

        def request() -> Answer:
            content = io.BytesIO()
            body = Body(content, Limit(MAX_ANSWER_BYTES), subject)
            response, address = self._send(
                self._api, url, headers, subject, self._require_own_origin, body
            )
            answer = Answer(response.status_code, response.headers, content.getvalue(), address)
            raise_for_answer(answer, subject, *self._credential.secrets())
            self._require_no_echo(address, [answer.body], subject)
            return answer

        return self._retries.call(request)

    def download(self, link: str, subject: Subject, spool: Spool) -> Document:
        """Download a file of a report to the spool, from a signed link and without the token.

        The file must not exceed `MAX_FILE_BYTES`, and all files of the spool together must not
        exceed `MAX_REPORT_BYTES`.

        Raises:
            RefusedUrlError: the host of the link is not allowed.
            GitHubError: the download failed (see `errors`).
        """
        try:
            host = self._hosts.require(link).netloc.decode()
        except RefusedUrlError as error:
            raise RefusedUrlError(f"{subject}: {error}.") from None
        subject = replace(subject, host=host)

        def request() -> Document:
            spool.file.seek(spool.size)
            left = MAX_REPORT_BYTES - max(spool.size, spool.received)
            limit = Limit(MAX_FILE_BYTES, "a file of the report")
            if left < limit.size:
                limit = Limit(MAX_REPORT_BYTES, "the report", already=MAX_REPORT_BYTES - left)
            body = Body(spool.file, limit, subject)
            response, address = self._send(
                self._downloads, link, {}, subject, self._hosts.require, body
            )
            raise_for_download(
                Answer(response.status_code, response.headers, b"", address), subject
            )
            file = spool.take(without_query(httpx.URL(address)), body.size, body.received)
            require_text(file, subject)
            self._require_no_echo(file.url, file.blocks(), subject)
            return file

        return self._retries_of(host).call(request)

    def _retries_of(self, host: str) -> Retries:
        """Return the retries of a download host, whose rate limits and outages are its own."""
        with self._lock:
            retries = self._download_retries.get(host)
            if retries is None:
                retries = Retries(self._policy, host, is_endpoint=False)
                self._download_retries[host] = retries
                if self._closed:
                    retries.close()
            return retries

    def _require_no_echo(self, url: str, blocks: Iterable[bytes], subject: Subject) -> None:
        """Refuse a response that contains the token, because responses are stored unencrypted."""
        if self._credential.is_repeated([url.encode()]) or self._credential.is_repeated(blocks):
            raise GitHubError(f"{subject}: the response repeats the token. Check the endpoint.")

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
        """Follow redirects, and return the last response and its URL.

        The response is written to `body`. `require` checks each URL before it is requested.
        """
        for _ in range(MAX_REDIRECTS + 1):
            try:
                url = require(link)
                response = self._receive(client, url, headers, subject, body)
                if not response.has_redirect_location:
                    return response, str(url)
                link = join(url, response.headers["location"])
            except RefusedUrlError as error:
                raise RefusedUrlError(f"{subject}: {error}.") from None
        raise GitHubError(f"{subject}: more than {MAX_REDIRECTS} redirects.")

    def _receive(
        self,
        client: httpx.Client,
        url: httpx.URL,
        headers: Mapping[str, str],
        subject: Subject,
        body: Body,
    ) -> httpx.Response:
        try:
            # Cookies that a response set must not be sent to another URL.
            client.cookies.clear()
            with (
                deadline(MAX_ANSWER_SECONDS),
                client.stream("GET", url, headers=dict(headers)) as response,
            ):
                body.begin(response.headers.get("content-encoding", "identity"))
                for chunk in response.iter_raw():
                    body.add(chunk)
                body.end()
        except (httpx.InvalidURL, UnicodeError):
            # httpx parses the target of a redirect even if it does not follow redirects.
            raise RefusedUrlError("a redirect leads to an invalid URL") from None
        except TRANSPORT_ERRORS as error:
            # Without the cause, whose text and request may contain a signed link.
            host = url.netloc.decode()
            redirected = "" if host == subject.host else f" after a redirect to {host}"
            raise RetryableError(
                subject,
                f"incomplete response{redirected} ({type(error).__name__})",
                "Check the network, the endpoint and the proxy, and try again.",
            ) from None
        if response.is_redirect and not response.has_redirect_location:
            raise GitHubError(f"{subject}: {response.status_code} without a Location header.")
        return response


@cache
def _ssl_context() -> ssl.SSLContext:
    """Return the SSL context that all clients share: it takes longer to load than a request."""
    return httpx.create_ssl_context(trust_env=False)
