"""Backs up the warehouse: SQLite by a copy, PostgreSQL by the command line of its own tools.

Nothing here opens the warehouse as `Database` does, because that would upgrade it.
"""

import os
import shlex
import sqlite3
import tempfile
from contextlib import closing, suppress
from pathlib import Path
from urllib.parse import quote

from sqlalchemy.engine import URL

from copilot_pipeline.disk_full import is_disk_full
from copilot_pipeline.errors import CopilotPipelineError

# The names, after the one of the database, of the files that SQLite makes beside it.
SQLITE_SUFFIXES = ("", "-wal", "-shm", "-journal")

# Pages copied in one step.
STEP_PAGES = 4096

BUSY_SECONDS = 60

# The options of a PostgreSQL URL that say where the server is and how to trust it. The others are
# left out of a command line, because they may be secrets.
_SHOWN_OPTIONS = {
    *("dbname", "host", "hostaddr", "passfile", "port", "service", "user"),
    *("sslcert", "sslcrl", "sslkey", "sslmode", "sslrootcert"),
}


class BackupError(CopilotPipelineError):
    """The warehouse could not be backed up."""


def back_up_file(warehouse: Path, target: Path, *, replace: bool = False) -> int:
    """Copy a SQLite database to a file that only its owner can read. Returns its size in bytes.

    Other processes may read and write meanwhile. The copy is the state at its beginning. The target
    is written under a temporary name beside it, and is complete on disk when it gets its name.

    Raises:
        BackupError: the target exists (without `replace`) or cannot be written, or there is no
            database to copy.
    """
    # SQLite puts its other files beside the file that a link points to.
    warehouse = warehouse.resolve()
    if not warehouse.is_file():
        raise BackupError(
            f"there is no warehouse to back up at {warehouse}: check DAGSTER_HOME or DATABASE_URL."
        )
    own_files = [warehouse.with_name(warehouse.name + suffix) for suffix in SQLITE_SUFFIXES]
    if target.resolve() in own_files:
        raise BackupError(f"{target} is a file of the warehouse itself: name another file.")
    if not target.parent.is_dir():
        raise BackupError(f"there is no directory {target.parent}: create it, or name another one.")
    if not replace:
        _require_absent(target)
    part = None
    try:
        # mkstemp creates a file that only its owner can read.
        descriptor, name = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
        os.close(descriptor)
        part = Path(name)
        _copy(warehouse, part)
        _sync(part)
        if not replace:
            _require_absent(target)
        part.replace(target)
        _sync(target.parent)
    except (OSError, sqlite3.Error) as error:
        if is_disk_full(error):
            raise BackupError(
                f"the disk of {target.parent} is full: nothing was backed up. Free space there, or "
                "name a file on another disk."
            ) from None
        reason = (error.strerror if isinstance(error, OSError) else None) or error
        raise BackupError(
            f"the warehouse {warehouse} could not be backed up to {target}: {reason}."
        ) from None
    finally:
        for suffix in SQLITE_SUFFIXES if part else ():
            with suppress(FileNotFoundError):
                Path(f"{part}{suffix}").unlink()
    return target.stat().st_size


def _require_absent(target: Path) -> None:
    if target.exists() or target.is_symlink():
        raise BackupError(f"{target} exists already: name a new file.")


def _copy(warehouse: Path, part: Path) -> None:
    # mode=rw: SQLite must not create a missing database.
    uri = f"file:{quote(str(warehouse.absolute()))}?mode=rw"
    with (
        closing(
            sqlite3.connect(uri, uri=True, timeout=BUSY_SECONDS, isolation_level=None)
        ) as source,
        closing(sqlite3.connect(part)) as copy,
    ):
        # The open transaction keeps what others write meanwhile out of the copy, which would begin
        # again with each of their writes otherwise.
        source.execute("BEGIN")
        tables = "SELECT count(*) FROM sqlite_master WHERE name = 'copilot_pipeline_version'"
        if source.execute(tables).fetchone() == (0,):
            raise BackupError(
                f"{warehouse} holds no warehouse: check DAGSTER_HOME or DATABASE_URL."
            )
        source.backup(copy, pages=STEP_PAGES, progress=_between_steps)
        # Until it is opened as a warehouse again, the copy is one file without a write-ahead log.
        copy.execute("PRAGMA journal_mode = DELETE")


def _between_steps(*_: int) -> None:
    """Called between two steps, so that Python can handle an interrupt there."""


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def restore_file_command(warehouse: Path, backup: Path) -> str:
    """Return the shell command that puts a backup into the place of a SQLite warehouse.

    The write-ahead log of the replaced database is deleted, because SQLite would apply it to the
    backup.
    """
    warehouse = warehouse.resolve()
    files = " ".join(shlex.quote(f"{warehouse}{suffix}") for suffix in SQLITE_SUFFIXES)
    return f"rm -f {files} && cp {shlex.quote(str(backup))} {shlex.quote(str(warehouse))}"


def dump_command(url: URL, target: Path) -> str:
    """Return the shell command that writes a PostgreSQL database to a file."""
    file, address = shlex.quote(str(target)), shlex.quote(_address(url))
    return f"(umask 077; pg_dump --format=custom --file={file} --dbname={address})"


def restore_dump_command(url: URL, dump: Path) -> str:
    """Return the shell command that reads such a file into an empty database."""
    address = shlex.quote(_address(url))
    return (
        "pg_restore --single-transaction --exit-on-error --no-owner --no-privileges "
        f"--dbname={address} {shlex.quote(str(dump))}"
    )


def _address(url: URL) -> str:
    """Return the URL for PostgreSQL's own programs, without its password."""
    options = {name: value for name, value in url.query.items() if name in _SHOWN_OPTIONS}
    # `URL.set` does not remove a password.
    bare = URL.create("postgresql", url.username, None, url.host, url.port, url.database, options)
    return bare.render_as_string(hide_password=False)
