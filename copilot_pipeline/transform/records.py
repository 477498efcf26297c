"""From the text of an answer to the records in it.

Report files come as NDJSON (usual, whatever the name says), as one JSON object, or as a JSON
array, with or without a byte order mark; an aggregate is flat or wrapped in `day_totals`. The form
is told by the content. Source: GitHub's REST documentation of the usage metrics reports, and
observed files.
"""

import json
from collections.abc import Iterable, Iterator
from datetime import date
from itertools import chain

from copilot_pipeline.transform.values import (
    Json,
    TransformError,
    array_entries,
    json_object,
    optional_date,
    optional_list,
    parse_json,
)

# GitHub's own traces of how it made the report; they differ where the numbers do not.
HOUSEKEEPING = frozenset({"etl_id", "day_partition", "entity_id_partition"})

# A file of a report: its text, or its lines with their ends.
File = str | Iterable[str]

# What is parsed at once, in characters: a line, a file that is one value, or an entry of a large
# array. As objects of Python, it may take twenty times as much.
LARGEST_VALUE = 8 * 1024 * 1024

# What becomes rows at once: so many records, or so many characters.
BATCH_RECORDS = 2_000
BATCH_SIZE = 4 * 1024 * 1024


def significant(record: Json) -> Json:
    """The record without GitHub's housekeeping."""
    return {name: value for name, value in record.items() if name not in HOUSEKEEPING}


def parse_records(file: File) -> Iterator[Json]:
    """Every record of a report file. One line that does not parse fails the whole file."""
    for record, _ in _sized_records(file):
        yield record


def aggregate_day(files: Iterable[File], day: date) -> Json | None:
    """The one record of that day in an aggregate report's files; None if they hold no record.

    The same record twice counts once. Another day, an unknown shape, or two different records
    fail: nothing is stored then.
    """
    found: Json | None = None
    for file in files:
        for record in parse_records(file):
            for entry in _flatten(record):
                _require_day(entry, "day", day)
                if found is not None and significant(found) != significant(entry):
                    raise TransformError(f"the report holds two different records of {day}")
                found = entry
    return found


def day_batches(files: Iterable[File], day: date) -> Iterator[list[Json]]:
    """The records of that day in the files of a report with many: users, memberships, repositories.

    In batches, at least one, which may be empty. Wrapped in `day_totals`, the records are those in
    it. Another day, or a record without one, fails: nothing is stored then.
    """
    batch: list[Json] = []
    size, batches = 0, 0
    for file in files:
        for record, length in _sized_records(file):
            entries = optional_list(record, "day_totals")
            for entry in [record] if entries is None else entries:
                _require_day(entry, "day", day)
                batch.append(entry)
            size += length
            if len(batch) >= BATCH_RECORDS or size >= BATCH_SIZE:
                yield batch
                batch, size, batches = [], 0, batches + 1
    if batch or batches == 0:
        yield batch


def is_blank(file: File) -> bool:
    """Whether the file holds nothing but blank lines."""
    return not any(line.strip() for line in _lines(file))


def legacy_days(text: str) -> dict[date, Json]:
    """The days of a page of the closed `/copilot/metrics` endpoint: an array of objects."""
    value = parse_json(text) if text.strip() else None
    if value is None or value == "":
        return {}
    if not isinstance(value, list):
        raise TransformError("the answer is not an array of days")
    days: dict[date, Json] = {}
    for entry in value:
        record = json_object(entry, "a day")
        day = optional_date(record, "date")
        if day is None:
            raise TransformError("a day has no date")
        if days.setdefault(day, record) != record:
            raise TransformError(f"the answer holds two different records of {day}")
    return days


def legacy_day(file: File, day: date) -> Json:
    """One stored legacy day."""
    record = json_object(parse_json("".join(_lines(file))), "the day")
    _require_day(record, "date", day)
    return record


def _sized_records(file: File) -> Iterator[tuple[Json, int]]:
    """Every record, and about how long its text is.

    Where the first line is a value and others follow, each line is one. Otherwise (an array, an
    indented object, something broken) the whole file is.
    """
    lines = _lines(file)
    # The first two lines that hold something, each with the line ends before it.
    filled: list[str] = []
    blank = 0
    for number, line in enumerate(lines):
        text = line if number else line.removeprefix("\ufeff")
        if not text.strip():
            blank += 1
            continue
        filled.append("\n" * blank + text)
        blank = 0
        if len(filled) == 2:
            break
    if len(filled) == 2 and len(filled[0]) <= LARGEST_VALUE and _is_value(filled[0]):
        for number, line in enumerate(chain(_lines("".join(filled)), lines), 1):
            if line.strip():
                yield _of_line(number, line), len(line)
    elif filled:
        yield from _of_whole(_whole(chain(filled, lines)))


def _of_line(number: int, line: str) -> Json:
    if len(line) > LARGEST_VALUE:
        limit = f"{LARGEST_VALUE // 1024 // 1024} MiB"
        raise TransformError(f"line {number} of the report is larger than {limit}")
    try:
        value = parse_json(line)
    except TransformError as error:
        raise type(error)(f"line {number} of the report is {error}") from error
    return json_object(value, "a record of the report")


def _of_whole(text: str) -> Iterator[tuple[Json, int]]:
    if len(text) > LARGEST_VALUE:
        for value, size in array_entries(text, LARGEST_VALUE):
            yield json_object(value, "a record of the report"), size
        return
    if not _is_one_value(text.strip()):
        # Broken: the first line that holds something is named.
        for number, line in enumerate(_lines(text), 1):
            if line.strip():
                yield _of_line(number, line), len(line)
        return
    value = parse_json(text.rstrip())
    values = value if isinstance(value, list) else [value]
    for each in values:
        yield json_object(each, "a record of the report"), len(text) // len(values)


def _whole(lines: Iterable[str]) -> str:
    text = bytearray()
    for line in lines:
        text += line.encode("utf-8", "surrogatepass")
    return text.decode("utf-8", "surrogatepass")


def _lines(file: File) -> Iterator[str]:
    if not isinstance(file, str):
        yield from file
        return
    start = 0
    while end := file.find("\n", start) + 1:
        yield file[start:end]
        start = end
    if start < len(file):
        yield file[start:]


def _is_value(line: str) -> bool:
    try:
        json.loads(line)
    except (ValueError, RecursionError):
        return False
    return True


def _is_one_value(text: str) -> bool:
    """Whether the text is a single JSON value, not one per line."""
    try:
        _, end = json.JSONDecoder().raw_decode(text)
    except (ValueError, RecursionError):
        # Broken either way: as lines, so that the message can name the line.
        return "\n" not in text
    return end == len(text)


def _flatten(record: Json) -> list[Json]:
    entries = optional_list(record, "day_totals")
    if entries is not None:
        return entries
    if "day" not in record:
        raise TransformError("a record has neither day nor day_totals: the shape is not known")
    return [record]


def _require_day(record: Json, key: str, day: date) -> None:
    stated = optional_date(record, key)
    if stated != day:
        raise TransformError(f"the report is about {stated or 'no day'}, not {day}")
