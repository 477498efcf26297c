"""Single JSON values, taken strictly: the right type, absent (None), or one clear error."""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, date, datetime
from math import isfinite
from typing import Any, NoReturn

from copilot_pipeline.errors import CopilotPipelineError

UNKNOWN = "unknown"

# Two such names fit a key of PostgreSQL's indexes.
LONGEST_NAME = 255

Json = Mapping[str, Any]


class TransformError(CopilotPipelineError):
    """An answer that is not what GitHub documents, and that is better refused than guessed."""


class NotJsonError(TransformError):
    """A text that is no JSON. One that was cut on its way is told from no other."""


def parse_json(text: str) -> Any:
    """The JSON value of the text. Numbers that are none (NaN, or too large a float) are refused."""
    try:
        return json.loads(text, parse_constant=_refuse_constant, parse_float=_finite)
    except (ValueError, RecursionError) as error:
        raise NotJsonError("not JSON") from error


def array_entries(text: str, largest: int) -> Iterator[tuple[Any, int]]:
    """The entries of a large JSON array of objects, one by one, each with its length.

    None of them may be longer than `largest` characters: no more is parsed at once.
    """
    decoder = json.JSONDecoder(parse_constant=_refuse_constant, parse_float=_finite)
    # Of the window, a part of the text that begins at `start`.
    start, position = 0, _after(text, "[", 0)
    window = text[:largest]
    while not window.startswith("]", position):
        try:
            value, end = decoder.raw_decode(window, position)
        except (ValueError, RecursionError) as error:
            if position == 0 or start + len(window) == len(text):
                limit = f"{largest // 1024 // 1024} MiB"
                raise NotJsonError(f"not JSON, or a value larger than {limit}") from error
            # Cut by the end of the window.
            start += position
            window, position = text[start : start + largest], 0
            continue
        if not isinstance(value, dict):
            raise TransformError("an entry of the report is not an object")
        yield value, end - position
        after = _after(text, ",", start + end, otherwise="]")
        start, window, position = (
            (start, window, after - start)
            if after - start < len(window)
            else (after, text[after : after + largest], 0)
        )
    if text[start + position + 1 :].strip():
        raise NotJsonError("not JSON")


def json_text(value: Any) -> str:
    """The JSON text of a value, in ASCII, so that every database can store it."""
    return json.dumps(value, separators=(",", ":"))


def json_object(value: Any, what: str) -> Json:
    if not isinstance(value, dict):
        raise TransformError(f"{what} is not an object")
    return value


def optional_object(parent: Json | None, key: str) -> Json | None:
    value = None if parent is None else parent.get(key)
    return None if value is None else json_object(value, key)


def optional_list(parent: Json | None, key: str) -> list[Json] | None:
    """The objects in a list, or None where the list is absent or null."""
    value = None if parent is None else parent.get(key)
    if value is None:
        return None
    if not isinstance(value, list):
        raise TransformError(f"{key} is not a list")
    return [json_object(entry, f"an entry of {key}") for entry in value]


def counter(parent: Json | None, key: str) -> int | None:
    """A whole number that fits 64 bits, or None where it is absent or null."""
    value = None if parent is None else parent.get(key)
    if value is None:
        return None
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool) or not -(2**63) <= value < 2**63:
        raise TransformError(f"{key} is not a whole number of at most 64 bits")
    return value


def number(parent: Json | None, key: str) -> float | None:
    """A number, or None where it is absent or null."""
    value = None if parent is None else parent.get(key)
    if value is None:
        return None
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise TransformError(f"{key} is not a number")
    try:
        return float(value)
    except OverflowError:
        raise TransformError(f"{key} is too large a number") from None


def flag(parent: Json, key: str) -> bool | None:
    """True or false, or None where it is absent or null."""
    value = parent.get(key)
    if value is None or isinstance(value, bool):
        return value
    raise TransformError(f"{key} is neither true nor false")


def identity(parent: Json, key: str) -> int:
    """GitHub's id of something: a whole number, which has to be there."""
    value = counter(parent, key)
    if value is None:
        raise TransformError(f"a record has no {key}")
    return value


def total(values: Iterable[int | None]) -> int | None:
    """The sum of what is known; None if nothing is."""
    known = [value for value in values if value is not None]
    result = sum(known)
    if not -(2**63) <= result < 2**63:
        raise TransformError("a sum does not fit 64 bits")
    return result if known else None


def largest(values: Iterable[Any]) -> Any:
    """The largest of what is known; None if nothing is."""
    return max((value for value in values if value is not None), default=None)


def optional_text(parent: Json | None, key: str) -> str | None:
    """A text that every database can store, or None where it is absent or null."""
    value = None if parent is None else parent.get(key)
    if value is None:
        return None
    if not isinstance(value, str):
        raise TransformError(f"{key} is not a text")
    return storable(value)


def name(parent: Json, key: str = "name") -> str:
    """A trimmed name; `unknown` where it is absent or empty. A very long one is cut."""
    return (optional_text(parent, key) or "").strip()[:LONGEST_NAME] or UNKNOWN


def storable(text: str) -> str:
    """Replaces what PostgreSQL or UTF-8 cannot hold: NUL and unpaired surrogates."""
    text = text.replace("\0", "\N{REPLACEMENT CHARACTER}")
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def optional_instant(parent: Json, key: str) -> datetime | None:
    """An ISO 8601 instant in UTC; one without an offset is taken as UTC."""
    text = optional_text(parent, key)
    if text is None:
        return None
    try:
        instant = datetime.fromisoformat(text)
        return (instant if instant.tzinfo else instant.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise TransformError(f"{key} is not a date and time") from error


def optional_date(parent: Json, key: str) -> date | None:
    """A calendar date; the date of an instant is taken as written."""
    text = optional_text(parent, key)
    if text is None:
        return None
    try:
        return date.fromisoformat(text) if len(text) == 10 else datetime.fromisoformat(text).date()
    except ValueError as error:
        raise TransformError(f"{key} is not a date") from error


_SPACE = re.compile(r"[ \t\r\n]*")


def _after(text: str, wanted: str, start: int, otherwise: str = "") -> int:
    """Where the next value begins after the wanted character; or where the other one stands."""
    place = _next(text, start)
    if text.startswith(wanted, place):
        return _next(text, place + 1)
    if otherwise and text.startswith(otherwise, place):
        return place
    raise NotJsonError("not JSON")


def _next(text: str, start: int) -> int:
    match = _SPACE.match(text, start)
    return match.end() if match else start


def _finite(text: str) -> float:
    number = float(text)
    if not isfinite(number):
        raise TransformError("a number is too large")
    return number


def _refuse_constant(constant: str) -> NoReturn:
    raise TransformError(f"{constant} is not JSON")
