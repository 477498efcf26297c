"""Reads and writes GitHub's answers in the raw table of their source."""

import gzip
import io
import zlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, datetime
from hashlib import sha256
from itertools import chain
from typing import IO, Any, Protocol

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from copilot_pipeline.errors import CopilotPipelineError
from copilot_pipeline.sources.raw import RAW_METRICS
from copilot_pipeline.sources.source import Answer, Source
from copilot_pipeline.warehouse.bulk import insert_rows

# The users report shrinks to 5 %. A higher level saves little and takes much longer.
_LEVEL = 6

# What zlib calls the format of gzip.
_GZIP = zlib.MAX_WBITS + 16

_BLOCK = 1024 * 1024

# The bytes of compressed answers that are kept in memory before they are written.
_BATCH = 8 * 1024 * 1024


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


@dataclass(frozen=True)
class CompressedAnswer:
    """A downloaded file or page as it is stored, with its SHA-256 before compression."""

    url: str
    fetched_at: datetime
    payload: bytes = field(repr=False)
    sha256: str


def compress_ahead(answers: Iterable[FetchedAnswer]) -> Iterator[list[CompressedAnswer]]:
    """Return the compressed answers in batches of about `_BATCH`, the first compressed at once."""
    batches = _batches(answers)
    return chain([next(batches)], batches)


def _batches(answers: Iterable[FetchedAnswer]) -> Iterator[list[CompressedAnswer]]:
    """Yield at least one batch. The last one may be empty."""
    batch: list[CompressedAnswer] = []
    size = 0
    for answer in answers:
        digest = sha256()
        payload = compress(_hashed(answer.blocks(), digest))
        batch.append(CompressedAnswer(answer.url, answer.fetched_at, payload, digest.hexdigest()))
        size += len(payload)
        if size >= _BATCH:
            yield batch
            batch, size = [], 0
    yield batch


def replace_raw(
    connection: Connection,
    source: Source,
    scope_id: int,
    day: date,
    batches: Iterable[Sequence[CompressedAnswer]],
) -> int:
    """Replace the stored answers of the source and day. Return the number of files or pages."""
    raw, key = source.raw, _key(source, scope_id, day)
    connection.execute(sa.delete(raw.table).where(*_is(source, scope_id, day)))
    number = raw.first_part
    for batch in batches:
        rows = []
        for answer in batch:
            part = () if raw.part is None else (number,)
            digest = (answer.sha256,) if "sha256" in raw.table.c else ()
            rows.append((*part, answer.fetched_at, answer.url, answer.payload, *digest))
            number += 1
        insert_rows(connection, raw.table, key, rows)
    return number - raw.first_part


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


def _key(source: Source, scope_id: int, day: date) -> tuple[Any, ...]:
    return (scope_id, day, source.name) if source.raw.has_report else (scope_id, day)


def _is(source: Source, scope_id: int, day: date) -> list[sa.ColumnElement[bool]]:
    return [*_of(source, scope_id), source.raw.table.c.day == day]


def _of(source: Source, scope_id: int) -> list[sa.ColumnElement[bool]]:
    columns = source.raw.table.c
    of_report = [columns.report == source.name] if source.raw.has_report else []
    return [columns.scope_id == scope_id, *of_report]
