"""The files of a report on disk: memory holds a line, or one file at a time, never a report."""

import codecs
import tempfile
import weakref
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import IO

from copilot_pipeline.github.errors import GitHubError, Subject

_BLOCK = 1024 * 1024


class Spool:
    """A file without a name, which holds the files of a report one after the other.

    It is gone once nothing refers to it. Not for several threads at once.
    """

    def __init__(self) -> None:
        self.file: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 (closed by the finalizer)
        self.size = 0
        self.received = 0
        weakref.finalize(self, self.file.close)

    def take(self, url: str, size: int, received: int) -> "ReportFile":
        """What was written last, as a file of the report; `received` is its size as it came."""
        start = self.size
        self.size += size
        self.received += received
        self.file.seek(start)
        if self.file.read(len(codecs.BOM_UTF8)) == codecs.BOM_UTF8:
            start += len(codecs.BOM_UTF8)
        return ReportFile(url, datetime.now(UTC), self, start, self.size)


@dataclass(frozen=True)
class ReportFile:
    """A file as received: its address without a signature, when it came, and where it lies."""

    url: str
    fetched_at: datetime
    _spool: Spool = field(repr=False)
    _start: int = field(repr=False)
    _stop: int = field(repr=False)

    @property
    def text(self) -> str:
        """All of it."""
        file = self._spool.file
        file.seek(self._start)
        return file.read(self._stop - self._start).decode()

    def lines(self) -> Iterator[str]:
        """Line by line, with the line ends."""
        position, file = self._start, self._spool.file
        while position < self._stop:
            file.seek(position)
            line = file.readline(self._stop - position)
            position += len(line)
            yield line.decode()

    def blocks(self) -> Iterator[bytes]:
        file = self._spool.file
        for position in range(self._start, self._stop, _BLOCK):
            file.seek(position)
            yield file.read(min(_BLOCK, self._stop - position))


def require_text(file: ReportFile, subject: Subject) -> None:
    """Raises for what no database can store as text."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        for block in file.blocks():
            decoder.decode(block)
            # JSON cannot hold it, and PostgreSQL cannot store it.
            if b"\0" in block:
                raise GitHubError(f"{subject}: the answer is not JSON: it holds a NUL byte.")
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        raise GitHubError(f"{subject}: the answer is not UTF-8 text.") from None
