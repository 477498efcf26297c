"""Masks tokens and the queries of signed links in text that somebody will read or store."""

import base64
import re

MASK = "***"

# Source: GitHub's documentation of token formats; until 2021 they were 40 hexadecimal digits. 64 of
# them may be our own secret. Signed links carry sig, se, st in their query. A prefix counts
# wherever it stands, also behind a letter; hexadecimal digits count as a whole word only, or behind
# an escape such as %3D.
_TOKEN = re.compile(
    r"gh[pousr](?:_|%5[Ff])(?:[A-Za-z0-9._\-]|%5[Ff]){20,}"
    r"|github_pat_[A-Za-z0-9_]{20,}"
    r"|(?:(?<![A-Za-z0-9])|(?<=%[0-9A-Fa-f]{2}))"
    r"[0-9a-fA-F]{40}(?:[0-9a-fA-F]{24})?(?![A-Za-z0-9])"
)
# `Authorization: Basic …` holds a token in base64, of either alphabet.
_BASE64 = re.compile(r"[A-Za-z0-9+/_\-]{28,}={0,2}")
_URL_QUERY = re.compile(r"(https?://[^\s\"'<>?]+)\?[^\s\"'<>]*")

# The inside of a character class: controls beyond ASCII, separators of lines, and marks that turn
# the direction of text.
UNSHOWABLE = r"\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069"
_CONTROL = re.compile(rf"[\x00-\x1f{UNSHOWABLE}]+")


# The tokens that can ask for reports: classic ones, those of OAuth and of a GitHub App's user, and
# fine-grained ones. The new long forms hold dots and hyphens too.
_GITHUB_TOKEN = re.compile(
    r"gh[pou]_[A-Za-z0-9_.\-]{36,1000}|github_pat_[A-Za-z0-9_.\-]{82,1000}", re.ASCII
)


def is_github_token(text: str) -> bool:
    """Whether the whole text has a form that GitHub gives its users' tokens."""
    return _GITHUB_TOKEN.fullmatch(text) is not None


def looks_like_token(text: str) -> bool:
    return _mask_tokens(text) != text


def redact(text: str, *secrets: str) -> str:
    """The text on one line, without tokens, URL queries, or any of the given secrets."""
    for secret in secrets:
        text = text.replace(secret, MASK)
    return one_line(_URL_QUERY.sub(rf"\1?{MASK}", _mask_tokens(text)))


def _mask_tokens(text: str) -> str:
    masked = _TOKEN.sub(MASK, text)
    return _BASE64.sub(lambda run: MASK if _encodes_token(run[0]) else run[0], masked)


def _encodes_token(run: str) -> bool:
    """Whether it is base64 of something with a token, wherever in the run the base64 begins."""
    digits = run.rstrip("=").translate(str.maketrans("-_", "+/"))
    for start in range(4):
        part = digits[start:]
        whole = part[: len(part) // 4 * 4] if len(part) % 4 == 1 else part + "=" * (-len(part) % 4)
        if _TOKEN.search(base64.b64decode(whole).decode("latin-1")):
            return True
    return False


def one_line(text: str) -> str:
    """The text without line breaks, control characters, and marks that turn its direction."""
    return _CONTROL.sub(" ", text).strip()
