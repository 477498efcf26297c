"""From the text of an answer to its records, in every form in which GitHub sends them."""

import json
from datetime import date
from typing import Any

import pytest
from copilot_pipeline.transform.records import (
    aggregate_day,
    legacy_day,
    legacy_days,
    parse_records,
)
from copilot_pipeline.transform.values import TransformError

DAY = date(2026, 11, 20)
RECORD = {"day": "2026-11-20", "daily_active_users": 12}
LINE = '{"day": "2026-11-20", "daily_active_users": 12}'
PRETTY = """{
  "day": "2026-11-20",

  "daily_active_users": 12
}"""
OTHER = '{"day": "2026-11-20", "daily_active_users": 13}'


# --- forms ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        pytest.param('{"n": 1}', [1], id="one line without a line end"),
        pytest.param('{"n": 1}\n', [1], id="one line"),
        pytest.param('{"n": 1}\n{"n": 2}\n', [1, 2], id="NDJSON"),
        pytest.param('{"n": 1}\n{"n": 2}', [1, 2], id="NDJSON without the last line end"),
        pytest.param('{"n": 1}\r\n{"n": 2}\r\n', [1, 2], id="CRLF"),
        pytest.param('\n{"n": 1}\n\n  \n{"n": 2}\n\n', [1, 2], id="blank lines"),
        pytest.param('\ufeff{"n": 1}\n{"n": 2}\n', [1, 2], id="BOM before NDJSON"),
        pytest.param('\ufeff\r\n[{"n": 1}]', [1], id="BOM before an array"),
        pytest.param('{\n  "n": 1\n}\n', [1], id="pretty-printed object"),
        pytest.param('{\r\n  "n": 1,\r\n\r\n "m": [\r\n]}', [1], id="pretty-printed with CRLF"),
        pytest.param('[{"n": 1}, {"n": 2}]', [1, 2], id="array"),
        pytest.param('[\n  {"n": 1},\n  {"n": 2}\n]\n', [1, 2], id="pretty-printed array"),
        pytest.param('{"n": 1, "s": "a\u2028b\u0085c"}\n{"n": 2}', [1, 2], id="odd line ends"),
        pytest.param('{"n": 1, "s": "a\\nb"}\n{"n": 2}', [1, 2], id="an escaped line end"),
        pytest.param("[]", [], id="empty array"),
        pytest.param("", [], id="nothing"),
        pytest.param("\ufeff \r\n\n", [], id="BOM and blank lines only"),
    ],
)
def test_the_form_is_told_by_the_content(text: str, numbers: list[int]) -> None:
    assert [record["n"] for record in parse_records(text)] == numbers


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ('{"n": 1}\nnonsense\n{"n": 3}\n', 2),
        ('nonsense\n{"n": 2}\n', 1),
        ('{"n": 1}\n{"n": 2}\n{"n": 3', 3),
        ('{"n": 1}\r\n\r\n{"n": \r\n', 3),
        ('{"n": 1}\n{"n": NaN}\n', 2),
        ('{"n": 1}\n{"n": 2}{"n": 3}\n', 2),
        ('{"n": 1}{"n": 2}', 1),
        ('\ufeff{"n": 1}\n\ufeff{"n": 2}\n', 2),
        ('\n\n{"n": 1}\nnonsense\n', 4),
    ],
)
def test_a_bad_line_fails_the_whole_file_and_is_named_by_its_number(text: str, line: int) -> None:
    with pytest.raises(TransformError, match=rf"line {line} of the report is .*not JSON"):
        list(parse_records(text))


@pytest.mark.parametrize(
    "text",
    ["NaN", '{"n": NaN}', '[{"n": Infinity}]', "{", '{\n"n":\n', "[" * 100_000, "<html></html>"],
    ids=lambda text: repr(text[:12]),
)
def test_a_file_that_is_not_json_is_refused(text: str) -> None:
    with pytest.raises(TransformError, match="not JSON"):
        list(parse_records(text))


@pytest.mark.parametrize(
    "text",
    ["0", '""', '"No report available"', "null", "true", "[1]", "[[{}]]", "{}\n[{}]\n", "1\n2"],
)
def test_records_that_are_not_objects_are_refused(text: str) -> None:
    with pytest.raises(TransformError, match="a record of the report is not an object"):
        list(parse_records(text))


# --- the aggregate of a day -------------------------------------------------------------------


@pytest.mark.parametrize(
    "files",
    [
        pytest.param([LINE], id="flat"),
        pytest.param([PRETTY], id="flat, pretty-printed"),
        pytest.param([f'{{"day_totals": [{LINE}]}}'], id="wrapped"),
        pytest.param([f'{{"report_start_day": "x", "day_totals": [{PRETTY}]}}\n'], id="28-day"),
        pytest.param([f'{{"day_totals": null, {LINE[1:]}'], id="flat with a null wrapper"),
        pytest.param([LINE, LINE], id="the same in two files"),
        pytest.param([f"{LINE}\n{LINE}"], id="the same on two lines"),
        pytest.param([f"{LINE}\n", f'{{"day_totals": [{PRETTY}]}}'], id="flat and wrapped"),
        pytest.param(["", LINE, "\n"], id="one file of three holds it"),
        pytest.param(
            ['{"daily_active_users": 12, "day": "2026-11-20"}', LINE], id="in another key order"
        ),
    ],
)
def test_the_identical_record_of_a_day_counts_once_in_any_form(files: list[str]) -> None:
    record = aggregate_day(iter(files), DAY)
    assert record is not None
    assert {key: value for key, value in record.items() if key != "day_totals"} == RECORD


@pytest.mark.parametrize(
    "files",
    [
        pytest.param([f"{LINE}\n{OTHER}"], id="on two lines"),
        pytest.param([LINE, OTHER], id="in two files"),
        pytest.param([f'{{"day_totals": [{LINE}, {OTHER}]}}'], id="in one wrapper"),
        pytest.param([LINE, f'{{"day_totals": [{OTHER}]}}'], id="flat and wrapped"),
        pytest.param([LINE, '{"day": "2026-11-20"}'], id="absent is not 12"),
        pytest.param(
            ['{"day": "2026-11-20", "n": null}', '{"day": "2026-11-20"}'], id="null is not absent"
        ),
        pytest.param(
            ['{"day": "2026-11-20", "n": null}', '{"day": "2026-11-20", "n": 0}'],
            id="null is not 0",
        ),
    ],
)
def test_two_different_records_of_one_day_are_refused(files: list[str]) -> None:
    with pytest.raises(TransformError, match="two different records of 2026-11-20"):
        aggregate_day(files, DAY)


YESTERDAY = '{"day": "2026-11-19", "daily_active_users": 12}'


@pytest.mark.parametrize(
    ("files", "stated"),
    [
        pytest.param([YESTERDAY], "2026-11-19", id="flat"),
        pytest.param([f'{{"day_totals": [{YESTERDAY}]}}'], "2026-11-19", id="wrapped"),
        pytest.param([LINE, YESTERDAY], "2026-11-19", id="in the second file"),
        pytest.param(
            [f'{{"day_totals": [{YESTERDAY}, {LINE}]}}'], "2026-11-19", id="days in order"
        ),
        pytest.param(
            [f'{{"day_totals": [{LINE}, {YESTERDAY}]}}'], "2026-11-19", id="days out of order"
        ),
        pytest.param(['{"day": null}'], "no day", id="null"),
        pytest.param(['{"day_totals": [{"daily_active_users": 1}]}'], "no day", id="absent"),
    ],
)
def test_another_day_than_the_asked_one_is_refused(files: list[str], stated: str) -> None:
    with pytest.raises(TransformError, match=f"the report is about {stated}, not 2026-11-20"):
        aggregate_day(files, DAY)


@pytest.mark.parametrize(
    "text", ["{}", '{"report_day": "2026-11-20", "user_totals": [{"login": "octocat"}]}']
)
def test_an_unknown_shape_is_refused(text: str) -> None:
    with pytest.raises(TransformError, match="the shape is not known"):
        aggregate_day([LINE, text], DAY)


@pytest.mark.parametrize("day", [20261120, 1.5, True, [], {}, ["2026-11-20"], "", "soon"])
def test_a_day_of_an_odd_type_is_refused(day: object) -> None:
    with pytest.raises(TransformError, match="day is not a"):
        aggregate_day([json.dumps({"day": day})], DAY)


@pytest.mark.parametrize("day_totals", [0, False, "", {}, [None], [1], [[RECORD]]])
def test_day_totals_of_an_odd_type_are_refused(day_totals: object) -> None:
    with pytest.raises(TransformError, match="day_totals is not"):
        aggregate_day([json.dumps({"day": "2026-11-20", "day_totals": day_totals})], DAY)


@pytest.mark.parametrize(
    "files", [[], [""], ["\n", "\ufeff"], ["[]"], ['{"day_totals": []}'], ["", '{"day_totals":[]}']]
)
def test_files_without_a_record_are_no_report(files: list[str]) -> None:
    assert aggregate_day(files, DAY) is None


def test_a_bad_line_in_the_last_file_fails_the_report() -> None:
    with pytest.raises(TransformError, match="line 2 of the report"):
        aggregate_day([LINE, f"{LINE}\nnonsense\n"], DAY)


def test_token_sums_above_32_bits_and_unknown_keys_are_kept() -> None:
    tokens = {"token_usage": {"prompt_tokens_sum": 5_000_000_000}, "brand_new_key": ["x"]}
    record = aggregate_day([json.dumps({**RECORD, "totals_by_cli": tokens})], DAY)
    assert record == {**RECORD, "totals_by_cli": tokens}


# --- legacy days ------------------------------------------------------------------------------


def test_legacy_days_are_found_by_date_in_any_order() -> None:
    page = [{"date": f"2026-02-{day:02}", "total_active_users": day} for day in (3, 1, 2)]
    assert legacy_days(json.dumps(page)) == {
        date(2026, 2, 1): {"date": "2026-02-01", "total_active_users": 1},
        date(2026, 2, 2): {"date": "2026-02-02", "total_active_users": 2},
        date(2026, 2, 3): {"date": "2026-02-03", "total_active_users": 3},
    }


def test_an_empty_page_has_no_legacy_days() -> None:
    assert legacy_days("[]") == {}


def test_the_identical_legacy_day_counts_once_and_a_different_one_is_refused() -> None:
    first, other = {"date": "2026-02-01", "n": None}, {"date": "2026-02-01", "n": 0}
    assert legacy_days(json.dumps([first, first])) == {date(2026, 2, 1): first}
    with pytest.raises(TransformError, match="two different records of 2026-02-01"):
        legacy_days(json.dumps([first, other]))


ODD_PAGES: list[Any] = [0, "text", {}, {"date": "2026-02-01"}, [None], ["text"], [[]], [{}]]
ODD_DATES: list[Any] = [None, 20260201, True, "", "soon", [], {}]


@pytest.mark.parametrize(
    "page", [*ODD_PAGES, *([{"date": odd}] for odd in ODD_DATES)], ids=json.dumps
)
def test_a_legacy_page_of_odd_types_is_refused(page: Any) -> None:
    with pytest.raises(TransformError):
        legacy_days(json.dumps(page))


@pytest.mark.parametrize("text", ["nonsense", '[{"date": "2026-02-01"}]\n[]', "[NaN]"])
def test_a_legacy_page_that_is_not_json_is_refused(text: str) -> None:
    with pytest.raises(TransformError, match="not JSON"):
        legacy_days(text)


@pytest.mark.parametrize("text", ["", " ", "null", '""', "[]"])
def test_a_legacy_page_that_says_nothing_has_no_days(text: str) -> None:
    assert legacy_days(text) == {}


def test_a_stored_legacy_day_is_of_its_day() -> None:
    text = '{"date": "2026-02-01", "total_active_users": 5}'
    assert legacy_day(text, date(2026, 2, 1)) == {"date": "2026-02-01", "total_active_users": 5}
    with pytest.raises(TransformError, match="about 2026-02-01, not 2026-02-02"):
        legacy_day(text, date(2026, 2, 2))


@pytest.mark.parametrize("text", ["", "null", "[]", "{}", '{"date": null}', '{"date": 1}'])
def test_a_stored_legacy_day_of_an_odd_type_is_refused(text: str) -> None:
    with pytest.raises(TransformError):
        legacy_day(text, date(2026, 2, 1))
