"""Parses JSON strictly, and makes texts storable."""

import json
from math import isfinite
from typing import Any, NoReturn

from copilot_pipeline.errors import CopilotPipelineError


class RecordError(CopilotPipelineError):
    """An answer is not what GitHub documents."""


class NotJsonError(RecordError):
    """A text is not JSON, for example because it was truncated. A retry may help."""


def parse_json(text: bytes | str) -> Any:
    """Return the JSON value of a text.

    Raises:
        NotJsonError: the text is not JSON.
        RecordError: a number is NaN or too large.
    """
    try:
        return json.loads(text, parse_constant=refuse_constant, parse_float=finite)
    except (ValueError, RecursionError):
        raise NotJsonError("not JSON") from None


def storable(text: str) -> str:
    """Replace NUL and unpaired surrogates, which PostgreSQL or UTF-8 cannot store."""
    text = text.replace("\0", "\N{REPLACEMENT CHARACTER}")
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def finite(text: str) -> float:
    number = float(text)
    if not isfinite(number):
        raise RecordError("a number is too large")
    return number


def refuse_constant(constant: str) -> NoReturn:
    raise RecordError(f"{constant} is not JSON")
