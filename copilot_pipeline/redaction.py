"""Masks tokens and the queries of signed links in text that somebody will read or store."""

import re

MASK = "***"

# Source: GitHub's documentation of token formats; until 2021 they were 40 hexadecimal digits. 64 of
# them may be our own secret. Signed links carry sig, se, st in their query.
_TOKEN = re.compile(
    r"\b(?:gh[pousr]_[A-Za-z0-9._\-]{20,}|github_pat_[A-Za-z0-9_]{20,}"
    r"|[0-9a-fA-F]{40}(?:[0-9a-fA-F]{24})?\b)"
)
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
    return _TOKEN.search(text) is not None


def redact(text: str, *secrets: str) -> str:
    """The text on one line, without tokens, URL queries, or any of the given secrets."""
    for secret in secrets:
        text = text.replace(secret, MASK)
    return one_line(_URL_QUERY.sub(rf"\1?{MASK}", _TOKEN.sub(MASK, text)))


def one_line(text: str) -> str:
    """The text without line breaks, control characters, and marks that turn its direction."""
    return _CONTROL.sub(" ", text).strip()
