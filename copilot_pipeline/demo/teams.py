"""Teams: what a seat says about the one that assigned it, and who belongs to which.

Shapes: GitHub's documentation pages "REST API endpoints for Copilot user management" and "REST API
endpoints for Copilot usage metrics".
"""

from __future__ import annotations

from datetime import date

from copilot_pipeline.demo.chance import chance
from copilot_pipeline.demo.organization import Enterprise, Organization, Record
from copilot_pipeline.demo.users import API, FIRST_USER_ID, HOST, login_of, node_id

TEAMS = ("platform", "web", "mobile", "data")
_FEWEST_MEMBERS = 5


def organization_team_rows(organization: Organization, day: date) -> list[Record]:
    """The lines of `user-teams-1-day`: every member of the teams that are large enough."""
    return _rows(organization, day, {"organization_id": str(organization.id)})


def enterprise_team_rows(enterprise: Enterprise, day: date) -> list[Record]:
    """The members of all organizations' teams; the rows do not say whose team it is."""
    scope = {"enterprise_id": str(enterprise.id)}
    return [
        row
        for organization in enterprise.organizations
        if organization.has_day(day)
        for row in _rows(organization, day, scope)
    ]


def _rows(organization: Organization, day: date, scope: Record) -> list[Record]:
    rows = []
    for team, members in enumerate(_members(organization, day)):
        if len(members) < _FEWEST_MEMBERS:
            continue
        rows += [
            {
                "user_id": FIRST_USER_ID + number,
                "user_login": login_of(number),
                "day": day.isoformat(),
                **scope,
                "team_id": team_id(organization, team),
                "slug": TEAMS[team],
            }
            for number in members
        ]
    return rows


def _members(organization: Organization, day: date) -> list[list[int]]:
    """The numbers of each team's users: who has the seat from a team is in it, some are in two."""
    members: list[list[int]] = [[] for _ in TEAMS]
    for index in organization.held_seats(day):
        number = organization.first_user + index
        team = assigning_team(organization, index)
        if team is not None:
            members[team].append(number)
        second = int(chance(organization.slug.lower(), index, "second team") * 10 * len(TEAMS))
        if second < len(TEAMS) and second != team:
            members[second].append(number)
    return members


def assigning_team(organization: Organization, index: int) -> int | None:
    """The number of the team through which the seat came; None for a direct assignment."""
    slug = organization.slug.lower()
    if chance(slug, index, "team") >= 0.6:
        return None
    return int(chance(slug, index, "which") * len(TEAMS))


def team_id(organization: Organization, number: int) -> int:
    return organization.id * 10 + number


def team_record(organization: Organization, number: int) -> Record:
    """GitHub's "team", as a seat's `assigning_team`."""
    slug = TEAMS[number]
    identity = team_id(organization, number)
    url = f"{API}/organizations/{organization.id}/team/{identity}"
    return {
        "id": identity,
        "node_id": node_id("Team", identity),
        "url": url,
        "html_url": f"https://{HOST}/orgs/{organization.slug}/teams/{slug}",
        "name": slug.capitalize(),
        "slug": slug,
        "description": f"The {slug} engineers",
        "privacy": "closed",
        "notification_setting": "notifications_enabled",
        "permission": "pull",
        "members_url": f"{url}/members{{/member}}",
        "repositories_url": f"{url}/repos",
        "type": "organization",
        "organization_id": organization.id,
        "parent": None,
    }
