"""From the text of an answer to the records in it.

Report files come as NDJSON (usual, whatever the name says), as one JSON object, or as a JSON
array, with or without a byte order mark; an aggregate is flat or wrapped in `day_totals`. The form
is told by the content. Source: GitHub's REST documentation of the usage metrics reports, and
observed files.
"""

import json
from collections.abc import Iterable
from datetime import date
from typing import Any

from copilot_pipeline.transform.values import (
    Json,
    TransformError,
    json_object,
    optional_date,
    optional_list,
    parse_json,
)

# GitHub's own traces of how it made the report; they differ where the numbers do not.
HOUSEKEEPING = frozenset({"etl_id", "day_partition", "entity_id_partition"})


def significant(record: Json) -> Json:
    """The record without GitHub's housekeeping."""
    return {name: value for name, value in record.items() if name not in HOUSEKEEPING}


def parse_records(text: str) -> list[Json]:
    """Every record of a report file. One line that does not parse fails the whole file."""
    text = text.removeprefix("\ufeff").rstrip()
    if not text:
        return []
    if _is_one_value(text.lstrip()):
        value = parse_json(text)
        values = value if isinstance(value, list) else [value]
    else:
        values = [_parse_line(n, line) for n, line in enumerate(text.split("\n"), 1)]
        values = [value for value in values if value is not _BLANK]
    return [json_object(value, "a record of the report") for value in values]


def aggregate_day(files: Iterable[str], day: date) -> Json | None:
    """The one record of that day in an aggregate report's files; None if they hold no record.

    The same record twice counts once. Another day, an unknown shape, or two different records
    fail: nothing is stored then.
    """
    found: Json | None = None
    for text in files:
        for record in parse_records(text):
            for entry in _flatten(record):
                _require_day(entry, "day", day)
                if found is not None and significant(found) != significant(entry):
                    raise TransformError(f"the report holds two different records of {day}")
                found = entry
    return found


def day_records(files: Iterable[str], day: date) -> list[Json]:
    """The records of that day in the files of a report with many: users, memberships, repositories.

    Another day, or a record without one, fails: nothing is stored then.
    """
    records = [record for text in files for record in parse_records(text)]
    for record in records:
        _require_day(record, "day", day)
    return records


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


def legacy_day(text: str, day: date) -> Json:
    """One stored legacy day."""
    record = json_object(parse_json(text), "the day")
    _require_day(record, "date", day)
    return record


_BLANK = object()


def _is_one_value(text: str) -> bool:
    """Whether the text is a single JSON value, not one per line."""
    try:
        _, end = json.JSONDecoder().raw_decode(text)
    except (ValueError, RecursionError):
        # Broken either way: as lines, so that the message can name the line.
        return "\n" not in text
    return end == len(text)


def _parse_line(number: int, line: str) -> Any:
    if not line.strip():
        return _BLANK
    try:
        return parse_json(line)
    except TransformError as error:
        raise TransformError(f"line {number} of the report is {error}") from error


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
