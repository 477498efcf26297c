"""Declares what a source is: data that GitHub serves for a scope.

The module of a source declares everything that is specific to it. Collection, assets, checks and
documentation use these declarations. There is no I/O here.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from enum import Enum, StrEnum
from typing import Any, Protocol

import sqlalchemy as sa

from copilot_pipeline.github.kinds import ScopeKind
from copilot_pipeline.github.permissions import Needs
from copilot_pipeline.sources.raw import RawTable
from copilot_pipeline.sources.shape import Record

# The values of a table's columns after scope_id and day, in their order.
Row = tuple[Any, ...]


class PeriodKind(Enum):
    """The kind of period that an answer is about."""

    DAY = "day"
    # The current state, labeled with the newest complete day. It cannot be requested later.
    SNAPSHOT = "snapshot"


class Duplicates(Enum):
    """How two rows with the same key, from two files or pages, are merged."""

    LARGEST = "the larger of two values is kept"
    NEWEST = "the row with the latest activity is kept"


@dataclass(frozen=True)
class ToolTable:
    """A table that is derived from a source's records, and its asset."""

    table: sa.Table
    asset: str
    rows: Callable[[Any], Iterable[Row]]
    duplicates: Duplicates = Duplicates.LARGEST


@dataclass(frozen=True)
class Served:
    """The first day with data for a kind of scope, and the permissions that a token needs."""

    needs: Needs
    since: date | None = None


@dataclass(frozen=True)
class ReportRequest:
    """Requests the files of a report for a day.

    `latest` names a report that is requested after a 404 to find out whether the whole report is
    refused or only the day is missing.
    """

    latest: Mapping[ScopeKind, str]


@dataclass(frozen=True)
class PagesRequest:
    """Requests pages below the scope's path, with up to `per_page` entries each.

    `by_day` means that one request covers several days. Each day is stored separately.
    """

    path: str
    per_page: int
    by_day: bool = False


@dataclass(frozen=True)
class DocumentRequest:
    """Requests one document below the scope's path."""

    path: str


Request = ReportRequest | PagesRequest | DocumentRequest


class Answer(Protocol):
    """A file or page as received."""

    def lines(self) -> Iterator[bytes]:
        """Return the lines, including line ends."""

    def content(self) -> bytes:
        """Return the whole content."""


@dataclass
class Reading:
    """The expected day and scope of an answer, and counts that are collected while reading.

    `unknown` counts unknown names by kind and name. `notes` has counts for the run's metadata.
    """

    day: date
    kind: ScopeKind
    slug: str
    unknown: Counter[tuple[str, str]] = field(default_factory=Counter)
    notes: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Source:
    """Data that GitHub serves.

    `title` describes one record. `endpoint` is its name in `accounts check`. `step` is the Dagster
    step that collects it. `read` yields the records of an answer and raises `RecordError` if the
    answer is not what GitHub documents. `key` names the values that identify a record. The first of
    `tables` has a row for each record. `headlines` are the columns of this table whose sums are
    stored when GitHub restates a day.
    """

    name: str
    title: str
    endpoint: str
    step: str
    period: PeriodKind
    reach_days: int
    request: Request
    served: Mapping[ScopeKind, Served]
    record: Record
    read: Callable[[Iterable[Answer], Reading], Iterator[Any]]
    key: Sequence[str]
    raw: RawTable
    tables: Sequence[ToolTable]
    headlines: Sequence[str] = ()

    @property
    def all_tables(self) -> list[sa.Table]:
        """The raw table and the tables that are derived from it."""
        return [self.raw.table, *(target.table for target in self.tables)]


class MetricsApi(StrEnum):
    """Which of GitHub's APIs serves a scope's metrics."""

    REPORTS = "reports"
    # Closed on 2026-04-02. Archives and other servers still provide it.
    LEGACY = "legacy"
