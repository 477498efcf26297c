"""Ctrl-C ends a command soon, with one line and exit code 1, wherever it arrives.

`test_cli.py` interrupts the requests of a run.
"""

import subprocess
import sys

import pytest

ABORTED = "Error: aborted. Stored data is kept."

WHILE_IMPORTING = """
import os, signal, sys

class Interrupting:
    def find_spec(self, name, path=None, target=None):
        if name == "sqlalchemy":
            os.kill(os.getpid(), signal.SIGINT)

sys.meta_path.insert(0, Interrupting())
from copilot_pipeline.__main__ import main
main()
"""

WHILE_AN_OBJECT_IS_DELETED = """
import sys, time
from copilot_pipeline import cli

class Deleted:
    def __del__(self):
        raise KeyboardInterrupt

@cli.cli.command()
def wait():
    Deleted()
    time.sleep(60)

sys.argv = ["copilot-pipeline", "wait"]
cli.main()
"""


@pytest.mark.parametrize("program", [WHILE_IMPORTING, WHILE_AN_OBJECT_IS_DELETED])
@pytest.mark.usefixtures("environment")
def test_an_interrupt_is_one_line(program: str) -> None:
    ended = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False, timeout=30
    )
    assert ended.stderr.strip() == ABORTED
    assert ended.returncode == 1
