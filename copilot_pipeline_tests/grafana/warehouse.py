"""The demo's warehouse in PostgreSQL, with the role that Grafana reads as."""

import fcntl
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg

from copilot_pipeline import settings

_ROOT = Path(__file__).parent.parent.parent
_LOCK_OF_ROLE = "copilot_reader.lock"


def run_demo(url: str, folder: Path) -> None:
    """Fills the empty database as `copilot-pipeline demo` does."""
    (folder / "dagster.yaml").write_text((_ROOT / "dagster.yaml").read_text())
    inherited = {key: value for key, value in os.environ.items() if "COPILOT" not in key}
    ended = subprocess.run(
        [sys.executable, "-m", "copilot_pipeline", "demo"],
        capture_output=True,
        text=True,
        check=False,
        cwd=folder,
        env={**inherited, settings.DATABASE_URL: url, settings.DAGSTER_HOME: str(folder)},
    )
    assert ended.returncode == 0, ended.stderr


@contextmanager
def alone() -> Iterator[None]:
    """Roles belong to the server: two processes cannot change one at the same time."""
    with (Path(tempfile.gettempdir()) / _LOCK_OF_ROLE).open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def let_grafana_read(url: str) -> None:
    """Runs reader.sql."""
    with alone(), psycopg.connect(url, autocommit=True) as connection:
        connection.execute((_ROOT / "grafana/reader.sql").read_bytes())
