"""From the files of a report to its records, in every form in which GitHub sends them."""

import json
from math import nan
from typing import Any

import pytest

from copilot_pipeline.sources import ORGANIZATION_DAY, REPOS, USER_TEAMS, USERS
from copilot_pipeline.sources.source import Source
from copilot_pipeline.sources.values import RecordError
from copilot_pipeline_tests.answers import DAY, reading_of, records

LINE = '{"day": "2026-11-20", "daily_active_users": 12}'
PRETTY = """{
  "day": "2026-11-20",

  "daily_active_users": 12
}"""
OTHER = '{"day": "2026-11-20", "daily_active_users": 13}'


# --- forms ------------------------------------------------------------------------------------


def user(user_id: object, **more: object) -> str:
    return json.dumps({"day": "2026-11-20", "user_id": user_id, **more}, ensure_ascii=False)


ONE, TWO = user(1), user(2)
PRETTY_ONE = ONE.replace(", ", ",\n\n  ")


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        pytest.param(ONE, [1], id="one line without a line end"),
        pytest.param(f"{ONE}\n", [1], id="one line"),
        pytest.param(f"{ONE}\n{TWO}\n", [1, 2], id="NDJSON"),
        pytest.param(f"{ONE}\n{TWO}", [1, 2], id="NDJSON without the last line end"),
        pytest.param(f"{ONE}\r\n{TWO}\r\n", [1, 2], id="CRLF"),
        pytest.param(f"\n{ONE}\n\n  \n{TWO}\n\n", [1, 2], id="blank lines"),
        pytest.param(f"\ufeff{ONE}\n{TWO}\n", [1, 2], id="BOM before NDJSON"),
        pytest.param(f"\ufeff\r\n[{ONE}]", [1], id="BOM before an array"),
        pytest.param(f"{PRETTY_ONE}\n", [1], id="pretty-printed object"),
        pytest.param(PRETTY_ONE.replace("\n", "\r\n"), [1], id="pretty-printed with CRLF"),
        pytest.param(f"[{ONE}, {TWO}]", [1, 2], id="array"),
        pytest.param(f"[\n  {ONE},\n  {TWO}\n]\n", [1, 2], id="pretty-printed array"),
        pytest.param(
            f"{user(1, user_login='a' + chr(0x2028) + chr(0x85))}\n{TWO}", [1, 2], id="U+2028"
        ),
        pytest.param(f"{user(1, user_login=chr(10))}\n{TWO}", [1, 2], id="escaped line end"),
        pytest.param(f'{{"day_totals": [{ONE}, {TWO}]}}', [1, 2], id="wrapped"),
        pytest.param(f'{{"day_totals": [{ONE}]}}\n{TWO}', [1, 2], id="wrapped, then flat"),
        pytest.param(f'{{"x": 1, "day_totals": [\n{PRETTY_ONE}]}}', [1], id="wrapped, pretty"),
        pytest.param(user(1, day_totals=None), [1], id="flat with a null wrapper"),
        pytest.param(user(1, user_login='"day_totals"'), [1], id="only the word"),
        pytest.param("[]", [], id="empty array"),
        pytest.param('{"day_totals": []}', [], id="empty wrapper"),
        pytest.param("", [], id="nothing"),
        pytest.param("\ufeff \r\n\n", [], id="BOM and blank lines only"),
    ],
)
def test_the_form_is_told_by_the_content(text: str, numbers: list[int]) -> None:
    assert [record.user_id for record in records(USERS, text)] == numbers
    # In two files, of which the other form is one.
    found = [record.user_id for record in records(USERS, f"{user(9)}\n", text)]
    assert found == [9, *numbers]


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (f"{ONE}\nnonsense\n{TWO}\n", 2),
        (f'{ONE}\n{TWO}\n{{"n": 3', 3),
        (f'{ONE}\r\n\r\n{{"n": \r\n', 3),
        (f"{ONE}\n{user(1, new=nan)}\n", 2),
        (f"{ONE}\n{TWO}{ONE}\n", 2),
        (f"{ONE}{TWO}", 1),
        (f"\n\n{ONE}\nnonsense\n", 4),
    ],
)
def test_a_bad_line_fails_the_whole_file_and_is_named_by_its_number(text: str, line: int) -> None:
    with pytest.raises(RecordError, match=rf"line {line}: .*not JSON"):
        records(USERS, text)


def test_a_field_of_an_odd_type_is_named_by_its_line_and_path() -> None:
    with pytest.raises(RecordError, match=r"line 2: a user's day: .*`\$\.user_id`"):
        records(USERS, f"{ONE}\n{user([])}\n")


@pytest.mark.parametrize(
    "text",
    [
        *("NaN", '{"n": NaN}', '[{"n": Infinity}]', "{", '{\n"n":\n', "[" * 100_000),
        *("<html></html>", f"nonsense\n{ONE}\n"),
    ],
    ids=lambda text: repr(text[:12]),
)
def test_a_file_that_is_not_json_is_refused(text: str) -> None:
    with pytest.raises(RecordError, match="not JSON"):
        records(USERS, text)


@pytest.mark.parametrize(
    "text", ["0", '""', '"No report available"', "null", "true", "[1]", "[[{}]]", "[null]"]
)
def test_records_that_are_not_objects_are_refused(text: str) -> None:
    with pytest.raises(RecordError, match="a record of the report is not an object"):
        records(USERS, text)


@pytest.mark.parametrize("day_totals", [0, False, "", {}, [None], [1], [[{}]]])
def test_day_totals_of_an_odd_type_are_refused(day_totals: object) -> None:
    for source in (ORGANIZATION_DAY, USERS):
        with pytest.raises(RecordError):
            records(source, {"day": "2026-11-20", "user_id": 1, "day_totals": day_totals})


# --- the day ----------------------------------------------------------------------------------

YESTERDAY = '{"day": "2026-11-19", "daily_active_users": 12}'


@pytest.mark.parametrize(
    ("files", "stated"),
    [
        pytest.param([YESTERDAY], "2026-11-19", id="flat"),
        pytest.param([f'{{"day_totals": [{YESTERDAY}]}}'], "2026-11-19", id="wrapped"),
        pytest.param([LINE, YESTERDAY], "2026-11-19", id="in the second file"),
        pytest.param([f'{{"day_totals": [{YESTERDAY}, {LINE}]}}'], "2026-11-19", id="in order"),
        pytest.param([f'{{"day_totals": [{LINE}, {YESTERDAY}]}}'], "2026-11-19", id="reversed"),
        pytest.param(['{"day": null}'], "no day", id="null"),
        pytest.param(["{}"], "no day", id="absent"),
        pytest.param(['{"day_totals": [{"daily_active_users": 1}]}'], "no day", id="wrapped, none"),
        pytest.param([LINE, '{"report_day": "2026-11-20"}'], "no day", id="another name"),
    ],
)
def test_another_day_than_the_asked_one_is_refused(files: list[str], stated: str) -> None:
    with pytest.raises(RecordError, match=f"the report is about {stated}, not 2026-11-20"):
        records(ORGANIZATION_DAY, *files)


@pytest.mark.parametrize("day", [20261120, 1.5, True, [], {}, ["2026-11-20"], "", "soon"])
def test_a_day_of_an_odd_type_is_refused(day: object) -> None:
    with pytest.raises(RecordError, match=r"\$\.day"):
        records(ORGANIZATION_DAY, {"day": day})


# --- one record of a day ----------------------------------------------------------------------


@pytest.mark.parametrize(
    "files",
    [
        pytest.param([LINE], id="flat"),
        pytest.param([PRETTY], id="flat, pretty-printed"),
        pytest.param([f'{{"day_totals": [{LINE}]}}'], id="wrapped"),
        pytest.param([f'{{"report_start_day": "x", "day_totals": [{PRETTY}]}}\n'], id="28-day"),
        pytest.param([LINE, LINE], id="the same in two files"),
        pytest.param([f"{LINE}\n{LINE}"], id="the same on two lines"),
        pytest.param([f"{LINE}\n", f'{{"day_totals": [{PRETTY}]}}'], id="flat and wrapped"),
        pytest.param(["", LINE, "\n"], id="one file of three holds it"),
        pytest.param(['{"daily_active_users": 12, "day": "2026-11-20"}', LINE], id="another order"),
        pytest.param([LINE, LINE.replace("12", "12.0")], id="a whole number written as a float"),
        pytest.param([LINE.replace("}", ', "etl_id": "a"}'), LINE], id="housekeeping"),
        pytest.param([LINE.replace("}", ', "loc_added_sum": null}'), LINE], id="null and absent"),
    ],
)
def test_the_identical_record_of_a_day_counts_once_in_any_form(files: list[str]) -> None:
    (record,) = records(ORGANIZATION_DAY, *files)
    assert (record.day, record.daily_active_users, record.loc_added_sum) == (DAY, 12, None)


@pytest.mark.parametrize(
    "files",
    [
        pytest.param([f"{LINE}\n{OTHER}"], id="on two lines"),
        pytest.param([LINE, OTHER], id="in two files"),
        pytest.param([f'{{"day_totals": [{LINE}, {OTHER}]}}'], id="in one wrapper"),
        pytest.param([LINE, f'{{"day_totals": [{OTHER}]}}'], id="flat and wrapped"),
        pytest.param([LINE, '{"day": "2026-11-20"}'], id="absent is not 12"),
        pytest.param(
            ['{"day": "2026-11-20"}', '{"day": "2026-11-20", "loc_added_sum": 0}'],
            id="absent is not 0",
        ),
    ],
)
def test_two_different_records_of_one_day_are_refused(files: list[str]) -> None:
    with pytest.raises(RecordError, match="two different records of 2026-11-20"):
        records(ORGANIZATION_DAY, *files)


@pytest.mark.parametrize(
    "files", [[], [""], ["\n", "\ufeff"], ["[]"], ['{"day_totals": []}'], ["", '{"day_totals":[]}']]
)
def test_files_without_a_record_are_no_report(files: list[str]) -> None:
    assert records(ORGANIZATION_DAY, *files) == []


def test_a_bad_line_in_the_last_file_fails_the_report() -> None:
    with pytest.raises(RecordError, match="line 2"):
        records(ORGANIZATION_DAY, LINE, f"{LINE}\nnonsense\n")


# --- many records of a day --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("source", "name"),
    [(USERS, "user_id"), (USER_TEAMS, "user_id"), (USER_TEAMS, "team_id"), (REPOS, "repo_id")],
)
def test_a_record_without_its_id_is_refused(source: Source, name: str) -> None:
    ids: dict[str, Any] = dict.fromkeys(source.key, 1)
    assert len(records(source, {"day": str(DAY), **ids})) == 1
    for without in ({**ids, name: None}, {key: ids[key] for key in ids if key != name}):
        with pytest.raises(RecordError, match=f"a record has no {name}"):
            records(source, {"day": str(DAY), **without})


# --- unknown names ----------------------------------------------------------------------------


@pytest.mark.parametrize("source", [ORGANIZATION_DAY, USERS])
def test_unknown_fields_languages_models_editors_and_features_are_counted(source: Source) -> None:
    of_day: dict[str, Any] = {"day": str(DAY), **dict.fromkeys(source.key, 1)}
    record = {
        **of_day,
        "brand_new": 1,
        "totals_by_ide": [{"ide": "vscode"}, {"ide": " new-ide "}, {"ide": "VS Code"}, {}],
        "totals_by_feature": [{"feature": "new\0feature", "brand_new": [1]}, {"feature": ""}],
        "totals_by_language_model": [
            {"language": "python", "model": "unknown"},
            {"language": "Python", "model": "new-model"},
            {"language": "others", "model": "new-model"},
        ],
    }
    reading = reading_of()
    records(source, record, reading=reading)
    assert reading.unknown == {
        ("field", "brand_new"): 1,
        ("field", "totals_by_feature.brand_new"): 1,
        ("ide", "new-ide"): 1,
        ("feature", "new\ufffdfeature"): 1,
        ("model", "new-model"): 2,
    }
    reading = reading_of()
    records(source, {**of_day, "totals_by_skill": [{"skill": "x"}]}, reading=reading)
    assert reading.unknown == {}
