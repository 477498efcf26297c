"""Which periods of a source a run asks GitHub for, and which it leaves as they are stored."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from copilot_pipeline.days import Today, day_range
from copilot_pipeline.rules import LATE_DAYS, RETRIED_LAST_DAYS
from copilot_pipeline.sources.period import Period
from copilot_pipeline.sources.source import PeriodKind, Source
from copilot_pipeline.warehouse.history import Status


@dataclass(frozen=True)
class LoadRequest:
    """What a run is asked to collect.

    `refetch` asks GitHub again for days that are loaded and no longer revised. `gap_days` is how
    many earlier days of each source that are missing or failed are collected as well.
    """

    today: Today
    days: Sequence[date]
    refetch: bool = False
    gap_days: int = 0


@dataclass(frozen=True)
class Plan:
    """Periods to fetch, to keep as they are, and those that GitHub does not serve."""

    fetch: list[Period]
    keep: list[Period]
    beyond: list[Period]


def plan(request: LoadRequest, source: Source, statuses: Mapping[date, Status]) -> Plan:
    """Of the days that were asked for, those that may bring something new; besides, earlier gaps.

    A settled day is fetched again while GitHub revises it, with `refetch`, or if it is the only
    one asked for. Gaps within the history come first, then the days before it, each the oldest
    first, as they are the next that GitHub forgets. A report that GitHub did not have may still
    come until it is late.
    """
    today = request.today
    window = today.window(source.reach_days)
    reachable = [day for day in request.days if day in window]

    def is_settled(day: date) -> bool:
        return day in statuses and statuses[day].is_settled

    def is_gap(day: date) -> bool:
        late = window.last - timedelta(days=LATE_DAYS)
        return not is_settled(day) or (day > late and not statuses[day].is_loaded)

    def was_tried(day: date) -> bool:
        recently = today.now - timedelta(days=RETRIED_LAST_DAYS)
        return day in statuses and statuses[day].last_fetched_at > recently

    everything = request.refetch or len(request.days) == 1
    fetch = [day for day in reachable if everything or today.is_reread(day) or not is_settled(day)]
    earlier = day_range(window.first, min(reachable, default=window.first))[:-1]
    begin = min(statuses, default=window.last)
    # Days that failed recently are retried last: they may fail forever.
    gaps = sorted(filter(is_gap, earlier), key=lambda day: (day < begin, was_tried(day), day))
    keep = set(reachable) - set(fetch)
    if source.period is PeriodKind.SNAPSHOT:
        # What was taken then is kept; it cannot be taken any more.
        keep |= {day for day in request.days if day < window.first and _is_loaded(statuses, day)}
    return Plan(
        fetch=_periods(gaps[: request.gap_days] + fetch),
        keep=_periods(sorted(keep)),
        beyond=_periods(day for day in request.days if day not in window and day not in keep),
    )


def _is_loaded(statuses: Mapping[date, Status], day: date) -> bool:
    return day in statuses and statuses[day].is_loaded


def _periods(days: Iterable[date]) -> list[Period]:
    return [Period.of_day(day) for day in days]
