"""Looks for tokens, and for the tests' secret, in what a test leaves behind."""

import base64
import gzip
import re
from collections.abc import Iterator
from pathlib import Path

import sqlalchemy as sa

from copilot_pipeline.warehouse.database import parse_url

SECRET = "5ec2e7" * 10 + "abcd"

# Every token that the tests use has GitHub's form, apart from a few that test another one.
_PLANTED = re.compile(
    rb"gh[pousr]_[A-Za-z0-9._\-]{20,}|github_pat_[A-Za-z0-9_]{20,}|(?i:%s)" % SECRET.encode()
)

# Where a user keeps the secret himself.
_OWN_FILES = {".env"}


# Of `Authorization: Basic …`, in either alphabet.
_BASE64 = re.compile(rb"[A-Za-z0-9+/_\-]{28,}")


def leaked(data: str | bytes) -> list[str]:
    """The tokens and secrets in the text, cut so that a report does not repeat them whole.

    They are found in base64 as well.
    """
    raw = data.encode(errors="replace") if isinstance(data, str) else data
    searched = [raw, *(part for run in _BASE64.findall(raw) for part in _decoded(run))]
    return [found.decode()[:12] + "…" for part in searched for found in _PLANTED.findall(part)]


def _decoded(run: bytes) -> Iterator[bytes]:
    """What the run may stand for: it may begin with other letters than those of the base64."""
    digits = run.translate(bytes.maketrans(b"-_", b"+/"))
    for start in range(4):
        yield base64.b64decode(digits[start : start + (len(digits) - start) // 4 * 4])


def files_that_leak(folder: Path) -> list[str]:
    """The files below the folder that hold one, as they are or in a stored answer."""
    found = []
    for path in folder.rglob("*"):
        if path.is_file() and path.name not in _OWN_FILES:
            content = path.read_bytes()
            tokens = leaked(content)
            if content.startswith(b"SQLite") and b"_raw_copilot_" in content:
                tokens += tables_that_leak(f"sqlite:///{path}", only="_raw_copilot_")
            found += [f"{path}: {tokens}"] if tokens else []
    return found


def tables_that_leak(url: str, only: str = "") -> list[str]:
    """The tables of the database, Dagster's included, in which any row holds one."""
    rows = stored_rows(url, only)
    return [f"{name}: {found}" for name, text in rows if (found := leaked(text))]


def stored_rows(url: str, only: str = "") -> Iterator[tuple[str, str]]:
    """Every row of the tables whose name begins so as a text, after the name of its table.

    Answers that are stored compressed are decompressed.
    """
    engine = sa.create_engine(parse_url(url))
    try:
        with engine.connect() as connection:
            names = set(sa.inspect(connection).get_table_names())
            if connection.dialect.name == "postgresql":
                # The rows of partitions are those of their tables.
                partitions = sa.text("SELECT relname FROM pg_class WHERE relispartition")
                names -= set(connection.execute(partitions).scalars())
            for name in sorted(name for name in names if name.startswith(only)):
                table = sa.table(name)
                for row in connection.execute(sa.select(sa.text("*")).select_from(table)):
                    yield name, " ".join(map(_text, row))
    finally:
        engine.dispose()


def _text(value: object) -> str:
    if isinstance(value, bytes) and value.startswith(b"\x1f\x8b"):
        return gzip.decompress(value).decode()
    return str(value)
