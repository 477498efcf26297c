"""The time picker's range."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from copilot_pipeline_tests.grafana import GrafanaError

_STEP = re.compile(r"([+-]\d+)([smhdw])")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}


@dataclass(frozen=True)
class TimeRange:
    """Both ends are included, in UTC."""

    start: datetime
    end: datetime

    @classmethod
    def parse(cls, start: str, end: str, now: datetime) -> "TimeRange":
        """The range of a dashboard's `time`, or of an address."""
        parsed = cls(parse_time(start, now), parse_time(end, now))
        if parsed.start > parsed.end:
            raise GrafanaError(f"the range {start!r} to {end!r} ends before it starts")
        return parsed


def parse_time(text: str, now: datetime) -> datetime:
    """An ISO date or moment, or `now` with steps such as `-90d`."""
    if not text.startswith("now"):
        moment = datetime.fromisoformat(text)
        return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    steps = text.removeprefix("now")
    if _STEP.sub("", steps):
        raise GrafanaError(f"no time that is known here: {text!r}")
    seconds = sum(int(count) * _SECONDS[unit] for count, unit in _STEP.findall(steps))
    return now.astimezone(UTC) + timedelta(seconds=seconds)
