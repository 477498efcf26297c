"""The command line in this process: what it prints, and what it says when it refuses."""

import json
from collections.abc import Sequence
from typing import Any

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
    return ["accounts", "import", "--endpoint", github.url, *arguments]
