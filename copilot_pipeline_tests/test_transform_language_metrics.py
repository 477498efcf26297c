"""The code completions of a day by editor and language."""

from typing import Any

import pandas as pd
import pytest
from copilot_pipeline.transform import language_metrics
from copilot_pipeline.transform.values import TransformError

COLUMNS = [
    "editor",
    "language",
    "engaged_users",
    "suggestions",
    "acceptances",
    "lines_suggested",
    "lines_accepted",
]


def rows(frame: pd.DataFrame) -> list[tuple[Any, ...]]:
    assert list(frame.columns) == COLUMNS
    cells: list[list[Any]] = frame.to_numpy(dtype=object).tolist()
    assert all(type(cell) in (str, int, type(None)) for row in cells for cell in row)
    return [tuple(row) for row in cells]


def entry(language: object, *counts: object, feature: object = "code_completion") -> dict[str, Any]:
    """Suggestions, acceptances, lines suggested, lines accepted; fewer are absent."""
    names = (
        "code_generation_activity_count",
        "code_acceptance_activity_count",
        "loc_suggested_to_add_sum",
        "loc_added_sum",
    )
    return {"language": language, "feature": feature, **dict(zip(names, counts, strict=False))}


def leaf(name: object, *counts: object) -> dict[str, Any]:
    """People, suggestions, acceptances, lines suggested, lines accepted; fewer are absent."""
    names = (
        "total_engaged_users",
        "total_code_suggestions",
        "total_code_acceptances",
        "total_code_lines_suggested",
        "total_code_lines_accepted",
    )
    return {"name": name, **dict(zip(names, counts, strict=False))}


def legacy(**editors: list[list[dict[str, Any]]]) -> dict[str, Any]:
    """A legacy day from lists of languages, one list for each model of an editor."""
    return {
        "date": "2026-02-01",
        "copilot_ide_code_completions": {
            "total_engaged_users": 99,
            "languages": [leaf("python", 98)],
            "editors": [
                {
                    "name": editor,
                    "total_engaged_users": 97,
                    "models": [{"name": "m", "languages": languages} for languages in models],
                }
                for editor, models in editors.items()
            ],
        },
    }


# --- reports ----------------------------------------------------------------------------------


def test_a_report_gives_a_row_per_language_from_code_completion_alone() -> None:
    record = {
        "totals_by_language_feature": [
            entry("typescript", 100, 95, 0, 800, feature="copilot_cli"),
            entry("typescript", 11, 1, 102, 20),
            entry("go", 4, 0, 36, 7),
            entry("go", 50, 50, 50, 50, feature="chat_inline"),
            entry("rust", 9, 9, 9, 9, feature="agent_edit"),
        ]
    }
    assert rows(language_metrics.from_report(record)) == [
        ("all", "go", None, 4, 0, 36, 7),
        ("all", "typescript", None, 11, 1, 102, 20),
    ]


def test_names_that_mean_the_same_are_one_row_and_others_stay_apart() -> None:
    record = {
        "totals_by_language_feature": [
            entry("", 1, 0, 1, 0),
            entry("  ", 2, 1, 2, 1),
            entry(None, 3, 1, 3, 1),
            {"feature": "code_completion", "code_generation_activity_count": 4},
            entry("unknown", 5, 2, 5, 2),
            entry("others", 6, 3, 6, 3),
            entry(" c# ", 7, 4, 7, 4),
            entry("c#", 8, 5, 8, 5),
            entry("csharp", 9, 6, 9, 6),
        ]
    }
    assert rows(language_metrics.from_report(record)) == [
        ("all", "c#", None, 24, 15, 24, 15),
        ("all", "others", None, 6, 3, 6, 3),
        ("all", "unknown", None, 15, 4, 11, 4),
    ]


def test_nul_and_unpaired_surrogates_in_a_name_are_replaced() -> None:
    record = {
        "totals_by_language_feature": [entry("a\0b", 1, 1, 1, 1), entry("\ud800", 2, 2, 2, 2)]
    }
    assert rows(language_metrics.from_report(record)) == [
        ("all", "a\ufffdb", None, 1, 1, 1, 1),
        ("all", "\ufffd", None, 2, 2, 2, 2),
    ]


@pytest.mark.parametrize(
    ("counts", "expected"),
    [
        ((), (None, None, None, None)),
        ((None, None, None, None), (None, None, None, None)),
        ((0, 0, 0, 0), (0, 0, 0, 0)),
        ((3, None, 0), (3, None, 0, None)),
    ],
)
def test_absent_null_and_zero_counts_are_three_things(
    counts: tuple[Any, ...], expected: tuple[Any, ...]
) -> None:
    record = {"totals_by_language_feature": [entry("go", *counts)]}
    assert rows(language_metrics.from_report(record)) == [("all", "go", None, *expected)]


@pytest.mark.parametrize(
    "record", [{}, {"totals_by_language_feature": None}, {"totals_by_language_feature": []}]
)
def test_an_absent_or_empty_breakdown_has_no_rows_but_its_columns(record: dict[str, Any]) -> None:
    assert rows(language_metrics.from_report(record)) == []


# --- legacy -----------------------------------------------------------------------------------


def test_the_same_language_under_two_models_is_one_row_with_the_largest_number_of_people() -> None:
    day = legacy(
        vscode=[
            [leaf("python", 6, 249, 123, 225, 135), leaf("ruby", 7, 496, 253, 520, 270)],
            [leaf("python", 4, 51, 7, 75, 5)],
        ],
        neovim=[[leaf("python", 3, 112, 56, 143, 61)]],
    )
    assert rows(language_metrics.from_legacy(day)) == [
        ("neovim", "python", 3, 112, 56, 143, 61),
        ("vscode", "python", 6, 300, 130, 300, 140),
        ("vscode", "ruby", 7, 496, 253, 520, 270),
    ]


def test_the_same_editor_named_twice_is_one_row_per_language() -> None:
    day = legacy(
        **{"vscode": [[leaf("go", 2, 1, 1, 1, 1)]], " vscode ": [[leaf("go ", 5, 2, 2, 2, 2)]]}
    )
    assert rows(language_metrics.from_legacy(day)) == [("vscode", "go", 5, 3, 3, 3, 3)]


def test_empty_and_blank_names_are_unknown() -> None:
    day = legacy(
        **{"": [[leaf("", 1, 1, 1, 1, 1), leaf(None, 2, 2, 2, 2, 2)]], " \t": [[leaf("go", 3)]]}
    )
    assert rows(language_metrics.from_legacy(day)) == [
        ("unknown", "go", 3, None, None, None, None),
        ("unknown", "unknown", 2, 3, 3, 3, 3),
    ]


def test_a_model_that_does_not_say_adds_nothing_and_hides_nothing() -> None:
    day = legacy(vscode=[[leaf("go", None, 3, None, 0)], [leaf("go", 0, None, None, None, 8)]])
    assert rows(language_metrics.from_legacy(day)) == [("vscode", "go", 0, 3, None, 0, 8)]


def test_sums_keep_64_bits_and_a_larger_one_is_refused() -> None:
    almost = 2**63 - 2
    day = legacy(vscode=[[leaf("go", 1, almost)], [leaf("go", 1, 1)]])
    assert rows(language_metrics.from_legacy(day))[0][3] == 9223372036854775807
    with pytest.raises(TransformError, match="64 bits"):
        language_metrics.from_legacy(legacy(vscode=[[leaf("go", 1, almost)], [leaf("go", 1, 2)]]))


@pytest.mark.parametrize(
    "completions",
    [
        None,
        {},
        {"editors": None},
        {"editors": []},
        {"editors": [{"name": "vscode"}]},
        {"editors": [{"name": "vscode", "models": None}]},
        {"editors": [{"name": "vscode", "models": [{"languages": None}]}]},
        {"languages": [{"name": "python", "total_engaged_users": 10}]},
    ],
)
def test_a_legacy_day_without_leaves_has_no_rows_but_its_columns(completions: object) -> None:
    day = {"date": "2026-02-01", "copilot_ide_code_completions": completions}
    assert rows(language_metrics.from_legacy(day)) == []
    assert rows(language_metrics.from_legacy({"date": "2026-02-01"})) == []


# --- odd types --------------------------------------------------------------------------------


@pytest.mark.parametrize("odd", [0, True, "text", 1.5, {}, [None], ["text"], [[]]])
def test_a_breakdown_of_an_odd_type_is_refused(odd: object) -> None:
    for record in (
        {"copilot_ide_code_completions": odd} if odd != {} else {"copilot_ide_code_completions": 0},
        {"copilot_ide_code_completions": {"editors": odd}},
        {"copilot_ide_code_completions": {"editors": [{"models": odd}]}},
        {"copilot_ide_code_completions": {"editors": [{"models": [{"languages": odd}]}]}},
    ):
        with pytest.raises(TransformError):
            language_metrics.from_legacy(record)
    with pytest.raises(TransformError):
        language_metrics.from_report({"totals_by_language_feature": odd})


@pytest.mark.parametrize("odd", [True, "12", "", 1.5, 2**63, [], {}])
def test_a_count_of_an_odd_type_is_refused(odd: object) -> None:
    for record in ([entry("go", odd)], [entry("go", 1, 1, 1, odd)]):
        with pytest.raises(TransformError, match="whole number"):
            language_metrics.from_report({"totals_by_language_feature": record})
    for day in (legacy(vscode=[[leaf("go", odd)]]), legacy(vscode=[[leaf("go", 1, 1, 1, 1, odd)]])):
        with pytest.raises(TransformError, match="whole number"):
            language_metrics.from_legacy(day)


@pytest.mark.parametrize("odd", [0, True, 1.5, [], ["go"], {}])
def test_a_name_of_an_odd_type_is_refused(odd: object) -> None:
    with pytest.raises(TransformError, match="language is not a text"):
        language_metrics.from_report({"totals_by_language_feature": [entry(odd, 1)]})
    of_odd_feature = {"totals_by_language_feature": [entry("go", 1, feature=odd)]}
    with pytest.raises(TransformError, match="feature is not a text"):
        language_metrics.from_report(of_odd_feature)
    with pytest.raises(TransformError, match="name is not a text"):
        language_metrics.from_legacy(legacy(vscode=[[leaf(odd, 1)]]))


@pytest.mark.parametrize("feature", [None, "", "Code_Completion"])
def test_an_entry_of_another_feature_is_left_out_whatever_it_holds(feature: object) -> None:
    record = {
        "totals_by_language_feature": [entry(7, "odd", feature=feature), entry("go", 1, 1, 1, 1)]
    }
    assert rows(language_metrics.from_report(record)) == [("all", "go", None, 1, 1, 1, 1)]
