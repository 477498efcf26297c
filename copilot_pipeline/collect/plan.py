"""Which days of a report a run asks GitHub for, and which it leaves as they are stored."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from copilot_pipeline.days import Window, day_range, is_reread
from copilot_pipeline.warehouse.history import Status

# GitHub promises a report within two days; after an outage it has come later.
LATE_DAYS = 14

RECENT = timedelta(days=3)


@dataclass(frozen=True)
class Plan:
    """Days to fetch, days to keep as they are, and days that GitHub does not serve."""

    fetch: list[date]
    keep: list[date]
    beyond: list[date]


def plan_days(
    days: Sequence[date],
    statuses: Mapping[date, Status],
    window: Window,
    *,
    refetch: bool,
    gap_days: int,
) -> Plan:
    """Of the asked days, those that may bring something new; besides, earlier gaps.

    A settled day is fetched again while GitHub revises it, with `refetch`, or if it is the only
    one asked for. `gap_days` is how many earlier days that are not settled are fetched
    too: first those within the history, then those before it, each the oldest first, as they are
    the next that GitHub forgets. A report that GitHub did not have may still come for two weeks.
    """

    def is_settled(day: date) -> bool:
        return day in statuses and statuses[day].is_settled

    def is_gap(day: date) -> bool:
        late = window.last - timedelta(days=LATE_DAYS)
        return not is_settled(day) or (day > late and not statuses[day].is_loaded)

    def was_tried(day: date) -> bool:
        since = datetime.now(UTC) - RECENT
        return day in statuses and statuses[day].last_fetched_at > since

    reachable = [day for day in days if day in window]
    wanted = refetch or len(days) == 1
    fetch = [day for day in reachable if wanted or is_reread(day) or not is_settled(day)]
    earlier = day_range(window.first, min(reachable, default=window.first))[:-1]
    begin = min(statuses, default=window.last)
    # Days that were tried in vain lately let the others go first: they may fail for ever.
    gaps = sorted(filter(is_gap, earlier), key=lambda day: (day < begin, was_tried(day), day))
    return Plan(
        fetch=gaps[:gap_days] + fetch,
        keep=[day for day in reachable if day not in set(fetch)],
        beyond=[day for day in days if day not in window],
    )
