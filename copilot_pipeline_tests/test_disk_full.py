"""A disk that is full, wherever it is, ends in one line that says which and what to do.

SQLite gets its limit from a pragma, and then says the same as on a disk without space.
"""

import os
import resource
import subprocess
import sys
from collections.abc import Iterator
from io import FileIO
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from copilot_pipeline import settings
from copilot_pipeline.cli import run_command
from copilot_pipeline.demo.command import HOME
from copilot_pipeline.simulated_github import SimulatedGitHub
from copilot_pipeline_tests.commands import Output
from copilot_pipeline_tests.loading import import_organizations

RUN = ["run", "--last", "2"]


class SmallDisk:
    """Limits the SQLite files below a folder, or the one at that path, to so many pages more."""

    def __init__(self) -> None:
        self.place: Path | None = None
        self.pages = 0

    def limit(self, connection: Any, _record: object) -> None:
        if self.place is None or not hasattr(connection, "execute"):
            return
        row = connection.execute("PRAGMA database_list").fetchone()
        if row is not None and Path(str(row[2])).is_relative_to(self.place):
            connection.execute(f"PRAGMA max_page_count = {self.pages}")

    def give(self, place: Path, pages: int) -> None:
        self.place, self.pages = place, pages


@pytest.fixture
def small_disk() -> Iterator[SmallDisk]:
    disk = SmallDisk()
    sa.event.listen(sa.pool.Pool, "connect", disk.limit)
    yield disk
    sa.event.remove(sa.pool.Pool, "connect", disk.limit)


def only_line(output: Output) -> str:
    """The line on stderr, which is an error, apart from what is listening and the summary."""
    lines = [
        line
        for line in output.readouterr().err.splitlines()
        if not line.startswith(("A simulated GitHub", "organization octo-demo: "))
    ]
    assert len(lines) == 1, lines
    assert lines[0].startswith("Error: ")
    return lines[0]


# So many pages hold nothing, the tables, or some of a run's events.
@pytest.mark.parametrize("pages", [3, 30, 42, 55])
@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_full_disk_of_dagster_is_one_line_that_names_its_folder(
    warehouse_environment: str,
    github: SimulatedGitHub,
    environment: Path,
    small_disk: SmallDisk,
    capfd: Output,
    pages: int,
) -> None:
    import_organizations(warehouse_environment, github, "octo-demo")
    small_disk.give(environment, pages)
    assert run_command(RUN) == 1
    line = only_line(capfd)
    assert f"the disk of DAGSTER_HOME ({environment}) is full" in line
    assert "Free space" in line


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_folder_of_dagster_that_cannot_be_written_is_one_line(
    warehouse_environment: str, github: SimulatedGitHub, environment: Path
) -> None:
    import_organizations(warehouse_environment, github, "octo-demo")

    def limit() -> None:
        # SQLite meets a limit that is not the disk's, and says "disk I/O error".
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))

    done = subprocess.run(
        [sys.executable, "-m", "copilot_pipeline", *RUN],
        env=os.environ,
        preexec_fn=limit,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert f"cannot store its runs and events in DAGSTER_HOME ({environment})" in line


@pytest.mark.parametrize("days", [1, 2])
def test_a_full_disk_of_the_warehouse_is_one_line_that_names_it(
    warehouse_environment: str,
    github: SimulatedGitHub,
    small_disk: SmallDisk,
    capfd: Output,
    days: int,
) -> None:
    import_organizations(warehouse_environment, github, "octo-demo")
    url = sa.make_url(warehouse_environment)
    if url.get_backend_name() == "sqlite":
        engine = sa.create_engine(url)
        with engine.connect() as connection:
            pages = connection.exec_driver_sql("PRAGMA page_count").scalar_one()
        small_disk.give(Path(str(url.database)), pages)
    else:
        fill_postgres(url)
    assert run_command(["run", "--last", str(days)]) == 1
    line = only_line(capfd)
    assert f"the disk of the warehouse {url.get_backend_name()}://" in line
    assert str(url.database).lstrip("/") in line
    assert "Free space" in line


def fill_postgres(url: sa.URL) -> None:
    """Every insert fails as on a full disk: with the server's own code of that error."""
    engine = sa.create_engine(url.set(drivername="postgresql+psycopg"))
    with engine.begin() as connection:
        connection.exec_driver_sql(
            "CREATE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
            " RAISE EXCEPTION 'could not extend file' USING ERRCODE = 'disk_full'; END $$"
        )
        for table in sa.inspect(connection).get_table_names():
            if table.startswith(("_raw_", "_tool_")):
                connection.exec_driver_sql(
                    f"CREATE TRIGGER full_disk BEFORE INSERT ON {table} FOR EACH STATEMENT"
                    " EXECUTE FUNCTION full_disk()"
                )
    engine.dispose()


class OnFullDisk(FileIO):
    """The system's own file that refuses every write for lack of space; it can be emptied."""

    def truncate(self, size: int | None = None) -> int:
        return size or 0


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_full_folder_for_temporary_files_is_one_line_that_names_it(
    warehouse_environment: str,
    github: SimulatedGitHub,
    capfd: Output,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    import_organizations(warehouse_environment, github, "octo-demo")

    monkeypatch.setattr("tempfile.TemporaryFile", lambda: OnFullDisk("/dev/full", "r+"))
    assert run_command(["run"]) == 1
    errors = capfd.readouterr().err
    assert "the folder for temporary files" in errors
    assert "TMPDIR" in errors
    assert "bug" not in errors


# The warehouse's tables, Dagster's own, and the events of the first run.
@pytest.mark.parametrize(
    ("file", "pages"), [("copilot.db", 9), ("history", 3), ("history", 30), ("history", 42)]
)
def test_a_full_disk_ends_the_demo_with_one_line(
    environment: Path,
    tmp_path: Path,
    small_disk: SmallDisk,
    capfd: Output,
    file: str,
    pages: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # Under the demo's own folder; its dagster.yaml is the project's.
    (tmp_path / "dagster.yaml").write_text((environment / "dagster.yaml").read_text())
    # The demo sets it, for its process.
    monkeypatch.setenv(settings.ENDPOINTS, "127.0.0.1")
    small_disk.give(tmp_path / HOME / file, pages)
    assert run_command(["demo"]) == 1
    line = only_line(capfd)
    assert str(tmp_path / HOME).lstrip("/") in line
    assert "is full" in line
    assert "Free space" in line


def test_a_folder_that_the_demo_cannot_make_is_one_line(tmp_path: Path, capfd: Output) -> None:
    (tmp_path / HOME).write_text("no folder")
    assert run_command(["demo"]) == 1
    assert f"the folder {tmp_path / HOME} cannot be written" in only_line(capfd)
