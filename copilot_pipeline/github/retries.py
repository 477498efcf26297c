"""Retries: growing waits with jitter, and limits and outages that all requests of a host share."""

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from tenacity import RetryCallState, Retrying, retry_if_exception_type
from tenacity.wait import wait_exponential_jitter

from copilot_pipeline.github.breaker import Breaker
from copilot_pipeline.github.errors import (
    UNHINTED_WAIT_SECONDS,
    GitHubError,
    HostDownError,
    RateLimitedError,
    RetryableError,
)

logger = logging.getLogger(__name__)

T = TypeVar("T")


@dataclass(frozen=True)
class RetryPolicy:
    """The number of attempts, and the waits between them in seconds.

    After `max_seconds` no attempt begins but the second, because a host that does not answer takes
    a whole timeout for each. `max_failures` and `max_outage` are those of `Breaker`.
    `max_rate_limit_wait` is a little over an hour: GitHub resets its primary limit every hour.
    """

    attempts: int = 5
    first_wait: float = 1.0
    max_wait: float = 30.0
    max_seconds: float = 45.0
    max_failures: int = 3
    max_outage: float = 300.0
    rate_limit_attempts: int = 6
    unhinted_wait: float = UNHINTED_WAIT_SECONDS
    max_rate_limit_wait: float = 3_700.0


DEFAULT_RETRY_POLICY = RetryPolicy()


class Retries:
    """Runs the requests of one token to one host with a retry policy.

    If the host limits one request, all requests wait until the limit is over. If the host is down,
    all requests fail. `is_endpoint` tells that every request of the token needs the host.
    """

    def __init__(self, policy: RetryPolicy, host: str, *, is_endpoint: bool) -> None:
        self.policy = policy
        self._host = host
        self._is_endpoint = is_endpoint
        self._breaker = Breaker(policy.max_failures, policy.max_outage)
        self._ended = threading.Event()
        self._end_error: GitHubError | None = None
        self._lock = threading.Lock()
        self._open_at = 0.0
        self._announced_until = 0.0
        self._jitter = wait_exponential_jitter(
            multiplier=policy.first_wait, max=policy.max_wait, jitter=policy.first_wait
        )

    def call(self, request: Callable[[], T]) -> T:
        """Run the request and return its result.

        Raises:
            HostDownError: the host is given up; no request was sent, or none succeeded.
            GitHubError: the error of the last attempt.
        """
        limited = 0
        began: float | None = None

        def gives_up(state: RetryCallState) -> bool:
            error = _error(state)
            if isinstance(error, RateLimitedError):
                wait = self._rate_limit_wait(error, limited)
                too_long = wait > self.policy.max_rate_limit_wait
                return too_long or limited >= self.policy.rate_limit_attempts
            attempts = state.attempt_number - limited
            is_late = began is not None and time.monotonic() - began >= self.policy.max_seconds
            gives_up = attempts >= self.policy.attempts or (is_late and attempts > 1)
            # Until the host answers or is given up, more failed requests would only lose days.
            return gives_up and not self._breaker.is_down

        def wait(state: RetryCallState) -> float:
            error = _error(state)
            if isinstance(error, RateLimitedError):
                return self._rate_limit_wait(error, limited)
            return self._jitter(state)

        retrying = Retrying(
            retry=retry_if_exception_type(RetryableError),
            stop=gives_up,
            wait=wait,
            before_sleep=lambda state: self._announce(state, state.attempt_number - limited + 1),
            sleep=self._sleep,
            reraise=True,
        )

        def attempt() -> T:
            nonlocal began, limited
            self._wait_until_open()
            began = began or time.monotonic()
            try:
                result = request()
            except RateLimitedError:
                limited += 1
                began = None
                self._breaker.answered()
                raise
            except RetryableError as error:
                self._breaker.attempt_failed()
                self._end_if_down(error)
                raise
            except GitHubError:
                self._breaker.answered()
                raise
            self._breaker.answered()
            return result

        try:
            return retrying(attempt)
        except RateLimitedError as error:
            advice = f"{error.advice} Gave up; run it again later."
            given_up = RateLimitedError(error.subject, error.problem, advice, error.wait)
            given_up.http_status = error.http_status
            raise given_up from None
        except RetryableError as error:
            self._breaker.request_failed(began or 0.0)
            self._end_if_down(error)
            self._require_not_ended()
            raise

    def close(self) -> None:
        """End all waits. Requests that are waiting fail with `GitHubError`."""
        self._end(GitHubError(f"the request to {self._host} was not sent: the client was closed."))

    def _end_if_down(self, last: RetryableError) -> None:
        if self._breaker.gives_up:
            down = HostDownError(
                last,
                self._breaker.failures,
                self._breaker.down_since,
                stops_scope=self._is_endpoint,
            )
            if self._end(down):
                logger.warning("%s", down)

    def _end(self, error: GitHubError) -> bool:
        """Fail all waiting and later requests with the error. Return False if another did."""
        with self._lock:
            if self._end_error is not None:
                return False
            self._end_error = error
        self._ended.set()
        return True

    def _require_not_ended(self) -> None:
        if self._end_error is not None:
            # Without the traceback, to which each thread that raises the error would add its own.
            raise self._end_error.with_traceback(None) from None

    def _rate_limit_wait(self, error: RateLimitedError, times: int) -> float:
        growth = float(2 ** (times - 1))
        if error.wait is not None:
            # GitHub may ask to wait 0 s, which must not cause a burst of requests.
            return max(error.wait, self.policy.first_wait * growth)
        return self.policy.unhinted_wait * growth

    def _announce(self, state: RetryCallState, attempt: int) -> None:
        error = _error(state)
        wait = state.next_action.sleep if state.next_action else 0.0
        until = time.monotonic() + wait
        with self._lock:
            if isinstance(error, RateLimitedError):
                self._open_at = max(self._open_at, until)
            # Requests that fail together are announced once for each wait.
            is_news = until - self._announced_until > wait / 2 and self._end_error is None
            if is_news:
                self._announced_until = until
        if not is_news:
            return
        if isinstance(error, RateLimitedError):
            logger.warning("%s Waiting %.0f s.", error, wait)
        elif isinstance(error, RetryableError):
            of = f" of {self.policy.attempts}" if attempt <= self.policy.attempts else ""
            logger.warning(
                "%s Trying again in %.1f s (attempt %d%s).", error.message, wait, attempt, of
            )

    def _wait_until_open(self) -> None:
        self._sleep(0)
        # Another request may have been limited during the wait.
        while (remaining := self._open_at - time.monotonic()) > 0:
            self._sleep(remaining)

    def _sleep(self, seconds: float) -> None:
        if seconds > 0:
            self._ended.wait(seconds)
        self._require_not_ended()


def _error(state: RetryCallState) -> BaseException | None:
    return state.outcome.exception() if state.outcome else None
