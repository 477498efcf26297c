"""Reports with many records: what people did, who is in which team, repositories."""

from typing import Any

import pytest

from copilot_pipeline.sources import REPOS, USER_TEAMS, USERS
from copilot_pipeline.sources.values import RecordError
from copilot_pipeline_tests import answers
from copilot_pipeline_tests.answers import DAY, Row, known


def user_row(**said: object) -> Row:
    record = {"day": str(DAY), "user_id": 7, **said}
    (row,) = answers.rows(USERS, "user_metrics", record)
    assert row.pop("user_id") == 7
    return known(row)


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ({}, {}),
        ({"user_login": None, "loc_added_sum": None}, {}),
        ({"loc_added_sum": 0, "used_chat": False}, {"loc_added_sum": 0, "used_chat": False}),
        ({"user_login": "a\0b"}, {"user_login": "a\ufffdb"}),
        ({"user_login": ""}, {"user_login": ""}),
        ({"ai_credits_used": 3}, {"ai_credits_used": 3.0}),
        ({"loc_added_sum": 5.0}, {"loc_added_sum": 5}),
        (
            {"ai_adoption_phase": {"phase_number": 2, "phase": "Phase 2", "version": "v1"}},
            {
                "ai_adoption_phase_number": 2,
                "ai_adoption_phase": "Phase 2",
                "ai_adoption_phase_version": "v1",
            },
        ),
        ({"used_copilot_coding_agent": True}, {"used_copilot_cloud_agent": True}),
        (
            {"used_copilot_coding_agent": True, "used_copilot_cloud_agent": False},
            {"used_copilot_cloud_agent": False},
        ),
        (
            {"totals_by_copilot_app": {"session_count": 1}, "totals_by_cli": {"token_usage": {}}},
            {"copilot_app_session_count": 1},
        ),
        (
            {"totals_by_vscode_agent": {"total_user_messages": 4}, "distinct_mcp_use_count": 2},
            {"vscode_agent_total_user_messages": 4, "distinct_mcp_use_count": 2},
        ),
    ],
)
def test_a_user_is_a_row_of_what_the_record_says(said: dict[str, Any], expected: Row) -> None:
    assert user_row(**said) == expected


@pytest.mark.parametrize(
    ("said", "path"),
    [
        ({"user_id": "7"}, "$.user_id"),
        ({"used_chat": 1}, "$.used_chat"),
        ({"ai_credits_used": "3"}, "$.ai_credits_used"),
        ({"ai_adoption_phase": "Phase 2"}, "$.ai_adoption_phase"),
        ({"totals_by_feature": [{"feature": 1}]}, "$.totals_by_feature[0].feature"),
    ],
)
def test_an_odd_type_is_refused_with_its_path(said: dict[str, Any], path: str) -> None:
    with pytest.raises(RecordError) as caught:
        user_row(**said)
    assert path in str(caught.value)


def test_a_users_breakdowns_are_rows_of_that_user_with_names_that_mean_the_same_added() -> None:
    record = {
        "day": str(DAY),
        "user_id": 7,
        "totals_by_ide": [
            {
                "ide": "VS Code",
                "loc_added_sum": 1,
                "last_known_ide_version": {"ide_version": "1.9", "sampled_at": "2026-11-20"},
            },
            {"ide": "vscode", "loc_added_sum": 2},
            {"ide": "", "loc_added_sum": 0},
        ],
    }
    found = answers.rows(USERS, "user_metrics_by_ide", record)
    assert [known(row) for row in found] == [
        {"user_id": 7, "ide": "vscode", "loc_added_sum": 3},
        {"user_id": 7, "ide": "unknown", "loc_added_sum": 0},
    ]


def test_a_membership_and_a_repository_are_rows_under_githubs_names() -> None:
    member = {"user_id": 7, "team_id": 8, "user_login": "demo-user", "slug": "team-a"}
    (row,) = answers.rows(USER_TEAMS, "user_teams", {"day": str(DAY), **member})
    assert known(row) == member
    repository = {"repo_id": 5, "repo_name": "r", "repo_owner_name": "o"}
    numbers = {"total_created": 0, "median_minutes_to_merge": 1.5}
    more = {"pull_requests": numbers, "pull_request_review_times": [{"authored_by": "human"}]}
    (row,) = answers.rows(REPOS, "repo_metrics", {"day": str(DAY), **repository, **more})
    assert known(row) == {**repository, **numbers}
