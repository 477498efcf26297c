"""The answers of GitHub as received, in the raw table of their source."""

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
    """A file or page that has just come; `url` has no query of a signed link."""

    @property
    def url(self) -> str: ...

    @property
    def fetched_at(self) -> datetime: ...


@dataclass(frozen=True)
class StoredAnswer:
    """A file or page as it is stored."""

    url: str
    payload: str
    fetched_at: datetime

    def lines(self) -> Iterator[bytes]:
        return iter(self.content().split(b"\n"))

    def content(self) -> bytes:
        return self.payload.encode()


def replace_raw(
    connection: Connection,
    source: Source,
    scope_id: int,
    day: date,
    answers: Iterable[FetchedAnswer],
) -> int:
    """Replaces what is stored of the source for that day; the number of files or pages.

    One of them is in memory at a time.
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
    """The stored files or pages of that day in their order, one in memory at a time."""
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
    """Whether anything of the source is stored for that day."""
    query = sa.select(sa.exists().where(*_is(source, scope_id, day)))
    return bool(connection.execute(query).scalar())


def stored_days(connection: Connection, source: Source, scope_id: int) -> set[date]:
    """The days for which anything of the source is stored."""
    columns = source.raw.table.c
    query = sa.select(columns.day).where(columns.scope_id == scope_id)
    if source.raw.has_report:
        query = query.where(columns.report == source.name)
    return set(connection.execute(query.distinct()).scalars())


def stored_metrics(connection: Connection, scope_id: int, day: date) -> list[str]:
    """The names of the reports that are stored for that day."""
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
