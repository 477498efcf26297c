"""Opens the warehouse on SQLite or PostgreSQL and upgrades it to the newest revision."""

import logging
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext, suppress
from datetime import date
from pathlib import Path
from typing import Any, Self

import psycopg
import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy.engine import URL, Connection, Engine, ExceptionContext, make_url
from sqlalchemy.exc import (
    ArgumentError,
    IntegrityError,
    OperationalError,
    ProgrammingError,
    SQLAlchemyError,
)

from copilot_pipeline.disk_full import is_disk_full
from copilot_pipeline.errors import CopilotPipelineError
from copilot_pipeline.redaction import MASK, redact
from copilot_pipeline.warehouse.backup import BackupError, back_up_file
from copilot_pipeline.warehouse.fingerprints import (
    ViewsInUseError,
    current_fingerprints,
    refresh,
    stored_fingerprints,
)
from copilot_pipeline.warehouse.locks import lock_table
from copilot_pipeline.warehouse.partitions import select_unsplit
from copilot_pipeline.warehouse.splitting import split_rows
from copilot_pipeline.warehouse.upgrade_notice import UpgradeNotice, plan_upgrade

logger = logging.getLogger(__name__)

MIGRATIONS = Path(__file__).parent / "migrations"

# Not Alembic's usual name: Dagster's own storage may be in the same database and uses that one.
VERSION_TABLE = "copilot_pipeline_version"

# The same table that Alembic creates. It is created first so that upgrades can lock it.
_versions = sa.Table(
    VERSION_TABLE,
    sa.MetaData(),
    sa.Column("version_num", sa.String(32), nullable=False),
    sa.PrimaryKeyConstraint("version_num", name=f"{VERSION_TABLE}_pkc"),
)

# Revisions that can no longer be upgraded.
OLDER_REVISIONS = ("0001", "0002", "0003", "0004")

# How long SQLite waits for the transaction of another process.
SQLITE_BUSY_SECONDS = 60

POSTGRES_CONNECT_SECONDS = 15

# How long a statement waits for a lock on PostgreSQL.
POSTGRES_LOCK_SECONDS = 60

# Shorter options of a URL, such as `require`, are not treated as secrets.
SHORTEST_SECRET = 8

# The message does not repeat the URL, because it may have a password.
_NO_URL = (
    "DATABASE_URL is not a database URL. Examples: sqlite:////var/lib/copilot.db, "
    "postgresql://user:password@host:5432/copilot"
)


class DatabaseError(CopilotPipelineError):
    """The warehouse cannot be used, or a statement failed."""


class Database:
    """The warehouse at a SQLAlchemy URL. Opening it upgrades its schema. Close it after use.

    `read()` and `write()` open a connection with one transaction. An exception rolls it back.
    `announce` is called before a warehouse of an earlier revision is upgraded, and prevents that by
    raising an exception. The default logs a warning.
    """

    def __init__(self, url: str, announce: Callable[[UpgradeNotice], None] | None = None) -> None:
        self.url = parse_url(url)
        self.engine = _create_engine(self.url)
        # SQLite has one writer at a time. Threads wait here instead of polling the file's lock.
        self._writing = threading.Lock() if self.is_sqlite else nullcontext()
        # The months of tables that are known to exist, see `months.py`.
        self.known_months: set[tuple[str, date]] = set()
        try:
            self._upgrade(announce or _log_upgrade)
        except BaseException:
            self.close()
            raise

    @property
    def is_sqlite(self) -> bool:
        return self.url.get_backend_name() == "sqlite"

    @contextmanager
    def connect(self) -> Iterator[Connection]:
        """Open a connection without a transaction.

        Raises:
            DatabaseError: a statement failed or timed out.
        """
        try:
            with self.engine.connect() as connection:
                yield connection
        except psycopg.errors.LockNotAvailable:
            raise self._waited_too_long() from None
        except (SQLAlchemyError, psycopg.Error) as error:
            if isinstance(getattr(error, "orig", None), psycopg.errors.LockNotAvailable):
                raise self._waited_too_long() from None
            if is_disk_full(error):
                raise self.disk_full() from None
            secrets = _secrets(self.url)
            message = redact(_first_line(error), *secrets)
            # Without a cause that has a password, which would be printed and stored.
            repeats = any(secret in str(error) for secret in secrets)
            raise DatabaseError(
                f"the database {_describe(self.url)} failed: {message} "
                "Check DATABASE_URL, and that the server is running and this user may write."
            ) from (None if repeats else error)

    def disk_full(self) -> DatabaseError:
        """What a full disk of the warehouse means, always in the same words."""
        return DatabaseError(
            f"the disk of the warehouse {_describe(self.url)} is full: nothing more can be stored. "
            "Free space there, then run this again; what was stored before is kept."
        )

    def _waited_too_long(self) -> DatabaseError:
        return DatabaseError(
            f"the database {_describe(self.url)}: another session has held a lock "
            f"for {POSTGRES_LOCK_SECONDS} seconds. The view pg_stat_activity shows the session. "
            "End it, or wait for it, and run this again. Data stored so far is kept."
        )

    @contextmanager
    def read(self) -> Iterator[Connection]:
        with self.connect() as connection, connection.begin():
            yield connection

    @contextmanager
    def write(
        self, connection: Connection | None = None, *, waits_for_disk: bool = True
    ) -> Iterator[Connection]:
        """Begin a write transaction on a new connection or the given one.

        With `waits_for_disk=False`, SQLite does not wait until the disk has written. The end of the
        process loses nothing. A power failure may undo the transaction, but not a part of it.
        """
        synchronous = "FULL" if waits_for_disk else "NORMAL"
        with self._writing, nullcontext(connection) if connection else self.connect() as writer:
            writer.execution_options(copilot_pipeline_writes=synchronous)
            with writer.begin():
                yield writer
            writer.execution_options(copilot_pipeline_writes=None)

    def close(self) -> None:
        self.engine.dispose()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _upgrade(self, announce: Callable[[UpgradeNotice], None]) -> None:
        config = Config()
        config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
        scripts = ScriptDirectory.from_config(config)
        head = scripts.get_current_head()
        with self.read() as connection:
            if _is_up_to_date(connection, head):
                return
        known = {script.revision for script in scripts.walk_revisions()}
        notice = self._announced(known, head, announce)
        if not self.is_sqlite:
            self._make_version_table()
        with self.write() as connection:
            lock_table(connection, _versions)
            # Read again, because another process may have upgraded while this one waited.
            current = _current_revision(connection)
            if current in OLDER_REVISIONS:
                raise DatabaseError(
                    f"the database {_describe(self.url)} has revision {current}, which is older "
                    "than version 0.1: open it once with the version that upgrades to revision "
                    "0005, then with this one."
                )
            if current is not None and current not in known:
                raise DatabaseError(
                    f"the database {_describe(self.url)} was upgraded by a newer version of "
                    "copilot_pipeline: install that version."
                )
            if notice and notice.backup and current != head:
                self._back_up(notice.backup)
            config.attributes["configure"] = {
                "connection": connection,
                "version_table": VERSION_TABLE,
            }
            command.upgrade(config, "head")
            try:
                refresh(connection)
            except ViewsInUseError as error:
                raise DatabaseError(f"the database {_describe(self.url)}: {error}") from None
        if not self.is_sqlite:
            with self.write() as lock:
                # Other processes that open the warehouse wait meanwhile.
                lock_table(lock, _versions)
                split_rows(self.write)

    def _announced(
        self, known: set[str], head: str | None, announce: Callable[[UpgradeNotice], None]
    ) -> UpgradeNotice | None:
        """Announce the upgrade of a warehouse of an earlier revision.

        This is done before the lock is taken, because somebody may be asked.
        """
        with self.read() as connection:
            current = _current_revision(connection)
        if current not in known or current == head:
            return None
        notice = plan_upgrade(self.url, _describe(self.url), str(current), str(head))
        announce(notice)
        return notice

    def _back_up(self, target: Path) -> None:
        # The lock is held, so no other process writes or upgrades before this one does.
        try:
            back_up_file(Path(self.url.database or ""), target, replace=True)
        except BackupError as error:
            raise DatabaseError(
                f"the database {_describe(self.url)} was not upgraded, because its backup failed: "
                f"{error}"
            ) from None

    def _make_version_table(self) -> None:
        try:
            with self.engine.begin() as connection:
                _versions.create(connection, checkfirst=True)
        except (IntegrityError, ProgrammingError):
            # Another process created it at the same time, or the next statement raises the error.
            return


def _log_upgrade(notice: UpgradeNotice) -> None:
    logger.warning("%s", notice)


def _is_up_to_date(connection: Connection, head: str | None) -> bool:
    """Whether the revision and all fingerprints are those of the code. Runs one query."""
    # Rows that an interrupted upgrade left.
    unsplit = (
        [select_unsplit().add_columns(sa.literal("unsplit"))]
        if connection.dialect.name == "postgresql"
        else []
    )
    query = sa.union_all(
        sa.select(stored_fingerprints.c.name, stored_fingerprints.c.sha256),
        sa.select(sa.literal(VERSION_TABLE), _versions.c.version_num),
        *unsplit,
    )
    try:
        stored = {row.name: row.sha256 for row in connection.execute(query)}
    except (OperationalError, ProgrammingError):
        # A table does not exist yet. The upgrade raises any other error again.
        return False
    return stored == {**current_fingerprints(connection.dialect.name), VERSION_TABLE: head}


def _current_revision(connection: Connection) -> str | None:
    context = MigrationContext.configure(connection, opts={"version_table": VERSION_TABLE})
    return context.get_current_revision()


def parse_url(text: str) -> URL:
    """Parse a URL and set its driver. PostgreSQL uses psycopg 3.

    Raises:
        DatabaseError: the URL is invalid or its database is not supported.
    """
    try:
        url = make_url(text)
    except (ArgumentError, ValueError):
        raise DatabaseError(_NO_URL) from None
    if url.drivername.split("+")[0] in ("postgres", "postgresql"):
        if text.split("?")[0].count("@") > 1:
            # The part after the first @ would be parsed as the host and shown in messages.
            raise DatabaseError(
                "DATABASE_URL has several @: write an @ in a user or password as %40."
            )
        return url.set(drivername="postgresql+psycopg")
    if url.get_backend_name() == "sqlite":
        if url.database in (None, "", ":memory:"):
            raise DatabaseError("DATABASE_URL names an SQLite database in memory: name a file.")
        if url.host or url.username or url.query:
            raise DatabaseError(
                "DATABASE_URL names an SQLite database with a host or options: name a file only, "
                "such as sqlite:////var/lib/copilot.db"
            )
        return url.set(drivername="sqlite+pysqlite")
    raise DatabaseError(
        f"DATABASE_URL names {url.get_backend_name()!r}; sqlite and postgresql are supported."
    )


def _create_engine(url: URL) -> Engine:
    # max_overflow: the number of connections is bounded by the number of threads.
    # hide_parameters: exception messages must not have stored values.
    if url.get_backend_name() != "sqlite":
        try:
            engine = sa.create_engine(
                url,
                hide_parameters=True,
                pool_pre_ping=True,
                max_overflow=-1,
                connect_args={"connect_timeout": POSTGRES_CONNECT_SECONDS},
            )
        except ArgumentError:
            raise DatabaseError(_NO_URL) from None
        sa.event.listen(engine, "handle_error", _hide_postgres_detail)
        sa.event.listen(engine, "connect", _limit_postgres_waits)
        return engine
    _create_private_file(Path(url.database or ""))
    engine = sa.create_engine(
        url,
        hide_parameters=True,
        max_overflow=-1,
        connect_args={"timeout": SQLITE_BUSY_SECONDS},
    )
    sa.event.listen(engine, "connect", _configure_sqlite)
    sa.event.listen(engine, "begin", _begin_sqlite)
    return engine


def _limit_postgres_waits(connection: Any, _record: object) -> None:
    """Limits the waits for locks, so that a blocked load fails with a message."""
    with connection.cursor() as cursor:
        cursor.execute(f"SET lock_timeout = '{POSTGRES_LOCK_SECONDS}s'")
    connection.commit()


def _hide_postgres_detail(context: ExceptionContext) -> None:
    """Masks the detail of PostgreSQL's errors, which quotes the failing row."""
    detail = getattr(getattr(context.original_exception, "diag", None), "message_detail", None)
    if not detail:
        return
    for error in (context.original_exception, context.sqlalchemy_exception):
        if error is not None:
            error.args = tuple(
                arg.replace(detail, MASK) if isinstance(arg, str) else arg for arg in error.args
            )


def _create_private_file(path: Path) -> None:
    """Creates the file readable only by its owner. SQLite's journal files get the same mode."""
    try:
        path.touch(mode=0o600, exist_ok=True)
    except OSError as error:
        raise DatabaseError(
            f"the database file {path} cannot be written: {error.strerror}. "
            "Check DAGSTER_HOME or DATABASE_URL."
        ) from error


def _configure_sqlite(connection: Any, _record: object) -> None:
    # The driver must not begin transactions itself. It would begin late, and not for DDL.
    connection.isolation_level = None
    connection.execute("PRAGMA foreign_keys = ON")
    # The mode is stored in the file. If another process has locked the new file, that process or
    # the next connection sets it.
    with suppress(sqlite3.OperationalError):
        connection.execute("PRAGMA journal_mode = WAL")


def _begin_sqlite(connection: Connection) -> None:
    # Write transactions take the lock at once. Taken later, it could fail within the transaction.
    synchronous = connection.get_execution_options().get("copilot_pipeline_writes")
    if synchronous:
        # SQLite ignores the setting within a transaction.
        connection.exec_driver_sql(f"PRAGMA synchronous = {synchronous}")
    connection.exec_driver_sql("BEGIN IMMEDIATE" if synchronous else "BEGIN")


def _describe(url: URL) -> str:
    """Return the URL without user, password and query, which may also have a password."""
    return f"{url.get_backend_name()}://{url.host or ''}/{(url.database or '').lstrip('/')}"


def _secrets(url: URL) -> list[str]:
    """Return the password and all options of the URL that may be secrets."""
    options = [
        value
        for name, values in url.normalized_query.items()
        for value in values
        if "pass" in name or (name != "host" and len(value) >= SHORTEST_SECRET)
    ]
    return [text for text in (url.password, *options) if text]


def _first_line(error: Exception) -> str:
    message = str(getattr(error, "orig", None) or error).strip() or type(error).__name__
    return message.splitlines()[0].rstrip(".") + "."
