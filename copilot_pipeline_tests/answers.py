"""What the tests of the sources share: from the JSON of answers to the records and rows."""

import json
from datetime import UTC, date, datetime
from typing import Any

from copilot_pipeline.github.kinds import ScopeKind
from copilot_pipeline.sources.source import Reading, Source
from copilot_pipeline.warehouse.raw import StoredAnswer, compress

DAY = date(2026, 11, 20)

Row = dict[str, Any]


def answer(value: Any) -> StoredAnswer:
    """An answer with that text, or with the JSON text of that value."""
    text = value if isinstance(value, str) else json.dumps(value)
    content = compress([text.encode()])
    return StoredAnswer("https://api.github.example/x", content, datetime(2026, 11, 21, tzinfo=UTC))


def reading_of(day: date = DAY, slug: str = "asked-org") -> Reading:
    return Reading(day, ScopeKind.ORGANIZATION, slug)


def records(source: Source, *answers: Any, reading: Reading | None = None) -> list[Any]:
    """The records in the answers, each a text or a JSON value."""
    return list(source.read(map(answer, answers), reading or reading_of()))


def rows(source: Source, table: str, *answers: Any, day: date = DAY) -> list[Row]:
    """The rows that the answers become in a table, without scope and day."""
    (target,) = [each for each in source.tables if each.table.name == f"_tool_copilot_{table}"]
    names = [column.name for column in target.table.c if column.name not in ("scope_id", "day")]
    return [
        dict(zip(names, row, strict=True))
        for record in records(source, *answers, reading=reading_of(day))
        for row in target.rows(record)
    ]


def known(row: Row) -> Row:
    """What a row says, without what it leaves open."""
    return {name: value for name, value in row.items() if value is not None}
