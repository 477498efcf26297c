"""Declared records: a value has its type, is absent (None), or is refused with its path."""

import json
import sys
from collections import Counter
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from copilot_pipeline.sources.shape import (
    Array,
    Field,
    FieldType,
    Object,
    Part,
    Record,
    columns,
    only_raw,
    values_of,
)
from copilot_pipeline.sources.values import RecordError, parse_json, storable

ENTRIES = Array("entries", (Field("n", FieldType.COUNTER, column="n"),))
TEAM = Object("team", (Field("n", FieldType.COUNTER, column="team_n"),))
PARTS: tuple[Part, ...] = (
    Field("n", FieldType.COUNTER, column="n"),
    Field("x", FieldType.NUMBER, column="x"),
    Field("flag", FieldType.FLAG, column="flag"),
    Field("text", FieldType.TEXT, column="text"),
    Field("on", FieldType.DATE, column="on"),
    Field("at", FieldType.INSTANT, column="at"),
    *only_raw("anything", "etl_id"),
    TEAM,
    ENTRIES,
    # No table has any of it.
    Array("skills", only_raw("skill")),
)
RECORD = Record("a thing", *PARTS)


@pytest.fixture(params=["as declared", "with an unknown field"])
def decode(request: pytest.FixtureRequest) -> Any:
    """Decodes the JSON text of a record in one of two ways, which have to give the same.

    Only a record that is as declared is decoded at once.
    """
    more = "" if request.param == "as declared" else ', "new": 1'

    def decode(fields: str) -> Any:
        return RECORD.decode(f"{{{fields}{more}}}".encode("utf-8", "surrogatepass"), Counter())

    return decode


def field(name: str, value: object) -> str:
    return f'"{name}": {json.dumps(value)}'


# --- JSON -------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["NaN", "-Infinity", '{"a": Infinity}', "[1, NaN]"])
def test_numbers_that_json_does_not_know_are_refused(text: str) -> None:
    with pytest.raises(RecordError, match=r"(NaN|Infinity) is not JSON"):
        parse_json(text)


@pytest.mark.parametrize(
    "text",
    ["", "  ", "{", "{'a': 1}", '{"a": 1,}', "nan", '"a\nb"', "[" * 100_000, "9" * 5000, "\xff"],
    ids=lambda text: repr(text[:10]),
)
def test_what_is_not_json_is_refused_without_being_quoted(text: str) -> None:
    for read in (parse_json, lambda text: RECORD.decode(text, Counter())):
        with pytest.raises(RecordError) as caught:
            read(text.encode("latin-1"))
        assert str(caught.value) == "not JSON"


# --- values -----------------------------------------------------------------------------------

LARGEST = 2**63 - 1


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        *((number, number) for number in (0, -3, 2**31, 2**53 + 1, LARGEST, -LARGEST - 1)),
        (12.0, 12),
        (None, None),
    ],
)
def test_a_counter_keeps_64_bits(decode: Any, value: object, expected: int | None) -> None:
    read = decode(field("n", value)).n
    assert read == expected
    assert type(read) is type(expected)


ODD_COUNTERS = [2**63, -(2**63) - 1, 2.0**63, 1.5, True, False, "12", "", [], [1], {}]


@pytest.mark.parametrize("value", ODD_COUNTERS)
@pytest.mark.parametrize(
    ("fields", "path"),
    [("{}", "$.n"), ('"team": {{{}}}', "$.team.n"), ('"entries": [{{{}}}]', "$.entries[0].n")],
)
def test_a_counter_of_an_odd_type_or_beyond_64_bits_is_refused_with_its_path(
    decode: Any, value: object, fields: str, path: str
) -> None:
    with pytest.raises(RecordError) as caught:
        decode(fields.format(field("n", value)))
    assert str(caught.value).startswith("a thing: ")
    assert str(caught.value).endswith(f"`{path}`")


@pytest.mark.parametrize(("value", "expected"), [(1.5, 1.5), (3, 3.0), (-0.0, 0.0), (None, None)])
def test_a_number_is_a_float(decode: Any, value: object, expected: float | None) -> None:
    read = decode(field("x", value)).x
    assert read == expected
    assert type(read) is type(expected)


@pytest.mark.parametrize("value", ["1e999", "9" * 400, "true", '"1.5"', "[]", "{}"])
def test_a_number_of_an_odd_type_or_too_large_is_refused(decode: Any, value: str) -> None:
    with pytest.raises(RecordError, match=r"\$\.x|too large"):
        decode(f'"x": {value}')


@pytest.mark.parametrize("value", [True, False, None])
def test_a_flag_is_true_false_or_unknown(decode: Any, value: bool | None) -> None:
    assert decode(field("flag", value)).flag is value


@pytest.mark.parametrize("value", [0, 1, "true", [], {}])
def test_a_flag_of_an_odd_type_is_refused(decode: Any, value: object) -> None:
    with pytest.raises(RecordError, match=r"\$\.flag"):
        decode(field("flag", value))


def test_absent_null_and_zero_are_three_things_and_the_first_two_are_unknown(decode: Any) -> None:
    assert [decode(text).n for text in ("", '"n": null', '"n": 0') if text] == [None, 0]
    assert RECORD.decode(b"{}", Counter()).n is None


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
        ("\\u0000 \\ud800", "\\u0000 \\ud800"),
        ("", ""),
    ],
    ids=ascii,
)
def test_nul_and_unpaired_surrogates_are_replaced_and_nothing_else(
    decode: Any, text: str, expected: str
) -> None:
    assert storable(text) == expected
    assert decode(field("text", text)).text == expected


@pytest.mark.parametrize("name", ["text", "on", "at"])
@pytest.mark.parametrize("value", [0, 1, True, 1.5, [], ["a"], {}])
def test_a_text_of_an_odd_type_is_refused(decode: Any, name: str, value: object) -> None:
    with pytest.raises(RecordError, match=rf"\$\.{name}"):
        decode(field(name, value))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-11-20T10:00:00Z", datetime(2026, 11, 20, 10, tzinfo=UTC)),
        ("2026-11-20T20:30:00-06:00", datetime(2026, 11, 21, 2, 30, tzinfo=UTC)),
        ("2026-11-20T03:00:00+05:30", datetime(2026, 11, 19, 21, 30, tzinfo=UTC)),
        ("2026-11-20T10:00:00", datetime(2026, 11, 20, 10, tzinfo=UTC)),
        ("2026-11-20", datetime(2026, 11, 20, tzinfo=UTC)),
        ("2026-11-20T10:00:00.123Z", datetime(2026, 11, 20, 10, 0, 0, 123_000, tzinfo=UTC)),
        ("2026-11-20T10:00:00.4810000Z", datetime(2026, 11, 20, 10, 0, 0, 481_000, tzinfo=UTC)),
        (None, None),
    ],
)
def test_an_instant_may_have_any_offset_and_one_without_is_in_utc(
    decode: Any, text: str | None, expected: datetime | None
) -> None:
    assert decode(field("at", text)).at == expected


@pytest.mark.parametrize(
    "text", ["", "yesterday", "2026-11-31T00:00:00Z", "1795168800", "\ud800"], ids=ascii
)
def test_an_instant_that_is_none_is_refused(decode: Any, text: str) -> None:
    with pytest.raises(RecordError, match=r"\$\.at"):
        decode(field("at", text))


@pytest.mark.parametrize("text", ["2026-11-20", "2026-11-20T23:00:00-06:00"])
def test_the_date_of_an_instant_is_taken_as_written(decode: Any, text: str) -> None:
    assert decode(field("on", text)).on == date(2026, 11, 20)


@pytest.mark.parametrize(
    "text", ["", "2026-11", "2026-11-31", "20.11.2026", "2026-11-20garbage", "2026-11-200", "\0"]
)
def test_a_date_that_is_none_is_refused(decode: Any, text: str) -> None:
    with pytest.raises(RecordError, match=r"\$\.on"):
        decode(field("on", text))


# --- objects and lists ------------------------------------------------------------------------


@pytest.mark.parametrize("value", [0, False, "", "text", 1.5, [], [{}]])
def test_an_object_of_an_odd_type_is_refused(decode: Any, value: object) -> None:
    with pytest.raises(RecordError, match=r"\$\.team"):
        decode(field("team", value))


@pytest.mark.parametrize(
    "value",
    [0, False, "", "text", {}, {"n": 1}, 1.5, [{}, None], [{}, 0], [{}, "a"], [{}, [{}]]],
)
def test_a_list_of_an_odd_type_or_of_anything_but_objects_is_refused(
    decode: Any, value: object
) -> None:
    with pytest.raises(RecordError, match=r"\$\.entries"):
        decode(field("entries", value))


@pytest.mark.parametrize("value", [0, "text", [], [1], None])
def test_a_record_that_is_no_object_is_refused(value: object) -> None:
    with pytest.raises(RecordError, match="a thing: "):
        RECORD.decode(json.dumps(value).encode(), Counter())


def test_an_empty_list_is_not_an_absent_one(decode: Any) -> None:
    assert decode('"entries": []').entries == []
    assert decode('"entries": null').entries is None


@pytest.mark.parametrize("name", ["anything", "skills"])
@pytest.mark.parametrize(
    "value",
    [1, 2**70, -1.5, "a\0\ud800", True, [1, {"a": "\udfff"}], {"b": [None], "\ud800": {}}, [[[]]]],
    ids=ascii,
)
def test_what_no_table_has_may_hold_anything(decode: Any, name: str, value: object) -> None:
    record = decode(f"{field(name, value)}, {field('n', 1)}")
    assert record.n == 1
    assert RECORD.encode(record) == RECORD.encode(decode(f"{field('n', 1)}, {field(name, value)}"))


# --- unknown fields ---------------------------------------------------------------------------


def test_unknown_fields_are_counted_by_their_path_and_change_nothing() -> None:
    text = (
        '{"n": 1, "new": {"a": [1]}, "team": {"n": 2, "new": null},'
        ' "entries": [{"n": 3, "new": 1}, {"new": 2, "n": 4}], "skills": [{"new": 1}],'
        ' "a\\u0000\\ud800": 1}'
    )
    unknown: Counter[str] = Counter()
    record = RECORD.decode(text.encode(), unknown)
    assert (record.n, record.team.n, [each.n for each in record.entries]) == (1, 2, [3, 4])
    assert unknown == {
        "new": 1,
        "team.new": 1,
        "entries.new": 2,
        "skills.new": 1,
        "a\ufffd\ufffd": 1,
    }


def test_a_record_may_ignore_unknown_fields() -> None:
    unknown: Counter[str] = Counter()
    record = Record("a page", *PARTS, notices_unknown=False)
    assert record.decode(b'{"n": 1.0, "new": 1, "team": {"new": 1}}', unknown).n == 1
    assert unknown == {}


# --- digests and rows -------------------------------------------------------------------------


def encoded(text: str) -> bytes:
    return RECORD.encode(RECORD.decode(text.encode(), Counter()))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ('{"n": 1, "x": 2}', '{"x": 2.0, "n": 1}'),
        ('{"n": 1}', '{"n": 1, "x": null, "entries": null}'),
        ('{"n": 1, "etl_id": "a"}', '{"n": 1, "etl_id": "b"}'),
        ('{"n": 1}', '{"n": 1, "new": 2}'),
        ('{"anything": {"a": 1, "b": 2}}', '{"anything": {"b": 2, "a": 1}}'),
    ],
)
def test_records_that_say_the_same_are_the_same_bytes(one: str, other: str) -> None:
    assert encoded(one) == encoded(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ('{"n": 0}', '{"n": null}'),
        ('{"n": 1}', '{"x": 1}'),
        ('{"entries": []}', "{}"),
        ('{"entries": [{"n": 1}, {"n": 2}]}', '{"entries": [{"n": 2}, {"n": 1}]}'),
        ('{"anything": "a"}', '{"anything": "b"}'),
    ],
)
def test_records_that_differ_are_different_bytes(one: str, other: str) -> None:
    assert encoded(one) != encoded(other)


def test_the_values_of_a_row_are_in_the_order_of_its_columns() -> None:
    names = [column.name for column in columns(PARTS)]
    assert names == ["n", "x", "flag", "text", "on", "at", "team_n"]
    record = RECORD.decode(
        b'{"team": {"n": 7}, "at": "2026-11-20T10:00:00+01:00", "n": 1, "entries": [{"n": 9}]}',
        Counter(),
    )
    found = dict(zip(names, values_of(PARTS)(record), strict=True))
    assert found == {
        **dict.fromkeys(names),
        "n": 1,
        "team_n": 7,
        "at": datetime(2026, 11, 20, 9, tzinfo=UTC),
    }
    assert found["at"].utcoffset() in (timedelta(0), timedelta(hours=1))
    assert values_of(PARTS)(RECORD.decode(b"{}", Counter())) == (None,) * len(names)


@pytest.mark.parametrize("name", ["anything", "skills", "text", "team", "entries", "new"])
def test_nesting_at_the_edge_of_what_python_reads_is_read_or_refused_with_words(name: str) -> None:
    limit, refused = sys.getrecursionlimit(), 0
    for depth in range(limit - 150, limit + 5):
        for more in ("", ', "new": 1'):
            with suppress(RecordError):
                encoded(f'{{"{name}": {"[" * depth}{"]" * depth}{more}}}')
                continue
            refused += 1
    assert refused
