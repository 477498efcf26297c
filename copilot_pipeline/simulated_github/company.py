"""Organizations and enterprises as a test or the demo describes them, and who works in them."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from enum import Enum, auto
from functools import lru_cache
from typing import Any, NamedTuple

from copilot_pipeline.simulated_github.chance import chance
from copilot_pipeline.simulated_github.people import Person, Tenure

Record = dict[str, Any]

# The part of an enterprise's second organization whose people also have a seat in the first one.
_IN_TWO_ORGANIZATIONS = 0.12
# The middle of the changes that every company goes through; see `people.progress`.
_TURNING_POINT = date(2026, 9, 1)


class NotReady(Enum):
    """The three ways in which GitHub says that a report does not exist (yet)."""

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
    """One organization; what a test sets replaces what is generated.

    Its seats belong to the people with the numbers from `first_user` on, `seat_count` of them.
    `tenures` says of some, by their index, since when and until when they hold the seat. It has no
    reports of days before `reports_since`. Two organizations of one `company` that have a person's
    number in common share that person.
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
    company: str = ""
    turning_point: date = _TURNING_POINT

    @property
    def id(self) -> int:
        return 1_000_000 + int(chance(self.slug.lower(), "id") * 8_000_000)

    @property
    def staff(self) -> Staff:
        """The people with a seat, as the settings are now."""
        return Staff(
            self.slug,
            self.id,
            self.enterprise_id,
            self.company or self.slug.lower(),
            self.first_user,
            self.seat_count,
            self.first_day or date.min,
            self.turning_point,
            tuple(self.tenures.items()),
        )

    @property
    def ids(self) -> Record:
        """The identifiers that every record of its reports has."""
        return self.staff.ids

    @property
    def staffs(self) -> tuple[Staff, ...]:
        return (self.staff,)

    def has_day(self, day: date) -> bool:
        return self.first_day is None or day >= self.first_day


@dataclass
class Enterprise:
    """Organizations under one roof; each is also served as an organization of its own.

    The enterprise numbers their people: everybody has a seat in one organization, apart from the
    first people of the second one, who are the last of the first. It does so once, so changing a
    `seat_count` later changes who is in both.
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
            organization.company = self.slug.lower()
            next_user = organization.first_user + organization.seat_count

    @property
    def id(self) -> int:
        return 10_000 + int(chance(self.slug.lower(), "enterprise id") * 80_000)

    @property
    def ids(self) -> Record:
        """The identifiers that every record of its reports has."""
        return {"enterprise_id": str(self.id)}

    @property
    def staffs(self) -> tuple[Staff, ...]:
        return tuple(organization.staff for organization in self.organizations)

    def has_day(self, day: date) -> bool:
        return any(organization.has_day(day) for organization in self.organizations)


Scope = Organization | Enterprise


class Staff(NamedTuple):
    """The people with a seat in one organization.

    Everything that is generated follows from a staff and a day, and is cached by them.
    """

    slug: str
    organization_id: int
    enterprise_id: int
    company: str
    first_user: int
    seat_count: int
    first_day: date
    turning_point: date
    tenures: tuple[tuple[int, Tenure], ...]

    @property
    def ids(self) -> Record:
        return {
            "enterprise_id": str(self.enterprise_id),
            "organization_id": str(self.organization_id),
        }


@lru_cache(maxsize=256)
def people_of(staff: Staff) -> list[Person]:
    """Returns everybody who ever holds a seat, by its index."""
    numbers, tenures = (
        range(staff.first_user, staff.first_user + staff.seat_count),
        dict(staff.tenures),
    )
    return [
        Person(staff.company, number, staff.turning_point, tenures.get(index, Tenure()))
        for index, number in enumerate(numbers)
    ]


@lru_cache(maxsize=512)
def holders(staff: Staff, day: date) -> list[Person]:
    """Returns the people who hold a seat at the end of the day, in the order of their seats."""
    if day < staff.first_day:
        return []
    return [person for person in people_of(staff) if person.tenure.is_held(day)]


@lru_cache(maxsize=512)
def active_people(staff: Staff, day: date) -> dict[int, Person]:
    """Returns the people who use Copilot on the day, by their numbers."""
    return {person.number: person for person in holders(staff, day) if person.is_active(day)}
