"""Every row of every tool table equals what GitHub served, computed here a second time.

The expected rows come from the served JSON by plain Python, written from GitHub's documentation of
the reports, and not by the project's own transforms. The tests of odd reports use the same oracle.
"""

import json
import urllib.request
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from copilot_pipeline.accounts import AccountOptions, import_account
from copilot_pipeline.days import day_range
from copilot_pipeline.schema import metadata
from copilot_pipeline.simulated_github import Enterprise, Organization, SimulatedGitHub
from copilot_pipeline.warehouse.database import Database
from copilot_pipeline_tests.loading import execute, failure, newest_complete_day

pytestmark = pytest.mark.both_databases

Record = dict[str, Any]
Rows = list[Record]

ACTIVITY = (
    "user_initiated_interaction_count",
    "code_generation_activity_count",
    "code_acceptance_activity_count",
    "loc_suggested_to_add_sum",
    "loc_suggested_to_delete_sum",
    "loc_added_sum",
    "loc_deleted_sum",
)
ACTIVE_USERS = (
    "weekly_active_users",
    "monthly_active_users",
    "monthly_active_chat_users",
    "monthly_active_agent_users",
    *(
        f"{period}_active_{client}_users"
        for client in ("cli", "copilot_app", "vscode_agent", "copilot_cloud_agent")
        for period in ("daily", "weekly", "monthly")
    ),
    *(
        f"{period}_{kind}_copilot_code_review_users"
        for kind in ("active", "passive")
        for period in ("daily", "weekly", "monthly")
    ),
)
PULL_REQUESTS = (
    "total_created",
    "total_merged",
    "total_reviewed",
    "total_reviewed_by_copilot",
    "total_suggestions",
    "total_applied_suggestions",
    "total_created_by_copilot",
    "total_merged_created_by_copilot",
    "total_merged_reviewed_by_copilot",
    "total_copilot_suggestions",
    "total_copilot_applied_suggestions",
    "median_minutes_to_merge",
    "median_minutes_to_merge_copilot_authored",
    "median_minutes_to_merge_copilot_reviewed",
)
DISTINCT = tuple(
    f"distinct_{kind}_use_count" for kind in ("skill", "custom_agent", "mcp", "slash_cmd", "plugin")
)
PHASE = (
    "phase_number",
    "version",
    "total_engaged_users",
    "users_in_phase_28d",
    "avg_user_initiated_interactions",
    "avg_code_generation_activities",
    "avg_code_acceptance_activities",
    "avg_loc_added",
    "avg_loc_deleted",
    "avg_pull_requests_reviewed",
    "avg_pull_requests_created",
    "avg_pull_requests_merged",
    "avg_pull_requests_median_minutes_to_merge",
)
FLAGS = (
    "used_agent",
    "used_chat",
    "used_cli",
    "used_copilot_app",
    "used_vscode_agent",
    "used_copilot_code_review_active",
    "used_copilot_code_review_passive",
)
LEGACY_ONLY = (
    "total_engaged_users",
    "ide_chat_copy_events",
    "ide_chat_insertion_events",
    "ide_chat_engaged_users",
    "dotcom_chats",
    "dotcom_chat_engaged_users",
    "pr_summaries_created",
    "pr_engaged_users",
)
BREAKDOWNS = {
    "ide": ("ide",),
    "feature": ("feature",),
    "language_feature": ("language", "feature"),
    "language_model": ("language", "model"),
    "model_feature": ("model", "feature"),
}
# Of those that the tests serve, the names that GitHub writes in two ways.
SAME_NAMES = {
    ("model", "claude-4.5-haiku"): "claude-haiku-4.5",
    ("model", "claude-4.6-sonnet"): "claude-sonnet-4.6",
    ("language", "csharp"): "c#",
    ("language", "pwsh"): "powershell",
    ("language", "shellscript"): "bash",
    ("language", "shell"): "bash",
    ("language", "tsx"): "typescriptreact",
    ("ide", "JetBrains"): "intellij",
}


# --- the oracle ---------------------------------------------------------------------------------


def expected_tables(report: str, records: Sequence[Record]) -> dict[str, Rows]:
    """The rows of each of the report's tool tables, without scope and day."""
    if report in ("organization-1-day", "enterprise-1-day"):
        (record,) = unique(records)
        return expected_of_scope(record)
    if report == "users-1-day":
        return expected_of_users(records)
    if report == "user-teams-1-day":
        names = ("user_id", "team_id", "user_login", "slug", "organization_id")
        rows = [pick(record, names) for record in records]
        return {"_tool_copilot_user_teams": grouped(rows, names[:2], largest)}
    assert report == "repos-1-day", f"say here what the tables of {report} should hold"
    names = ("repo_id", "repo_owner_name", "repo_name", "repo_visibility", "organization_id")
    rows = [
        {**pick(record, names), **pick(record.get("pull_requests"), PULL_REQUESTS)}
        for record in records
    ]
    return {"_tool_copilot_repo_metrics": grouped(rows, ("repo_id",), largest)}


def expected_of_scope(record: Record) -> dict[str, Rows]:
    features = record.get("totals_by_feature") or []
    completion = next((f for f in features if f["feature"] == "code_completion"), None)
    chats = [f.get(ACTIVITY[0]) for f in features if (f["feature"] or "").startswith("chat_")]
    org = {
        "source": "reports",
        "total_active_users": record.get("daily_active_users"),
        **dict.fromkeys(LEGACY_ONLY),
        "completion_suggestions": pick(completion, ACTIVITY)["code_generation_activity_count"],
        "completion_acceptances": pick(completion, ACTIVITY)["code_acceptance_activity_count"],
        "completion_lines_suggested": pick(completion, ACTIVITY)["loc_suggested_to_add_sum"],
        "completion_lines_accepted": pick(completion, ACTIVITY)["loc_added_sum"],
        "ide_chats": total(chats) if chats else (0 if features else None),
        **pick(record, ACTIVE_USERS),
        **pick(record, ACTIVITY),
        **clients(record),
        **pick(record.get("pull_requests"), PULL_REQUESTS, "pull_requests_"),
    }
    languages = [
        {
            "editor": "all",
            "language": named("language", entry),
            "engaged_users": None,
            "suggestions": entry.get("code_generation_activity_count"),
            "acceptances": entry.get("code_acceptance_activity_count"),
            "lines_suggested": entry.get("loc_suggested_to_add_sum"),
            "lines_accepted": entry.get("loc_added_sum"),
        }
        for entry in record.get("totals_by_language_feature") or []
        if entry["feature"] == "code_completion"
    ]
    phases = [
        {"phase": named("phase", entry), **pick(entry, PHASE)}
        for entry in record.get("totals_by_ai_adoption_phase") or []
    ]
    return {
        "_tool_copilot_org_metrics": [org],
        "_tool_copilot_language_metrics": grouped(languages, ("editor", "language"), total),
        "_tool_copilot_adoption_phases": grouped(phases, ("phase",), largest),
        **{f"_tool_copilot_metrics_by_{name}": broken_down(record, name) for name in BREAKDOWNS},
    }


def expected_of_users(records: Sequence[Record]) -> dict[str, Rows]:
    users: Rows = []
    breakdowns: dict[str, Rows] = {name: [] for name in BREAKDOWNS}
    for record in records:
        user = {"user_id": record["user_id"]}
        phase = record.get("ai_adoption_phase") or {}
        flag = record.get("used_copilot_cloud_agent")
        former = record.get("used_copilot_coding_agent")
        users.append(
            {
                **user,
                "user_login": record.get("user_login"),
                **pick(record, ACTIVITY),
                "ai_credits_used": record.get("ai_credits_used"),
                **pick(record, FLAGS),
                "used_copilot_cloud_agent": former if flag is None else flag,
                "ai_adoption_phase_number": phase.get("phase_number"),
                "ai_adoption_phase": phase.get("phase"),
                "ai_adoption_phase_version": phase.get("version"),
                **clients(record),
            }
        )
        for name, rows in breakdowns.items():
            rows += [{**user, **row} for row in broken_down(record, name)]
    return {
        "_tool_copilot_user_metrics": grouped(users, ("user_id",), largest),
        **{
            f"_tool_copilot_user_metrics_by_{name}": grouped(
                rows, ("user_id", *BREAKDOWNS[name]), largest
            )
            for name, rows in breakdowns.items()
        },
    }


def clients(record: Record) -> Record:
    row: Record = {}
    for client in ("cli", "copilot_app"):
        said = record.get(f"totals_by_{client}") or {}
        row |= pick(said, ("session_count", "request_count", "prompt_count"), f"{client}_")
        tokens = ("output_tokens_sum", "prompt_tokens_sum", "avg_tokens_per_request")
        row |= pick(said.get("token_usage"), tokens, f"{client}_")
    agent = record.get("totals_by_vscode_agent")
    row |= pick(agent, ("session_count", "total_user_messages"), "vscode_agent_")
    return row | pick(record, DISTINCT)


def broken_down(record: Record, name: str) -> Rows:
    """The entries of an array; those whose names mean the same thing are added."""
    rows = [
        {
            **{dimension: named(dimension, entry) for dimension in BREAKDOWNS[name]},
            **pick(entry, ACTIVITY),
        }
        for entry in record.get(f"totals_by_{name}") or []
    ]
    return grouped(rows, BREAKDOWNS[name], total)


def named(dimension: str, entry: Record) -> str:
    name = (entry.get(dimension) or "").strip() or "unknown"
    return SAME_NAMES.get((dimension, name), name)


def pick(record: Record | None, names: Iterable[str], prefix: str = "") -> Record:
    """The values under these names; what is not there is None."""
    return {prefix + name: (record or {}).get(name) for name in names}


def grouped(rows: Rows, key: Sequence[str], combine: Callable[[list[Any]], Any]) -> Rows:
    groups: dict[tuple[Any, ...], Rows] = {}
    for row in rows:
        groups.setdefault(tuple(row[name] for name in key), []).append(row)
    return [
        {
            name: group[0][name] if name in key else combine([row[name] for row in group])
            for name in group[0]
        }
        for group in groups.values()
    ]


def total(values: list[Any]) -> Any:
    known = [value for value in values if value is not None]
    return sum(known) if known else None


def largest(values: list[Any]) -> Any:
    return max((value for value in values if value is not None), default=None)


def unique(records: Sequence[Record]) -> Rows:
    return [record for n, record in enumerate(records) if record not in records[:n]]


def expected_billing(answer: Record) -> Record:
    seats = (
        "total",
        "added_this_cycle",
        "pending_cancellation",
        "pending_invitation",
        "active_this_cycle",
        "inactive_this_cycle",
    )
    policies = ("public_code_suggestions", "ide_chat", "platform_chat", "cli")
    return {
        **pick(answer.get("seat_breakdown"), seats),
        **pick(answer, (*policies, "seat_management_setting", "plan_type")),
    }


def expected_seats(seats: Sequence[Record], default_organization: str) -> Rows:
    """Of a person's two seats in one organization, the one with the latest activity."""
    rows: dict[tuple[str, int], Record] = {}
    for seat in seats:
        if seat.get("assignee") is None:
            continue
        organization = (seat.get("organization") or {}).get("login") or default_organization
        team = seat.get("assigning_team") or {}
        instants = ("created_at", "updated_at", "last_activity_at", "last_authenticated_at")
        cancelled = seat.get("pending_cancellation_date")
        row = {
            "organization": organization,
            "user_id": seat["assignee"]["id"],
            "user_login": seat["assignee"]["login"],
            "plan_type": seat.get("plan_type"),
            "assigning_team_id": team.get("id"),
            "assigning_team_slug": team.get("slug"),
            **{name: as_instant(seat.get(name)) for name in instants},
            "last_activity_editor": seat.get("last_activity_editor"),
            "pending_cancellation_date": cancelled and date.fromisoformat(cancelled),
        }
        key = (organization, row["user_id"])
        never = datetime.min.replace(tzinfo=UTC)
        before = rows.get(key, {}).get("last_activity_at") or never
        if key not in rows or (row["last_activity_at"] or never) > before:
            rows[key] = row
    return list(rows.values())


def as_instant(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text).astimezone(UTC)


# --- what is served, and what is stored ---------------------------------------------------------


def get(github: SimulatedGitHub, path: str) -> Any:
    """The JSON of an answer of the API; None where it has no content."""
    headers = {"Authorization": f"Bearer {github.token}", "User-Agent": "oracle"}
    with urllib.request.urlopen(urllib.request.Request(github.url + path, headers=headers)) as body:
        text = body.read()
    return json.loads(text) if text else None


def served(github: SimulatedGitHub, scope: str, report: str, day: date) -> Rows:
    """The records of a report as `orgs/SLUG` or `enterprises/SLUG` has them, of all its files."""
    envelope = get(github, f"/{scope}/copilot/metrics/reports/{report}?day={day}")
    records: Rows = []
    for link in envelope["download_links"]:
        with urllib.request.urlopen(link) as body:
            records += [json.loads(line) for line in body.read().splitlines()]
    return records


def served_seats(github: SimulatedGitHub, scope: str) -> Rows:
    seats: Rows = []
    for page in range(1, 100):
        found = get(github, f"/{scope}/copilot/billing/seats?per_page=50&page={page}")["seats"]
        if not found:
            break
        seats += found
    return seats


def import_scopes(
    url: str, github: SimulatedGitHub, organizations: Sequence[str], enterprises: Sequence[str] = ()
) -> None:
    """They collect all reports; the organizations are the first scopes."""
    with Database(url) as database:
        wanted = AccountOptions(github.url, None, organizations, enterprises, None, ("all",))
        import_account(database, github.token, wanted)


def stored(url: str, table: str, scope_id: int, day: date) -> Rows:
    """The rows of a scope and day with every column of the table, apart from those two."""
    with Database(url) as database, database.read() as connection:
        return read_rows(connection, table, scope_id, day)


def read_rows(connection: Connection, table: str, scope_id: int, day: date) -> Rows:
    of_table = metadata.tables[table]
    query = sa.select(of_table).where(of_table.c.scope_id == scope_id, of_table.c.day == day)
    columns = connection.execute(sa.text(f"SELECT * FROM {table} LIMIT 0")).keys()
    assert set(columns) == {column.name for column in of_table.c}
    return [
        {name: value for name, value in row._mapping.items() if name not in ("scope_id", "day")}
        for row in connection.execute(query)
    ]


def in_order(rows: Rows) -> list[list[tuple[str, str]]]:
    """The rows in an order of their own, with values by type: 0 is not False, nor 1 the same as 1.0
    where the column is one of whole numbers."""
    return sorted([sorted((name, repr(value)) for name, value in row.items()) for row in rows])


def as_columns(table: str, rows: Rows) -> Rows:
    """The values as a column of that type gives them: numbers as floats."""
    columns = metadata.tables[table].c
    return [
        {
            name: float(value)
            if value is not None and isinstance(columns[name].type, sa.Double)
            else value
            for name, value in row.items()
        }
        for row in rows
    ]


def assert_rows(url: str, scope_id: int, day: date, report: str, records: Sequence[Record]) -> None:
    """All tool tables of the report hold what the oracle says, and no other row."""
    with Database(url) as database, database.read() as connection:
        for table, rows in expected_tables(report, records).items():
            found = read_rows(connection, table, scope_id, day)
            assert in_order(found) == in_order(as_columns(table, rows)), table


def last_days(count: int) -> list[date]:
    newest = newest_complete_day()
    return day_range(newest - timedelta(days=count - 1), newest)


# --- generated reports, of every kind of scope --------------------------------------------------


def test_every_table_of_an_organization_and_an_enterprise_equals_what_was_served(
    warehouse_environment: str,
) -> None:
    organizations = [Organization("one-demo"), Organization("two-demo")]
    enterprise = Enterprise("big-demo", organizations)
    organizations[1].first_user = 20  # 20 people have a seat in both
    scopes = {1: "orgs/one-demo", 2: "orgs/two-demo", 3: "enterprises/big-demo"}
    days = last_days(3)  # a weekday is among them
    with SimulatedGitHub([], enterprises=[enterprise], shards=3) as github:
        import_scopes(warehouse_environment, github, ["one-demo", "two-demo"], ["big-demo"])
        for result in (execute("daily_copilot", days[-1:]), execute("metrics_backfill", days)):
            assert result.success, failure(result)
        people: dict[int, set[tuple[date, int]]] = {1: set(), 2: set(), 3: set()}
        for scope_id, scope in scopes.items():
            kind = "organization" if scope.startswith("orgs") else "enterprise"
            for day in days:
                for report in (f"{kind}-1-day", "users-1-day", "user-teams-1-day", "repos-1-day"):
                    records = served(github, scope, report, day)
                    assert records
                    assert_rows(warehouse_environment, scope_id, day, report, records)
                    if report == "users-1-day":
                        people[scope_id] |= {(day, record["user_id"]) for record in records}
            default = scope.removeprefix("orgs/") if kind == "organization" else ""
            seats = expected_seats(served_seats(github, scope), default)
            found = stored(warehouse_environment, "_tool_copilot_seats", scope_id, days[-1])
            assert in_order(found) == in_order(seats)
            if kind == "organization":
                billing = expected_billing(get(github, f"/{scope}/copilot/billing"))
                table = "_tool_copilot_billing"
                assert stored(warehouse_environment, table, scope_id, days[-1]) == [billing]
    assert people[1] & people[2]
    assert people[1] | people[2] == people[3]


def test_every_loaded_report_has_a_status_with_its_records_and_nothing_is_unknown(
    warehouse_environment: str,
) -> None:
    with SimulatedGitHub([Organization("octo-demo")], shards=3) as github:
        import_scopes(warehouse_environment, github, ["octo-demo"])
        (day,) = last_days(1)
        assert execute("daily_copilot", [day]).success
        rows = stored(warehouse_environment, "_tool_copilot_collection_status", 1, day)
        assert {row.pop("report"): row.pop("row_count") for row in rows} == {
            report: len(served(github, "orgs/octo-demo", report, day))
            for report in ("organization-1-day", "users-1-day", "user-teams-1-day", "repos-1-day")
        } | {"seats": len(served_seats(github, "orgs/octo-demo")), "seat-billing": 1}
    for row in rows:
        assert len(row.pop("sha256")) == 64
        assert row.pop("first_loaded_at") == row.pop("last_fetched_at")
        assert row == {
            "state": "loaded",
            "http_status": 200,
            "changed_at": None,
            "change_count": 0,
            "message": None,
            "attempt": 1,
        }
    assert stored(warehouse_environment, "_tool_copilot_unknown_names", 1, day) == []
    assert stored(warehouse_environment, "_tool_copilot_restatements", 1, day) == []


def test_seats_and_billing_of_every_kind_equal_what_was_served(warehouse_environment: str) -> None:
    """Two seats of one person, offsets, nulls, absent keys, and a billing that says little."""
    (day,) = last_days(1)
    person = {"login": "a", "id": 2**40, "type": "User"}
    older, newer = "2026-01-02T03:04:05-06:00", "2026-01-02T10:00:00Z"
    seats: Rows = [
        {"created_at": older, "assignee": None},
        {"created_at": older, "assignee": person, "last_activity_at": older, "plan_type": "x"},
        {"created_at": newer, "assignee": person, "last_activity_at": newer},
        {"created_at": older, "assignee": person, "last_activity_at": None},
        {
            "created_at": newer,
            "assignee": {"login": "b", "id": 2},
            "assigning_team": {"id": 5, "slug": "web", "name": "Web"},
            "organization": {"login": "other-demo"},
            "pending_cancellation_date": "2026-12-01",
            "last_authenticated_at": older,
            "last_activity_editor": "vscode/1.77.3/copilot/1.86.82",
        },
        {"created_at": newer, "assignee": {"login": "b", "id": 2}, "organization": None},
    ]
    answers: Rows = [{"seat_breakdown": {"total": 0, "active_this_cycle": None}}, {"cli": None}]
    organizations = [
        Organization(f"demo-{number}", seats=seats, billing=answer)
        for number, answer in enumerate(answers)
    ]
    with SimulatedGitHub(organizations) as github:
        import_scopes(warehouse_environment, github, ["demo-0", "demo-1"])
        result = execute(
            "daily_copilot", [day], assets=["raw_billing", "billing", "raw_seats", "seats"]
        )
        assert result.success, failure(result)
    for number, answer in enumerate(answers):
        found = stored(warehouse_environment, "_tool_copilot_seats", number + 1, day)
        assert in_order(found) == in_order(expected_seats(seats, f"demo-{number}"))
        assert len(found) == 3
        billing = stored(warehouse_environment, "_tool_copilot_billing", number + 1, day)
        assert billing == [expected_billing(answer)]
