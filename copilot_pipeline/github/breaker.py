"""Decides when a host that keeps failing is given up: the circuit breaker of a client."""

import threading
import time
from datetime import datetime, timedelta

from copilot_pipeline.clock import utc_now


class Breaker:
    """Counts the requests in a row that a host failed, after all their attempts.

    A failure counts only if the host answered nothing since that request began, so that a broken
    report does not count while other reports are answered.

    After `max_failures` the host counts as down. It is given up when the outage has lasted as long
    as the host had worked before, and after `max_outage` seconds at the latest. So a run that
    begins while GitHub is down ends after the attempts of its first requests, and a backfill that
    has worked for hours survives an outage of five minutes. A host that was given up stays so until
    the client is closed; the next run tries it again.
    """

    def __init__(self, max_failures: int, max_outage: float) -> None:
        self._max_failures = max_failures
        self._max_outage = max_outage
        self._lock = threading.Lock()
        self._began = self._answered_at = time.monotonic()
        self._failing_since: float | None = None
        self._failures = 0

    def answered(self) -> None:
        """Record that the host answered, be it with a refusal or a rate limit."""
        with self._lock:
            self._answered_at = time.monotonic()
            self._failing_since = None
            self._failures = 0

    def attempt_failed(self) -> None:
        """Record that the host did not answer, or with an error of its own."""
        with self._lock:
            if self._failing_since is None:
                self._failing_since = time.monotonic()

    def request_failed(self, began: float) -> None:
        """Record that the last attempt of a request failed. It began at that monotonic time."""
        with self._lock:
            if began >= self._answered_at:
                self._failures += 1

    @property
    def failures(self) -> int:
        """The number of requests in a row that failed."""
        return self._failures

    @property
    def is_down(self) -> bool:
        """Whether the host counts as down. It may recover unless it is given up."""
        return self._failures >= self._max_failures

    @property
    def gives_up(self) -> bool:
        """Whether the host was down for too long to wait for it."""
        with self._lock:
            if self._failing_since is None or self._failures < self._max_failures:
                return False
            patience = min(self._answered_at - self._began, self._max_outage)
            return time.monotonic() - self._failing_since >= patience

    @property
    def down_since(self) -> datetime:
        """The time of the first failed attempt since the last answer."""
        with self._lock:
            now = time.monotonic()
            return utc_now() - timedelta(seconds=now - (self._failing_since or now))
