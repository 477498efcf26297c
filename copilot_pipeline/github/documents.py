"""Stores response bodies on disk, so that a large report does not fill the memory.

Readers load one line or one file at a time.
"""

import codecs
import os
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import IO, Self

from copilot_pipeline.clock import utc_now
from copilot_pipeline.github.errors import GitHubError, Subject

_BLOCK = 1024 * 1024


class Spool:
    """A temporary file that holds the response bodies of one load, one after the other.

    Its documents can be read until the spool is closed, by several threads. Writing is not
    thread-safe.
    """

    def __init__(self) -> None:
        self.file: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 (closed by close)
        self.size = 0
        self.received = 0

    def take(self, url: str, size: int, received: int) -> "Document":
        """Return the last `size` bytes written as a document.

        `received` is the number of bytes that came over the network, before decompression.
        """
        start = self.size
        self.size += size
        self.received += received
        self.file.seek(start)
        if self.file.read(len(codecs.BOM_UTF8)) == codecs.BOM_UTF8:
            start += len(codecs.BOM_UTF8)
        return Document(url, utc_now(), self, start, self.size)

    def add(self, url: str, content: bytes) -> "Document":
        """Write `content` to the spool and return it as a document."""
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
    """A response body as received, with its URL and the time of the download.

    The URL contains no signature.
    """

    url: str
    fetched_at: datetime
    _spool: Spool = field(repr=False)
    _start: int = field(repr=False)
    _stop: int = field(repr=False)

    def content(self) -> bytes:
        """Return the whole body."""
        return b"".join(self.blocks())

    def lines(self) -> Iterator[bytes]:
        """Yield the lines, including their line endings."""
        # The beginning of a line that ends in a later block.
        begun: list[bytes] = []
        for block in self.blocks():
            *lines, rest = block.split(b"\n")
            for line in lines:
                yield b"".join([*begun, line, b"\n"])
                begun.clear()
            begun.append(rest)
        if last := b"".join(begun):
            yield last

    def blocks(self) -> Iterator[bytes]:
        """Yield the body in blocks of at most 1 MiB."""
        number = self._spool.file.fileno()
        for position in range(self._start, self._stop, _BLOCK):
            yield os.pread(number, min(_BLOCK, self._stop - position), position)


def require_text(document: Document, subject: Subject) -> None:
    """Check that the document is text, as JSON is.

    Raises:
        GitHubError: the document is not UTF-8, or contains a NUL byte.
    """
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        for block in document.blocks():
            decoder.decode(block)
            # JSON does not allow a NUL byte, and PostgreSQL cannot store it in a text.
            if b"\0" in block:
                raise GitHubError(f"{subject}: the response is not JSON: it contains a NUL byte.")
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        raise GitHubError(f"{subject}: the response is not UTF-8 text.") from None
