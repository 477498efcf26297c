"""`GET …/copilot/billing/seats`: the current seats.

Source: GitHub's REST documentation of the Copilot user management.
"""

import logging
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from operator import attrgetter
from typing import Any

from sqlalchemy import BigInteger, Column, Date, Table, Text

from copilot_pipeline.github.kinds import ScopeKind
from copilot_pipeline.github.permissions import Needs
from copilot_pipeline.schema import (
    UtcDateTime,
    day,
    index_days,
    metadata,
    scope_id,
    split_by_month,
)
from copilot_pipeline.sources.raw import RAW_SEATS
from copilot_pipeline.sources.shape import Array, Field, FieldType, Object, Record, counters, texts
from copilot_pipeline.sources.source import (
    Answer,
    Duplicates,
    PagesRequest,
    PeriodKind,
    Reading,
    Row,
    Served,
    Source,
    ToolTable,
)
from copilot_pipeline.sources.values import RecordError

logger = logging.getLogger(__name__)

# GitHub's largest page; its default is 50.
SEATS_PER_PAGE = 100

SEAT_NEEDS = {
    ScopeKind.ORGANIZATION: Needs(
        ("manage_billing:copilot", "read:org"), "GitHub Copilot Business"
    ),
    ScopeKind.ENTERPRISE: Needs(("manage_billing:copilot", "read:enterprise"), None),
}

_INSTANTS = ("created_at", "updated_at", "last_activity_at", "last_authenticated_at")

PAGE = Record(
    "a page of the seat list",
    *counters({"total_seats": ""}),
    Array(
        "seats",
        (
            Object("assignee", (*counters({"id": ""}), *texts({"login": ""}))),
            Object("assigning_team", (*counters({"id": ""}), *texts({"slug": ""}))),
            Object("organization", texts({"login": ""})),
            *texts({"plan_type": "", "last_activity_editor": ""}),
            *(Field(name, FieldType.INSTANT, column=name) for name in _INSTANTS),
            Field("pending_cancellation_date", FieldType.DATE, column="pending_cancellation_date"),
        ),
    ),
    notices_unknown=False,
)

seats = Table(
    "_tool_copilot_seats",
    metadata,
    scope_id(),
    day("The newest complete UTC day when the snapshot was taken"),
    Column(
        "organization",
        Text,
        primary_key=True,
        comment="The billed organization; '' if not reported",
    ),
    Column("user_id", BigInteger, primary_key=True, autoincrement=False, comment="GitHub's id"),
    Column("user_login", Text, comment="Login at the time of the snapshot"),
    Column("plan_type", Text, comment="business, enterprise or unknown"),
    Column("assigning_team_id", BigInteger, comment="NULL: assigned directly"),
    Column("assigning_team_slug", Text, comment="The team that assigns the seat"),
    Column("created_at", UtcDateTime, comment="When the seat was assigned"),
    Column("updated_at", UtcDateTime, comment="Deprecated by GitHub"),
    Column("last_activity_at", UtcDateTime, comment="NULL: no activity or no telemetry"),
    Column("last_activity_editor", Text, comment="Editor, version and plugin of the last activity"),
    Column("last_authenticated_at", UtcDateTime, comment="When the user last signed in to Copilot"),
    Column("pending_cancellation_date", Date, comment="When the seat ends, if it was canceled"),
    comment="One row is a seat held on one day.",
)
index_days(seats)
split_by_month(seats)


def _read(answers: Iterable[Answer], reading: Reading) -> Iterator[Any]:
    """Yield the seats with an assignee of all pages, with the billed organization."""
    listed = unassigned = 0
    total_seats = None
    default = reading.slug if reading.kind is ScopeKind.ORGANIZATION else ""
    for number, answer in enumerate(answers, 1):
        try:
            page = PAGE.decode(answer.content(), Counter())
            if page.seats is None:
                raise RecordError("the page has no seats")
            for seat in page.seats:
                if seat.assignee is None:
                    unassigned += 1
                    continue
                if seat.assignee.id is None:
                    raise RecordError("an assignee has no id")
                seat.organization = (seat.organization and seat.organization.login) or default
                yield seat
        except RecordError as error:
            raise RecordError(f"page {number} of the seat list: {error}") from None
        listed += len(page.seats)
        total_seats = page.total_seats
    reading.notes["seats_without_assignee"] = unassigned
    if total_seats is not None:
        reading.notes["total_seats_by_github"] = total_seats
        if listed < total_seats:
            logger.warning(
                "%s %s: GitHub reports %d seats but listed %d.",
                reading.kind,
                reading.slug,
                total_seats,
                listed,
            )


_instants_of = attrgetter(*_INSTANTS)


def _rows(seat: Any) -> Iterable[Row]:
    assignee, team = seat.assignee, seat.assigning_team
    instants: Sequence[datetime | None] = _instants_of(seat)
    for instant in instants:
        if instant is not None and instant.tzinfo is not UTC:
            instants = list(map(_utc, instants, _INSTANTS))
            break
    created, updated, active, authenticated = instants
    return [
        (
            seat.organization,
            assignee.id,
            assignee.login,
            seat.plan_type,
            team and team.id,
            team and team.slug,
            created,
            updated,
            active,
            seat.last_activity_editor,
            authenticated,
            seat.pending_cancellation_date,
        )
    ]


def _utc(instant: datetime | None, name: str) -> datetime | None:
    try:
        return instant and instant.astimezone(UTC)
    except OverflowError:
        raise RecordError(f"{name} is not a date and time") from None


SEATS = Source(
    name="seats",
    title="a seat, as it is now",
    endpoint="seats",
    step="seat_snapshot",
    period=PeriodKind.SNAPSHOT,
    reach_days=1,
    request=PagesRequest("/copilot/billing/seats", per_page=SEATS_PER_PAGE),
    served={kind: Served(needs) for kind, needs in SEAT_NEEDS.items()},
    record=PAGE,
    read=_read,
    key=("organization", "assignee.id"),
    raw=RAW_SEATS,
    tables=(ToolTable(seats, "seats", _rows, Duplicates.NEWEST),),
)
