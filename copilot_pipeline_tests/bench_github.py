"""A simulated GitHub for benchmarks, which makes each answer once and repeats it from memory.

It runs in a process of its own, so that the loader is measured and not the server.
"""

import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import httpx
from starlette.types import Receive, Scope, Send

from copilot_pipeline.simulated_github import Organization, SimulatedGitHub
from copilot_pipeline.simulated_github.loopback import Servers

# What the repeated answer says itself.
_OWN_HEADERS = {b"content-length", b"date"}


@dataclass(frozen=True)
class Address:
    url: str
    token: str


def slug_of(seats: int) -> str:
    """The organization with so many seats."""
    return f"bench-{seats}"


@contextmanager
def github(seats: Sequence[int]) -> Iterator[Address]:
    """Serves organizations with so many seats each."""
    command = [sys.executable, "-m", __spec__.name, *map(str, seats)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        yield Address(*json.loads(process.stdout.readline()))
        assert process.stdin is not None
        process.stdin.close()


class Remembering:
    """Asks an origin for what was not asked before. `addresses` are replaced in its answers."""

    def __init__(self, origin: str) -> None:
        self._origin = origin
        self._answers: dict[str, tuple[int, list[tuple[bytes, bytes]], bytes]] = {}
        self.addresses: dict[str, str] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = f"{scope['raw_path'].decode()}?{scope['query_string'].decode()}"
        if path not in self._answers:
            self._answers[path] = await self._ask(path, scope["headers"])
        status, headers, body = self._answers[path]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    async def _ask(
        self, path: str, headers: list[tuple[bytes, bytes]]
    ) -> tuple[int, list[tuple[bytes, bytes]], bytes]:
        sent = [(name, value) for name, value in headers if name != b"host"]
        async with httpx.AsyncClient(trust_env=False, timeout=None) as client:
            answer = await client.get(self._origin + path, headers=sent)
        kept = [
            (name.lower(), self._readdressed(value))
            for name, value in answer.headers.raw
            if name.lower() not in _OWN_HEADERS
        ]
        body = self._readdressed(answer.content)
        return answer.status_code, [*kept, (b"content-length", b"%d" % len(body))], body

    def _readdressed(self, text: bytes) -> bytes:
        for old, new in self.addresses.items():
            text = text.replace(old.encode(), new.encode())
        return text


def serve(seats: Sequence[int]) -> None:
    organizations = [Organization(slug_of(count), seat_count=count) for count in seats]
    with SimulatedGitHub(organizations) as simulated:
        origins = [simulated.url, simulated.download_url]
        apps = [Remembering(origin) for origin in origins]
        servers = Servers([(app, 0) for app in apps])
        for app in apps:
            app.addresses = dict(zip(origins, servers.urls, strict=True))
        print(json.dumps([servers.urls[0], simulated.token]), flush=True)
        sys.stdin.read()
        servers.stop()


if __name__ == "__main__":
    serve([int(count) for count in sys.argv[1:]])
