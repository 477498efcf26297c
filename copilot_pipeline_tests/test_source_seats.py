"""The seats on the pages of the seat list, and an organization's seat breakdown and policies."""

import json
import logging
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from copilot_pipeline.sources import SEAT_BILLING, SEATS
from copilot_pipeline.sources.values import RecordError
from copilot_pipeline_tests import answers
from copilot_pipeline_tests.answers import Row, known, reading_of

FULL: dict[str, Any] = {
    "created_at": "2021-08-03T18:00:00-06:00",
    "updated_at": "2021-09-23T15:00:00-06:00",
    "pending_cancellation_date": "2021-11-01",
    "last_activity_at": "2021-10-14T00:53:32-06:00",
    "last_activity_editor": "vscode/1.77.3/copilot/1.86.82",
    "last_authenticated_at": "2021-10-14T20:53:32",
    "plan_type": "business",
    "organization": {"login": "octo-org", "id": 5},
    "assignee": {"login": "octocat", "id": 5_000_000_001, "type": "User", "site_admin": False},
    # Without `type`, which the published schema requires and real answers lack.
    "assigning_team": {"id": 7, "name": "Justice League", "slug": "justice-league"},
    "a_brand_new_field": [1, {"two": 3}],
}

FULL_ROW = {
    "organization": "octo-org",
    "user_id": 5_000_000_001,
    "user_login": "octocat",
    "plan_type": "business",
    "assigning_team_id": 7,
    "assigning_team_slug": "justice-league",
    "created_at": datetime(2021, 8, 4, 0, 0, tzinfo=UTC),
    "updated_at": datetime(2021, 9, 23, 21, 0, tzinfo=UTC),
    "last_activity_at": datetime(2021, 10, 14, 6, 53, 32, tzinfo=UTC),
    "last_activity_editor": "vscode/1.77.3/copilot/1.86.82",
    "last_authenticated_at": datetime(2021, 10, 14, 20, 53, 32, tzinfo=UTC),
    "pending_cancellation_date": date(2021, 11, 1),
}

BARE_ROW = {**dict.fromkeys(FULL_ROW), "organization": "asked-org", "user_id": 1}


def page(*seats: object, **more: object) -> dict[str, Any]:
    return {"seats": seats, **more}


def rows(*seats: object) -> list[Row]:
    return answers.rows(SEATS, "seats", page(*seats))


def notes(*pages: object) -> dict[str, int]:
    reading = reading_of()
    answers.records(SEATS, *pages, reading=reading)
    return reading.notes


def test_a_seat_becomes_a_row_with_its_instants_in_utc() -> None:
    (row,) = rows(FULL)
    assert row == FULL_ROW
    instants = [value for value in row.values() if isinstance(value, datetime)]
    assert {instant.utcoffset() for instant in instants} == {timedelta(0)}


def test_of_a_seat_that_says_little_the_rest_is_none() -> None:
    nothing = {**dict.fromkeys(FULL), "assignee": {"id": 1, "login": None}}
    assert rows({"assignee": {"id": 1}}, nothing, FULL) == [BARE_ROW, BARE_ROW, FULL_ROW]


@pytest.mark.parametrize("unassigned", [{"assignee": None}, {}, {**FULL, "assignee": None}])
def test_a_seat_without_an_assignee_is_counted_and_left_out(unassigned: dict[str, Any]) -> None:
    assert rows(unassigned, FULL, unassigned) == [FULL_ROW]
    assert notes(page(unassigned, FULL), page(unassigned, total_seats=3)) == {
        "seats_without_assignee": 2,
        "total_seats_by_github": 3,
    }


@pytest.mark.parametrize("team", [{"assigning_team": None}, {}, {"assigning_team": {}}])
def test_a_seat_without_an_assigning_team_was_assigned_directly(team: dict[str, Any]) -> None:
    assert rows({"assignee": {"id": 1}, **team}) == [BARE_ROW]


@pytest.mark.parametrize(
    ("organization", "expected"),
    [
        ({"login": "Octo-Org"}, "Octo-Org"),
        ({"login": None}, "asked-org"),
        ({"login": ""}, "asked-org"),
        ({"id": 5}, "asked-org"),
        (None, "asked-org"),
    ],
)
def test_the_paying_organization_is_the_seats_own_or_else_the_asked_one(
    organization: object, expected: str
) -> None:
    (row,) = rows({"assignee": {"id": 1}, "organization": organization})
    assert row["organization"] == expected


def test_one_person_in_two_organizations_is_two_seats() -> None:
    found = rows(*({"assignee": {"id": 1}, "organization": {"login": org}} for org in "ba"))
    assert [(row["organization"], row["user_id"]) for row in found] == [("b", 1), ("a", 1)]


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ({}, {}),
        ({"total_seats": None}, {}),
        ({"total_seats": 0}, {"total_seats_by_github": 0}),
        ({"total_seats": 2}, {"total_seats_by_github": 2}),
    ],
)
def test_an_empty_page_has_no_seats_and_fewer_than_github_counts_are_warned_of(
    said: dict[str, Any], expected: dict[str, int], caplog: pytest.LogCaptureFixture
) -> None:
    assert notes(page(**said)) == {"seats_without_assignee": 0, **expected}
    warned = [record for record in caplog.records if record.levelno == logging.WARNING]
    assert len(warned) == (1 if said.get("total_seats") else 0)


def test_nul_and_unpaired_surrogates_in_texts_are_replaced() -> None:
    (row,) = rows({"assignee": {"id": 1, "login": "a\0b"}, "plan_type": "\ud83dx"})
    assert (row["user_login"], row["plan_type"]) == ("a\ufffdb", "\ufffdx")


@pytest.mark.parametrize(
    "editor", ["copilot-chat-platform", "unknown-editor", "", "JetBrains-IC/252.1/copilot/1 (x)"]
)
def test_an_odd_editor_is_kept_as_it_came(editor: str) -> None:
    (row,) = rows({"assignee": {"id": 1}, "last_activity_editor": editor})
    assert row["last_activity_editor"] == editor


# --- refusals ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        *("", "null", "0", '"text"', "[]", '[{"seats": []}]', "{}"),
        *('{"seats": null}', '{"seats": {}}', '{"seats": 0}', '{"total_seats": 0}'),
        *('{"seats": [null]}', '{"seats": ["text"]}', '{"seats": [[]]}', '{"seats": []'),
        *('{"seats": [], "total_seats": NaN}', '{"seats": [], "total_seats": "2"}'),
    ],
)
def test_a_page_that_is_no_seat_list_is_refused_by_its_number(text: str) -> None:
    with pytest.raises(RecordError, match="page 2 of the seat list: "):
        answers.records(SEATS, page(FULL), text)


# The path that the message names, and odd values.
ODD_VALUES: dict[str, list[Any]] = {
    "assignee": [0, False, "", [], 7, True, "octocat", [1], {"login": "x"}]
    + [{"id": odd} for odd in (None, "1", 1.5, 2**63, True)],
    "assigning_team": [7, "team", [], False, {"id": "7"}, {"slug": 7}],
    "organization": [7, "octo", [], False, {"login": 7}],
    "plan_type": [7, [], {}],
    "last_activity_at": [0, "never", "2021-02-30T00:00:00Z", "9999-12-31T23:00:00-06:00", [], {}],
    "created_at": [1629000000, True, "0001-01-01T00:00:00+06:00"],
    "pending_cancellation_date": [20211101, "2021-11", "soon", {}],
}


@pytest.mark.parametrize(
    ("name", "odd"), [(name, odd) for name, values in ODD_VALUES.items() for odd in values]
)
def test_one_seat_with_an_odd_value_fails_the_whole_page(name: str, odd: object) -> None:
    with pytest.raises(RecordError, match=name):
        rows(FULL, {**FULL, name: odd})


# --- billing ----------------------------------------------------------------------------------


def billing(answer: object) -> Row:
    (row,) = answers.rows(SEAT_BILLING, "billing", answer)
    return known(row)


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (
            {
                "seat_breakdown": {"total": 12, "inactive_this_cycle": 0, "new": 1},
                "ide_chat": "enabled",
                "plan_type": "business",
                "new": [],
            },
            {"total": 12, "inactive_this_cycle": 0, "ide_chat": "enabled", "plan_type": "business"},
        ),
        ({"seat_breakdown": None, "cli": ""}, {"cli": ""}),
        ({}, {}),
    ],
)
def test_a_billing_answer_is_one_row(answer: object, expected: Row) -> None:
    assert billing(answer) == expected


@pytest.mark.parametrize(
    "answer",
    [
        *("", "null", "[]"),
        *({"seat_breakdown": []}, {"seat_breakdown": {"total": "12"}}, {"plan_type": 1}),
    ],
    ids=json.dumps,
)
def test_an_odd_billing_answer_is_refused(answer: object) -> None:
    with pytest.raises(RecordError):
        billing(answer)
