"""An enterprise's reports: its organizations' people, each of them once.

Shapes: GitHub's documentation page "Data available in Copilot usage metrics".
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import date

from copilot_pipeline.demo import since
from copilot_pipeline.demo.clients import CUSTOMISATIONS
from copilot_pipeline.demo.organization import Enterprise, Organization, Record
from copilot_pipeline.demo.people import monthly_people, weekly_people
from copilot_pipeline.demo.phases import PHASES, adoption_phases
from copilot_pipeline.demo.pull_requests import pull_requests
from copilot_pipeline.demo.reports import report_28_day, window_of
from copilot_pipeline.demo.usage import (
    CODE_COUNTERS,
    COUNTERS,
    PROMPTS,
    ActiveUsers,
    audience,
    breakdown,
    summed,
)
from copilot_pipeline.demo.user_reports import user_days

_BREAKDOWNS: dict[str, tuple[list[str], Sequence[str]]] = {
    "totals_by_ide": (["ide"], COUNTERS),
    "totals_by_feature": (["feature"], COUNTERS),
    "totals_by_language_feature": (["language", "feature"], CODE_COUNTERS),
    "totals_by_language_model": (["language", "model"], CODE_COUNTERS),
    "totals_by_model_feature": (["model", "feature"], COUNTERS),
}


def enterprise_user_days(enterprise: Enterprise, day: date) -> list[Record]:
    """The lines of `users-1-day`: who is active in two organizations is in it as in the first."""
    people: dict[int, Record] = {}
    for organization in enterprise.organizations:
        if organization.has_day(day):
            for record in user_days(organization, day):
                del record["organization_id"]
                people.setdefault(record["user_id"], record)
    return list(people.values())


def enterprise_day(enterprise: Enterprise, day: date) -> Record:
    """One record of `enterprise-1-day`, which the day's user rows add up to."""
    people = enterprise_user_days(enterprise, day)
    users = _active_users(enterprise, day, len(people))
    totals = summed(people, COUNTERS)
    pulls = _pull_requests(enterprise, day)

    def counts(name: str, used: Callable[[Record], object]) -> Record:
        daily = sum(bool(used(person)) for person in people)
        usual = audience(users, name)
        weekly = max(daily, usual.weekly)
        return ActiveUsers(daily, weekly, max(weekly, usual.monthly)).fields(name)

    record: Record = {
        "day": day.isoformat(),
        "enterprise_id": str(enterprise.id),
        **users.fields("active"),
        **users.trailing_fields(),
        **counts("active_copilot_cloud_agent", lambda person: person["used_copilot_cloud_agent"]),
        **totals,
        **{
            name: breakdown(_entries(people, name), keys, counters)
            for name, (keys, counters) in _BREAKDOWNS.items()
        },
        "pull_requests": pulls,
    }
    if any(person["used_cli"] for person in people):
        record |= counts("active_cli", lambda person: person["used_cli"])
        record["totals_by_cli"] = _agent_client(people, "totals_by_cli")
    if day >= since.CODE_REVIEW:
        active, passive = (f"used_copilot_code_review_{kind}" for kind in ("active", "passive"))
        record |= counts("active_copilot_code_review", lambda person: person[active])
        # Whoever gave both signals counts as active only.
        record |= counts(
            "passive_copilot_code_review", lambda person: person[passive] and not person[active]
        )
    if day >= since.PHASES:
        phases = [person["ai_adoption_phase"]["phase_number"] for person in people]
        record["totals_by_ai_adoption_phase"] = adoption_phases(
            [phases.count(number) for number in range(len(PHASES))], users.monthly, totals, pulls
        )
    if day >= since.APP:
        record |= counts("active_copilot_app", lambda person: person["used_copilot_app"])
        record["totals_by_copilot_app"] = _agent_client(people, "totals_by_copilot_app")
    if day >= since.THIRD_PARTY_AGENTS:
        record["totals_by_3rd_party_agent"] = breakdown(
            _entries(people, "totals_by_3rd_party_agent"), ["agent_id", "agent_name"], [PROMPTS]
        )
    if day >= since.VSCODE_AGENT:
        record |= counts("active_vscode_agent", lambda person: person["used_vscode_agent"])
        windows = [
            person["totals_by_vscode_agent"]
            for person in people
            if "totals_by_vscode_agent" in person
        ]
        record["totals_by_vscode_agent"] = summed(windows, ["session_count", "total_user_messages"])
    if day >= since.CUSTOMISATIONS:
        for kind in CUSTOMISATIONS:
            entries = _entries(people, f"totals_by_{kind}")
            used = breakdown(entries, [kind], ["interaction_count"])
            record[f"totals_by_{kind}"] = used
            record[f"distinct_{kind}_use_count"] = len(used)
    return record


def enterprise_28_day(enterprise: Enterprise, last_day: date) -> Record:
    """The one object of `enterprise-28-day/latest` for the window that ends on `last_day`."""
    days = [enterprise_day(enterprise, day) for day in window_of(enterprise, last_day)]
    monthly = len(_union(enterprise, last_day, monthly_people))
    return report_28_day(last_day, {"enterprise_id": str(enterprise.id)}, days, monthly)


def _active_users(enterprise: Enterprise, day: date, daily: int) -> ActiveUsers:
    return ActiveUsers(
        daily,
        len(_union(enterprise, day, weekly_people)),
        len(_union(enterprise, day, monthly_people)),
    )


def _union(
    enterprise: Enterprise, day: date, people: Callable[[Organization, date], Iterable[int]]
) -> set[int]:
    return {
        number
        for organization in enterprise.organizations
        if organization.has_day(day)
        for number in people(organization, day)
    }


def _entries(people: Sequence[Record], name: str) -> Iterator[Record]:
    return (entry for person in people for entry in person[name])


def _agent_client(people: Sequence[Record], name: str) -> Record:
    clients = [person[name] for person in people if name in person]
    total = summed(clients, ["session_count", "request_count", "prompt_count"])
    tokens = summed(
        [client["token_usage"] for client in clients], ["output_tokens_sum", "prompt_tokens_sum"]
    )
    requests = total["request_count"]
    average = round(sum(tokens.values()) / requests, 2) if requests else None
    return {**total, "token_usage": {**tokens, "avg_tokens_per_request": average}}


def _pull_requests(enterprise: Enterprise, day: date) -> Record:
    """The sums of the organizations' counts, with the medians of the one that merged most."""
    each = [
        pull_requests(organization, day)
        for organization in enterprise.organizations
        if organization.has_day(day)
    ]
    most = max(each, key=lambda pulls: int(pulls["total_merged"]))
    counters = [name for name in most if name.startswith("total_")]
    comments = (entry for pulls in each for entry in pulls["copilot_suggestions_by_comment_type"])
    return {
        **most,
        **summed(each, counters),
        "copilot_suggestions_by_comment_type": breakdown(
            comments,
            ["comment_type"],
            ["total_copilot_suggestions", "total_copilot_applied_suggestions"],
        ),
    }
