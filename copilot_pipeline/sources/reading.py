"""Reads the records of report files.

A file is NDJSON (usually, even if it is named .json), one JSON object, or a JSON array, with or
without a byte order mark. Records are flat or wrapped in `day_totals`. The format is detected from
the content. Source: GitHub's REST documentation of the usage metrics reports, and observed
files.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import date
from functools import lru_cache
from typing import Any

from copilot_pipeline.sources.breakdowns import BREAKDOWNS, Breakdown, cleaned
from copilot_pipeline.sources.entries import MAX_VALUE, MAX_VALUE_BYTES, array_entries
from copilot_pipeline.sources.known_names import KNOWN_NAMES, PSEUDO_NAMES
from copilot_pipeline.sources.names import normalized
from copilot_pipeline.sources.shape import Record
from copilot_pipeline.sources.source import Answer, Reading
from copilot_pipeline.sources.values import NotJsonError, RecordError, parse_json, storable

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


def read_many(
    record: Record, *required: str
) -> Callable[[Iterable[Answer], Reading], Iterator[Any]]:
    """Return a reader for reports with many records, such as users or repositories.

    The reader raises `RecordError` if a record has another day or lacks a required id.
    """
    of_breakdowns = [each for each in BREAKDOWNS if each.array in record.parts]

    def read(answers: Iterable[Answer], reading: Reading) -> Iterator[Any]:
        for each in _records(record, answers, reading):
            _require_day(each.day, reading.day)
            for name in required:
                if getattr(each, name) is None:
                    raise RecordError(f"a record has no {name}")
            for breakdown in of_breakdowns:
                _notice_names(breakdown, each, reading)
            yield each

    return read


def read_one(record: Record) -> Callable[[Iterable[Answer], Reading], Iterator[Any]]:
    """Return a reader for reports with at most one record.

    The reader accepts repeated equal records and raises `RecordError` if two records differ.
    """

    def read(answers: Iterable[Answer], reading: Reading) -> Iterator[Any]:
        found: bytes | None = None
        for each in _records(record, answers, reading):
            _require_day(each.day, reading.day)
            content = record.encode(each)
            if found is None:
                found = content
                for breakdown in BREAKDOWNS:
                    _notice_names(breakdown, each, reading)
                yield each
            elif content != found:
                raise RecordError(f"the report holds two different records of {reading.day}")

    return read


def _records(record: Record, answers: Iterable[Answer], reading: Reading) -> Iterator[Any]:
    unknown: Counter[str] = Counter()
    for answer in answers:
        yield from _records_of_file(record, answer, unknown)
    for path, count in unknown.items():
        reading.unknown["field", path] += count


def _records_of_file(record: Record, answer: Answer, unknown: Counter[str]) -> Iterator[Any]:
    """Yield every record of a file. A line that cannot be parsed fails the whole file."""
    is_first = True
    for number, line in enumerate(answer.lines(), 1):
        line = line.removeprefix(_BYTE_ORDER_MARK).strip()
        if not line:
            continue
        if is_first and not _is_object(line):
            # One JSON value over several lines, or an array.
            yield from _records_of_whole(record, answer, number, unknown)
            return
        is_first = False
        _require_fit(line, f"line {number}")
        try:
            yield from _records_of_line(record, line, unknown)
        except RecordError as error:
            raise type(error)(f"line {number}: {error}") from None


def _records_of_whole(
    record: Record, answer: Answer, number: int, unknown: Counter[str]
) -> Iterator[Any]:
    """Yield the records of a file that is one JSON value. `number` is its first line."""
    text = answer.content().removeprefix(_BYTE_ORDER_MARK).decode().strip()
    try:
        if text.startswith("["):
            for entry in array_entries(text):
                yield from _records_of_value(record, entry, unknown)
        else:
            _require_fit(text, "the file")
            yield from _records_of_value(record, parse_json(text), unknown)
    except NotJsonError as error:
        raise NotJsonError(f"line {number}: {error}") from None


def _require_fit(text: bytes | str, what: str) -> None:
    if len(text) > MAX_VALUE_BYTES:
        raise RecordError(f"{what} is larger than {MAX_VALUE}")


def _is_object(line: bytes) -> bool:
    return line.startswith(b"{") and line.endswith(b"}")


def _records_of_line(record: Record, line: bytes, unknown: Counter[str]) -> Iterator[Any]:
    if b'"day_totals"' in line:
        yield from _records_of_value(record, parse_json(line), unknown)
    else:
        yield record.decode(line, unknown)


def _records_of_value(record: Record, value: Any, unknown: Counter[str]) -> Iterator[Any]:
    """Yield the record in a JSON value, or the records in its `day_totals`."""
    if not isinstance(value, dict):
        raise RecordError("a record of the report is not an object")
    wrapped = value.get("day_totals")
    if wrapped is None:
        yield record.convert(value, unknown)
    elif isinstance(wrapped, list):
        for each in wrapped:
            yield record.convert(each, unknown)
    else:
        raise RecordError("day_totals is not a list")


def _require_day(stated: date | None, day: date) -> None:
    if stated != day:
        raise RecordError(f"the report is about {stated or 'no day'}, not {day}")


def _notice_names(breakdown: Breakdown, record: Any, reading: Reading) -> None:
    for names in map(breakdown.names_of, getattr(record, breakdown.field) or ()):
        for unknown in _unknown_names(breakdown.dimensions, names):
            reading.unknown[unknown] += 1


# The same few names occur in every record.
@lru_cache(maxsize=4096)
def _unknown_names(
    dimensions: tuple[str, ...], names: tuple[str | None, ...]
) -> Sequence[tuple[str, str]]:
    """Return the dimensions and names that this version does not know."""
    stripped = [
        (dimension, (name or "").strip()) for dimension, name in zip(dimensions, names, strict=True)
    ]
    return [
        (dimension, cleaned(storable(name)))
        for dimension, name in stripped
        if name and not _is_known(dimension, name)
    ]


def _is_known(dimension: str, name: str) -> bool:
    lower = normalized(dimension, name).lower()
    return lower in KNOWN_NAMES[dimension] or lower in PSEUDO_NAMES
