"""Servers on loopback, all in one background thread."""

from __future__ import annotations

import asyncio
import itertools
import socket
import threading
from collections.abc import Sequence

import uvicorn
from starlette.types import ASGIApp


class Servers:
    """One server per app, each on a port of its own; they answer from `__init__` on."""

    def __init__(self, apps: Sequence[tuple[ASGIApp, int]]) -> None:
        self._servers = [_Server(app, port) for app, port in apps]
        self.urls = [server.url for server in self._servers]
        self._thread = threading.Thread(target=self._serve, name="simulated-github", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        for server in self._servers:
            server.should_exit = True
        self._thread.join()

    def _serve(self) -> None:
        async def serve_all() -> None:
            await asyncio.gather(*(server.run_until_stopped() for server in self._servers))

        asyncio.run(serve_all())


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
