"""What simulated organizations and enterprises are, and what a test may put in place of figures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
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


@dataclass(frozen=True)
class Tenure:
    """When a seat was given (None: before any report), and cancelled: it ends with the month.

    From `stopped` on, its holder uses Copilot no more.
    """

    given: date | None = None
    cancelled: date | None = None
    stopped: date | None = None

    def is_given(self, day: date) -> bool:
        return self.given is None or self.given <= day

    def has_ended(self, day: date) -> bool:
        return self.cancelled is not None and day >= next_month(self.cancelled)

    def has_stopped(self, day: date) -> bool:
        return self.stopped is not None and day >= self.stopped


_ALWAYS = Tenure()


@dataclass
class Organization:
    """One organization of the simulated GitHub; what a test sets replaces what is generated.

    Its seats are held by the users with the numbers from `first_user` on: as many as `seat_count`
    says on every day, apart from those that `tenures` names by their index. It has no reports of
    days before `reports_since`.
    """

    slug: str
    seat_count: int = 40
    plan_type: str = "business"
    first_day: date | None = None
    legacy: bool = False
    reports_since: date | None = None
    reports: dict[tuple[str, date], ReportFiles | NotReady] = field(default_factory=dict)
    tenures: dict[int, Tenure] = field(default_factory=dict)
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

    def given_seats(self, day: date) -> Sequence[int]:
        """The indexes of the seats that were given until then, whether or not they ended."""
        everything = range(self.seat_count)
        if not self.tenures:
            return everything
        return [index for index in everything if self.tenure(index).is_given(day)]

    def held_seats(self, day: date) -> Sequence[int]:
        """The indexes of the seats that are held at the end of the day."""
        given = self.given_seats(day)
        if not self.tenures:
            return given
        return [index for index in given if not self.tenure(index).has_ended(day)]

    def tenure(self, index: int) -> Tenure:
        return self.tenures.get(index, _ALWAYS)


@dataclass
class Enterprise:
    """Organizations under one roof; each is also served as an organization of its own.

    The enterprise says who their users are: everybody has seats in one organization, apart from
    the first users of the second one, who are the last of the first. It says so once: whoever
    changes a `seat_count` later changes who is in both.
    """

    slug: str
    organizations: list[Organization]
    legacy: bool = False
    reports_since: date | None = None
    reports: dict[tuple[str, date], ReportFiles | NotReady] = field(default_factory=dict)
    seats: list[Record] | None = None
    legacy_days: dict[date, Record] | None = None

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


def next_month(day: date) -> date:
    """The first day of the month that follows."""
    return (day.replace(day=1) + timedelta(days=32)).replace(day=1)
