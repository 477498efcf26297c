"""Opens a page in headless Chromium, over its DevTools protocol."""

import base64
import json
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

import httpx
import pytest
from websockets.sync.client import ClientConnection, connect

_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
_FLAGS = (
    *("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
    *("--disable-extensions", "--remote-debugging-port=0", "--remote-allow-origins=*"),
)
_SECONDS = 60


@dataclass
class Page:
    """A tab, and what it reported: requests, and what it wrote to the console."""

    connection: ClientConnection
    requests: list[str] = field(default_factory=list)
    console: list[str] = field(default_factory=list)
    _ids: Iterator[int] = field(default_factory=lambda: count(1))
    _loaded: bool = False

    def open(self, file: Path) -> None:
        for domain in ("Page", "Network", "Log", "Runtime"):
            self.send(f"{domain}.enable")
        self.send("Page.navigate", url=file.as_uri())
        while not self._loaded:
            self._read(json.loads(self.connection.recv(_SECONDS)))
        # What would be loaded after the page.
        time.sleep(0.3)
        self.evaluate("1")

    def send(self, method: str, **params: Any) -> dict[str, Any]:
        id_ = next(self._ids)
        self.connection.send(json.dumps({"id": id_, "method": method, "params": params}))
        while True:
            message = json.loads(self.connection.recv(_SECONDS))
            if message.get("id") == id_:
                assert "error" not in message, message
                return dict(message["result"])
            self._read(message)

    def evaluate(self, expression: str) -> Any:
        answer = self.send("Runtime.evaluate", expression=expression, returnByValue=True)
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    def resize(self, width: int, height: int) -> None:
        self.send(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=width < 600,
        )

    def prefer(self, scheme: str) -> None:
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        self.send("Emulation.setEmulatedMedia", media="", features=features)

    def screenshot(self, file: Path) -> None:
        shot = self.send("Page.captureScreenshot", captureBeyondViewport=True)
        file.write_bytes(base64.b64decode(shot["data"]))

    def pdf(self) -> bytes:
        return base64.b64decode(self.send("Page.printToPDF", printBackground=True)["data"])

    def _read(self, event: dict[str, Any]) -> None:
        match event.get("method"), event.get("params", {}):
            case "Network.requestWillBeSent", params:
                self.requests.append(params["request"]["url"])
            case "Log.entryAdded", params:
                self.console.append(params["entry"]["text"])
            case "Runtime.consoleAPICalled" | "Runtime.exceptionThrown", params:
                self.console.append(json.dumps(params))
            case "Page.loadEventFired", _:
                self._loaded = True


@contextmanager
def browser(profile: Path) -> Iterator[Page]:
    """A new tab of a new browser. Skips the test where there is none, but not in CI."""
    program = next(filter(None, map(shutil.which, _NAMES)), None)
    if program is None:
        assert "CI" not in os.environ, "CI has to install Chromium: see .ci/run"
        pytest.skip("Chromium is not installed")
    process = subprocess.Popen(
        [program, *_FLAGS, f"--user-data-dir={profile}", "about:blank"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        port, _ = _wait_for(profile / "DevToolsActivePort", process)
        with connect(_tab(port), max_size=None) as connection:
            yield Page(connection)
    finally:
        process.terminate()
        process.wait(_SECONDS)


def _wait_for(file: Path, process: subprocess.Popen[bytes]) -> list[str]:
    for _ in range(_SECONDS * 10):
        lines = file.read_text().split() if file.exists() else []
        if len(lines) == 2:
            return lines
        assert process.poll() is None, "Chromium ended"
        time.sleep(0.1)
    raise AssertionError("Chromium did not start")


def _tab(port: str) -> str:
    """The address of the first tab."""
    tabs = httpx.get(f"http://127.0.0.1:{port}/json/list", trust_env=False).json()
    return next(str(tab["webSocketDebuggerUrl"]) for tab in tabs if tab["type"] == "page")
