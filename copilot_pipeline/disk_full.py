"""Tells a full disk from other errors, whoever met it: the operating system or a database."""

import errno
import sqlite3
from collections.abc import Iterator

# Source: PostgreSQL's documentation, appendix A: class 53, insufficient resources.
POSTGRES_DISK_FULL = "53100"


def is_disk_full(error: BaseException) -> bool:
    """Whether a full disk caused the error, or came before it while it was handled."""
    return any(map(_says_full, _chain(error)))


def _says_full(error: BaseException) -> bool:
    if isinstance(error, OSError):
        return error.errno in (errno.ENOSPC, errno.EDQUOT)
    if isinstance(error, sqlite3.Error):
        return getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_FULL
    # psycopg 3 and psycopg2, which Dagster uses.
    states = (getattr(error, name, None) for name in ("sqlstate", "pgcode"))
    return POSTGRES_DISK_FULL in states


def _chain(error: BaseException) -> Iterator[BaseException]:
    """The error, what it wraps, and its causes and contexts; each once."""
    waiting, seen = [error], set[int]()
    while waiting:
        current = waiting.pop()
        if id(current) in seen:
            continue
        seen.add(id(current))
        yield current
        linked = (current.__cause__, current.__context__, getattr(current, "orig", None))
        waiting += [each for each in linked if isinstance(each, BaseException)]
