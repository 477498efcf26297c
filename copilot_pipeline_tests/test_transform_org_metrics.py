"""The headline numbers of a day, from a report and from a legacy day."""

import copy
from collections.abc import Callable, Iterator
from typing import Any

import pandas as pd
import pytest
from copilot_pipeline.transform import org_metrics
from copilot_pipeline.transform.values import TransformError

REPORT: dict[str, Any] = {
    "day": "2026-11-20",
    "organization_id": "2",
    "daily_active_users": 12,
    "weekly_active_users": 20,
    "monthly_active_users": 31,
    "monthly_active_chat_users": 25,
    "monthly_active_agent_users": 9,
    "daily_active_cli_users": 3,
    "daily_active_copilot_cloud_agent_users": 0,
    "weekly_passive_copilot_code_review_users": 4,
    "user_initiated_interaction_count": 90,
    "code_generation_activity_count": 5_000_000_000,
    "code_acceptance_activity_count": 250,
    "loc_suggested_to_add_sum": 1_000,
    "loc_suggested_to_delete_sum": 0,
    "loc_added_sum": 1_500,
    "loc_deleted_sum": 70,
    "totals_by_ide": [{"ide": "vscode", "code_generation_activity_count": 95}],
    "totals_by_feature": [
        {
            "feature": "copilot_cli",
            "user_initiated_interaction_count": 40,
            "code_generation_activity_count": 100,
            "code_acceptance_activity_count": 95,
            "loc_added_sum": 800,
        },
        {
            "feature": "chat_panel_agent_mode",
            "user_initiated_interaction_count": 30,
            "code_generation_activity_count": 60,
            "code_acceptance_activity_count": 55,
        },
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
    "totals_by_cli": {"prompt_count": 40, "token_usage": {"prompt_tokens_sum": 23_845_646_000}},
    "a_brand_new_field": {"of": ["any", "shape"]},
}


def language(name: str, *counts: int) -> dict[str, Any]:
    """Suggestions, acceptances, lines suggested, lines accepted."""
    names = ("suggestions", "acceptances", "lines_suggested", "lines_accepted")
    by_name = zip(names, counts, strict=True)
    return {"name": name, **{f"total_code_{name}": count for name, count in by_name}}


def chats(engaged: int, chats: int, insertions: int, copies: int) -> dict[str, int]:
    return {
        "total_engaged_users": engaged,
        "total_chats": chats,
        "total_chat_insertion_events": insertions,
        "total_chat_copy_events": copies,
    }


def summaries(created: int, engaged: int) -> dict[str, int]:
    return {"total_pr_summaries_created": created, "total_engaged_users": engaged}


def section(engaged: int, **lists: list[Any]) -> dict[str, Any]:
    return {"total_engaged_users": engaged, **lists}


LEGACY: dict[str, Any] = {
    "date": "2026-02-01",
    "total_active_users": 24,
    "total_engaged_users": 20,
    "copilot_ide_code_completions": section(
        20,
        languages=[{"name": "python", "total_engaged_users": 10}],
        editors=[
            section(
                13,
                models=[
                    section(
                        13,
                        languages=[
                            language("python", 249, 123, 225, 135),
                            language("ruby", 496, 253, 520, 270),
                        ],
                    ),
                    section(1, languages=[language("python", 1, 0, 2, 0)]),
                ],
            ),
            section(7, models=[section(7, languages=[language("go", 132, 67, 154, 72)])]),
        ],
    ),
    "copilot_ide_chat": section(
        13,
        editors=[
            section(13, models=[chats(12, 45, 12, 16), chats(1, 10, 11, 3)]),
            section(2, models=[chats(2, 4, 0, 1)]),
        ],
    ),
    "copilot_dotcom_chat": section(14, models=[{"total_chats": 38}, {"total_chats": 2}]),
    "copilot_dotcom_pull_requests": section(
        12,
        repositories=[
            section(8, models=[summaries(6, 8)]),
            section(8, models=[summaries(10, 4), summaries(1, 4)]),
        ],
    ),
}

Transform = Callable[[Any], pd.DataFrame]


def known(frame: pd.DataFrame) -> dict[str, Any]:
    """What the one row says; the cells that are missing are left out."""
    assert len(frame) == 1
    return {str(name): value for name, value in frame.iloc[0].items() if pd.notna(value)}


# --- reports ----------------------------------------------------------------------------------


def test_a_report_gives_its_own_totals_and_the_completions_and_chats_of_its_features() -> None:
    assert known(org_metrics.from_report(REPORT)) == {
        "source": "reports",
        "total_active_users": 12,
        "completion_suggestions": 200,
        "completion_acceptances": 50,
        "completion_lines_suggested": 300,
        "completion_lines_accepted": 70,
        "ide_chats": 35,
        "weekly_active_users": 20,
        "monthly_active_users": 31,
        "monthly_active_chat_users": 25,
        "monthly_active_agent_users": 9,
        "daily_active_cli_users": 3,
        "daily_active_copilot_cloud_agent_users": 0,
        "weekly_passive_copilot_code_review_users": 4,
        "user_initiated_interaction_count": 90,
        "code_generation_activity_count": 5_000_000_000,
        "code_acceptance_activity_count": 250,
        "loc_suggested_to_add_sum": 1_000,
        "loc_suggested_to_delete_sum": 0,
        "loc_added_sum": 1_500,
        "loc_deleted_sum": 70,
        "cli_prompt_count": 40,
        "cli_prompt_tokens_sum": 23_845_646_000,
    }


def test_the_acceptance_numbers_come_from_code_completion_alone() -> None:
    row = known(org_metrics.from_report(REPORT))
    # Over all features it would be 200 of 360.
    assert row["completion_acceptances"] / row["completion_suggestions"] == 0.25


def test_totals_are_githubs_own_and_not_the_sums_of_breakdowns() -> None:
    row = known(org_metrics.from_report(REPORT))
    assert row["code_acceptance_activity_count"] == 250  # the features say 200
    assert row["loc_added_sum"] == 1_500
    without = {key: value for key, value in REPORT.items() if key != "loc_added_sum"}
    assert "loc_added_sum" not in known(org_metrics.from_report(without))


def test_the_cli_is_not_added_on_top_of_the_features_that_hold_it_already() -> None:
    without_cli = {key: value for key, value in REPORT.items() if key != "totals_by_cli"}
    with_cli = known(org_metrics.from_report(REPORT))
    assert known(org_metrics.from_report(without_cli)) == {
        name: value for name, value in with_cli.items() if not name.startswith("cli_")
    }


def test_what_a_source_does_not_say_is_none_and_numbers_stay_whole() -> None:
    for frame in (org_metrics.from_report(REPORT), org_metrics.from_legacy(LEGACY)):
        assert list(frame.columns) == org_metrics.COLUMNS
        values = frame.to_numpy(dtype=object)[0].tolist()
        assert {type(value) for value in values} == {str, int, type(None)}


def test_counters_keep_64_bits() -> None:
    record = {
        "day": "2026-11-20",
        "loc_added_sum": 2**63 - 1,
        "daily_active_users": 2**53 + 1,
        "totals_by_feature": [
            {"feature": "chat_inline", "user_initiated_interaction_count": 2**31},
            {"feature": "chat_panel_ask_mode", "user_initiated_interaction_count": 2**31 + 1},
        ],
    }
    assert known(org_metrics.from_report(record)) == {
        "source": "reports",
        "total_active_users": 9007199254740993,
        "ide_chats": 4294967297,
        "loc_added_sum": 9223372036854775807,
    }


def test_a_sum_that_does_not_fit_64_bits_is_refused() -> None:
    chats = [
        {"feature": "chat_inline", "user_initiated_interaction_count": 2**63 - 1},
        {"feature": "chat_panel_ask_mode", "user_initiated_interaction_count": 1},
    ]
    with pytest.raises(TransformError, match="64 bits"):
        org_metrics.from_report({"totals_by_feature": chats})


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ({}, {}),
        ({"daily_active_users": None}, {}),
        ({"daily_active_users": 0}, {"total_active_users": 0}),
    ],
)
def test_absent_null_and_zero_active_users_are_three_things(
    said: dict[str, Any], expected: dict[str, Any]
) -> None:
    assert known(org_metrics.from_report(said)) == {"source": "reports", **expected}


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
    record = {"day": "2026-11-20", "totals_by_feature": features}
    assert known(org_metrics.from_report(record)) == {"source": "reports", **expected}


# --- legacy -----------------------------------------------------------------------------------


def test_a_legacy_day_sums_its_leaves_and_never_its_people() -> None:
    assert known(org_metrics.from_legacy(LEGACY)) == {
        "source": "legacy",
        "total_active_users": 24,
        "total_engaged_users": 20,
        "completion_suggestions": 249 + 496 + 1 + 132,
        "completion_acceptances": 123 + 253 + 0 + 67,
        "completion_lines_suggested": 225 + 520 + 2 + 154,
        "completion_lines_accepted": 135 + 270 + 0 + 72,
        "ide_chats": 45 + 10 + 4,
        "ide_chat_copy_events": 16 + 3 + 1,
        "ide_chat_insertion_events": 12 + 11 + 0,
        "ide_chat_engaged_users": 13,
        "dotcom_chats": 38 + 2,
        "dotcom_chat_engaged_users": 14,
        "pr_summaries_created": 6 + 10 + 1,
        "pr_engaged_users": 12,
    }


CHAT_COLUMNS = ("ide_chats", "ide_chat_copy_events", "ide_chat_insertion_events")


@pytest.mark.parametrize(
    ("chat", "expected"),
    [
        pytest.param(None, {}, id="null section"),
        pytest.param({}, {}, id="empty section"),
        pytest.param({"editors": None}, {}, id="null list"),
        pytest.param({"editors": []}, dict.fromkeys(CHAT_COLUMNS, 0), id="empty list"),
        pytest.param({"editors": [{"name": "vscode"}]}, {}, id="no list below"),
        pytest.param(
            {"editors": [{"models": []}]}, dict.fromkeys(CHAT_COLUMNS, 0), id="empty list below"
        ),
        pytest.param({"editors": [{"models": [{}]}]}, {}, id="a leaf that does not say"),
        pytest.param(
            {"editors": [{"name": "vim"}, {"models": None}, {"models": [{"total_chats": 3}, {}]}]},
            {"ide_chats": 3},
            id="one leaf of several says",
        ),
        pytest.param({"total_engaged_users": 0}, {"ide_chat_engaged_users": 0}, id="nobody"),
    ],
)
def test_an_absent_list_is_unknown_and_an_empty_one_is_zero(
    chat: dict[str, Any] | None, expected: dict[str, int]
) -> None:
    row = known(org_metrics.from_legacy({"date": "2026-02-01", "copilot_ide_chat": chat}))
    assert row == {"source": "legacy", **expected}


@pytest.mark.parametrize("absent", [True, False])
def test_a_legacy_day_whose_sections_are_null_or_absent_still_has_its_people(absent: bool) -> None:
    sections = [key for key in LEGACY if key.startswith("copilot_")]
    assert len(sections) == 4
    people = {key: value for key, value in LEGACY.items() if key not in sections}
    day = people if absent else {**people, **dict.fromkeys(sections)}
    assert known(org_metrics.from_legacy(day)) == {
        "source": "legacy",
        "total_active_users": 24,
        "total_engaged_users": 20,
    }


# --- odd types --------------------------------------------------------------------------------

ODD: tuple[Any, ...] = (
    0,
    -1,
    1.5,
    True,
    "",
    "text",
    2**63,
    [],
    [None],
    ["text"],
    {},
    [[]],
    {"a": 1},
)


def places(value: Any) -> Iterator[tuple[str | int, ...]]:
    """The path of every value inside the value."""
    inner = value.items() if isinstance(value, dict) else enumerate(value)
    for key, below in inner:
        yield (key,)
        if isinstance(below, dict | list):
            yield from ((key, *path) for path in places(below))


def with_value(record: dict[str, Any], path: tuple[str | int, ...], value: Any) -> Any:
    changed: Any = copy.deepcopy(record)
    parent = changed
    for key in path[:-1]:
        parent = parent[key]
    parent[path[-1]] = value
    return changed


@pytest.mark.parametrize(
    ("transform", "record"),
    [(org_metrics.from_report, REPORT), (org_metrics.from_legacy, LEGACY)],
    ids=["report", "legacy"],
)
def test_an_odd_type_anywhere_is_a_transform_error_or_ignored_and_nothing_else(
    transform: Transform, record: dict[str, Any]
) -> None:
    refused = 0
    for path in places(record):
        for odd in ODD:
            try:
                known(transform(with_value(record, path, odd)))
            except TransformError:
                refused += 1
    assert refused > 100


@pytest.mark.parametrize(
    ("transform", "record", "path", "value"),
    [
        (org_metrics.from_report, REPORT, ("daily_active_users",), "12"),
        (org_metrics.from_report, REPORT, ("daily_active_users",), 12.5),
        (org_metrics.from_report, REPORT, ("loc_added_sum",), True),
        (org_metrics.from_report, REPORT, ("totals_by_feature",), {"feature": "chat_inline"}),
        (org_metrics.from_report, REPORT, ("totals_by_feature", 2), "code_completion"),
        (org_metrics.from_report, REPORT, ("totals_by_feature", 2, "loc_added_sum"), []),
        (org_metrics.from_legacy, LEGACY, ("total_active_users",), [24]),
        (org_metrics.from_legacy, LEGACY, ("copilot_ide_chat",), []),
        (org_metrics.from_legacy, LEGACY, ("copilot_dotcom_chat", "models"), {}),
        (org_metrics.from_legacy, LEGACY, ("copilot_dotcom_chat", "models", 1), 3),
        (org_metrics.from_legacy, LEGACY, ("copilot_dotcom_chat", "models", 1, "total_chats"), ""),
    ],
)
def test_an_odd_type_where_a_number_comes_from_is_refused(
    transform: Transform, record: dict[str, Any], path: tuple[str | int, ...], value: object
) -> None:
    with pytest.raises(TransformError):
        transform(with_value(record, path, value))
