"""Finds a token in a response, even if its characters are escaped."""

import re
from collections.abc import Iterable
from urllib.parse import unquote_to_bytes

# JSON may escape any character by its number, and the slash. Tokens are ASCII.
_JSON_ESCAPE = re.compile(rb"\\(?:u00([0-7][0-9a-fA-F])|(/))")

# The longest form of one character: `%41`, with each of its characters as `\u0025`.
_MAX_ESCAPE_LENGTH = 18


def repeats(token: str, blocks: Iterable[bytes]) -> bool:
    """Return whether the text in `blocks` contains the token.

    The token may be plain, escaped as in JSON, percent-encoded, or both.
    """
    wanted = token.encode()
    tail = b""
    for block in blocks:
        window = tail + block
        if wanted in window:
            return True
        if _may_be_escaped(window) and wanted in _unescaped(window):
            return True
        tail = window[-_MAX_ESCAPE_LENGTH * len(wanted) :]
    return False


def _may_be_escaped(text: bytes) -> bool:
    """Whether the text contains an escape. The search for a single character is much faster."""
    if b"%" in text:
        return True
    return b"\\" in text and (b"\\u00" in text or b"\\/" in text)


def _unescaped(text: bytes) -> bytes:
    def character(match: re.Match[bytes]) -> bytes:
        number, slash = match.groups()
        return slash or bytes([int(number, 16)])

    return unquote_to_bytes(_JSON_ESCAPE.sub(character, text))
