"""Exceptions of the GitHub client, and the functions that raise them for a response.

A response means success, an error that may be retried, or a permanent error with advice. Sources:
GitHub's REST documentation (status codes, rate limits, usage metrics reports), and texts observed
on live systems.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus

from copilot_pipeline.clock import utc_now
from copilot_pipeline.errors import CopilotPipelineError
from copilot_pipeline.github.echoes import repeats
from copilot_pipeline.github.permissions import Needs
from copilot_pipeline.github.refusals import RefusalReason, explain_refusal
from copilot_pipeline.redaction import redact

# GitHub's documentation: wait at least one minute if the response does not say how long.
UNHINTED_WAIT_SECONDS = 60.0

MAX_QUOTE_LENGTH = 300

# Reasons that may apply to one day only: other days of the scope may still succeed.
_ONE_DAY_REASONS = (RefusalReason.NOT_FOUND, RefusalReason.BAD_REQUEST)


@dataclass(frozen=True)
class Subject:
    """The host, account, scope and endpoint of a request. Every message about it begins with them.

    `host` has a port unless it is the usual one. For a file of a report it is the download host.
    """

    host: str
    account: str
    scope: str
    endpoint: str
    needs: Needs | None = None

    def __str__(self) -> str:
        parts = (self.host, self.account, self.scope, self.endpoint)
        return ", ".join(part for part in parts if part)


class GitHubError(CopilotPipelineError):
    """A request to GitHub failed. Only a `RetryableError` may pass within the same run.

    `message` says what failed, and `advice` what to do. `http_status` is the status of the
    response, or None if there was no response.
    """

    reason = RefusalReason.BAD_ANSWER
    http_status: int | None = None
    # True if requests for other days of the same scope would fail in the same way.
    stops_scope = False

    def __init__(self, message: str, advice: str = "", reason: RefusalReason | None = None) -> None:
        super().__init__(f"{message} {advice}".rstrip())
        self.message = message
        self.advice = advice
        self.reason = reason or self.reason


class AccessError(GitHubError):
    """GitHub refuses every request for the scope: the token, a permission or a policy is wrong."""

    stops_scope = True


class RefusedUrlError(GitHubError):
    """A URL that must not be requested: its host is not allowed, it is plain http, or invalid."""

    reason = RefusalReason.REFUSED_ADDRESS


class RetryableError(GitHubError):
    """A temporary failure: a 5xx status, a timeout, or a lost connection.

    `problem` is the part of the message that says what happened, such as `503 Service Unavailable`.
    """

    reason = RefusalReason.UNAVAILABLE

    def __init__(self, subject: Subject, problem: str, advice: str) -> None:
        super().__init__(f"{subject}: {problem}.", advice)
        self.subject = subject
        self.problem = problem


class RateLimitedError(RetryableError):
    """GitHub's primary or secondary rate limit. `wait` is in seconds, or None if unknown."""

    reason = RefusalReason.RATE_LIMITED
    # After the client gave up, further requests would only prolong the rate limit.
    stops_scope = True

    def __init__(self, subject: Subject, problem: str, advice: str, wait: float | None) -> None:
        super().__init__(subject, problem, advice)
        self.wait = wait


class HostDownError(GitHubError):
    """A host failed so many requests in a row that it is given up until the client is closed.

    `stops_scope` is False for a download host: other reports may come from other hosts.
    """

    reason = RefusalReason.UNAVAILABLE

    def __init__(
        self, last: RetryableError, failures: int, since: datetime, *, stops_scope: bool
    ) -> None:
        account = f" of {last.subject.account}" if last.subject.account else ""
        super().__init__(
            f"{last.subject.host} failed {failures} requests{account} in a row since "
            f"{since:%Y-%m-%d %H:%M:%S} UTC, the last one with: {last.problem}.",
            "Nothing more is requested from it in this run. Check the network, the proxy and "
            "https://www.githubstatus.com. The next run goes on where this one stopped.",
        )
        self.stops_scope = stops_scope


class LinkExpiredError(GitHubError):
    """A signed download link was refused. Requesting the report again returns new links."""

    reason = RefusalReason.LINK_EXPIRED


class FileMissingError(LinkExpiredError):
    """The file of a signed link does not exist. If new links fail too, the report is not ready."""


@dataclass(frozen=True)
class Answer:
    """A complete response with its decompressed body. `url` has no query if the link was signed."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    url: str


def raise_for_answer(answer: Answer, subject: Subject, *secrets: str) -> None:
    """Raise the error that a response with a status of 400 or above stands for.

    The error quotes GitHub's message, but none of the `secrets`.

    Raises:
        RateLimitedError: GitHub's rate limit is used up.
        RetryableError: GitHub failed, and the request may succeed later.
        AccessError: GitHub refuses every request for the scope.
        GitHubError: GitHub refuses this request.
    """
    if answer.status >= HTTPStatus.BAD_REQUEST:
        raise _with_status(_refusal(answer, subject, *secrets), answer)


def _refusal(answer: Answer, subject: Subject, *secrets: str) -> GitHubError:
    text = redact(_message_of(answer), *secrets)
    if any(repeats(secret, [text.encode(errors="replace")]) for secret in secrets):
        text = ""
    quote = f", {text[:MAX_QUOTE_LENGTH]!r}" if text else ""
    problem = f"{answer.status} {_phrase(answer.status)}{quote}"
    if is_rate_limited(answer, text):
        wait = rate_limit_wait(answer)
        hint = "" if wait is None else f"; GitHub asks to wait {wait:.0f} s"
        return RateLimitedError(subject, problem, f"The rate limit is used up{hint}.", wait)
    if answer.status >= HTTPStatus.INTERNAL_SERVER_ERROR or answer.status == 408:
        return RetryableError(subject, problem, "GitHub is having problems. Try again later.")
    headers = {name: redact(value, *secrets) for name, value in answer.headers.items()}
    reason, advice = explain_refusal(answer.status, headers, text.lower(), subject.needs)
    kind = GitHubError if reason in _ONE_DAY_REASONS else AccessError
    return kind(f"{subject}: {problem}.", advice, reason)


def raise_for_download(answer: Answer, subject: Subject) -> None:
    """Raise the error for a download host's response with a status of 400 or above.

    A download host refuses links, not tokens.

    Raises:
        RateLimitedError: the download host limits the rate.
        RetryableError: the download host failed, and the request may succeed later.
        FileMissingError: the file does not exist.
        LinkExpiredError: the host refuses the link.
    """
    if answer.status >= HTTPStatus.BAD_REQUEST:
        raise _with_status(_download_refusal(answer, subject), answer)


def _download_refusal(answer: Answer, subject: Subject) -> GitHubError:
    problem = f"the download failed: {answer.status} {_phrase(answer.status)}"
    message = f"{subject}: {problem}."
    if answer.status == HTTPStatus.TOO_MANY_REQUESTS:
        return RateLimitedError(
            subject, problem, "The download host limits the request rate.", retry_after(answer)
        )
    if answer.status >= HTTPStatus.INTERNAL_SERVER_ERROR or answer.status == 408:
        advice = "The download host is having problems. Try again later."
        return RetryableError(subject, problem, advice)
    if answer.status == HTTPStatus.NOT_FOUND:
        return FileMissingError(message, "The report's file is missing.")
    return LinkExpiredError(
        message, "The download link expired, and so did new ones. Try again later."
    )


def _with_status(error: GitHubError, answer: Answer) -> GitHubError:
    error.http_status = answer.status
    return error


def is_rate_limited(answer: Answer, message: str) -> bool:
    """Return whether the response reports a rate limit. `message` is GitHub's message."""
    if answer.status == HTTPStatus.TOO_MANY_REQUESTS:
        return True
    return answer.status == HTTPStatus.FORBIDDEN and (
        "retry-after" in answer.headers
        or answer.headers.get("x-ratelimit-remaining") == "0"
        or "rate limit" in message.lower()
    )


def rate_limit_wait(answer: Answer) -> float | None:
    """Return the seconds to wait: `Retry-After`, or the time until the limit resets.

    None means that GitHub does not say how long.
    """
    wait = retry_after(answer)
    if wait is not None:
        return wait
    reset = answer.headers.get("x-ratelimit-reset", "")
    if answer.headers.get("x-ratelimit-remaining") == "0" and reset.isdecimal():
        # Add a second: GitHub rounds the time of the reset, and clocks differ.
        return max(float(reset) - utc_now().timestamp(), 0.0) + 1.0
    return None


def retry_after(answer: Answer) -> float | None:
    """Return the seconds of `Retry-After`, which holds seconds or an HTTP date (RFC 9110)."""
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


def _message_of(answer: Answer) -> str:
    """Return the `message` of the response's JSON body, or an empty text."""
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
