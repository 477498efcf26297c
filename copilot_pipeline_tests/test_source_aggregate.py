"""A scope's day in one record: its headline numbers, languages, breakdowns and adoption phases.

What a report does not say is NULL. People are never summed.
"""

from typing import Any

import pytest

from copilot_pipeline.sources import ENTERPRISE_DAY, ORGANIZATION_DAY
from copilot_pipeline.sources.values import RecordError
from copilot_pipeline_tests import answers
from copilot_pipeline_tests.answers import DAY, Row, known

REPORT: dict[str, Any] = {
    "daily_active_users": 12,
    "weekly_active_users": 20,
    "monthly_active_chat_users": 25,
    "daily_active_copilot_cloud_agent_users": 0,
    "user_initiated_interaction_count": 90,
    "code_generation_activity_count": 5_000_000_000,
    "code_acceptance_activity_count": 250,
    "loc_added_sum": 1_500,
    "totals_by_ide": [{"ide": "vscode", "code_generation_activity_count": 95}],
    "totals_by_feature": [
        {
            "feature": "copilot_cli",
            "user_initiated_interaction_count": 40,
            "code_generation_activity_count": 100,
            "code_acceptance_activity_count": 95,
            "loc_added_sum": 800,
        },
        {"feature": "chat_panel_agent_mode", "user_initiated_interaction_count": 30},
        {
            "feature": "code_completion",
            "user_initiated_interaction_count": 0,
            "code_generation_activity_count": 200,
            "code_acceptance_activity_count": 50,
            "loc_suggested_to_add_sum": 300,
            "loc_added_sum": 70,
        },
        {"feature": "chat_inline", "user_initiated_interaction_count": 5},
        {"feature": "agent_edit", "loc_added_sum": 630},
        {"feature": "others", "user_initiated_interaction_count": 15},
    ],
    "totals_by_cli": {
        "prompt_count": 40,
        "token_usage": {"prompt_tokens_sum": 23_845_646_000, "avg_tokens_per_request": 12.5},
    },
    "pull_requests": {"total_created": 4, "median_minutes_to_merge": 61.25},
    "a_brand_new_field": {"of": ["any", "shape"]},
}

OF_FEATURES = {
    "completion_suggestions": 200,
    "completion_acceptances": 50,
    "completion_lines_suggested": 300,
    "completion_lines_accepted": 70,
    "ide_chats": 35,
}


def rows(table: str, record: dict[str, Any]) -> list[Row]:
    found = answers.rows(ORGANIZATION_DAY, table, {"day": str(DAY), **record})
    assert found == answers.rows(ENTERPRISE_DAY, table, {"day": str(DAY), **record})
    return found


def org_row(record: dict[str, Any]) -> Row:
    (row,) = rows("org_metrics", record)
    return known(row)


# --- headlines --------------------------------------------------------------------------------


def test_a_report_gives_its_own_totals_and_the_completions_and_chats_of_its_features() -> None:
    # Its totals are GitHub's own, not the sums of breakdowns: the features say 145 acceptances.
    assert org_row(REPORT) == {
        "source": "reports",
        "total_active_users": 12,
        **OF_FEATURES,
        "weekly_active_users": 20,
        "monthly_active_chat_users": 25,
        "daily_active_copilot_cloud_agent_users": 0,
        "user_initiated_interaction_count": 90,
        "code_generation_activity_count": 5_000_000_000,
        "code_acceptance_activity_count": 250,
        "loc_added_sum": 1_500,
        "cli_prompt_count": 40,
        "cli_prompt_tokens_sum": 23_845_646_000,
        "cli_avg_tokens_per_request": 12.5,
        "pull_requests_total_created": 4,
        "pull_requests_median_minutes_to_merge": 61.25,
    }


def test_a_total_that_is_left_out_is_unknown_whatever_the_breakdowns_say() -> None:
    features = {"totals_by_feature": REPORT["totals_by_feature"]}
    assert org_row(features) == {"source": "reports", **OF_FEATURES}


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ({}, {}),
        ({"daily_active_users": None}, {}),
        ({"daily_active_users": 0}, {"total_active_users": 0}),
        ({"totals_by_cli": None}, {}),
        ({"totals_by_cli": {}}, {}),
        ({"totals_by_cli": {"token_usage": None, "session_count": 0}}, {"cli_session_count": 0}),
    ],
)
def test_absent_null_and_zero_are_three_things(
    said: dict[str, Any], expected: dict[str, Any]
) -> None:
    assert org_row(said) == {"source": "reports", **expected}


@pytest.mark.parametrize(
    ("features", "expected"),
    [
        pytest.param(None, {}, id="no features told"),
        # Seen beside totals above zero: such a list says nothing.
        pytest.param([], {}, id="an empty list"),
        pytest.param([{"feature": "agent_edit"}], {"ide_chats": 0}, id="features, none a chat"),
        pytest.param([{"feature": "chat_inline"}], {}, id="a chat that does not say"),
        pytest.param(
            [
                {"feature": "chat_inline"},
                {"feature": "chat_a", "user_initiated_interaction_count": 2},
            ],
            {"ide_chats": 2},
            id="a chat that does not say and one that does",
        ),
        pytest.param(
            [{"feature": "code_completion", "code_generation_activity_count": 0}],
            {"ide_chats": 0, "completion_suggestions": 0},
            id="a completion that says 0",
        ),
        pytest.param(
            [{"feature": None}, {}, {"feature": "Chat_x"}],
            {"ide_chats": 0},
            id="features without a usable name",
        ),
    ],
)
def test_completions_and_chats_are_unknown_unless_the_features_say(
    features: list[dict[str, Any]] | None, expected: dict[str, int]
) -> None:
    assert org_row({"totals_by_feature": features}) == {"source": "reports", **expected}


def test_sums_keep_64_bits_and_a_larger_one_is_refused() -> None:
    def chats(*counts: int) -> dict[str, Any]:
        return {
            "totals_by_feature": [
                {"feature": f"chat_{count}", "user_initiated_interaction_count": count}
                for count in counts
            ]
        }

    assert org_row(chats(2**62, 2**62 - 1))["ide_chats"] == 2**63 - 1
    with pytest.raises(RecordError, match="64 bits"):
        org_row(chats(2**63 - 1, 1))


@pytest.mark.parametrize(
    ("said", "path"),
    [
        ({"daily_active_users": "12"}, "daily_active_users"),
        ({"daily_active_users": 12.5}, "daily_active_users"),
        ({"loc_added_sum": True}, "loc_added_sum"),
        ({"totals_by_feature": {"feature": "chat_inline"}}, "totals_by_feature"),
        ({"totals_by_feature": ["code_completion"]}, "totals_by_feature[0]"),
        ({"totals_by_feature": [{}, {"loc_added_sum": []}]}, "totals_by_feature[1].loc_added_sum"),
        ({"totals_by_language_feature": [{"language": 7}]}, "language"),
        ({"totals_by_cli": {"token_usage": []}}, "totals_by_cli.token_usage"),
        ({"pull_requests": {"median_minutes_to_merge": "1"}}, "median_minutes_to_merge"),
    ],
)
def test_an_odd_type_where_a_number_comes_from_is_refused_with_its_path(
    said: dict[str, Any], path: str
) -> None:
    with pytest.raises(RecordError) as caught:
        org_row(said)
    assert path in str(caught.value)


# --- languages --------------------------------------------------------------------------------


def entry(language: object, *counts: object, feature: object = "code_completion") -> dict[str, Any]:
    """Suggestions, acceptances, lines suggested, lines accepted; fewer are absent."""
    names = (
        "code_generation_activity_count",
        "code_acceptance_activity_count",
        "loc_suggested_to_add_sum",
        "loc_added_sum",
    )
    return {"language": language, "feature": feature, **dict(zip(names, counts, strict=False))}


LONG = "x" * 300

LANGUAGES: dict[str, tuple[list[dict[str, Any]] | None, list[tuple[Any, ...]]]] = {
    "code completion alone": (
        [
            entry("typescript", 100, 95, 0, 800, feature="copilot_cli"),
            entry("typescript", 11, 1, 102, 20),
            entry("go", 4, 0, 36, 7),
            entry("go", 50, 50, 50, 50, feature="chat_inline"),
            *(entry("c", 1, feature=feature) for feature in (None, "", "Code_Completion")),
        ],
        [("go", 4, 0, 36, 7), ("typescript", 11, 1, 102, 20)],
    ),
    "names that mean the same": (
        [
            entry("", 1, 0, 1, 0),
            entry("  ", 2, 1, 2, 1),
            entry(None, 3, 1, 3, 1),
            {"feature": "code_completion", "code_generation_activity_count": 4},
            entry("unknown", 5, 2, 5, 2),
            entry("others", 6, 3, 6, 3),
            entry(" c# ", 7, 4, 7, 4),
            entry("csharp", 9, 6, 9, 6),
        ],
        [("c#", 16, 10, 16, 10), ("others", 6, 3, 6, 3), ("unknown", 15, 4, 11, 4)],
    ),
    "NUL, a surrogate, and a very long name": (
        [entry("a\0b", 1, 1, 1, 1), entry("\ud800", 2, 2, 2, 2), entry(LONG, 3, 3, 3, 3)],
        [("a\ufffdb", 1, 1, 1, 1), (LONG[:255], 3, 3, 3, 3), ("\ufffd", 2, 2, 2, 2)],
    ),
    "absent, null and zero": (
        [entry("a"), entry("b", None, None), entry("c", 0, 0, 0, 0), entry("d", 3, None, 0)],
        [
            ("a", None, None, None, None),
            ("b", None, None, None, None),
            ("c", 0, 0, 0, 0),
            ("d", 3, None, 0, None),
        ],
    ),
    "no entries": ([], []),
    "null": (None, []),
}


@pytest.mark.parametrize(("entries", "expected"), LANGUAGES.values(), ids=LANGUAGES)
def test_a_report_gives_a_row_per_language(
    entries: list[dict[str, Any]] | None, expected: list[tuple[Any, ...]]
) -> None:
    found = rows("language_metrics", {"totals_by_language_feature": entries})
    # Reports know no editors, and no people by language.
    assert {(row.pop("editor"), row.pop("engaged_users")) for row in found} <= {("all", None)}
    assert sorted((tuple(row.values()) for row in found), key=lambda row: row[0]) == expected


# --- breakdowns and phases --------------------------------------------------------------------


def test_entries_of_a_breakdown_whose_names_mean_the_same_are_added() -> None:
    entries = [
        {"language": "csharp", "model": "claude-4.5-haiku", "loc_added_sum": 1},
        {"language": " C# ", "model": "claude-haiku-4.5", "loc_added_sum": 2, "loc_deleted_sum": 0},
        {"language": "csharp", "model": None},
    ]
    found = rows("metrics_by_language_model", {"totals_by_language_model": entries})
    assert [known(row) for row in found] == [
        {"language": "c#", "model": "claude-haiku-4.5", "loc_added_sum": 3, "loc_deleted_sum": 0},
        {"language": "c#", "model": "unknown"},
    ]


def test_a_phase_is_named_by_github_or_by_its_number_and_one_that_comes_twice_is_one_row() -> None:
    entries = [
        {"phase": "Phase 1", "phase_number": 1, "version": "1", "total_engaged_users": 5},
        {"phase_number": 1, "total_engaged_users": 4, "avg_loc_added": 2.5},
        {"phase_number": 0},
        {"phase": " ", "users_in_phase_28d": 0},
    ]
    found = rows("adoption_phases", {"totals_by_ai_adoption_phase": entries})
    assert [known(row) for row in found] == [
        {
            "phase": "Phase 1",
            "phase_number": 1,
            "version": "1",
            "total_engaged_users": 5,
            "avg_loc_added": 2.5,
        },
        {"phase": "No Cohort", "phase_number": 0},
        {"phase": "unknown", "users_in_phase_28d": 0},
    ]
