"""Receives and decompresses response bodies, with limits on their size and compression ratio."""

import tempfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO

from copilot_pipeline.github.errors import GitHubError, RetryableError, Subject

# Reports in NDJSON decompress to 10 to 30 times their size. The ratio is not checked below a
# minimum size.
MAX_RATIO = 200
MIN_RATIO_BYTES = 1024 * 1024

# The maximum number of bytes to decompress at once.
_BLOCK = 256 * 1024
_GZIP = 31


@dataclass(frozen=True)
class Limit:
    """The maximum size of a body in bytes, before and after decompression.

    `what` names the body in messages. `already` is the number of bytes received before it that
    count toward the limit.
    """

    size: int
    what: str = "the response"
    already: int = 0

    def require(self, size: int, subject: Subject) -> None:
        """Raise `GitHubError` if a body of `size` bytes exceeds the limit."""
        if self.already + size > self.size:
            limit = f"{self.size // 1024 // 1024} MiB"
            raise GitHubError(f"{subject}: {self.what} is larger than {limit}.")


class Body:
    """Writes a response body to a file, from the current position of the file.

    Each redirect and each retry starts again with `begin`. httpx is not used for decompression: it
    decompresses a whole chunk at once, and accepts a truncated gzip stream.
    """

    def __init__(self, file: IO[bytes], limit: Limit, subject: Subject) -> None:
        self._file = file
        self._limit = limit
        self._subject = subject
        self._start = file.tell()
        self.begin("identity")

    def begin(self, encoding: str) -> None:
        """Discard what was received. `encoding` is the response's `Content-Encoding`."""
        self._encoding = encoding.strip().lower()
        self._member = zlib.decompressobj(wbits=_GZIP)
        self.received = 0
        self.size = 0
        self._file.seek(self._start)
        self._file.truncate()

    def add(self, chunk: bytes) -> None:
        """Decompress a chunk and write it.

        Raises:
            GitHubError: a limit is exceeded, the compression is unknown or broken, or the disk is
                full.
        """
        self.received += len(chunk)
        self._limit.require(self.received, self._subject)
        if self._encoding in ("", "identity"):
            self._write(chunk)
        elif self._encoding in ("gzip", "x-gzip"):
            for piece in self._decompress(chunk):
                self._write(piece)
        elif chunk:
            raise GitHubError(f"{self._subject}: the compression of the response is not supported.")

    def end(self) -> None:
        """Finish the body.

        Raises:
            RetryableError: the compressed body is truncated.
        """
        if self.received and self._encoding in ("gzip", "x-gzip") and not self._member.eof:
            raise RetryableError(
                self._subject, "the compressed response is truncated", "Try again."
            )
        self._write(b"")

    def _write(self, piece: bytes) -> None:
        self.size += len(piece)
        self._limit.require(self.size, self._subject)
        if self.size > max(MIN_RATIO_BYTES, MAX_RATIO * self.received):
            raise GitHubError(
                f"{self._subject}: the response decompresses to more than {MAX_RATIO} times its "
                "size."
            )
        try:
            self._file.write(piece)
            if not piece:
                self._file.flush()
        except OSError as error:
            raise GitHubError(
                f"{self._subject}: the response cannot be stored in {tempfile.gettempdir()}: "
                f"{error.strerror}. Free disk space there, or set TMPDIR to another directory."
            ) from None

    def _decompress(self, data: bytes) -> Iterator[bytes]:
        """Yield the decompressed data.

        A gzip stream may have several members, and zero bytes after each.
        """
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
                    # The decompressor may hold more output even if no input is left.
                    data = self._member.unconsumed_tail
        except zlib.error:
            raise GitHubError(f"{self._subject}: the compressed response is corrupt.") from None
