"""Answers as received, kept on disk until they are stored, so that memory holds a part of one."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from tempfile import SpooledTemporaryFile
from typing import Self

# What fits into memory without a file: a usual report of a day.
MEMORY_BYTES = 1024 * 1024

_CHUNK_BYTES = 256 * 1024


class Spool:
    """The answers of one load, in a temporary file without a name once they outgrow memory.

    One thread uses it; its documents can be read, repeatedly, until it is closed.
    """

    def __init__(self) -> None:
        self._file = SpooledTemporaryFile(max_size=MEMORY_BYTES)  # noqa: SIM115 (closed by close)
        self._end = 0

    def write(self, chunk: bytes) -> None:
        """Adds a part of the document that `finish` ends."""
        self._file.seek(0, 2)
        self._file.write(chunk)

    def finish(self, url: str) -> "Document":
        """The document that was written since the last one; `url` has no query of a signed link."""
        start, self._end = self._end, self._file.seek(0, 2)
        return Document(url, datetime.now(UTC), self, start, self._end - start)

    def discard(self) -> None:
        """Forgets what was written since the last document: an answer that was cut, for example."""
        self._file.seek(self._end)
        self._file.truncate()

    def read(self, start: int, length: int) -> bytes:
        self._file.seek(start)
        return self._file.read(length)

    def close(self) -> None:
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


@dataclass(frozen=True)
class Document:
    """An answer as received: its address without a signature, when it came, and its bytes (UTF-8
    text)."""

    url: str
    fetched_at: datetime
    _spool: Spool
    _start: int
    _length: int

    def content(self) -> bytes:
        """All of it."""
        return self._spool.read(self._start, self._length)

    def lines(self) -> Iterator[bytes]:
        """The lines without their ends, a part of the document in memory at a time."""
        rest = b""
        for offset in range(0, self._length, _CHUNK_BYTES):
            size = min(_CHUNK_BYTES, self._length - offset)
            *whole, rest = (rest + self._spool.read(self._start + offset, size)).split(b"\n")
            yield from whole
        yield rest
