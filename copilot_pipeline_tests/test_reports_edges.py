"""Reports made by hand: all fields and none, odd names, large numbers, every form of a file."""

import json
from collections.abc import Sequence
from datetime import date
from itertools import count
from typing import Any

import pytest

from copilot_pipeline.simulated_github import ReportFiles, SimulatedGitHub
from copilot_pipeline_tests.loading import import_organizations, load_metrics
from copilot_pipeline_tests.test_reports_oracle import (
    ACTIVE_USERS,
    ACTIVITY,
    BREAKDOWNS,
    DISTINCT,
    FLAGS,
    PHASE,
    PULL_REQUESTS,
    Record,
    Rows,
    assert_rows,
    last_days,
    stored,
)

pytestmark = pytest.mark.both_databases

SLUG = "octo-demo"
AGGREGATE, USERS, TEAMS, REPOS = (
    f"{name}-1-day" for name in ("organization", "users", "user-teams", "repos")
)

# On one database only, where the other would store the same.
ON_SQLITE = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)

# A sum of tokens may be larger than 32 bits, and than what a float holds exactly.
OVER_32_BITS, OVER_FLOATS, LARGEST = 2**31 + 7, 2**53 + 1, 2**63 - 1


def full_client(numbers: "count[int]") -> Record:
    return {
        "session_count": next(numbers),
        "request_count": OVER_32_BITS,
        "prompt_count": next(numbers),
        "token_usage": {
            "output_tokens_sum": OVER_FLOATS,
            "prompt_tokens_sum": LARGEST,
            "avg_tokens_per_request": 1234.56,
        },
        "last_known_cli_version": {"cli_version": "1.0.61", "sampled_at": None},
    }


def full_breakdowns(numbers: "count[int]") -> Record:
    return {
        f"totals_by_{name}": [
            {
                **{dimension: f"{dimension} {number}" for dimension in dimensions},
                **{counter: next(numbers) for counter in ACTIVITY},
                "last_known_ide_version": {"ide_version": "1", "sampled_at": None},
                "last_known_plugin_version": {"plugin": "p", "plugin_version": "2"},
            }
            for number in (1, 2)
        ]
        for name, dimensions in BREAKDOWNS.items()
    }


def full_common(day: date, numbers: "count[int]") -> Record:
    return {
        "day": str(day),
        "enterprise_id": "7001",
        "organization_id": "900",
        **{name: next(numbers) for name in ACTIVITY},
        **full_breakdowns(numbers),
        "totals_by_cli": full_client(numbers),
        "totals_by_copilot_app": full_client(numbers),
        "totals_by_vscode_agent": {"session_count": next(numbers), "total_user_messages": 3},
        "totals_by_3rd_party_agent": [{"agent_id": "1", "agent_name": "a"}],
        "totals_by_skill": [{"skill": "other", "interaction_count": 1}],
        "totals_by_mcp": [{"mcp": "other", "interaction_count": 1}],
        **{name: next(numbers) for name in DISTINCT},
        "etl_id": "e",
        "day_partition": str(day),
        "entity_id_partition": 4,
    }


def full_pull_requests(numbers: "count[int]") -> Record:
    return {
        **{name: next(numbers) for name in PULL_REQUESTS if name.startswith("total")},
        **{name: next(numbers) + 0.25 for name in PULL_REQUESTS if name.startswith("median")},
        "copilot_suggestions_by_comment_type": [
            {"comment_type": "security", "total_copilot_suggestions": 1}
        ],
    }


def full_aggregate(day: date) -> Record:
    numbers = count(100)
    features = ("code_completion", "chat_inline", "chat_panel_ask_mode", "agent_edit")
    record = full_common(day, numbers)
    record["totals_by_feature"] = [
        {"feature": name, **{counter: next(numbers) for counter in ACTIVITY}} for name in features
    ]
    record["totals_by_language_feature"] += [
        {"language": "go", "feature": name, "code_generation_activity_count": next(numbers)}
        for name in features
    ]
    return {
        **record,
        "daily_active_users": next(numbers),
        **{name: next(numbers) for name in ACTIVE_USERS},
        "pull_requests": full_pull_requests(numbers),
        "totals_by_ai_adoption_phase": [
            {
                "phase": phase,
                **{name: next(numbers) for name in PHASE},
                "version": "v1",
                "avg_loc_added": 0.1,
            }
            for phase in ("No Cohort", "Phase 1")
        ],
    }


def full_user(day: date, user_id: int = 1, **values: Any) -> Record:
    numbers = count(user_id * 1000)
    return {
        **full_common(day, numbers),
        "user_id": user_id,
        "user_login": f"user-{user_id}",
        "ai_credits_used": 12.34,
        **{name: number % 2 == 0 for number, name in enumerate(FLAGS)},
        "used_copilot_cloud_agent": False,
        "used_copilot_coding_agent": True,
        "ai_adoption_phase": {"phase_number": 2, "phase": "Phase 2", "version": "v1"},
        **values,
    }


def full_team(day: date, **values: Any) -> Record:
    ids = {"user_id": 1, "user_login": "a", "team_id": 2**40, "slug": "web"}
    return {"day": str(day), **ids, "organization_id": "900", "enterprise_id": "7001", **values}


def full_repo(day: date, **values: Any) -> Record:
    return {
        "day": str(day),
        "enterprise_id": "7001",
        "organization_id": "900",
        "repo_id": 77,
        "repo_owner_name": "octo",
        "repo_name": "demo",
        "repo_visibility": "INTERNAL",
        "pull_requests": full_pull_requests(count(5)),
        "pull_request_review_times": [
            {"authored_by": "human", "total_merged": 1, "p90_minutes_ready_to_first_review": 1.5}
        ],
        **values,
    }


KEYS = ("day", "user_id", "team_id", "repo_id")


def without_values(record: Record) -> Record:
    return {name: value if name in KEYS else None for name, value in record.items()}


def only_keys(record: Record) -> Record:
    return {name: value for name, value in record.items() if name in KEYS}


def without_inner_values(value: Any) -> Any:
    """Every field of the objects inside is null; the objects themselves are there."""
    if isinstance(value, list):
        return [without_inner_values(entry) for entry in value]
    return dict.fromkeys(value) if isinstance(value, dict) else value


def emptied(value: Any) -> Any:
    """The objects and lists are there, with nothing in them."""
    return type(value)() if isinstance(value, dict | list) else value


def inside(record: Record, change: Any) -> Record:
    return {name: change(value) for name, value in record.items()}


def with_news(value: Any) -> Any:
    """A new field at every level."""
    if isinstance(value, list):
        return [with_news(entry) for entry in value]
    if isinstance(value, dict):
        changed = {name: with_news(held) for name, held in value.items()}
        return {**changed, "a_field_of_tomorrow": {"deep": [1, None, "\u2028"]}}
    return value


def load(
    url: str, github: SimulatedGitHub, report: str, files: Sequence[Sequence[bytes | str]]
) -> list[date]:
    """Loads one day for each of these reports, in one run; the days."""
    days = last_days(len(files))
    for day, of_day in zip(days, files, strict=True):
        texts = [
            text.replace("DAY", str(day)) if isinstance(text, str) else text for text in of_day
        ]
        github.organization(SLUG).reports[report, day] = ReportFiles(list(texts))
    import_organizations(url, github, SLUG, reports=(report,))
    assert load_metrics(days) == []
    return days


def load_records(
    url: str, github: SimulatedGitHub, report: str, of_days: Sequence[Rows]
) -> list[date]:
    lines = ["".join(json.dumps(record) + "\n" for record in records) for records in of_days]
    return load(url, github, report, [[text] for text in lines])


# --- all fields, no fields, new fields ----------------------------------------------------------


@pytest.mark.parametrize(
    ("report", "full"),
    [(AGGREGATE, full_aggregate), (USERS, full_user), (TEAMS, full_team), (REPOS, full_repo)],
)
def test_all_fields_null_fields_absent_fields_and_new_fields_become_their_columns(
    warehouse_environment: str, github: SimulatedGitHub, report: str, full: Any
) -> None:
    days = last_days(6)
    of_days = [
        full(days[0]),
        without_values(full(days[1])),
        only_keys(full(days[2])),
        inside(full(days[3]), without_inner_values),
        inside(full(days[4]), emptied),
        with_news(full(days[5])),
    ]
    load_records(warehouse_environment, github, report, [[record] for record in of_days])
    for day, record in zip(days, of_days, strict=True):
        assert_rows(warehouse_environment, 1, day, report, [record])
    unknown = [stored(warehouse_environment, UNKNOWN, 1, day) for day in days]
    assert {row["kind"] for row in unknown[5]} >= {"field"}
    assert [row for of_day in unknown[1:3] for row in of_day] == []


UNKNOWN = "_tool_copilot_unknown_names"


@ON_SQLITE
def test_a_new_field_is_counted_with_the_fields_around_it(
    warehouse_environment: str, github: SimulatedGitHub
) -> None:
    (day,) = last_days(1)
    users = [with_news(full_user(day, number)) for number in (1, 2)]
    load_records(warehouse_environment, github, USERS, [users])
    found = {
        row["name"]: row["occurrences"]
        for row in stored(warehouse_environment, UNKNOWN, 1, day)
        if row["kind"] == "field"
    }
    new = "a_field_of_tomorrow"
    assert found == {
        new: 2,
        **{f"totals_by_{name}.{new}": 4 for name in BREAKDOWNS},
        f"totals_by_ide.last_known_ide_version.{new}": 4,
        f"totals_by_ide.last_known_plugin_version.{new}": 4,
        f"totals_by_vscode_agent.{new}": 2,
        **{
            f"totals_by_{name}.{new}": 2
            for name in (*BREAKDOWNS, "cli", "copilot_app", "3rd_party_agent", "skill", "mcp")
            if name not in BREAKDOWNS
        },
        **{
            f"totals_by_{name}.{inner}.{new}": 2
            for name in ("cli", "copilot_app")
            for inner in ("token_usage", "last_known_cli_version")
        },
        f"ai_adoption_phase.{new}": 2,
        **{
            f"totals_by_{name}.{field}": 4
            for name in BREAKDOWNS
            if name != "ide"
            for field in ("last_known_ide_version", "last_known_plugin_version")
        },
    }


# --- names --------------------------------------------------------------------------------------

ODD_NAMES: Record = {
    "totals_by_ide": [
        {"ide": "JetBrains", "loc_added_sum": 1, "loc_deleted_sum": 5},
        {"ide": "intellij", "loc_added_sum": 2},
        {"ide": " vscode ", "loc_added_sum": 3},
        {"ide": "vscode", "loc_added_sum": None},
        {"ide": "", "loc_added_sum": 4},
        {"ide": None, "loc_added_sum": 5},
        {"loc_added_sum": 6},
    ],
    "totals_by_language_feature": [
        {"language": language, "feature": "code_completion", "loc_added_sum": 1}
        for language in ("csharp", "c#", " pwsh ", "shell", "shellscript", "bash", "unknown", "")
    ],
    "totals_by_language_model": [
        {"language": "csharp", "model": "claude-4.5-haiku", "code_generation_activity_count": 1},
        {"language": "c#", "model": "claude-haiku-4.5", "code_generation_activity_count": 2},
        {"language": "tsx", "model": "claude-4.6-sonnet"},
    ],
    "totals_by_model_feature": [
        {"model": model, "feature": "chat_inline", "user_initiated_interaction_count": 2**40}
        for model in ("GPT-5", "gpt-5", "claude-4.5-haiku", "claude-haiku-4.5", "auto", "others")
    ],
}


def test_names_of_the_same_thing_are_one_row_with_the_sum_and_others_stay_apart(
    warehouse_environment: str, github: SimulatedGitHub
) -> None:
    (day,) = last_days(1)
    record = {"day": str(day), **ODD_NAMES}
    load_records(warehouse_environment, github, AGGREGATE, [[record]])
    assert_rows(warehouse_environment, 1, day, AGGREGATE, [record])
    rows = stored(warehouse_environment, "_tool_copilot_metrics_by_model_feature", 1, day)
    counts = {row["model"]: row["user_initiated_interaction_count"] for row in rows}
    assert counts == {
        "GPT-5": 2**40,
        "gpt-5": 2**40,
        "claude-haiku-4.5": 2**41,
        "auto": 2**40,
        "others": 2**40,
    }


@ON_SQLITE
def test_the_names_of_a_users_breakdowns_are_added_within_the_user(
    warehouse_environment: str, github: SimulatedGitHub
) -> None:
    (day,) = last_days(1)
    users = [{"day": str(day), "user_id": number, **ODD_NAMES} for number in (1, 2)]
    load_records(warehouse_environment, github, USERS, [users])
    assert_rows(warehouse_environment, 1, day, USERS, users)


@ON_SQLITE
def test_a_name_that_is_not_known_is_counted_and_gets_its_rows(
    warehouse_environment: str, github: SimulatedGitHub
) -> None:
    (day,) = last_days(1)
    new = {
        "ide": "new-ide",
        "feature": "new_feature",
        "language": "new language",
        "model": "new-model",
    }
    record = {
        "day": str(day),
        **{
            f"totals_by_{name}": [pick_from(new, dimensions), pick_from(new, dimensions)]
            for name, dimensions in BREAKDOWNS.items()
        },
    }
    load_records(warehouse_environment, github, AGGREGATE, [[record]])
    assert_rows(warehouse_environment, 1, day, AGGREGATE, [record])
    rows = stored(warehouse_environment, UNKNOWN, 1, day)
    assert {(row["kind"], row["name"], row["occurrences"]) for row in rows} == {
        ("ide", "new-ide", 2),
        ("feature", "new_feature", 6),
        ("language", "new language", 4),
        ("model", "new-model", 4),
    }


def pick_from(names: Record, dimensions: Sequence[str]) -> Record:
    return {dimension: names[dimension] for dimension in dimensions}


# --- the same thing twice -----------------------------------------------------------------------


@ON_SQLITE
def test_who_comes_twice_is_one_row_with_the_larger_numbers(
    warehouse_environment: str, github: SimulatedGitHub
) -> None:
    days = last_days(3)
    same, more, fewer = (full_user(day) for day in days)
    fewer |= {"ai_credits_used": None, "used_agent": None, "loc_added_sum": 5}
    other = {**full_user(days[2]), "used_chat": None, "loc_added_sum": 10**12}
    other["totals_by_ide"] = [{"ide": "ide 1", "loc_added_sum": 1}, {"ide": "zed"}]
    shards: list[list[Rows]] = [
        [[same], [same, full_user(days[0], 2)]],
        [[more], [{**more, "loc_added_sum": 7, "user_login": "user-1"}], []],
        [[fewer], [other]],
    ]
    files = [
        ["".join(json.dumps(r) + "\n" for r in shard) for shard in of_day] for of_day in shards
    ]
    load(warehouse_environment, github, USERS, files)
    for day, of_day in zip(days, shards, strict=True):
        records = [record for shard in of_day for record in shard]
        assert_rows(warehouse_environment, 1, day, USERS, records)
    (row,) = stored(warehouse_environment, "_tool_copilot_user_metrics", 1, days[2])
    assert (row["loc_added_sum"], row["used_agent"], row["used_chat"]) == (10**12, True, False)


@ON_SQLITE
@pytest.mark.parametrize(("report", "full"), [(TEAMS, full_team), (REPOS, full_repo)])
def test_a_membership_or_repository_that_comes_twice_is_one_row(
    warehouse_environment: str, github: SimulatedGitHub, report: str, full: Any
) -> None:
    (day,) = last_days(1)
    records = [full(day), full(day, user_id=2, repo_id=78)]
    text = "".join(json.dumps(record) + "\n" for record in records)
    load(warehouse_environment, github, report, [[text, text]])
    assert_rows(warehouse_environment, 1, day, report, records)


# --- single values ------------------------------------------------------------------------------


def test_numbers_flags_and_former_names_are_kept_exactly(
    warehouse_environment: str, github: SimulatedGitHub
) -> None:
    (day,) = last_days(1)
    key = {"day": str(day)}
    tokens = {"output_tokens_sum": OVER_FLOATS, "prompt_tokens_sum": LARGEST}
    users: Rows = [
        {**key, "user_id": 1, "used_copilot_coding_agent": True},
        {**key, "user_id": 2, "used_copilot_coding_agent": False},
        {**key, "user_id": 3, "used_copilot_coding_agent": None, "used_copilot_cloud_agent": True},
        {**key, "user_id": 4, "used_copilot_coding_agent": True, "used_copilot_cloud_agent": False},
        {**key, "user_id": 5, **dict.fromkeys((*FLAGS, "used_copilot_cloud_agent"))},
        {**key, "user_id": 2**62, "ai_credits_used": 0.1},
        {**key, "user_id": 7, "ai_credits_used": 3, "loc_added_sum": 4.0},
        {**key, "user_id": 8, "ai_credits_used": 1e-9, "loc_added_sum": 0},
        {**key, "user_id": 9, "totals_by_cli": {"token_usage": tokens}},
        {**key, "user_id": 10, "totals_by_cli": {"token_usage": None}},
    ]
    load_records(warehouse_environment, github, USERS, [users])
    users[6]["loc_added_sum"] = 4
    assert_rows(warehouse_environment, 1, day, USERS, users)


# --- forms --------------------------------------------------------------------------------------

FORMS = {
    "lines": ["{A}\n{B}\n"],
    "lines of two files": ["{A}", "{B}"],
    "array": ["[{A}, {B}]"],
    "pretty array": ["[\n  {A},\n  {B}\n]\n"],
    "byte order mark": ["\ufeff{A}\r\n{B}\r\n"],
    "byte order mark in each file": ["\ufeff{A}", "\ufeff{B}"],
    "blank lines": ["\n\n{A}\n \t\n\n{B}\n\n", "", "\n"],
    "an empty array beside": ["[]", "{A}\n{B}"],
    "an object, pretty, in each file": ["{PRETTY A}", "\n{PRETTY B}\n"],
}


@ON_SQLITE
@pytest.mark.parametrize(
    ("report", "full", "other"),
    [
        (USERS, full_user, {"user_id": 2}),
        (TEAMS, full_team, {"user_id": 2}),
        (REPOS, full_repo, {"repo_id": 2}),
    ],
)
def test_every_form_of_a_report_of_many_records_gives_the_same_rows(
    warehouse_environment: str, github: SimulatedGitHub, report: str, full: Any, other: Record
) -> None:
    days = last_days(len(FORMS))
    files = []
    for day, form in zip(days, FORMS.values(), strict=True):
        a, b = full(day), {**full(day), **other}
        words = {
            "{A}": json.dumps(a, ensure_ascii=False),
            "{B}": json.dumps(b),
            "{PRETTY A}": json.dumps(a, indent=2),
            "{PRETTY B}": json.dumps(b, indent="\t"),
        }
        files.append([replaced(text, words) for text in form])
    load(warehouse_environment, github, report, files)
    for day in days:
        records = [full(day), {**full(day), **other}]
        assert_rows(warehouse_environment, 1, day, report, records)


def replaced(text: str, words: dict[str, str]) -> str:
    for word, by in words.items():
        text = text.replace(word, by)
    return text


@ON_SQLITE
def test_every_form_of_an_aggregate_gives_the_same_rows(
    warehouse_environment: str, github: SimulatedGitHub
) -> None:
    forms = [
        ["{A}"],
        ["{PRETTY}", "{A}"],
        ['{"report_start_day": "DAY", "created_at": "x", "day_totals": [{A}]}'],
        ['[{"day_totals": [{PRETTY}]}]', "", '{"day_totals": []}'],
        ["\ufeff\r\n[{A}]\r\n"],
    ]
    days = last_days(len(forms))
    files = [
        [
            replaced(
                text,
                {
                    "{A}": json.dumps(full_aggregate(day)),
                    "{PRETTY}": json.dumps(full_aggregate(day), indent=1),
                },
            )
            for text in form
        ]
        for day, form in zip(days, forms, strict=True)
    ]
    load(warehouse_environment, github, AGGREGATE, files)
    for day in days:
        assert_rows(warehouse_environment, 1, day, AGGREGATE, [full_aggregate(day)])
