"""Teams and who belongs to them, and what a seat says about the team and the payer.

Shapes: GitHub's documentation pages "REST API endpoints for Copilot user management" and "REST API
endpoints for Copilot usage metrics".
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from copilot_pipeline.simulated_github.company import (
    Enterprise,
    Organization,
    Record,
    Staff,
    holders,
)
from copilot_pipeline.simulated_github.people import TEAMS
from copilot_pipeline.simulated_github.users import API, FIRST_USER_ID, HOST, login_of, node_id

_FEWEST_MEMBERS = 5


def team_rows(staffs: Sequence[Staff], day: date, ids: Record) -> list[Record]:
    """Returns the rows of `user-teams-1-day`: every member of the teams that are large enough.

    The rows of an enterprise do not say which organization a team belongs to.
    """
    name = "organization_id" if "organization_id" in ids else "enterprise_id"
    rows = []
    for staff in staffs:
        for team in TEAMS:
            members = [person for person in holders(staff, day) if team in person.teams]
            if len(members) < _FEWEST_MEMBERS:
                continue
            rows += [
                {
                    "user_id": FIRST_USER_ID + person.number,
                    "user_login": login_of(person.number),
                    "day": day.isoformat(),
                    name: ids[name],
                    "team_id": _team_id(staff, team),
                    "slug": team,
                }
                for person in members
            ]
    return rows


def _team_id(staff: Staff, team: str) -> int:
    return staff.organization_id * 10 + TEAMS.index(team)


def organization_team(staff: Staff, team: str) -> Record:
    """Returns GitHub's "team", as a seat's `assigning_team`."""
    identity = _team_id(staff, team)
    url = f"{API}/organizations/{staff.organization_id}/team/{identity}"
    return {
        "id": identity,
        "node_id": node_id("Team", identity),
        "url": url,
        "html_url": f"https://{HOST}/orgs/{staff.slug}/teams/{team}",
        "name": team.capitalize(),
        "slug": team,
        "description": f"The {team} engineers",
        "privacy": "closed",
        "notification_setting": "notifications_enabled",
        "permission": "pull",
        "members_url": f"{url}/members{{/member}}",
        "repositories_url": f"{url}/repos",
        "type": "organization",
        "organization_id": staff.organization_id,
        "parent": None,
    }


def enterprise_team(enterprise: Enterprise) -> Record:
    """Returns GitHub's "enterprise team", as the `assigning_team` of some second seats."""
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


def simple_organization(organization: Organization) -> Record:
    """Returns GitHub's "simple organization", as a seat's `organization`."""
    url = f"{API}/orgs/{organization.slug}"
    return {
        "login": organization.slug,
        "id": organization.id,
        "node_id": node_id("Organization", organization.id),
        "url": url,
        **{f"{name}_url": f"{url}/{name}" for name in ("repos", "events", "hooks", "issues")},
        "members_url": f"{url}/members{{/member}}",
        "public_members_url": f"{url}/public_members{{/member}}",
        "avatar_url": f"https://avatars.{HOST}/u/{organization.id}?v=4",
        "description": None,
    }
