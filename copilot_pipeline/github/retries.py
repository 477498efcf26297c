"""Retries: growing waits with jitter, and rate limits that all requests of a token share."""

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from tenacity import RetryCallState, Retrying, retry_if_exception_type
from tenacity.wait import wait_exponential_jitter

from copilot_pipeline.github.errors import (
    UNHINTED_WAIT_SECONDS,
    GitHubError,
    RateLimitedError,
    RetryableError,
)

logger = logging.getLogger(__name__)

T = TypeVar("T")


@dataclass(frozen=True)
class RetryPolicy:
    """The number of attempts, and the waits between them in seconds.

    `max_rate_limit_wait` is a little over an hour: GitHub resets its primary limit every hour.
    """

    attempts: int = 5
    first_wait: float = 1.0
    max_wait: float = 30.0
    rate_limit_attempts: int = 6
    unhinted_wait: float = UNHINTED_WAIT_SECONDS
    max_rate_limit_wait: float = 3_700.0


DEFAULT_RETRY_POLICY = RetryPolicy()


class Retries:
    """Runs the requests of one token with a retry policy.

    If GitHub limits one request, all requests wait until the limit is over.
    """

    def __init__(self, policy: RetryPolicy) -> None:
        self.policy = policy
        self._closed = threading.Event()
        self._lock = threading.Lock()
        self._open_at = 0.0
        self._jitter = wait_exponential_jitter(
            multiplier=policy.first_wait, max=policy.max_wait, jitter=policy.first_wait
        )

    def call(self, request: Callable[[], T]) -> T:
        """Run the request and return its result.

        Raises:
            GitHubError: the error of the last attempt.
        """
        limited = 0

        def gives_up(state: RetryCallState) -> bool:
            error = _error(state)
            if isinstance(error, RateLimitedError):
                wait = self._rate_limit_wait(error, limited)
                too_long = wait > self.policy.max_rate_limit_wait
                return too_long or limited >= self.policy.rate_limit_attempts
            return state.attempt_number - limited >= self.policy.attempts

        def wait(state: RetryCallState) -> float:
            error = _error(state)
            if isinstance(error, RateLimitedError):
                return self._rate_limit_wait(error, limited)
            return self._jitter(state)

        retrying = Retrying(
            retry=retry_if_exception_type(RetryableError),
            stop=gives_up,
            wait=wait,
            before_sleep=self._announce,
            sleep=self._sleep,
            reraise=True,
        )

        def attempt() -> T:
            nonlocal limited
            self._wait_until_open()
            try:
                return request()
            except RateLimitedError:
                limited += 1
                raise

        try:
            return retrying(attempt)
        except RateLimitedError as error:
            advice = f"{error.advice} Gave up; run it again later."
            given_up = RateLimitedError(error.message, advice, error.wait)
            given_up.http_status = error.http_status
            raise given_up from None

    def close(self) -> None:
        """End all waits. Requests that are waiting fail with `GitHubError`."""
        self._closed.set()

    def _rate_limit_wait(self, error: RateLimitedError, times: int) -> float:
        growth = float(2 ** (times - 1))
        if error.wait is not None:
            # GitHub may ask to wait 0 s, which must not cause a burst of requests.
            return max(error.wait, self.policy.first_wait * growth)
        return self.policy.unhinted_wait * growth

    def _announce(self, state: RetryCallState) -> None:
        error = _error(state)
        wait = state.next_action.sleep if state.next_action else 0.0
        if isinstance(error, RateLimitedError):
            with self._lock:
                self._open_at = max(self._open_at, time.monotonic() + wait)
            logger.warning("%s Waiting %.0f s.", error, wait)
        else:
            logger.info("%s Trying again in %.1f s.", error, wait)

    def _wait_until_open(self) -> None:
        self._sleep(0)
        # Another request may have been limited during the wait.
        while (remaining := self._open_at - time.monotonic()) > 0:
            self._sleep(remaining)

    def _sleep(self, seconds: float) -> None:
        if seconds > 0:
            self._closed.wait(seconds)
        if self._closed.is_set():
            raise GitHubError("the client was closed while a request was waiting")


def _error(state: RetryCallState) -> BaseException | None:
    return state.outcome.exception() if state.outcome else None
