"""What a source is: one thing that GitHub serves for a scope, described as data.

A source's module declares all that is particular to it. What collects, shows, checks and documents
sources derives from these declarations. Nothing here does any I/O.
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
    """What an answer is about."""

    DAY = "day"
    # The present: labeled with the newest complete day, and gone tomorrow.
    SNAPSHOT = "snapshot"


class Duplicates(Enum):
    """What becomes of two rows with the same key, from two files or pages."""

    LARGEST = "the larger of two values is kept"
    NEWEST = "the row with the latest activity is kept"


@dataclass(frozen=True)
class ToolTable:
    """A table that is derived from a source's records, in the asset of that name."""

    table: sa.Table
    asset: str
    rows: Callable[[Any], Iterable[Row]]
    duplicates: Duplicates = Duplicates.LARGEST


@dataclass(frozen=True)
class Served:
    """Since when GitHub has data for a kind of scope, and what a token needs to read it."""

    needs: Needs
    since: date | None = None


@dataclass(frozen=True)
class ReportRequest:
    """Files of a report, for a day. `latest` is a report whose newest form tells a refusal of the
    whole report from that of a single day.
    """

    latest: Mapping[ScopeKind, str]


@dataclass(frozen=True)
class PagesRequest:
    """Pages below the scope's path, each with up to `per_page` entries.

    `by_day`: one request covers several days, and each day is stored on its own.
    """

    path: str
    per_page: int
    by_day: bool = False


@dataclass(frozen=True)
class DocumentRequest:
    """One answer below the scope's path."""

    path: str


Request = ReportRequest | PagesRequest | DocumentRequest


class Answer(Protocol):
    """A file or page as received."""

    def lines(self) -> Iterator[bytes]:
        """The lines with their ends."""

    def content(self) -> bytes:
        """All of it."""


@dataclass
class Reading:
    """What an answer has to be about, and what is noticed while its records are read.

    `unknown` counts names that are not known, by kind and name; `notes` holds counts worth showing.
    """

    day: date
    kind: ScopeKind
    slug: str
    unknown: Counter[tuple[str, str]] = field(default_factory=Counter)
    notes: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Source:
    """One thing that GitHub serves.

    `title` says what one record is; `endpoint` is what the check of a connection calls it. `step`
    is the Dagster step that collects it. `read` gives the records of an answer, and raises
    `RecordError` where it makes no sense; `key` names the values that tell records apart. The first
    of `tables` has a row for each record; `headlines` are those of its columns whose sums are kept
    when GitHub restates a day.
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


class MetricsApi(StrEnum):
    """Which of GitHub's APIs serves a scope's metrics."""

    REPORTS = "reports"
    # Closed on 2026-04-02; archives and other servers still speak it.
    LEGACY = "legacy"
