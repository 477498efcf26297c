"""The digest of a report's records, whatever their order, their files and their fields' order."""

import heapq
import json
import tempfile
from collections.abc import Iterable, Iterator
from hashlib import sha256
from typing import IO

from copilot_pipeline.transform.records import significant
from copilot_pipeline.transform.values import Json, TransformError

# Records above that size are sorted in pieces on disk, and merged.
SORTED_IN_MEMORY = 16 * 1024 * 1024


class Digest:
    """SHA-256 of the sorted records, each once, without GitHub's housekeeping."""

    def __init__(self) -> None:
        self._texts: set[bytes] = set()
        self._size = 0
        self._file: IO[bytes] | None = None
        # Where each sorted piece begins and ends in the file.
        self._pieces: list[tuple[int, int]] = []

    def add(self, records: Iterable[Json]) -> None:
        for record in records:
            try:
                text = json.dumps(significant(record), sort_keys=True).encode()
            except RecursionError:
                raise TransformError("a record is nested too deeply") from None
            if text not in self._texts:
                self._texts.add(text)
                self._size += len(text)
                if self._size > SORTED_IN_MEMORY:
                    self._put_aside()

    def hexdigest(self) -> str:
        """The digest in hexadecimal. Call it once, after the last record."""
        if self._file is None:
            return sha256(b"\n".join(sorted(self._texts))).hexdigest()
        self._put_aside()
        with self._file as file:
            digest = sha256()
            last: bytes | None = None
            for text in heapq.merge(*(_lines(file, *piece) for piece in self._pieces)):
                if text != last:
                    digest.update(text if last is None else b"\n" + text)
                last = text
            return digest.hexdigest()

    def _put_aside(self) -> None:
        if self._file is None:
            self._file = tempfile.TemporaryFile()  # noqa: SIM115 (closed by `hexdigest`)
        start = self._file.seek(0, 2)
        # The JSON is in ASCII and on one line.
        self._file.writelines(text + b"\n" for text in sorted(self._texts))
        self._pieces.append((start, self._file.tell()))
        self._texts.clear()
        self._size = 0


def _lines(file: IO[bytes], position: int, stop: int) -> Iterator[bytes]:
    while position < stop:
        # The others read from the same file.
        file.seek(position)
        line = file.readline()
        position += len(line)
        yield line[:-1]
