"""The one place that decides what an answer of GitHub means: fine, retry, or permanent with advice.

Sources: GitHub's REST documentation (status codes, rate limits, usage metrics reports), and texts
observed on live systems.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC
from email.utils import parsedate_to_datetime
from http import HTTPStatus

from copilot_pipeline.clock import utc_now
from copilot_pipeline.errors import CopilotPipelineError
from copilot_pipeline.github.echoes import repeats
from copilot_pipeline.github.meanings import Meaning, refusal
from copilot_pipeline.github.permissions import Needs
from copilot_pipeline.redaction import redact

# GitHub says: without a hint, wait at least a minute.
UNHINTED_WAIT_SECONDS = 60.0

LONGEST_QUOTE = 300

# Refusals that another day of the same scope may not meet.
_OF_ONE_DAY = (Meaning.NOT_FOUND, Meaning.BAD_REQUEST)


class GitHubError(CopilotPipelineError):
    """GitHub did not give what was asked for. Permanent, unless it is a `RetryableError`.

    `advice` is the part of the text that says what to do; `http_status` is that of the answer, if
    one came.
    """

    meaning = Meaning.BAD_ANSWER
    http_status: int | None = None
    # Whether asking for another day of the same scope would only meet the same refusal.
    stops_scope = False

    def __init__(self, said: str, advice: str = "", meaning: Meaning | None = None) -> None:
        super().__init__(f"{said} {advice}".rstrip())
        self.said = said
        self.advice = advice
        self.meaning = meaning or self.meaning


class AccessError(GitHubError):
    """The token, its permissions, or a policy stand in the way of the whole scope."""

    stops_scope = True


class RefusedUrlError(GitHubError):
    """An address to which nothing may be sent: another host, plain http, no address at all."""

    meaning = Meaning.REFUSED_ADDRESS


class RetryableError(GitHubError):
    """A passing trouble: 5xx, a timeout, a cut connection."""

    meaning = Meaning.UNAVAILABLE


class RateLimitedError(RetryableError):
    """A primary or secondary limit. `wait` is in seconds; None where GitHub gave no hint."""

    meaning = Meaning.RATE_LIMITED
    # Once the client gives up, asking for the next day would only make GitHub angrier.
    stops_scope = True

    def __init__(self, said: str, advice: str, wait: float | None) -> None:
        super().__init__(said, advice)
        self.wait = wait


class LinkExpiredError(GitHubError):
    """A signed link that does not open: a new envelope may help."""

    meaning = Meaning.LINK_EXPIRED


class FileMissingError(LinkExpiredError):
    """A signed link whose file is not there: with new links too, the report is not ready."""


@dataclass(frozen=True)
class Subject:
    """For whom and for what a request is made; the beginning of every message about it."""

    account: str
    scope: str
    endpoint: str
    needs: Needs | None = None

    def __str__(self) -> str:
        return ", ".join(part for part in (self.account, self.scope, self.endpoint) if part)


@dataclass(frozen=True)
class Answer:
    """A whole answer, decompressed. `url` has no query where the link was signed."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    url: str


def check(answer: Answer, subject: Subject, *secrets: str) -> None:
    """Raises what an answer of 400 and above means.

    Secrets are the texts that must not be quoted from the answer.
    """
    if answer.status >= HTTPStatus.BAD_REQUEST:
        raise _with_status(_refusal(answer, subject, *secrets), answer)


def _refusal(answer: Answer, subject: Subject, *secrets: str) -> GitHubError:
    message = redact(_message(answer), *secrets)
    if any(repeats(secret, [message.encode(errors="replace")]) for secret in secrets):
        message = ""
    quote = f", {message[:LONGEST_QUOTE]!r}" if message else ""
    said = f"{subject}: {answer.status} {_phrase(answer.status)}{quote}."
    if is_rate_limited(answer, message):
        wait = rate_limit_wait(answer)
        told = "" if wait is None else f"; GitHub asks to wait {wait:.0f} s"
        return RateLimitedError(said, f"The rate limit is used up{told}.", wait)
    if answer.status >= HTTPStatus.INTERNAL_SERVER_ERROR or answer.status == 408:
        return RetryableError(said, "GitHub has trouble. Try again later.")
    headers = {name: redact(value, *secrets) for name, value in answer.headers.items()}
    meaning, advice = refusal(answer.status, headers, message.lower(), subject.needs)
    kind = GitHubError if meaning in _OF_ONE_DAY else AccessError
    return kind(said, advice, meaning)


def check_download(answer: Answer, subject: Subject) -> None:
    """The same for a download host, whose refusals mean that the link, not the token, is bad."""
    if answer.status >= HTTPStatus.BAD_REQUEST:
        raise _with_status(_download_refusal(answer, subject), answer)


def _download_refusal(answer: Answer, subject: Subject) -> GitHubError:
    said = f"{subject}: the download answers {answer.status} {_phrase(answer.status)}."
    if answer.status == HTTPStatus.TOO_MANY_REQUESTS:
        return RateLimitedError(said, "The download host limits the rate.", retry_after(answer))
    if answer.status >= HTTPStatus.INTERNAL_SERVER_ERROR or answer.status == 408:
        return RetryableError(said, "The download host has trouble. Try again later.")
    if answer.status == HTTPStatus.NOT_FOUND:
        return FileMissingError(said, "The report's file is missing.")
    return LinkExpiredError(said, "The link expired, and new ones too. Try again later.")


def _with_status(error: GitHubError, answer: Answer) -> GitHubError:
    error.http_status = answer.status
    return error


def is_rate_limited(answer: Answer, message: str) -> bool:
    if answer.status == HTTPStatus.TOO_MANY_REQUESTS:
        return True
    return answer.status == HTTPStatus.FORBIDDEN and (
        "retry-after" in answer.headers
        or answer.headers.get("x-ratelimit-remaining") == "0"
        or "rate limit" in message.lower()
    )


def rate_limit_wait(answer: Answer) -> float | None:
    """Seconds to wait as GitHub says: `Retry-After`, else the reset of a used-up limit."""
    told = retry_after(answer)
    if told is not None:
        return told
    reset = answer.headers.get("x-ratelimit-reset", "")
    if answer.headers.get("x-ratelimit-remaining") == "0" and reset.isdecimal():
        # One second more: the reset is rounded, and clocks differ.
        return max(float(reset) - utc_now().timestamp(), 0.0) + 1.0
    return None


def retry_after(answer: Answer) -> float | None:
    """`Retry-After` in seconds, given as seconds or as an HTTP date."""
    text = answer.headers.get("retry-after", "").strip()
    if text.isdecimal():
        return float(text)
    try:
        instant = parsedate_to_datetime(text)
        if instant.tzinfo is None:
            instant = instant.replace(tzinfo=UTC)
        return max((instant - utc_now()).total_seconds(), 0.0)
    except (ValueError, OverflowError):
        return None


def _message(answer: Answer) -> str:
    """GitHub's own words, if the body is the usual JSON object."""
    try:
        body = json.loads(answer.body)
    except (ValueError, RecursionError):
        return ""
    message = body.get("message") if isinstance(body, dict) else None
    return message if isinstance(message, str) else ""


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "(unknown status)"
