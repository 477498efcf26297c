"""An HTTP transport that limits how long a whole response may take, including its headers.

The timeouts of httpx limit each read of a socket, so a server that sends a byte now and then would
hold a request forever.
"""

import ssl
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any, cast

import httpcore
import httpx

# The errors of a request whose response did not come, or not completely.
TRANSPORT_ERRORS = (
    httpcore.TimeoutException,
    httpcore.NetworkError,
    httpcore.ProtocolError,
    httpcore.ProxyError,
    httpcore.UnsupportedProtocol,
    httpx.TransportError,
)

# httpx closes idle connections after the same time.
KEEPALIVE_SECONDS = 5.0

_now = threading.local()


@contextmanager
def deadline(seconds: float) -> Iterator[None]:
    """Limit the time of the requests that this thread sends through a `DeadlineTransport`."""
    _now.deadline = time.monotonic() + seconds
    try:
        yield
    finally:
        del _now.deadline


class DeadlineTransport(httpx.BaseTransport):
    """Sends the requests of an `httpx.Client`, and stops reading at the deadline.

    It is `httpx.HTTPTransport` with a network backend of our own, for which httpx has no parameter.
    `proxy` is the URL of an HTTP proxy without credentials.

    Raises:
        httpcore.ReadTimeout: the deadline has passed. All errors are in `TRANSPORT_ERRORS`.
    """

    def __init__(
        self, ssl_context: ssl.SSLContext, max_connections: int, proxy: str | None
    ) -> None:
        backend = _Backend(httpcore.SyncBackend())
        if proxy is None:
            self._pool = httpcore.ConnectionPool(
                ssl_context=ssl_context,
                max_connections=max_connections,
                keepalive_expiry=KEEPALIVE_SECONDS,
                network_backend=backend,
            )
        else:
            self._pool = httpcore.HTTPProxy(
                _core_url(httpx.URL(proxy)),
                ssl_context=ssl_context,
                max_connections=max_connections,
                keepalive_expiry=KEEPALIVE_SECONDS,
                network_backend=backend,
            )

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        response = self._pool.handle_request(
            httpcore.Request(
                request.method,
                _core_url(request.url),
                headers=request.headers.raw,
                content=cast(httpx.SyncByteStream, request.stream),
                extensions=request.extensions,
            )
        )
        return httpx.Response(
            response.status,
            headers=response.headers,
            stream=_ResponseStream(response),
            extensions=response.extensions,
        )

    def close(self) -> None:
        self._pool.close()


def _core_url(url: httpx.URL) -> httpcore.URL:
    return httpcore.URL(
        scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path
    )


class _ResponseStream(httpx.SyncByteStream):
    def __init__(self, response: httpcore.Response) -> None:
        self._response = response

    def __iter__(self) -> Iterator[bytes]:
        yield from self._response.iter_stream()

    def close(self) -> None:
        self._response.close()


class _Backend(httpcore.NetworkBackend):
    def __init__(self, backend: httpcore.NetworkBackend) -> None:
        self._backend = backend

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        return _Stream(
            self._backend.connect_tcp(host, port, timeout, local_address, socket_options)
        )


class _Stream(httpcore.NetworkStream):
    def __init__(self, stream: httpcore.NetworkStream) -> None:
        self._stream = stream

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        left = getattr(_now, "deadline", float("inf")) - time.monotonic()
        if left <= 0:
            raise httpcore.ReadTimeout("the response took too long")
        return self._stream.read(max_bytes, left if timeout is None else min(timeout, left))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._stream.write(buffer, timeout)

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> httpcore.NetworkStream:
        return _Stream(self._stream.start_tls(ssl_context, server_hostname, timeout))

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)
