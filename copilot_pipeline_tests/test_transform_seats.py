"""The seats on a page of the seat list."""

import json
from datetime import UTC, date, datetime
from typing import Any

import pytest
from copilot_pipeline.transform.seats import SeatPage, from_page
from copilot_pipeline.transform.values import TransformError

FULL: dict[str, Any] = {
    "created_at": "2021-08-03T18:00:00-06:00",
    "updated_at": "2021-09-23T15:00:00-06:00",
    "pending_cancellation_date": "2021-11-01",
    "last_activity_at": "2021-10-14T00:53:32-06:00",
    "last_activity_editor": "vscode/1.77.3/copilot/1.86.82",
    "last_authenticated_at": "2021-10-14T20:53:32+02:00",
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
    "last_authenticated_at": datetime(2021, 10, 14, 18, 53, 32, tzinfo=UTC),
    "pending_cancellation_date": date(2021, 11, 1),
}

BARE_ROW = {**dict.fromkeys(FULL_ROW), "organization": "asked-org", "user_id": 1}


def page_of(*seats: object, **more: object) -> SeatPage:
    return from_page(json.dumps({"seats": seats, **more}), "asked-org")


def rows(page: SeatPage) -> list[dict[str, Any]]:
    names = [str(name) for name in page.seats.columns]
    values = page.seats.to_numpy(dtype=object).tolist()
    return [dict(zip(names, row, strict=True)) for row in values]


def test_a_seat_becomes_a_row_with_its_instants_in_utc() -> None:
    page = page_of(FULL, total_seats=1)
    assert rows(page) == [FULL_ROW]
    assert (page.unassigned, page.total_seats) == (0, 1)


def test_of_a_seat_that_says_little_the_rest_is_none() -> None:
    nothing = dict.fromkeys(FULL)
    assert rows(page_of({"assignee": {"id": 1}})) == [BARE_ROW]
    assert rows(page_of({**nothing, "assignee": {"id": 1, "login": None}})) == [BARE_ROW]


def test_missing_cells_are_none_beside_seats_that_have_them() -> None:
    assert rows(page_of(FULL, {"assignee": {"id": 1}})) == [FULL_ROW, BARE_ROW]


@pytest.mark.parametrize("unassigned", [{"assignee": None}, {}, {**FULL, "assignee": None}])
def test_a_seat_without_an_assignee_is_counted_and_left_out(unassigned: dict[str, Any]) -> None:
    page = page_of(unassigned, FULL, unassigned, total_seats=3)
    assert rows(page) == [FULL_ROW]
    assert (page.unassigned, page.total_seats) == (2, 3)


@pytest.mark.parametrize("team", [{"assigning_team": None}, {}, {"assigning_team": {}}])
def test_a_seat_without_an_assigning_team_was_assigned_directly(team: dict[str, Any]) -> None:
    (row,) = rows(page_of({"assignee": {"id": 1}, **team}))
    assert row["assigning_team_id"] is None
    assert row["assigning_team_slug"] is None


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
    (row,) = rows(page_of({"assignee": {"id": 1}, "organization": organization}))
    assert row["organization"] == expected


def test_one_person_in_two_organizations_is_two_seats_beside_githubs_own_count() -> None:
    seats = [{"assignee": {"id": 1}, "organization": {"login": login}} for login in ("b", "a")]
    page = page_of(*seats, total_seats=1)
    assert [(row["organization"], row["user_id"]) for row in rows(page)] == [("b", 1), ("a", 1)]
    assert page.total_seats == 1


@pytest.mark.parametrize(
    ("said", "expected"), [({}, None), ({"total_seats": None}, None), ({"total_seats": 0}, 0)]
)
def test_an_empty_page_has_no_rows_but_its_columns(
    said: dict[str, Any], expected: int | None
) -> None:
    page = page_of(**said)
    assert list(page.seats.columns) == list(FULL_ROW)
    assert (len(page.seats), page.unassigned, page.total_seats) == (0, 0, expected)


def test_nul_and_unpaired_surrogates_in_texts_are_replaced() -> None:
    (row,) = rows(page_of({"assignee": {"id": 1, "login": "a\0b"}, "plan_type": "\ud83dx"}))
    assert (row["user_login"], row["plan_type"]) == ("a\ufffdb", "\ufffdx")


@pytest.mark.parametrize(
    "editor", ["copilot-chat-platform", "unknown-editor", "", "JetBrains-IC/252.1/copilot/1 (x)"]
)
def test_an_odd_editor_is_kept_as_it_came(editor: str) -> None:
    (row,) = rows(page_of({"assignee": {"id": 1}, "last_activity_editor": editor}))
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
def test_a_page_that_is_no_seat_list_is_refused(text: str) -> None:
    with pytest.raises(TransformError):
        from_page(text, "asked-org")


ODD_VALUES: dict[str, list[Any]] = {
    "assignee": [7, True, "octocat", [1], {"login": "x"}]
    + [{"id": odd} for odd in (None, "1", 1.5, 2**63, True)],
    "assigning_team": [7, "team", [], False, {"id": "7"}, {"slug": 7}],
    "organization": [7, "octo", [], False, {"login": 7}],
    "plan_type": [7, [], {}],
    "last_activity_at": [0, "never", "2021-02-30T00:00:00Z", [], {}],
    "created_at": [1629000000, True],
    "pending_cancellation_date": [20211101, "2021-11", "soon", {}],
}


@pytest.mark.parametrize(
    ("key", "odd"), [(key, odd) for key, values in ODD_VALUES.items() for odd in values]
)
def test_one_seat_with_an_odd_value_fails_the_whole_page(key: str, odd: object) -> None:
    with pytest.raises(TransformError):
        page_of(FULL, {**FULL, key: odd})


@pytest.mark.parametrize("odd", [0, False, "", []])
def test_an_assignee_that_is_neither_an_object_nor_null_is_refused_not_counted(odd: object) -> None:
    with pytest.raises(TransformError, match="assignee"):
        page_of({**FULL, "assignee": odd})
