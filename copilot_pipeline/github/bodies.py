"""Receives the body of an answer: unpacks it as it comes, within limits of size and of ratio."""

import tempfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO

from copilot_pipeline.github.errors import GitHubError, RetryableError, Subject

# Reports in NDJSON unpack to 10 to 30 times their size.
MOST_UNPACKING = 200
UNPACKED_AT_LEAST = 1024 * 1024

# What is unpacked at once, however small the piece that it comes from.
_BLOCK = 256 * 1024
_GZIP = 31


@dataclass(frozen=True)
class Limit:
    """The most bytes that may come, packed and unpacked, of what, and how many came before."""

    size: int
    what: str = "the answer"
    already: int = 0

    def require(self, size: int, subject: Subject) -> None:
        if self.already + size > self.size:
            limit = f"{self.size // 1024 // 1024} MiB"
            raise GitHubError(f"{subject}: {self.what} is larger than {limit}.")


class Body:
    """Writes a body to a file, from where the file stands. Begun anew for each redirect and retry.

    httpx itself would unpack a whole chunk at once, and take half a gzip stream for a whole.
    """

    def __init__(self, file: IO[bytes], limit: Limit, subject: Subject) -> None:
        self._file = file
        self._limit = limit
        self._subject = subject
        self._start = file.tell()
        self.begin("identity")

    def begin(self, encoding: str) -> None:
        """Forgets what came before; `encoding` is the answer's `Content-Encoding`."""
        self._encoding = encoding.strip().lower()
        self._member = zlib.decompressobj(wbits=_GZIP)
        self.received = 0
        self.size = 0
        self._file.seek(self._start)
        self._file.truncate()

    def add(self, chunk: bytes) -> None:
        self.received += len(chunk)
        self._limit.require(self.received, self._subject)
        if self._encoding in ("", "identity"):
            self._write(chunk)
        elif self._encoding in ("gzip", "x-gzip"):
            for piece in self._unpacked(chunk):
                self._write(piece)
        elif chunk:
            raise GitHubError(f"{self._subject}: the answer's compression is not known.")

    def end(self) -> None:
        """Raises if what was packed did not come to its end."""
        if self.received and self._encoding in ("gzip", "x-gzip") and not self._member.eof:
            raise RetryableError(f"{self._subject}: the compressed answer was cut. Try again.")
        self._write(b"")

    def _write(self, piece: bytes) -> None:
        self.size += len(piece)
        self._limit.require(self.size, self._subject)
        if self.size > max(UNPACKED_AT_LEAST, MOST_UNPACKING * self.received):
            raise GitHubError(
                f"{self._subject}: the answer unpacks to more than {MOST_UNPACKING} times its size."
            )
        try:
            self._file.write(piece)
            if not piece:
                self._file.flush()
        except OSError as error:
            raise GitHubError(
                f"{self._subject}: the answer cannot be kept in {tempfile.gettempdir()}: "
                f"{error.strerror}. Make room there, or let TMPDIR name another folder."
            ) from None

    def _unpacked(self, data: bytes) -> Iterator[bytes]:
        """A gzip stream may have several members, and zeros after each."""
        try:
            while True:
                if self._member.eof:
                    data = data.lstrip(b"\0")
                    if not data:
                        return
                    self._member = zlib.decompressobj(wbits=_GZIP)
                piece = self._member.decompress(data, _BLOCK)
                yield piece
                if self._member.eof:
                    data = self._member.unused_data
                elif len(piece) < _BLOCK:
                    return
                else:
                    # Also where no input is left: the rest of the output is still inside.
                    data = self._member.unconsumed_tail
        except zlib.error:
            raise GitHubError(f"{self._subject}: the answer's compression is broken.") from None
