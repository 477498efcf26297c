"""Seats as they stood at the end of a day, and the billing summary that counts them.

Shapes: GitHub's documentation page "REST API endpoints for Copilot user management".
"""

from __future__ import annotations

import math
from datetime import UTC, date, datetime, time, timedelta, timezone

from copilot_pipeline.demo.chance import chance
from copilot_pipeline.demo.organization import Organization, Record, next_month
from copilot_pipeline.demo.teams import assigning_team, team_record
from copilot_pipeline.demo.users import FIRST_USER_ID, login_of, simple_user

_EDITORS = (
    "vscode/1.99.0/copilot/1.300.0",
    "vscode/1.104.2/copilot-chat/0.31.5",
    "vscode/1.99.0/copilot/1.300.0",
    "JetBrains-IC/251.23774.435/copilot-intellij/1.5.52",
    "JetBrains-PY/251.23774.444/copilot-intellij/1.5.52",
    "VisualStudio/17.14.9/copilot-vs/1.300.0",
    "Neovim/0.11.3/copilot.vim/1.50.0",
    "copilot-chat-platform",
)
_NEVER_USED = 0.12
_IDLE = 0.15
_PENDING_CANCELLATION = 0.06
_OTHER_ZONE = timezone(timedelta(hours=-6))
_GOLDEN_RATIO = (math.sqrt(5) - 1) / 2


def seats(organization: Organization, day: date, start: int, stop: int) -> list[Record]:
    """The seats at the positions start (inclusive) to stop, as they stood at the end of `day`."""
    if organization.seats is not None:
        return organization.seats[start:stop]
    held = organization.held_seats(day)[start:stop]
    return [_seat(organization, index, day) for index in held]


def seat_total(organization: Organization, day: date) -> int:
    held = organization.held_seats(day) if organization.seats is None else organization.seats
    return len(held)


def billing(organization: Organization, day: date) -> Record:
    """`/orgs/{org}/copilot/billing` at the end of `day`, counted from the seats themselves."""
    if organization.billing is not None:
        return organization.billing
    cycle = datetime(day.year, day.month, 1, tzinfo=UTC)
    held = seats(organization, day, 0, seat_total(organization, day))
    active = sum(_is_since(seat.get("last_activity_at"), cycle) for seat in held)
    return {
        "seat_breakdown": {
            "total": len(held),
            "added_this_cycle": sum(_is_since(seat["created_at"], cycle) for seat in held),
            "pending_invitation": 0,
            "pending_cancellation": sum(
                seat.get("pending_cancellation_date") is not None for seat in held
            ),
            "active_this_cycle": active,
            "inactive_this_cycle": len(held) - active,
        },
        "public_code_suggestions": "block",
        "ide_chat": "enabled",
        "platform_chat": "enabled",
        "cli": "enabled",
        "seat_management_setting": "assign_selected",
        "plan_type": organization.plan_type,
    }


def _is_since(instant: str | None, start: datetime) -> bool:
    return instant is not None and datetime.fromisoformat(instant) >= start


def _seat(organization: Organization, index: int, day: date) -> Record:
    slug = organization.slug.lower()
    number = organization.first_user + index
    place = _place(chance(slug, "seats"), index)
    created = organization.tenure(index).given or _created_day(
        slug, index, day, idle=_NEVER_USED <= place < _NEVER_USED + _IDLE
    )
    stopped = organization.tenure(index).stopped
    last_day = day if stopped is None else min(day, stopped - timedelta(days=1))
    used = _last_activity_day(slug, index, last_day, created, place)
    zone = _OTHER_ZONE if index % 9 == 4 else UTC

    def instant(on: date, hour: int) -> str:
        moment = datetime.combine(on, time(hour, tzinfo=UTC))
        moment += timedelta(seconds=int(3600 * chance(slug, index, on, hour)))
        return moment.astimezone(zone).isoformat().replace("+00:00", "Z")

    seat: Record = {
        "created_at": instant(created, 8),
        "updated_at": instant(used or created, 9),
        "pending_cancellation_date": (
            next_month(day).isoformat() if _is_cancelled(organization, index, day) else None
        ),
        "last_activity_at": instant(used, 14) if used else None,
        "last_activity_editor": (
            _EDITORS[int(chance(slug, index, "editor") * len(_EDITORS))] if used else None
        ),
        "last_authenticated_at": instant(used, 10) if used else None,
        "plan_type": organization.plan_type,
        "assignee": simple_user(login_of(number), FIRST_USER_ID + number),
    }
    if (team := assigning_team(organization, index)) is not None:
        seat["assigning_team"] = team_record(organization, team)
    return seat


def _is_cancelled(organization: Organization, index: int, day: date) -> bool:
    if not organization.tenures:
        return chance(organization.slug.lower(), index, "cancelled") < _PENDING_CANCELLATION
    cancelled = organization.tenure(index).cancelled
    return cancelled is not None and cancelled <= day


def _place(offset: float, index: int) -> float:
    """Steps of the golden ratio spread the kinds of seat evenly, also over a few seats."""
    return (offset + index * _GOLDEN_RATIO) % 1


def seats_by_use(organization: Organization, day: date) -> tuple[list[int], list[int]]:
    """The seats given until then by index: those in use, and those idle or never used."""
    offset = chance(organization.slug.lower(), "seats")
    used: list[int] = []
    unused: list[int] = []
    for index in organization.given_seats(day):
        (unused if _place(offset, index) < _NEVER_USED + _IDLE else used).append(index)
    return used, unused


def _created_day(slug: str, index: int, day: date, *, idle: bool) -> date:
    """Most seats are older than any report; some change hands every 60 days."""
    if not idle and chance(slug, index, "rotating") < 0.1:
        return _latest_in_cycle(slug, index, day, 60)
    return date(2024, 3, 4) + timedelta(days=int(420 * chance(slug, index, "created")))


def _last_activity_day(
    slug: str, index: int, day: date, created: date, place: float
) -> date | None:
    if place < _NEVER_USED:
        return None
    if place < _NEVER_USED + _IDLE:
        last = _latest_in_cycle(slug, index, day - timedelta(days=31), 90)
        return last if last > created else None
    # Whether a person was active on a day must not depend on when one asks.
    habit = 0.4 + 0.5 * chance(slug, index, "habit")
    used = day
    while used > created:
        if chance(slug, index, used, "active") < (habit if used.weekday() < 5 else 0.05):
            return used
        used -= timedelta(days=1)
    return created


def _latest_in_cycle(slug: str, index: int, day: date, length: int) -> date:
    """The newest of the days that repeat every `length` days for this seat, at most `day`."""
    offset = int(chance(slug, index, length) * length)
    return day - timedelta(days=(day.toordinal() + offset) % length)
