"""Reads and writes GitHub's answers in the raw table of their source."""

import io
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime
from hashlib import sha256
from typing import Any, Protocol

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from copilot_pipeline.sources.raw import RAW_METRICS
from copilot_pipeline.sources.source import Answer, Source


class FetchedAnswer(Answer, Protocol):
    """A downloaded file or page. `url` lacks the query of a signed link."""

    @property
    def url(self) -> str: ...

    @property
    def fetched_at(self) -> datetime: ...


@dataclass(frozen=True)
class StoredAnswer:
    """A stored file or page."""

    url: str
    payload: str
    fetched_at: datetime

    def lines(self) -> Iterator[bytes]:
        return io.BytesIO(self.content())

    def content(self) -> bytes:
        return self.payload.encode()


def replace_raw(
    connection: Connection,
    source: Source,
    scope_id: int,
    day: date,
    answers: Iterable[FetchedAnswer],
) -> int:
    """Replace the stored answers of the source and day. Return the number of files or pages.

    One answer is in memory at a time.
    """
    raw, key = source.raw, _key(source, scope_id, day)
    connection.execute(sa.delete(raw.table).where(*_is(source, scope_id, day)))
    count = 0
    for number, answer in enumerate(answers, raw.first_part):
        content = answer.content()
        values: dict[str, Any] = {
            **key,
            "fetched_at": answer.fetched_at,
            "url": answer.url,
            "payload": content.decode(),
        }
        if raw.part is not None:
            values[raw.part] = number
        if "sha256" in raw.table.c:
            values["sha256"] = sha256(content).hexdigest()
        connection.execute(sa.insert(raw.table), values)
        count += 1
    return count


def read_raw(
    connection: Connection, source: Source, scope_id: int, day: date
) -> Iterator[StoredAnswer]:
    """Yield the stored files or pages of the day in order, one in memory at a time."""
    raw, where = source.raw, _is(source, scope_id, day)
    columns = raw.table.c
    query = sa.select(columns.url, columns.payload, columns.fetched_at).where(*where)
    if raw.part is None:
        parts = [sa.true()]
    else:
        part = columns[raw.part]
        numbers = connection.execute(sa.select(part).where(*where).order_by(part)).scalars().all()
        parts = [part == number for number in numbers]
    for condition in parts:
        for row in connection.execute(query.where(condition)):
            yield StoredAnswer(*row)


def has_raw(connection: Connection, source: Source, scope_id: int, day: date) -> bool:
    """Whether an answer of the source is stored for the day."""
    query = sa.select(sa.exists().where(*_is(source, scope_id, day)))
    return bool(connection.execute(query).scalar())


def stored_metrics(connection: Connection, scope_id: int, day: date) -> list[str]:
    """Return the names of the reports that are stored for the day."""
    columns = RAW_METRICS.table.c
    query = sa.select(columns.report).where(columns.scope_id == scope_id, columns.day == day)
    return list(connection.execute(query.distinct().order_by(columns.report)).scalars())


def _key(source: Source, scope_id: int, day: date) -> dict[str, Any]:
    key: dict[str, Any] = {"scope_id": scope_id, "day": day}
    if source.raw.has_report:
        key["report"] = source.name
    return key


def _is(source: Source, scope_id: int, day: date) -> list[sa.ColumnElement[bool]]:
    columns = source.raw.table.c
    return [columns[name] == value for name, value in _key(source, scope_id, day).items()]
