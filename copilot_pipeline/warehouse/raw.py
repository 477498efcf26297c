"""Reads and writes GitHub's answers in the raw table of their source."""

import gzip
import io
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, datetime
from hashlib import sha256
from typing import IO, Any, Protocol

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from copilot_pipeline.errors import CopilotPipelineError
from copilot_pipeline.sources.raw import RAW_METRICS
from copilot_pipeline.sources.source import Answer, Source

# The users report shrinks to 5 %. A higher level saves little and takes much longer.
_LEVEL = 6

# What zlib calls the format of gzip.
_GZIP = zlib.MAX_WBITS + 16

_BLOCK = 1024 * 1024


class DamagedAnswerError(CopilotPipelineError):
    """A stored answer cannot be decompressed."""


class FetchedAnswer(Answer, Protocol):
    """A downloaded file or page. `url` lacks the query of a signed link."""

    @property
    def url(self) -> str: ...

    @property
    def fetched_at(self) -> datetime: ...

    def blocks(self) -> Iterator[bytes]:
        """Return the content in blocks that fit into memory."""


@dataclass(frozen=True)
class StoredAnswer:
    """A stored file or page. It is decompressed while it is read.

    The methods raise `DamagedAnswerError` if it cannot be decompressed.
    """

    url: str
    compressed: bytes = field(repr=False)
    fetched_at: datetime

    def lines(self) -> Iterator[bytes]:
        with self._open() as file:
            yield from file

    def content(self) -> bytes:
        return b"".join(self.blocks())

    def blocks(self) -> Iterator[bytes]:
        with self._open() as file:
            while block := file.read(_BLOCK):
                yield block

    @contextmanager
    def _open(self) -> Iterator[IO[bytes]]:
        try:
            with gzip.GzipFile(fileobj=io.BytesIO(self.compressed)) as file:
                yield io.BufferedReader(file, _BLOCK)
        except (gzip.BadGzipFile, EOFError, zlib.error):
            raise DamagedAnswerError(
                f"the stored answer of {self.url} is damaged: it cannot be decompressed. "
                "Restore the warehouse from a backup, or fetch the day again."
            ) from None


def compress(blocks: Iterable[bytes]) -> bytes:
    """Return the blocks in the format of gzip, as payloads are stored."""
    compressor = zlib.compressobj(_LEVEL, wbits=_GZIP)
    return b"".join([*map(compressor.compress, blocks), compressor.flush()])


def replace_raw(
    connection: Connection,
    source: Source,
    scope_id: int,
    day: date,
    answers: Iterable[FetchedAnswer],
) -> int:
    """Replace the stored answers of the source and day. Return the number of files or pages.

    One answer is in memory at a time, compressed.
    """
    raw, key = source.raw, _key(source, scope_id, day)
    connection.execute(sa.delete(raw.table).where(*_is(source, scope_id, day)))
    count = 0
    for number, answer in enumerate(answers, raw.first_part):
        digest = sha256()
        values: dict[str, Any] = {
            **key,
            "fetched_at": answer.fetched_at,
            "url": answer.url,
            "payload": compress(_hashed(answer.blocks(), digest)),
        }
        if raw.part is not None:
            values[raw.part] = number
        if "sha256" in raw.table.c:
            values["sha256"] = digest.hexdigest()
        connection.execute(sa.insert(raw.table), values)
        count += 1
    return count


def _hashed(blocks: Iterable[bytes], digest: Any) -> Iterator[bytes]:
    """Yield the blocks and add each to the digest."""
    for block in blocks:
        digest.update(block)
        yield block


def read_raw(
    connection: Connection, source: Source, scope_id: int, day: date
) -> Iterator[StoredAnswer]:
    """Yield the stored files or pages of the day in order, one in memory at a time."""
    raw, where = source.raw, _is(source, scope_id, day)
    columns = raw.table.c
    query = sa.select(columns.url, columns.payload, columns.fetched_at).where(*where)
    if raw.part is None:
        parts = [sa.true()]
    else:
        part = columns[raw.part]
        numbers = connection.execute(sa.select(part).where(*where).order_by(part)).scalars().all()
        parts = [part == number for number in numbers]
    for condition in parts:
        for row in connection.execute(query.where(condition)):
            yield StoredAnswer(*row)


def has_raw(connection: Connection, source: Source, scope_id: int, day: date) -> bool:
    """Whether an answer of the source is stored for the day."""
    query = sa.select(sa.exists().where(*_is(source, scope_id, day)))
    return bool(connection.execute(query).scalar())


@dataclass(frozen=True)
class StoredDays:
    """The first and last stored day, and the number of stored days."""

    first: date
    last: date
    count: int


def stored_days(connection: Connection, source: Source, scope_id: int) -> StoredDays | None:
    """Return the days with a stored answer of the source, or None if there is none."""
    days = source.raw.table.c.day
    query = sa.select(sa.func.min(days), sa.func.max(days), sa.func.count(days.distinct()))
    first, last, count = connection.execute(query.where(*_of(source, scope_id))).one()
    return StoredDays(first, last, count) if count else None


def stored_metrics(connection: Connection, scope_id: int, day: date) -> list[str]:
    """Return the names of the reports that are stored for the day."""
    columns = RAW_METRICS.table.c
    query = sa.select(columns.report).where(columns.scope_id == scope_id, columns.day == day)
    return list(connection.execute(query.distinct().order_by(columns.report)).scalars())


def _key(source: Source, scope_id: int, day: date) -> dict[str, Any]:
    key: dict[str, Any] = {"scope_id": scope_id, "day": day}
    if source.raw.has_report:
        key["report"] = source.name
    return key


def _is(source: Source, scope_id: int, day: date) -> list[sa.ColumnElement[bool]]:
    return [*_of(source, scope_id), source.raw.table.c.day == day]


def _of(source: Source, scope_id: int) -> list[sa.ColumnElement[bool]]:
    columns = source.raw.table.c
    of_report = [columns.report == source.name] if source.raw.has_report else []
    return [columns.scope_id == scope_id, *of_report]
