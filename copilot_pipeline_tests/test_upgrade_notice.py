"""An upgrade of the warehouse is announced before it begins, with the way back."""

import os
import pty
import shutil
import sqlite3
import stat
import subprocess
import sys
from collections import namedtuple
from contextlib import closing
from pathlib import Path

import dagster as dg
import pytest
import sqlalchemy as sa

from copilot_pipeline import settings
from copilot_pipeline.cli import run_command
from copilot_pipeline.resources.database import DatabaseResource
from copilot_pipeline.warehouse import fingerprints
from copilot_pipeline.warehouse.database import Database, DatabaseError, parse_url
from copilot_pipeline.warehouse.views import VIEWS
from copilot_pipeline_tests.commands import Output
from copilot_pipeline_tests.landed import make_landed

LIST = ["accounts", "list"]
REVISION = "SELECT version_num FROM copilot_pipeline_version"
INSERT = (
    "INSERT INTO _raw_copilot_seats (scope_id, day, page, fetched_at, url, payload) "
    "VALUES (7, '2026-11-01', 1, '2026-11-02 06:00:00', 'invented', '{}')"
)


def revision(url: str) -> str:
    engine = sa.create_engine(parse_url(url), poolclass=sa.NullPool)
    with engine.connect() as connection:
        return str(connection.execute(sa.text(REVISION)).scalar())


@pytest.fixture
def landed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The SQLite warehouse of the environment, of revision 0005."""
    file = tmp_path / "copilot.db"
    make_landed(f"sqlite:///{file}")
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute(INSERT)
    monkeypatch.setenv(settings.DATABASE_URL, f"sqlite:///{file}")
    return file


@pytest.fixture
def landed_postgres(empty_postgres_url: str, monkeypatch: pytest.MonkeyPatch) -> str:
    make_landed(empty_postgres_url)
    monkeypatch.setenv(settings.DATABASE_URL, empty_postgres_url)
    return empty_postgres_url


def succeed_with_words(output: Output) -> str:
    """What `accounts list` says on stderr."""
    assert run_command(LIST) == 0
    return output.readouterr().err


def test_a_command_says_from_which_revision_to_which_and_keeps_a_backup(
    landed: Path, capsys: Output
) -> None:
    (said,) = succeed_with_words(capsys).splitlines()
    assert f"The warehouse sqlite:///{str(landed)[1:]} has revision 0005." in said
    assert "upgraded to revision 0009 for copilot-pipeline 0.1.0" in said
    assert "cannot read it afterwards" in said
    assert revision(f"sqlite:///{landed}") == "0009"
    backup = Path(f"{landed}.before-upgrade")
    assert f"backed up to {backup} first" in said
    assert stat.S_IMODE(backup.stat().st_mode) == 0o600
    # The way back, as it is said.
    assert subprocess.run(["sh", "-c", said.split(" and run: ")[1]]).returncode == 0
    with closing(sqlite3.connect(landed)) as connection:
        assert connection.execute(REVISION).fetchone() == ("0005",)
        rows = "SELECT scope_id, url FROM _raw_copilot_seats"
        assert connection.execute(rows).fetchall() == [(7, "invented")]


def test_an_upgrade_is_announced_once_and_only_the_newest_backup_is_kept(
    landed: Path, capsys: Output
) -> None:
    backup = Path(f"{landed}.before-upgrade")
    backup.write_text("of an earlier upgrade")
    assert "revision" in succeed_with_words(capsys)
    assert succeed_with_words(capsys) == ""
    assert revision(f"sqlite:///{backup}") == "0005"
    assert [path.name for path in landed.parent.glob(".copilot*")] == []


@pytest.mark.parametrize("new", [True, False])
def test_a_new_warehouse_and_a_changed_view_are_not_announced(
    new: bool, tmp_path: Path, sqlite_template: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not new:
        shutil.copy(sqlite_template, tmp_path / "copilot.db")
        monkeypatch.setattr(fingerprints, "VIEWS", VIEWS[:-1])
        fingerprints.current_fingerprints.cache_clear()
    announced: list[object] = []
    try:
        Database(f"sqlite:///{tmp_path / 'copilot.db'}", announced.append).close()
    finally:
        fingerprints.current_fingerprints.cache_clear()
    assert announced == []
    assert list(tmp_path.glob("*.before-upgrade")) == []


@pytest.mark.slow
def test_the_backup_has_what_two_processes_that_upgrade_at_once_found(landed: Path) -> None:
    command = [sys.executable, "-m", "copilot_pipeline", *LIST]
    both = [subprocess.Popen(command, stderr=subprocess.PIPE, text=True) for _ in range(2)]
    said = [process.communicate()[1] for process in both]
    assert [process.returncode for process in both] == [0, 0], said
    assert revision(f"sqlite:///{landed}") == "0009"
    assert revision(f"sqlite:///{landed}.before-upgrade") == "0005"


def test_a_disk_that_a_backup_could_fill_gets_none_and_the_upgrade_goes_on(
    landed: Path, capsys: Output, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage(10**9, 10**9 - 1000, 1000))
    assert succeed_with_words(capsys).count("could fill the disk, which has 1,000 bytes free") == 1
    assert revision(f"sqlite:///{landed}") == "0009"
    assert not Path(f"{landed}.before-upgrade").exists()


def test_a_backup_that_fails_prevents_the_upgrade(landed: Path) -> None:
    Path(f"{landed}.before-upgrade").mkdir()
    with pytest.raises(DatabaseError, match=r"not upgraded, because its backup failed: .*director"):
        Database(f"sqlite:///{landed}")
    assert revision(f"sqlite:///{landed}") == "0005"


def test_an_announcement_that_raises_prevents_the_upgrade(landed: Path) -> None:
    def refuse(_: object) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Database(f"sqlite:///{landed}", refuse)
    assert revision(f"sqlite:///{landed}") == "0005"
    assert not Path(f"{landed}.before-upgrade").exists()


def test_postgresql_gets_the_line_of_pg_dump_and_nobody_is_asked_without_a_terminal(
    landed_postgres: str, capsys: Output
) -> None:
    said = succeed_with_words(capsys)
    assert "has revision 0005" in said
    assert "pg_dump --format=custom --file=copilot-0005.dump --dbname=" in said
    assert revision(landed_postgres) == "0009"


def test_whoever_sits_at_a_terminal_is_asked_where_there_is_no_backup(
    landed_postgres: str,
) -> None:
    assert answered("n\n") == 1
    assert revision(landed_postgres) == "0005"
    assert answered("y\n") == 0
    assert revision(landed_postgres) == "0009"


def answered(answer: str) -> int:
    """The exit code of `accounts list` on a terminal, on which the answer is typed."""
    controller, terminal = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "copilot_pipeline", *LIST],
        stdin=terminal,
        stdout=subprocess.DEVNULL,
        stderr=terminal,
        start_new_session=True,
    )
    os.close(terminal)
    shown = ""
    while "without a backup? [y/N]: " not in shown:
        shown += os.read(controller, 1000).decode()
    os.write(controller, answer.encode())
    code = process.wait(timeout=60)
    os.close(controller)
    return code


def test_an_upgrade_within_a_run_is_in_the_log_of_the_run(landed: Path) -> None:
    @dg.op
    def open_warehouse(copilot: DatabaseResource) -> None:
        copilot.open().close()

    @dg.job(resource_defs={"copilot": DatabaseResource()})
    def opens() -> None:
        open_warehouse()

    with dg.DagsterInstance.get() as instance:
        run = opens.execute_in_process(instance=instance)
        messages = [entry.user_message for entry in instance.all_logs(run.run_id)]
    assert [message for message in messages if "has revision 0005. It is upgraded" in message]
