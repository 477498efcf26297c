"""A day of the closed endpoint, nested by editor, model and language, and pages of such days."""

import json
from datetime import date
from typing import Any

import pytest

from copilot_pipeline.sources import LEGACY
from copilot_pipeline.sources.legacy import split_days
from copilot_pipeline.sources.values import RecordError
from copilot_pipeline_tests import answers
from copilot_pipeline_tests.answers import DAY, Row, known


def rows(table: str, day: dict[str, Any]) -> list[Row]:
    return answers.rows(LEGACY, table, {"date": str(DAY), **day})


def org_row(day: dict[str, Any]) -> Row:
    (row,) = rows("org_metrics", day)
    return known(row)


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


def completions(**editors: list[list[dict[str, Any]]]) -> dict[str, Any]:
    """A legacy day from lists of languages, one list for each model of an editor."""
    return {
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


PEOPLE = {"total_active_users": 24, "total_engaged_users": 20}
SECTIONS: dict[str, Any] = {
    **completions(
        vscode=[
            [leaf("python", 6, 249, 123, 225, 135), leaf("ruby", 7, 496, 253, 520, 270)],
            [leaf("python", 4, 1, 0, 2, 0)],
        ],
        neovim=[[leaf("go", 3, 132, 67, 154, 72)]],
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


def test_a_day_sums_its_leaves_and_never_its_people() -> None:
    assert org_row({**PEOPLE, **SECTIONS}) == {
        "source": "legacy",
        **PEOPLE,
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


@pytest.mark.parametrize("sections", [{}, dict.fromkeys(SECTIONS)], ids=["absent", "null"])
def test_a_day_without_sections_still_has_its_people(sections: dict[str, Any]) -> None:
    assert org_row({**PEOPLE, **sections}) == {"source": "legacy", **PEOPLE}


CHAT_COLUMNS = ("ide_chats", "ide_chat_copy_events", "ide_chat_insertion_events")


@pytest.mark.parametrize(
    ("chat", "expected"),
    [
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
    assert org_row({"copilot_ide_chat": chat}) == {"source": "legacy", **expected}


# --- languages --------------------------------------------------------------------------------

NO_LEAVES: list[Any] = [
    None,
    {},
    {"editors": None},
    {"editors": []},
    {"editors": [{"name": "vscode"}]},
    {"editors": [{"name": "vscode", "models": [{"languages": None}]}]},
    {"languages": [{"name": "python", "total_engaged_users": 10}]},
]
LANGUAGES: dict[str, tuple[dict[str, Any], list[tuple[Any, ...]]]] = {
    "summed over models, with the largest number of people": (
        SECTIONS,
        [
            ("neovim", "go", 3, 132, 67, 154, 72),
            ("vscode", "python", 6, 250, 123, 227, 135),
            ("vscode", "ruby", 7, 496, 253, 520, 270),
        ],
    ),
    "the same editor named twice": (
        completions(
            **{"vscode": [[leaf("go", 2, 1, 1, 1, 1)]], " VS Code ": [[leaf("go ", 5, 2, 2, 2, 2)]]}
        ),
        [("vscode", "go", 5, 3, 3, 3, 3)],
    ),
    "empty and blank names": (
        completions(
            **{"": [[leaf("", 1, 1, 1, 1, 1), leaf(None, 2, 2, 2, 2, 2)]], " \t": [[leaf("go", 3)]]}
        ),
        [
            ("unknown", "go", 3, None, None, None, None),
            ("unknown", "unknown", 2, 3, 3, 3, 3),
        ],
    ),
    "a model that does not say": (
        completions(vscode=[[leaf("go", None, 3, None, 0)], [leaf("go", 0, None, None, None, 8)]]),
        [("vscode", "go", 0, 3, None, 0, 8)],
    ),
    **{
        f"no leaves: {json.dumps(said)}": ({"copilot_ide_code_completions": said}, [])
        for said in NO_LEAVES
    },
}


@pytest.mark.parametrize(("day", "expected"), LANGUAGES.values(), ids=LANGUAGES)
def test_a_day_gives_a_row_per_editor_and_language(
    day: dict[str, Any], expected: list[tuple[Any, ...]]
) -> None:
    assert sorted(tuple(row.values()) for row in rows("language_metrics", day)) == expected


def test_sums_keep_64_bits_and_a_larger_one_is_refused() -> None:
    almost = 2**63 - 2
    for table in ("org_metrics", "language_metrics"):
        (row,) = rows(table, completions(vscode=[[leaf("go", 1, almost)], [leaf("go", 1, 1)]]))
        assert 2**63 - 1 in row.values()
        with pytest.raises(RecordError, match="64 bits"):
            rows(table, completions(vscode=[[leaf("go", 1, almost)], [leaf("go", 1, 2)]]))


@pytest.mark.parametrize(
    ("said", "path"),
    [
        ({"total_active_users": [24]}, "$.total_active_users"),
        ({"copilot_ide_chat": []}, "$.copilot_ide_chat"),
        ({"copilot_dotcom_chat": {"models": {}}}, "$.copilot_dotcom_chat.models"),
        ({"copilot_dotcom_chat": {"models": [3]}}, "$.copilot_dotcom_chat.models[0]"),
        (
            {"copilot_dotcom_chat": {"models": [{"total_chats": ""}]}},
            "$.copilot_dotcom_chat.models[0].total_chats",
        ),
        (completions(vscode=[[leaf("go", 2**63)]]), "languages[0].total_engaged_users"),
        (completions(vscode=[[leaf(7, 1)]]), "languages[0].name"),
    ],
)
def test_an_odd_type_is_refused_with_its_path(said: dict[str, Any], path: str) -> None:
    with pytest.raises(RecordError) as caught:
        org_row(said)
    assert path in str(caught.value)


# --- pages and stored days --------------------------------------------------------------------


def days_of(page: Any) -> dict[date, Any]:
    text = page if isinstance(page, str) else json.dumps(page)
    days = split_days(text.encode())
    assert all(content.isascii() for content in days.values())
    return {day: json.loads(content) for day, content in days.items()}


def test_the_days_of_a_page_are_found_by_date_in_any_order_and_stay_as_they_came() -> None:
    page: list[dict[str, Any]] = [
        {"date": f"2026-02-{day:02}", "total_active_users": day, "more": {"\0\ud800": [1.5, "ü"]}}
        for day in (3, 1, 2)
    ]
    assert days_of(page) == {date.fromisoformat(entry["date"]): entry for entry in page}


def test_the_identical_day_counts_once_and_a_different_one_is_refused() -> None:
    first, other = {"date": "2026-02-01", "n": None}, {"date": "2026-02-01", "n": 0}
    assert days_of([first, first]) == {date(2026, 2, 1): first}
    with pytest.raises(RecordError, match="two different records of 2026-02-01"):
        days_of([first, other])


ODD_PAGES: list[Any] = [0, "text", {}, {"date": "2026-02-01"}, [None], ["text"], [[]], [{}]]
ODD_DATES: list[Any] = [None, 20260201, True, "", "soon", [], {}]


@pytest.mark.parametrize(
    "page", [*ODD_PAGES, *([{"date": odd}] for odd in ODD_DATES)], ids=json.dumps
)
def test_a_page_of_odd_types_is_refused(page: Any) -> None:
    with pytest.raises(RecordError):
        days_of(json.dumps(page))


@pytest.mark.parametrize("text", ["nonsense", '[{"date": "2026-02-01"}]\n[]', "[NaN]"])
def test_a_page_that_is_not_json_is_refused(text: str) -> None:
    with pytest.raises(RecordError, match="not JSON"):
        days_of(text)


@pytest.mark.parametrize("text", ["", " ", "null", '""', "[]"])
def test_a_page_that_says_nothing_has_no_days(text: str) -> None:
    assert days_of(text) == {}


@pytest.mark.parametrize(
    "text", ["", "null", "[]", "{}", '{"date": null}', '{"date": 1}', '{"date": "2026-11-19"}']
)
def test_a_stored_day_of_an_odd_type_or_of_another_day_is_refused(text: str) -> None:
    with pytest.raises(RecordError):
        answers.records(LEGACY, text)
