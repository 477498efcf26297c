"""Masks tokens and the queries of signed links in text that is shown or stored."""

import base64
import re

MASK = "***"

# Source: GitHub's documentation of token formats. Until 2021 tokens were 40 hexadecimal digits; 64
# digits may be the project's secret. A token prefix is masked anywhere, even after a letter.
# Hexadecimal digits are masked only as a whole word, or after an escape such as %3D.
_TOKEN = re.compile(
    r"gh[pousr](?:_|%5[Ff])(?:[A-Za-z0-9._\-]|%5[Ff]){20,}"
    r"|github_pat_[A-Za-z0-9_]{20,}"
    r"|(?:(?<![A-Za-z0-9])|(?<=%[0-9A-Fa-f]{2}))"
    r"[0-9a-fA-F]{40}(?:[0-9a-fA-F]{24})?(?![A-Za-z0-9])"
)
# `Authorization: Basic …` contains a token in base64, in the standard or the URL-safe alphabet.
_BASE64 = re.compile(r"[A-Za-z0-9+/_\-]{28,}={0,2}")
_URL_QUERY = re.compile(r"(https?://[^\s\"'<>?]+)\?[^\s\"'<>]*")

# Part of a character class: control characters beyond ASCII, line separators, and marks that change
# the direction of text.
UNSHOWABLE = r"\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069"
_CONTROL = re.compile(rf"[\x00-\x1f{UNSHOWABLE}]+")


# Tokens that can read reports: classic tokens, OAuth tokens, user tokens of GitHub Apps, and
# fine-grained tokens. The new long formats also contain dots and hyphens.
_GITHUB_TOKEN = re.compile(
    r"gh[pou]_[A-Za-z0-9_.\-]{36,1000}|github_pat_[A-Za-z0-9_.\-]{82,1000}", re.ASCII
)


def is_github_token(text: str) -> bool:
    """Return whether the whole text has the format of a user's GitHub token."""
    return _GITHUB_TOKEN.fullmatch(text) is not None


def looks_like_token(text: str) -> bool:
    """Return whether the text contains something that looks like a token or a secret."""
    return _mask_tokens(text) != text


def redact(text: str, *secrets: str) -> str:
    """Return the text on one line, with tokens, URL queries and the given secrets masked."""
    for secret in secrets:
        text = text.replace(secret, MASK)
    return one_line(_URL_QUERY.sub(rf"\1?{MASK}", _mask_tokens(text)))


def _mask_tokens(text: str) -> str:
    masked = _TOKEN.sub(MASK, text)
    return _BASE64.sub(lambda run: MASK if _encodes_token(run[0]) else run[0], masked)


def _encodes_token(run: str) -> bool:
    """Return whether the text is base64 of a token, at any offset."""
    digits = run.rstrip("=").translate(str.maketrans("-_", "+/"))
    for start in range(4):
        part = digits[start:]
        whole = part[: len(part) // 4 * 4] if len(part) % 4 == 1 else part + "=" * (-len(part) % 4)
        if _TOKEN.search(base64.b64decode(whole).decode("latin-1")):
            return True
    return False


def one_line(text: str) -> str:
    """Return the text without line breaks, control characters, and direction marks."""
    return _CONTROL.sub(" ", text).strip()
