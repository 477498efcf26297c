"""The seats of an enterprise: those of its organizations, and two from a team of its own.

Shapes: GitHub's documentation page "REST API endpoints for Copilot user management".
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

from copilot_pipeline.demo.organization import Enterprise, Organization, Record
from copilot_pipeline.demo.seats import seat_total, seats
from copilot_pipeline.demo.users import API, FIRST_USER_ID, HOST, node_id

_FROM_ENTERPRISE_TEAM = 2


def enterprise_seats(enterprise: Enterprise, day: date, start: int, stop: int) -> list[Record]:
    """The seats at the positions start (inclusive) to stop, as they stood at the end of `day`."""
    if enterprise.seats is not None:
        return enterprise.seats[start:stop]
    listed: list[Record] = []
    offset = 0
    for organization in enterprise.organizations:
        held = seats(organization, day, max(0, start - offset), max(0, stop - offset))
        payer = _simple_organization(organization)
        listed += [{**seat, "organization": payer} for seat in held]
        offset += seat_total(organization, day)
    team = _enterprise_team(enterprise)
    again = _also_from_enterprise_team(enterprise, day)
    again = again[max(0, start - offset) : max(0, stop - offset)]
    listed += [{**seat, "organization": None, "assigning_team": team} for seat in again]
    return listed


def enterprise_seat_rows(enterprise: Enterprise, day: date) -> int:
    """How many seats are listed: more than are billed, as some people have two."""
    if enterprise.seats is not None:
        return len(enterprise.seats)
    own = sum(seat_total(organization, day) for organization in enterprise.organizations)
    return own + _seats_from_enterprise_team(enterprise, day)


def enterprise_seat_total(enterprise: Enterprise, day: date) -> int:
    """Everybody with a seat once; a seat that names nobody counts too."""
    people: set[int] = set()
    nobody = 0
    for user in _assignees(enterprise, day):
        if user is None:
            nobody += 1
        else:
            people.add(user)
    return len(people) + nobody


def _assignees(enterprise: Enterprise, day: date) -> Iterator[int | None]:
    if enterprise.seats is not None:
        yield from map(_assignee, enterprise.seats)
        return
    for organization in enterprise.organizations:
        if organization.seats is not None:
            yield from map(_assignee, organization.seats)
        else:
            first = FIRST_USER_ID + organization.first_user
            yield from (first + index for index in organization.held_seats(day))


def _assignee(seat: Record) -> int | None:
    assignee = seat.get("assignee")
    return None if assignee is None else int(assignee["id"])


def _seats_from_enterprise_team(enterprise: Enterprise, day: date) -> int:
    first = enterprise.organizations[:1]
    return sum(min(_FROM_ENTERPRISE_TEAM, seat_total(organization, day)) for organization in first)


def _also_from_enterprise_team(enterprise: Enterprise, day: date) -> list[Record]:
    """The second seats of the first people of the first organization."""
    first = enterprise.organizations[:1]
    return [
        seat
        for organization in first
        for seat in seats(organization, day, 0, _FROM_ENTERPRISE_TEAM)
    ]


def _simple_organization(organization: Organization) -> Record:
    """GitHub's "simple organization", as a seat's `organization`."""
    url = f"{API}/orgs/{organization.slug}"
    return {
        "login": organization.slug,
        "id": organization.id,
        "node_id": node_id("Organization", organization.id),
        "url": url,
        "repos_url": f"{url}/repos",
        "events_url": f"{url}/events",
        "hooks_url": f"{url}/hooks",
        "issues_url": f"{url}/issues",
        "members_url": f"{url}/members{{/member}}",
        "public_members_url": f"{url}/public_members{{/member}}",
        "avatar_url": f"https://avatars.{HOST}/u/{organization.id}?v=4",
        "description": None,
    }


def _enterprise_team(enterprise: Enterprise) -> Record:
    slug = "ent:pioneers"
    url = f"{API}/enterprises/{enterprise.slug}/teams/{slug}"
    return {
        "id": enterprise.id * 10,
        "name": "Pioneers",
        "slug": slug,
        "description": "The first who tried Copilot",
        "url": url,
        "html_url": f"https://{HOST}/enterprises/{enterprise.slug}/teams/{slug}",
        "members_url": f"{url}/members{{/member}}",
        "organization_selection_type": "disabled",
        "group_id": None,
        "created_at": "2024-02-05T08:30:00Z",
        "updated_at": "2024-02-05T08:30:00Z",
    }
