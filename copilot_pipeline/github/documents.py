"""Answers as received, on disk: memory holds a line, or one file at a time, never a report."""

import codecs
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import IO, Self

from copilot_pipeline.clock import utc_now
from copilot_pipeline.github.errors import GitHubError, Subject

_BLOCK = 1024 * 1024


class Spool:
    """A file without a name, which holds the answers of one load one after the other.

    Its documents can be read until it is closed. Not for several threads at once.
    """

    def __init__(self) -> None:
        self.file: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 (closed by close)
        self.size = 0
        self.received = 0

    def take(self, url: str, size: int, received: int) -> "Document":
        """What was written last, as a document; `received` is its size as it came."""
        start = self.size
        self.size += size
        self.received += received
        self.file.seek(start)
        if self.file.read(len(codecs.BOM_UTF8)) == codecs.BOM_UTF8:
            start += len(codecs.BOM_UTF8)
        return Document(url, utc_now(), self, start, self.size)

    def add(self, url: str, content: bytes) -> "Document":
        """A document that is in memory."""
        self.file.seek(self.size)
        self.file.write(content)
        return self.take(url, len(content), len(content))

    def close(self) -> None:
        self.file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


@dataclass(frozen=True)
class Document:
    """An answer as received: its address without a signature, when it came, and where it lies."""

    url: str
    fetched_at: datetime
    _spool: Spool = field(repr=False)
    _start: int = field(repr=False)
    _stop: int = field(repr=False)

    def content(self) -> bytes:
        """All of it."""
        file = self._spool.file
        file.seek(self._start)
        return file.read(self._stop - self._start)

    def lines(self) -> Iterator[bytes]:
        """The lines with their ends."""
        position, file = self._start, self._spool.file
        while position < self._stop:
            file.seek(position)
            line = file.readline(self._stop - position)
            position += len(line)
            yield line

    def blocks(self) -> Iterator[bytes]:
        """All of it in pieces of at most a mebibyte."""
        file = self._spool.file
        for position in range(self._start, self._stop, _BLOCK):
            file.seek(position)
            yield file.read(min(_BLOCK, self._stop - position))


def require_text(document: Document, subject: Subject) -> None:
    """Raises for what no database can store as text."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        for block in document.blocks():
            decoder.decode(block)
            # JSON cannot hold it, and PostgreSQL cannot store it.
            if b"\0" in block:
                raise GitHubError(f"{subject}: the answer is not JSON: it holds a NUL byte.")
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        raise GitHubError(f"{subject}: the answer is not UTF-8 text.") from None
