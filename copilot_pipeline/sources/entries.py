"""The entries of a JSON array, one by one: no more than a few mebibytes are parsed at once."""

import json
from collections.abc import Iterator
from typing import Any

from copilot_pipeline.sources.shape import NotJsonError, RecordError, finite, refuse_constant

# The largest JSON value that is parsed at once: a line, an entry of an array, or a file.
MAX_VALUE_BYTES = 4 * 1024 * 1024
MAX_VALUE = f"{MAX_VALUE_BYTES // 1024 // 1024} MiB"


def array_entries(text: str) -> Iterator[Any]:
    """The objects in an array, none of which may be longer than `MAX_VALUE_BYTES`.

    Raises:
        NotJsonError: the text is no array, or ends within it.
        RecordError: an entry is not an object.
    """
    decoder = json.JSONDecoder(parse_constant=refuse_constant, parse_float=finite)
    # `position` is a place in the window, which is a part of the text that begins at `start`.
    start, position = 0, _after(text, "[", 0)
    window = text[:MAX_VALUE_BYTES]
    while not window.startswith("]", position):
        try:
            value, end = decoder.raw_decode(window, position)
        except (ValueError, RecursionError):
            if position == 0 or start + len(window) == len(text):
                raise NotJsonError(f"not JSON, or a value larger than {MAX_VALUE}") from None
            # The end of the window cut it.
            start += position
            window, position = text[start : start + MAX_VALUE_BYTES], 0
            continue
        if not isinstance(value, dict):
            raise RecordError("a record of the report is not an object")
        yield value
        following = _after(text, ",", start + end, otherwise="]")
        if following - start < len(window):
            position = following - start
        else:
            start, position = following, 0
            window = text[start : start + MAX_VALUE_BYTES]
    if text[start + position + 1 :].strip():
        raise NotJsonError("not JSON")


def _after(text: str, mark: str, position: int, otherwise: str = "") -> int:
    """Where the value behind the mark begins, or where the other mark stands."""
    position = _skip_blank(text, position)
    if otherwise and text.startswith(otherwise, position):
        return position
    if not text.startswith(mark, position):
        raise NotJsonError("not JSON")
    return _skip_blank(text, position + 1)


def _skip_blank(text: str, position: int) -> int:
    while position < len(text) and text[position] in " \t\r\n":
        position += 1
    return position
