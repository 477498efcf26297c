"""A limit on how long a whole answer may take, its headers included.

httpx limits each read of a socket: a server that sends a byte now and then would never be given up.
"""

import ssl
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import httpcore
import httpx

_now = threading.local()


@contextmanager
def deadline(seconds: float) -> Iterator[None]:
    """Requests of this thread, to clients with `limited_transport`, end within that time."""
    _now.deadline = time.monotonic() + seconds
    try:
        yield
    finally:
        del _now.deadline


def limited_transport(transport: httpx.HTTPTransport) -> httpx.HTTPTransport:
    """The transport, whose reads obey the deadline. Ends with `httpx.ReadTimeout`."""
    # httpx has no parameter for the network backend of its pool; httpcore, below it, has one.
    pool = transport._pool
    pool._network_backend = _Backend(pool._network_backend)
    return transport


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
            raise httpcore.ReadTimeout("the answer does not end")
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
