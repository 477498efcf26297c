"""What a simulated organization is, and what a test may put in the place of its figures."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from enum import Enum, auto
from typing import Any

from copilot_pipeline.demo.chance import chance

Record = dict[str, Any]


class NotReady(Enum):
    """The three ways GitHub says that a report does not exist (yet)."""

    NO_CONTENT = auto()
    """204"""
    EMPTY_STRING = auto()
    """200 with the JSON text `""`"""
    NO_LINKS = auto()
    """200 with an envelope whose `download_links` is empty"""


@dataclass
class ReportFiles:
    """A report given by a test: the bodies to serve, and the envelope around them.

    `report_day` is what the envelope claims (default: the day asked for); `links` go into the
    envelope as they are (default: one signed link per file).
    """

    files: list[bytes | str]
    report_day: date | None = None
    links: list[str] | None = None


@dataclass
class Organization:
    """One organization of the simulated GitHub; what a test sets replaces what is generated."""

    slug: str
    seat_count: int = 40
    plan_type: str = "business"
    first_day: date | None = None
    legacy: bool = False
    reports: dict[tuple[str, date], ReportFiles | NotReady] = field(default_factory=dict)
    billing: Record | None = None
    seats: list[Record] | None = None
    legacy_days: dict[date, Record] | None = None

    @property
    def id(self) -> int:
        return 1_000_000 + int(chance(self.slug.lower(), "id") * 8_000_000)

    def has_day(self, day: date) -> bool:
        return self.first_day is None or day >= self.first_day
