"""Finds a token in what GitHub sends, also where its characters are escaped."""

import re
from collections.abc import Iterable
from urllib.parse import unquote_to_bytes

# Of JSON: any character by its number, and the slash. Tokens are ASCII.
_JSON_ESCAPE = re.compile(rb"\\(?:u00([0-7][0-9a-fA-F])|(/))")
_HINTS = (b"\\u00", b"\\/", b"%")

# `%41`, each of whose characters is written as `\u0025`.
_LONGEST_CHARACTER = 18


def repeats(token: str, blocks: Iterable[bytes]) -> bool:
    """Whether the text, which may come in blocks, holds the token.

    As it is, with characters escaped as JSON does, percent-encoded, or both.
    """
    wanted = token.encode()
    tail = b""
    for block in blocks:
        window = tail + block
        if wanted in window:
            return True
        # Most texts hold no such escape, and looking for one is quick.
        if any(hint in window for hint in _HINTS) and wanted in _unescaped(window):
            return True
        tail = window[-_LONGEST_CHARACTER * len(wanted) :]
    return False


def _unescaped(text: bytes) -> bytes:
    def character(match: re.Match[bytes]) -> bytes:
        number, slash = match.groups()
        return slash or bytes([int(number, 16)])

    return unquote_to_bytes(_JSON_ESCAPE.sub(character, text))
