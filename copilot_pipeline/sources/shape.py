"""Declares the shape of GitHub's records.

The decoder, the known fields, the columns of a table and the values of a row are derived from a
declaration. Records are msgspec structs. Absent and null values are None. A value of another type
raises `RecordError` with its path.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from enum import Enum
from functools import cached_property
from operator import attrgetter
from typing import Annotated, Any

import msgspec
from sqlalchemy import BigInteger, Boolean, Column, Date, Double, Text
from sqlalchemy.types import TypeEngine

from copilot_pipeline.schema import UtcDateTime
from copilot_pipeline.sources.values import RecordError, parse_json, storable

# Two names of this length fit into a key of a PostgreSQL index.
MAX_NAME_LENGTH = 255

# NUL and surrogates, of which some are unpaired.
_UNSTORABLE = re.compile(rb"\\u(?:0000|[dD])")

_encoder = msgspec.json.Encoder(order="sorted")

_Int64 = Annotated[int, msgspec.Meta(ge=-(2**63), le=2**63 - 1)]


class FieldType(Enum):
    """The type of a field in Python and in a table."""

    COUNTER = (_Int64, BigInteger)
    NUMBER = (float, Double)
    FLAG = (bool, Boolean)
    TEXT = (str, Text)
    DATE = (date, Date)
    # ISO 8601. Without an offset, UTC is assumed.
    INSTANT = (Annotated[datetime, msgspec.Meta(tz=True)], UtcDateTime)
    # Stored in the raw table only.
    ANY = (Any, None)

    def __init__(self, python: Any, sql: type[TypeEngine[Any]] | None) -> None:
        self.python = python
        self.sql = sql


@dataclass(frozen=True)
class Field:
    """A value with GitHub's name. `column` is None if it is stored in the raw table only."""

    name: str
    type: FieldType
    meaning: str = ""
    column: str | None = None


@dataclass(frozen=True)
class Object:
    """An object in a record."""

    name: str
    fields: tuple["Field | Object | Array", ...]


@dataclass(frozen=True)
class Array:
    """A list of objects in a record, for a separate table or in the raw table only."""

    name: str
    fields: tuple["Field | Object | Array", ...]


Part = Field | Object | Array


def _fields(
    type_: FieldType, meanings: Mapping[str, str], prefix: str = "", of: str = ""
) -> tuple[Field, ...]:
    return tuple(
        Field(name, type_, of + meaning, prefix + name) for name, meaning in meanings.items()
    )


def counters(meanings: Mapping[str, str], prefix: str = "", of: str = "") -> tuple[Field, ...]:
    """Declare 64-bit integers. Columns begin with `prefix`, meanings with `of`."""
    return _fields(FieldType.COUNTER, meanings, prefix, of)


def numbers(meanings: Mapping[str, str], prefix: str = "", of: str = "") -> tuple[Field, ...]:
    return _fields(FieldType.NUMBER, meanings, prefix, of)


def flags(meanings: Mapping[str, str]) -> tuple[Field, ...]:
    return _fields(FieldType.FLAG, meanings)


def texts(meanings: Mapping[str, str]) -> tuple[Field, ...]:
    return _fields(FieldType.TEXT, meanings)


def only_raw(*names: str) -> tuple[Field, ...]:
    """Declare known fields that are stored in the raw table only."""
    return tuple(Field(name, FieldType.ANY) for name in names)


# Fields about the creation of a report. They may differ although the numbers are equal.
HOUSEKEEPING = ("etl_id", "day_partition", "entity_id_partition")


class Record:
    """The shape of a source's record.

    `notices_unknown` tells whether undeclared fields are counted or ignored.
    """

    def __init__(self, name: str, *parts: Part, notices_unknown: bool = True) -> None:
        self.name = name
        self.parts = parts
        self.notices_unknown = notices_unknown

    @cached_property
    def _decoder(self) -> msgspec.json.Decoder[Any]:
        """Raises an error for undeclared fields if these have to be counted."""
        strict = self.notices_unknown
        return msgspec.json.Decoder(_struct(self.name, self.parts, strict=strict))

    @cached_property
    def _lenient(self) -> type[msgspec.Struct]:
        return _struct(self.name, self.parts, strict=False)

    def decode(self, line: bytes, unknown: Counter[str]) -> Any:
        """Return the record in a JSON text. Counts unknown fields by path in `unknown`.

        Raises:
            RecordError: the text is not JSON, or a field has another type than declared.
        """
        # Escaped characters that no database can store need the slower conversion. Most texts have
        # no backslash, and the search for one is fast.
        if b"\\" not in line or not _UNSTORABLE.search(line):
            try:
                return self._decoder.decode(line)
            except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
                pass
        return self.convert(parse_json(line), unknown)

    def convert(self, value: Any, unknown: Counter[str]) -> Any:
        """Return the record in a parsed JSON value, like `decode`."""
        try:
            known = _known(value, self.parts, "", unknown if self.notices_unknown else None)
            return msgspec.convert(known, self._lenient)
        except msgspec.ValidationError as error:
            raise RecordError(f"{self.name}: {error}") from None
        except RecursionError:
            raise self._too_deep() from None

    def encode(self, record: Any) -> bytes:
        """Return the record as JSON, without housekeeping and unknown fields, with sorted keys."""
        for name in HOUSEKEEPING:
            if getattr(record, name, None) is not None:
                setattr(record, name, None)
        try:
            return _encoder.encode(record)
        except RecursionError:
            raise self._too_deep() from None

    def _too_deep(self) -> RecordError:
        return RecordError(f"{self.name} is nested too deeply")


def columns(parts: Iterable[Part]) -> list[Column[Any]]:
    """Return the columns of all fields that have one."""
    found: list[Column[Any]] = []
    for part in parts:
        if isinstance(part, Object):
            found += columns(part.fields)
        elif isinstance(part, Field) and part.column is not None and part.type.sql is not None:
            found.append(Column(part.column, part.type.sql(), comment=part.meaning))
    return found


def values_of(parts: Iterable[Part]) -> Callable[[Any], tuple[Any, ...]]:
    """Return a function that returns the values of a record in the order of `columns`."""
    steps: list[tuple[str | None, Callable[[Any], tuple[Any, ...]], int]] = []
    flat: list[str] = []

    def end_flat() -> None:
        if flat:
            steps.append((None, _getter(tuple(flat)), len(flat)))
            flat.clear()

    for part in parts:
        if isinstance(part, Field) and part.column is not None:
            flat.append(part.name)
        elif isinstance(part, Object) and (count := len(columns([part]))):
            end_flat()
            steps.append((part.name, values_of(part.fields), count))
    end_flat()
    if len(steps) == 1 and steps[0][0] is None:
        return steps[0][1]

    def values(record: Any) -> tuple[Any, ...]:
        found: tuple[Any, ...] = ()
        for name, get, count in steps:
            inner = record if name is None else getattr(record, name)
            found += (None,) * count if inner is None else get(inner)
        return found

    return values


def is_stored(part: Part) -> bool:
    """Whether a table has a column for the part, or for a field in it."""
    if isinstance(part, Field):
        return part.column is not None
    return any(is_stored(inner) for inner in part.fields)


def _getter(names: tuple[str, ...]) -> Callable[[Any], tuple[Any, ...]]:
    get = attrgetter(*names)
    if len(names) == 1:
        return lambda record: (get(record),)
    return get


def _struct(name: str, parts: tuple[Part, ...], *, strict: bool) -> type[msgspec.Struct]:
    """The class of a record or of an object in it; absent fields are None.

    Unless strict, a part that no table has may hold anything: a change there breaks no run.
    """
    fields: list[tuple[str, Any, Any]] = []
    for part in parts:
        held: Any
        if isinstance(part, Field):
            held = part.type.python
        elif strict or is_stored(part):
            inner = _struct(part.name, part.fields, strict=strict)
            held = list[inner] if isinstance(part, Array) else inner  # type: ignore[valid-type]
        else:
            held = Any
        fields.append((part.name, held | None, None))
    return msgspec.defstruct(
        _identifier(name), fields, forbid_unknown_fields=strict, omit_defaults=True
    )


def _identifier(name: str) -> str:
    return "".join(character if character.isalnum() else "_" for character in name)


def _known(value: Any, parts: tuple[Part, ...], around: str, unknown: Counter[str] | None) -> Any:
    """Return the value with its declared fields only, in the types that the decoder accepts.

    Integers written as `5.0` become integers, and text becomes storable.
    """
    if not isinstance(value, dict):
        return _storable_value(value)
    by_name = {part.name: part for part in parts}
    found = {}
    for name, held in value.items():
        part = by_name.get(name)
        if part is None:
            if unknown is not None:
                unknown[storable(around + name)[:MAX_NAME_LENGTH]] += 1
        elif held is None:
            continue  # null means absent
        elif isinstance(part, Field):
            found[name] = _plain(held, part.type)
        elif isinstance(held, list):
            found[name] = [_known(each, part.fields, f"{around}{name}.", unknown) for each in held]
        else:
            found[name] = _known(held, part.fields, f"{around}{name}.", unknown)
    return found


def _plain(value: Any, type_: FieldType) -> Any:
    if type_ is FieldType.ANY:
        return _storable_value(value)
    if isinstance(value, str):
        return _from_text(storable(value), type_)
    if type_ is FieldType.COUNTER and isinstance(value, float) and value.is_integer():
        return int(value)
    return value


def _storable_value(value: Any) -> Any:
    if isinstance(value, str):
        return storable(value)
    if isinstance(value, list):
        return [_storable_value(each) for each in value]
    if isinstance(value, dict):
        return {storable(name): _storable_value(held) for name, held in value.items()}
    return value


def _from_text(text: str, type_: FieldType) -> Any:
    """Return the date or time in formats that the decoder does not accept, else the text."""
    try:
        if type_ is FieldType.INSTANT:
            instant = datetime.fromisoformat(text)
            return (instant if instant.tzinfo else instant.replace(tzinfo=UTC)).astimezone(UTC)
        # The date of a timestamp is used as written, without conversion to UTC.
        if type_ is FieldType.DATE and len(text) != len("2026-01-31"):
            return datetime.fromisoformat(text).date()
    except (ValueError, OverflowError):
        pass
    return text
