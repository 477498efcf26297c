"""Parses the entries of a JSON array one by one, so that memory stays small."""

import json
from collections.abc import Iterator
from typing import Any

from copilot_pipeline.sources.values import NotJsonError, RecordError, finite, refuse_constant

# The largest JSON value that is accepted: a line, an entry of an array, or a file.
MAX_VALUE_BYTES = 4 * 1024 * 1024
MAX_VALUE = f"{MAX_VALUE_BYTES // 1024 // 1024} MiB"


def array_entries(text: str) -> Iterator[Any]:
    """Yield the objects in an array. Each may have at most `MAX_VALUE_BYTES`.

    Raises:
        NotJsonError: the text is not an array, or is truncated.
        RecordError: an entry is not an object.
    """
    decoder = json.JSONDecoder(parse_constant=refuse_constant, parse_float=finite)
    # The window is the part of the text from `start`; `position` is an index in it.
    start, position = 0, _after(text, "[", 0)
    window = text[:MAX_VALUE_BYTES]
    while not window.startswith("]", position):
        try:
            value, end = decoder.raw_decode(window, position)
        except (ValueError, RecursionError):
            if position == 0 or start + len(window) == len(text):
                raise NotJsonError(f"not JSON, or a value larger than {MAX_VALUE}") from None
            # The value continues after the end of the window.
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
    """Return the position after the mark and blanks, or the position of the other mark."""
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
