"""Seats as they stood at the end of a day, and the billing summary that counts them.

Shapes: GitHub's documentation page "REST API endpoints for Copilot user management".
"""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta, timezone

from copilot_pipeline.simulated_github.company import (
    Organization,
    Record,
    Scope,
    Staff,
    holders,
)
from copilot_pipeline.simulated_github.people import Person, next_month
from copilot_pipeline.simulated_github.teams import (
    enterprise_team,
    organization_team,
    simple_organization,
)
from copilot_pipeline.simulated_github.usage import FEATURES, editor_of
from copilot_pipeline.simulated_github.users import FIRST_USER_ID, login_of, simple_user

_EDITORS = {
    "vscode": "vscode/1.128.2/copilot-chat/0.53.1",
    "intellij": "JetBrains-IU/262.23774.435/copilot-intellij/1.9.14",
    "visualstudio": "VisualStudio/18.4.0/copilot-vs/2.6.0",
    "neovim": "Neovim/0.12.1/copilot.vim/1.62.0",
    "xcode": "Xcode/27.0/copilot-xcode/0.51.0",
}
_SITE = "copilot-chat-platform"
_OTHER_ZONE = timezone(timedelta(hours=-6))

# People of the first organization who have a second seat from a team of the enterprise.
_FROM_ENTERPRISE_TEAM = 2


def seats(scope: Scope, day: date, start: int, stop: int) -> list[Record]:
    """Returns the seats at the positions start (inclusive) to stop, at the end of the day."""
    if scope.seats is not None:
        return scope.seats[start:stop]
    if isinstance(scope, Organization):
        held = holders(scope.staff, day)[start:stop]
        return [_seat(scope.staff, person, day, scope.plan_type) for person in held]
    listed: list[Record] = []
    offset = 0
    for organization in scope.organizations:
        own = seats(organization, day, max(0, start - offset), max(0, stop - offset))
        payer = simple_organization(organization)
        listed += [{**seat, "organization": payer} for seat in own]
        offset += seat_rows(organization, day)
    again = [each for first in scope.organizations[:1] for each in _second_seats(first, day)]
    again = again[max(0, start - offset) : max(0, stop - offset)]
    team = enterprise_team(scope)
    return listed + [{**seat, "organization": None, "assigning_team": team} for seat in again]


def _second_seats(organization: Organization, day: date) -> list[Record]:
    return seats(organization, day, 0, _FROM_ENTERPRISE_TEAM)


def seat_rows(scope: Scope, day: date) -> int:
    """Returns how many seats are listed: more than are billed, as some people have two."""
    if scope.seats is not None:
        return len(scope.seats)
    if isinstance(scope, Organization):
        return len(holders(scope.staff, day))
    rows = [seat_rows(organization, day) for organization in scope.organizations]
    return sum(rows) + min(_FROM_ENTERPRISE_TEAM, sum(rows[:1]))


def seat_total(scope: Scope, day: date) -> int:
    """Returns the number of people with a seat; a seat that names nobody counts too."""
    if isinstance(scope, Organization):
        return seat_rows(scope, day)
    people: set[int] = set()
    nobody = 0
    for each in scope.organizations if scope.seats is None else [scope]:
        if each.seats is None:
            people |= {FIRST_USER_ID + person.number for person in holders(each.staffs[0], day)}
        for seat in each.seats or ():
            if seat.get("assignee") is None:
                nobody += 1
            else:
                people.add(seat["assignee"]["id"])
    return len(people) + nobody


def billing(organization: Organization, day: date) -> Record:
    """Returns `/orgs/{org}/copilot/billing` at the end of the day, which counts the seats."""
    if organization.billing is not None:
        return organization.billing
    cycle = datetime(day.year, day.month, 1, tzinfo=UTC)
    held = seats(organization, day, 0, seat_rows(organization, day))
    total = len(held)
    active = sum(_is_since(seat.get("last_activity_at"), cycle) for seat in held)
    return {
        "seat_breakdown": {
            "total": total,
            "added_this_cycle": sum(_is_since(seat["created_at"], cycle) for seat in held),
            "pending_invitation": 0,
            "pending_cancellation": sum(
                seat.get("pending_cancellation_date") is not None for seat in held
            ),
            "active_this_cycle": active,
            "inactive_this_cycle": total - active,
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


def _seat(staff: Staff, person: Person, day: date, plan_type: str) -> Record:
    # Most seats are older than any report.
    given = person.tenure.given or date(2024, 3, 4) + timedelta(days=420 * person.trait("spell"))
    cancelled, used = person.tenure.cancelled, person.last_active_day(day)
    pending = next_month(cancelled) if cancelled is not None and cancelled <= day else None
    # Some instants come with another offset than UTC's.
    zone = _OTHER_ZONE if person.number % 8 == 3 else UTC
    minute = int(60 * person.trait("minute"))

    def instant(on: date, hour: int) -> str:
        moment = datetime.combine(on, time(hour, minute, tzinfo=UTC)).astimezone(zone)
        return moment.isoformat().replace("+00:00", "Z")

    editor = None
    if used is not None:
        in_editor = not person.uses(used).isdisjoint(FEATURES)
        editor = _EDITORS[editor_of(person, used)] if in_editor else _SITE
    seat: Record = {
        "created_at": instant(given, 8),
        "updated_at": instant(given, 9),
        "pending_cancellation_date": str(pending) if pending else None,
        "last_activity_at": instant(used, 14) if used else None,
        "last_activity_editor": editor,
        "last_authenticated_at": instant(used, 10) if used else None,
        "plan_type": plan_type,
        "assignee": simple_user(login_of(person.number), FIRST_USER_ID + person.number),
    }
    if person.team is not None:
        seat["assigning_team"] = organization_team(staff, person.team)
    return seat
