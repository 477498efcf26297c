"""Single JSON values: the right type, absent, or one clear error."""

import json
from datetime import UTC, date, datetime
from typing import Any

import pytest
from copilot_pipeline.transform.values import (
    TransformError,
    counter,
    json_text,
    largest,
    name,
    optional_date,
    optional_instant,
    optional_list,
    optional_object,
    optional_text,
    parse_json,
    storable,
    total,
)

# --- JSON -------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["NaN", "-Infinity", '{"a": Infinity}', "[1, NaN]"])
def test_numbers_that_json_does_not_know_are_refused(text: str) -> None:
    with pytest.raises(TransformError, match=r"(NaN|Infinity) is not JSON"):
        parse_json(text)


@pytest.mark.parametrize(
    "text",
    ["", "  ", "{", "{'a': 1}", '{"a": 1,}', "nan", '"a\nb"', "[" * 100_000, "9" * 5000],
    ids=lambda text: repr(text[:10]),
)
def test_what_is_not_json_is_refused_without_being_quoted(text: str) -> None:
    with pytest.raises(TransformError) as caught:
        parse_json(text)
    assert str(caught.value) == "not JSON"


def test_a_value_stored_as_text_reads_back_as_it_came_and_is_ascii() -> None:
    value = {"a": [1, 2.5, None, True], "b": "\u00fc\U0001f600\ud800\0", "c": 2**63 - 1}
    text = json_text(value)
    assert text.isascii()
    assert json.loads(text) == value


# --- whole numbers ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (0, 0),
        (-3, -3),
        (2**31, 2**31),
        (5_000_000_000, 5_000_000_000),
        (2**53 + 1, 9007199254740993),
        (2**63 - 1, 9223372036854775807),
        (-(2**63), -9223372036854775808),
        (12.0, 12),
        (None, None),
    ],
)
def test_a_counter_keeps_64_bits(value: object, expected: int | None) -> None:
    read = counter({"n": value}, "n")
    assert read == expected
    assert type(read) is type(expected)


@pytest.mark.parametrize(
    "value", [2**63, -(2**63) - 1, 2.0**63, 1.5, 1e999, True, False, "12", "", [], [1], {}]
)
def test_a_counter_of_an_odd_type_or_beyond_64_bits_is_refused(value: object) -> None:
    with pytest.raises(TransformError, match="n is not a whole number of at most 64 bits"):
        counter({"n": value}, "n")


def test_absent_null_and_zero_are_three_things_and_the_first_two_are_unknown() -> None:
    assert counter({}, "n") is None
    assert counter({"n": None}, "n") is None
    assert counter(None, "n") is None
    assert counter({"n": 0}, "n") == 0


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([], None),
        ([None, None], None),
        ([0], 0),
        ([None, 0], 0),
        ([3, None, 4], 7),
        ([2**62, 2**62 - 1], 2**63 - 1),
    ],
)
def test_a_total_is_of_what_is_known(values: list[int | None], expected: int | None) -> None:
    assert total(iter(values)) == expected


def test_a_total_beyond_64_bits_is_refused() -> None:
    with pytest.raises(TransformError, match="64 bits"):
        total([2**63 - 1, 1])


@pytest.mark.parametrize(
    ("values", "expected"), [([], None), ([None], None), ([None, 0], 0), ([3, None, 7, 5], 7)]
)
def test_the_largest_is_of_what_is_known(values: list[int | None], expected: int | None) -> None:
    assert largest(iter(values)) == expected


# --- texts ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain \u00fc\U0001f600", "plain \u00fc\U0001f600"),
        ("a\0b", "a\ufffdb"),
        ("a\ud800b", "a\ufffdb"),
        ("a\udc00", "a\ufffd"),
        ("\udc00\ud800", "\ufffd\ufffd"),
        ("\ud83d\ude00", "\U0001f600"),
        ("\ufeffa", "\ufeffa"),
        ("", ""),
    ],
    ids=ascii,
)
def test_nul_and_unpaired_surrogates_are_replaced_and_nothing_else(
    text: str, expected: str
) -> None:
    assert storable(text) == expected
    assert optional_text({"key": text}, "key") == expected


@pytest.mark.parametrize(
    ("record", "expected"),
    [
        ({"name": "python"}, "python"),
        ({"name": " Visual Basic\t"}, "Visual Basic"),
        ({"name": "others"}, "others"),
        ({"name": ""}, "unknown"),
        ({"name": " \n"}, "unknown"),
        ({"name": None}, "unknown"),
        ({}, "unknown"),
    ],
)
def test_a_name_is_trimmed_and_an_empty_one_is_unknown(
    record: dict[str, Any], expected: str
) -> None:
    assert name(record) == expected


@pytest.mark.parametrize("value", [0, 1, True, 1.5, [], ["a"], {}])
def test_a_text_or_name_of_an_odd_type_is_refused(value: object) -> None:
    for read in (optional_text, name, optional_date, optional_instant):
        with pytest.raises(TransformError, match="key is not a text"):
            read({"key": value}, "key")


# --- instants and dates -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-11-20T10:00:00Z", datetime(2026, 11, 20, 10, tzinfo=UTC)),
        ("2026-11-20T20:30:00-06:00", datetime(2026, 11, 21, 2, 30, tzinfo=UTC)),
        ("2026-11-20T03:00:00+05:30", datetime(2026, 11, 19, 21, 30, tzinfo=UTC)),
        ("2026-11-20T10:00:00", datetime(2026, 11, 20, 10, tzinfo=UTC)),
        ("2026-11-20T10:00:00.123Z", datetime(2026, 11, 20, 10, 0, 0, 123_000, tzinfo=UTC)),
        ("2026-11-20T10:00:00.4810000Z", datetime(2026, 11, 20, 10, 0, 0, 481_000, tzinfo=UTC)),
    ],
)
def test_an_instant_with_any_offset_becomes_utc(text: str, expected: datetime) -> None:
    read = optional_instant({"at": text}, "at")
    assert read == expected
    assert read.tzinfo is UTC


@pytest.mark.parametrize(
    "text",
    ["", "yesterday", "2026-11-31T00:00:00Z", "1795168800", "9999-12-31T23:00:00-06:00", "\ud800"],
    ids=ascii,
)
def test_an_instant_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(TransformError, match="at is not a date and time"):
        optional_instant({"at": text}, "at")


@pytest.mark.parametrize("text", ["2026-11-20", "2026-11-20T23:00:00-06:00"])
def test_the_date_of_an_instant_is_taken_as_written(text: str) -> None:
    assert optional_date({"day": text}, "day") == date(2026, 11, 20)


@pytest.mark.parametrize(
    "text", ["", "2026-11", "2026-11-31", "20.11.2026", "2026-11-20garbage", "2026-11-200", "\0"]
)
def test_a_date_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(TransformError, match="day is not a date"):
        optional_date({"day": text}, "day")


# --- lists and objects ------------------------------------------------------------------------


def test_an_empty_list_is_not_an_absent_one() -> None:
    assert optional_list({"entries": []}, "entries") == []
    assert optional_list({"entries": None}, "entries") is None
    assert optional_list({}, "entries") is None
    assert optional_list(None, "entries") is None


@pytest.mark.parametrize("value", [0, False, "", "text", {}, {"a": 1}, 1.5])
def test_a_list_of_an_odd_type_is_refused(value: object) -> None:
    with pytest.raises(TransformError, match="entries is not a list"):
        optional_list({"entries": value}, "entries")


@pytest.mark.parametrize("entry", [None, 0, "text", [], [{}]])
def test_a_list_of_anything_but_objects_is_refused(entry: object) -> None:
    with pytest.raises(TransformError, match="an entry of entries is not an object"):
        optional_list({"entries": [{}, entry]}, "entries")


@pytest.mark.parametrize("value", [0, False, "", "text", [], [{}]])
def test_an_object_of_an_odd_type_is_refused(value: object) -> None:
    with pytest.raises(TransformError, match="team is not an object"):
        optional_object({"team": value}, "team")
