"""What simulated organizations and enterprises are, and what a test may put in place of figures."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from enum import Enum, auto
from typing import Any

from copilot_pipeline.demo.chance import chance

Record = dict[str, Any]

# Part of the second organization of an enterprise.
_IN_TWO_ORGANIZATIONS = 0.08


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
    """One organization of the simulated GitHub; what a test sets replaces what is generated.

    Its seats are held by the users with the numbers from `first_user` on.
    """

    slug: str
    seat_count: int = 40
    plan_type: str = "business"
    first_day: date | None = None
    legacy: bool = False
    reports: dict[tuple[str, date], ReportFiles | NotReady] = field(default_factory=dict)
    billing: Record | None = None
    seats: list[Record] | None = None
    legacy_days: dict[date, Record] | None = None
    first_user: int = 0
    enterprise_id: int = 7001

    @property
    def id(self) -> int:
        return 1_000_000 + int(chance(self.slug.lower(), "id") * 8_000_000)

    def has_day(self, day: date) -> bool:
        return self.first_day is None or day >= self.first_day


@dataclass
class Enterprise:
    """Organizations under one roof; each is also served as an organization of its own.

    The enterprise says who their users are: everybody has seats in one organization, apart from
    the first users of the second one, who are the last of the first. It says so once: whoever
    changes a `seat_count` later changes who is in both.
    """

    slug: str
    organizations: list[Organization]
    reports: dict[tuple[str, date], ReportFiles | NotReady] = field(default_factory=dict)
    seats: list[Record] | None = None

    def __post_init__(self) -> None:
        next_user = 0
        for position, organization in enumerate(self.organizations):
            both = round(organization.seat_count * _IN_TWO_ORGANIZATIONS) if position == 1 else 0
            organization.first_user = max(0, next_user - both)
            organization.enterprise_id = self.id
            next_user = organization.first_user + organization.seat_count

    @property
    def id(self) -> int:
        return 10_000 + int(chance(self.slug.lower(), "enterprise id") * 80_000)

    def has_day(self, day: date) -> bool:
        return any(organization.has_day(day) for organization in self.organizations)
