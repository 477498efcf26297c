"""The aggregate reports: what the people of one organization, or of several, did together.

One function makes an organization's day and an enterprise's from the records of the people, so
sums, people and breakdowns of all reports agree. Shapes: GitHub's documentation page "Data
available in Copilot usage metrics".
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from functools import lru_cache

from copilot_pipeline.simulated_github import since
from copilot_pipeline.simulated_github.clients import CUSTOMIZATIONS, summed_clients
from copilot_pipeline.simulated_github.company import Record, Staff, active_people, people_of
from copilot_pipeline.simulated_github.people import CLI
from copilot_pipeline.simulated_github.pull_requests import (
    median_minutes,
    pull_requests,
    pulls_of,
)
from copilot_pipeline.simulated_github.usage import (
    BREAKDOWNS,
    COUNTERS,
    FEATURES,
    PHASES,
    PROMPTS,
    breakdown,
    summed,
    user_days,
)
from copilot_pipeline.simulated_github.users import FIRST_USER_ID

# What a person uses, by the counts of users that name it, with the first day of these counts.
AUDIENCES = {
    "active_copilot_cloud_agent": ("cloud_agent", date.min),
    "active_cli": (CLI, date.min),
    "active_copilot_code_review": ("review_active", since.CODE_REVIEW),
    "passive_copilot_code_review": ("review_passive", since.CODE_REVIEW),
    "active_copilot_app": ("copilot_app", since.APP),
    "active_vscode_agent": ("vscode_agent", since.VSCODE_AGENT),
}
# The arrays of entries, with the first day of each, its keys and its counters.
BREAKDOWNS_OF_DAY: dict[str, tuple[date, Sequence[str], Sequence[str]]] = {
    "totals_by_ide": (date.min, ("ide",), COUNTERS),
    **{name: (date.min, *each) for name, each in BREAKDOWNS.items()},
    "totals_by_3rd_party_agent": (since.THIRD_PARTY_AGENTS, ("agent_id", "agent_name"), [PROMPTS]),
    **{
        f"totals_by_{kind}": (since.CUSTOMIZATIONS, [kind], ["interaction_count"])
        for kind in CUSTOMIZATIONS
    },
}
# The averages of a phase, by the counters that they divide.
_AVERAGES = {
    "user_initiated_interactions": PROMPTS,
    "code_generation_activities": "code_generation_activity_count",
    "code_acceptance_activities": "code_acceptance_activity_count",
    "loc_added": "loc_added_sum",
    "loc_deleted": "loc_deleted_sum",
    **{f"pull_requests_{done}": f"total_{done}" for done in ("reviewed", "created", "merged")},
}
_WINDOWS = {"daily": 1, "weekly": 7, "monthly": 28}


@lru_cache(maxsize=512)
def _users_of(staff: Staff, day: date) -> dict[str, set[int]]:
    """Returns the numbers of the people who use something on the day, all of them as "active"."""
    users: dict[str, set[int]] = {"active": set()}
    for number, person in active_people(staff, day).items():
        users["active"].add(number)
        for use in person.uses(day):
            users.setdefault(use, set()).add(number)
    return users


def _users(staffs: Sequence[Staff], day: date, days: int, use: str) -> set[int]:
    """Returns who used something within the days that end on this one."""
    return {
        number
        for staff in staffs
        for age in range(days)
        for number in _users_of(staff, day - timedelta(days=age)).get(use, ())
    }


def _counts(staffs: Sequence[Staff], day: date, name: str, use: str) -> Record:
    return {
        f"{window}_{name}_users": len(_users(staffs, day, days, use))
        for window, days in _WINDOWS.items()
    }


@lru_cache(maxsize=256)
def aggregate_day(staffs: tuple[Staff, ...], day: date) -> Record:
    """Returns the day's record of an organization or an enterprise, without its identifiers.

    It has every documented field that existed on that day.
    """
    people = user_days(staffs, day)
    pulls = pulls_of(staffs, day)
    record: Record = {
        "day": day.isoformat(),
        **_counts(staffs, day, "active", "active"),
        "monthly_active_chat_users": len(_users(staffs, day, 28, "chat")),
        "monthly_active_agent_users": len(_users(staffs, day, 28, "agent")),
        **summed(people, COUNTERS),
        "pull_requests": pull_requests(pulls),
    }
    for name, (first_day, keys, counters) in BREAKDOWNS_OF_DAY.items():
        if day >= first_day:
            entries = (entry for person in people for entry in person[name])
            record[name] = breakdown(entries, keys, counters)
    for name, (use, first_day) in AUDIENCES.items():
        counts = _counts(staffs, day, name, use)
        if day >= first_day and (use != CLI or counts["daily_active_cli_users"]):
            record |= counts
    for name in ("totals_by_cli", "totals_by_copilot_app"):
        if clients := [person[name] for person in people if name in person]:
            record[name] = summed_clients(clients)
    if windows := [
        each["totals_by_vscode_agent"] for each in people if each.get("used_vscode_agent")
    ]:
        record["totals_by_vscode_agent"] = summed(windows, ["session_count", "total_user_messages"])
    if day >= since.PHASES:
        record["totals_by_ai_adoption_phase"] = _phases(staffs, day, people, pulls)
    if day >= since.CUSTOMIZATIONS:
        for kind in CUSTOMIZATIONS:
            record[f"distinct_{kind}_use_count"] = len(record[f"totals_by_{kind}"])
    return record


def _phases(
    staffs: Sequence[Staff], day: date, people: Sequence[Record], pulls: Sequence[Record]
) -> list[Record]:
    """Returns the averages of the people of each phase."""
    everybody = {person.number: person for staff in staffs for person in people_of(staff)}
    enrolled = [everybody[number].phase(day) for number in _users(staffs, day, 28, "active")]
    entries = []
    for number, phase in enumerate(PHASES):
        mine = [each for each in people if each["ai_adoption_phase"]["phase_number"] == number]
        if not mine:
            continue
        ids = {person["user_id"] - FIRST_USER_ID for person in mine}
        own = [pull for pull in pulls if pull["author"] in ids]
        totals = summed(mine, COUNTERS) | pull_requests(own)
        averages = {
            f"avg_{name}": round(totals[counter] / len(mine), 2)
            for name, counter in _AVERAGES.items()
        }
        entries.append(
            {
                "phase": phase,
                "phase_number": number,
                "total_engaged_users": len(mine),
                "users_in_phase_28d": enrolled.count(number),
                **averages,
                "avg_pull_requests_median_minutes_to_merge": median_minutes(own),
            }
        )
    return entries


def engagement(staffs: Sequence[Staff], last_day: date) -> Record:
    """Returns `copilot_feature_engagement`: who used each feature within 28 days."""
    return {
        "active_user_count": len(_users(staffs, last_day, 28, "active")),
        "totals_by_feature": [
            {"feature": name, "engaged_user_count": len(_users(staffs, last_day, 28, name))}
            for name in FEATURES
        ],
    }
