"""The command line in this process: what it prints, and what it says when it refuses."""

import json
import os
import pty
import re
import threading
from collections.abc import Sequence
from contextlib import redirect_stderr, redirect_stdout, suppress
from typing import Any
from unittest.mock import patch

import pytest

from copilot_pipeline.cli import run_command
from copilot_pipeline.simulated_github import SimulatedGitHub

Output = pytest.CaptureFixture[str]


def succeed(arguments: Sequence[str], output: Output) -> Any:
    """The JSON that the command prints."""
    code = run_command(arguments)
    printed = output.readouterr()
    assert code == 0, printed.err
    return json.loads(printed.out)


def fail(arguments: Sequence[str], output: Output) -> str:
    """What the command says on stderr; stdout stays empty and there is no traceback."""
    code = run_command(arguments)
    printed = output.readouterr()
    assert code == 1
    assert "Traceback" not in printed.err
    assert printed.err.startswith("Error: ")
    assert printed.out == ""
    return printed.err


def import_with(github: SimulatedGitHub, *arguments: str) -> list[str]:
    """The command that imports the simulated GitHub's account, without the check of its access."""
    return ["accounts", "import", "--no-check", "--endpoint", github.url, *arguments]


def on_a_terminal(
    arguments: Sequence[str], columns: int = 80, *, colors: bool = False
) -> tuple[int, str]:
    """The exit code of the command on a terminal, and what it shows there."""
    controller, terminal = pty.openpty()
    shown: list[bytes] = []
    reader = threading.Thread(target=_read_all, args=(controller, shown))
    reader.start()
    with (
        patch.dict(os.environ, COLUMNS=str(columns)),
        os.fdopen(terminal, "w") as screen,
        redirect_stdout(screen),
        redirect_stderr(screen),
    ):
        code = run_command(arguments)
    reader.join()
    os.close(controller)
    text = b"".join(shown).decode().replace("\r\n", "\n")
    return code, text if colors else re.sub(r"\x1b\[[0-9;]*m", "", text)


def _read_all(controller: int, parts: list[bytes]) -> None:
    # Linux says with an error that the other end is closed.
    with suppress(OSError):
        while part := os.read(controller, 65536):
            parts.append(part)
