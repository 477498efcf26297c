"""Plans which periods of a source a run requests from GitHub and which it keeps."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, timedelta

from copilot_pipeline.days import Today, day_range
from copilot_pipeline.rules import LATE_DAYS, RETRIED_LAST_DAYS
from copilot_pipeline.sources.period import Period
from copilot_pipeline.sources.source import PeriodKind, Source
from copilot_pipeline.warehouse.history import DayState, Status


@dataclass(frozen=True)
class LoadRequest:
    """The days that a run should load.

    `refetch` requests days again that are loaded and no longer revised. `gap_days` is the number of
    earlier missing or failed days of each source to load as well. `only_missing` requests nothing
    but what is not stored and may be available now.
    """

    today: Today
    days: Sequence[date]
    refetch: bool = False
    gap_days: int = 0
    only_missing: bool = False


@dataclass(frozen=True)
class Plan:
    """Periods to fetch, earlier gaps, periods to keep, and periods that GitHub does not serve."""

    fetch: list[Period]
    gaps: list[Period]
    keep: list[Period]
    beyond: list[Period]


def plan(request: LoadRequest, source: Source, statuses: Mapping[date, Status]) -> Plan:
    """Plan the requested days and earlier gaps.

    A settled day is fetched again while GitHub revises it, with `refetch`, or if it is the only
    requested day. Gaps within the history come first, then the days before it. Each starts with the
    oldest day, because GitHub stops serving it first. A missing report is requested again until
    its day is `LATE_DAYS` old. With `only_missing` none of this applies: see `is_missing`.
    """
    today = request.today
    window = today.window(source.reach_days)
    reachable = [day for day in request.days if day in window]
    if request.only_missing:
        missing = [day for day in reachable if is_missing(statuses.get(day), today)]
        stored = [day for day in reachable if _is_loaded(statuses, day)]
        return Plan(fetch=_periods(missing), gaps=[], keep=_periods(stored), beyond=[])

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
    # Days that failed recently are retried last, because they may fail again.
    gaps = sorted(filter(is_gap, earlier), key=lambda day: (day < begin, was_tried(day), day))
    keep = set(reachable) - set(fetch)
    if source.period is PeriodKind.SNAPSHOT:
        # A stored snapshot of a past day is kept. It cannot be taken again.
        keep |= {day for day in request.days if day < window.first and _is_loaded(statuses, day)}
    return Plan(
        fetch=_periods(fetch),
        gaps=_periods(gaps[: request.gap_days]),
        keep=_periods(sorted(keep)),
        beyond=_periods(day for day in request.days if day not in window and day not in keep),
    )


def statuses_of(statuses: Mapping[tuple[str, date], Status], source: Source) -> dict[date, Status]:
    """Return the statuses of one source of a scope's, by day."""
    return {day: status for (name, day), status in statuses.items() if name == source.name}


def affordable_gap_days(gaps: Sequence[int], gap_days: int, requests: int) -> int:
    """Return how many earlier days of each report to collect, at least one, with so many requests.

    `gaps` has the number of earlier missing days of each report. Each day is one request.
    """
    for limit in range(gap_days, 1, -1):
        if sum(min(each, limit) for each in gaps) <= requests:
            return limit
    return min(gap_days, 1)


def is_missing(status: Status | None, today: Today) -> bool:
    """Return whether a report is not stored and may be available now.

    A report that GitHub refused is requested again on the next day at the earliest.
    """
    if status is None:
        return True
    if status.state is DayState.NO_ACCESS:
        return status.last_fetched_at.astimezone(UTC).date() < today.now.astimezone(UTC).date()
    return status.state in (DayState.NOT_READY, DayState.FAILED)


def _is_loaded(statuses: Mapping[date, Status], day: date) -> bool:
    return day in statuses and statuses[day].is_loaded


def _periods(days: Iterable[date]) -> list[Period]:
    return [Period.of_day(day) for day in days]
