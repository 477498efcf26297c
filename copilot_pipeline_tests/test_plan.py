"""Which periods a run fetches: those that may bring something new, and earlier gaps."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta

import pytest

from copilot_pipeline.collect import plan as planning
from copilot_pipeline.collect.plan import LoadRequest, affordable_gap_days
from copilot_pipeline.days import Today, day_range
from copilot_pipeline.sources import SEATS, USERS
from copilot_pipeline.sources.source import Source
from copilot_pipeline.warehouse.history import DayState, Status

TODAY = Today(datetime(2026, 11, 21, 6, tzinfo=UTC))
NEWEST = date(2026, 11, 20)


def ago(days: int) -> date:
    return NEWEST - timedelta(days=days)


def status(state: DayState, message: str | None = None, tried_days_ago: int = 9) -> Status:
    tried_at = TODAY.now - timedelta(days=tried_days_ago)
    return Status(state, None, None, tried_at, message, 1)


LOADED = status(DayState.LOADED)
FAILED = status(DayState.FAILED, "it failed")


@dataclass(frozen=True)
class Plan:
    """A plan, with days instead of periods."""

    fetch: list[date]
    keep: list[date]
    beyond: list[date]
    gaps: list[date] = field(default_factory=list)


def plan(
    days: list[date],
    statuses: Mapping[date, Status],
    *,
    refetch: bool = False,
    gap_days: int = 0,
    only_missing: bool = False,
    source: Source = USERS,
) -> Plan:
    request = LoadRequest(TODAY, days, refetch, gap_days, only_missing)
    planned = planning.plan(request, source, statuses)
    for period in (*planned.fetch, *planned.keep, *planned.beyond, *planned.gaps):
        assert period.first == period.last
    return Plan(
        *(
            [period.first for period in periods]
            for periods in (planned.fetch, planned.keep, planned.beyond, planned.gaps)
        )
    )


def test_a_range_that_was_never_loaded_is_fetched_whole() -> None:
    days = day_range(ago(9), NEWEST)
    assert plan(days, {}) == Plan(fetch=days, keep=[], beyond=[])


def test_of_a_loaded_range_only_the_four_newest_days_are_fetched_again() -> None:
    days = day_range(ago(9), NEWEST)
    planned = plan(days, dict.fromkeys(days, LOADED))
    assert planned.fetch == day_range(ago(3), NEWEST)
    assert planned.keep == day_range(ago(9), ago(4))


def test_what_is_not_settled_is_fetched_again() -> None:
    unsettled = {
        ago(9): FAILED,
        ago(8): status(DayState.NOT_READY),
        ago(7): status(DayState.NO_ACCESS, "refused"),
        ago(6): status(DayState.LOADED, "the last attempt failed"),
    }
    settled = {ago(5): LOADED, ago(4): status(DayState.NO_DATA)}
    planned = plan(day_range(ago(9), ago(4)), {**unsettled, **settled})
    assert planned.fetch == list(unsettled)
    assert planned.keep == list(settled)


def test_a_single_day_and_a_refetch_fetch_what_is_settled_too() -> None:
    days = day_range(ago(9), ago(8))
    loaded = dict.fromkeys(days, LOADED)
    assert plan(days[:1], loaded).fetch == days[:1]
    assert plan(days, loaded).fetch == []
    assert plan(days, loaded, refetch=True).fetch == days


def test_days_out_of_the_window_are_told() -> None:
    days = day_range(ago(366), ago(363))
    planned = plan(days, {})
    assert planned.beyond == days[:2]
    assert planned.fetch == days[2:]


def test_gaps_are_fetched_the_oldest_first_and_up_to_the_limit() -> None:
    statuses = dict.fromkeys(day_range(ago(40), ago(4)), LOADED)
    statuses |= {ago(30): FAILED, ago(20): FAILED}
    del statuses[ago(25)]
    window = day_range(ago(3), ago(1))
    for gap_days in (0, 2, 3):
        planned = plan(window, statuses, gap_days=gap_days)
        assert planned.gaps == [ago(30), ago(25), ago(20)][:gap_days]
        assert planned.fetch == window


@pytest.mark.parametrize(
    ("gaps", "days"),
    [
        ([], 30),
        ([361] * 4, 30),
        # A year of 500 organizations with four reports.
        ([361] * 2000, 5),
        # Most of them are complete already.
        ([0] * 1996 + [361] * 4, 30),
        # More reports than a run may ask for: each gets on by a day.
        ([361] * 20_000, 1),
    ],
)
def test_with_many_reports_fewer_earlier_days_of_each_are_fetched(
    gaps: list[int], days: int
) -> None:
    assert affordable_gap_days(gaps, 30, 10_000) == days
    assert affordable_gap_days(gaps, 0, 10_000) == 0


def test_gaps_in_the_history_come_before_the_days_before_it() -> None:
    statuses = {day: LOADED for day in day_range(ago(40), ago(4)) if day != ago(10)}
    window = day_range(ago(3), ago(1))
    planned = plan(window, statuses, gap_days=3)
    assert planned.gaps == [ago(10), ago(364), ago(363)]


def test_a_day_that_failed_lately_lets_the_other_gaps_go_first() -> None:
    statuses = dict.fromkeys(day_range(ago(40), ago(4)), LOADED)
    statuses |= {ago(30): status(DayState.FAILED, "again", tried_days_ago=1), ago(20): FAILED}
    window = day_range(ago(3), ago(1))
    assert plan(window, statuses, gap_days=1).gaps == [ago(20)]
    assert plan(window, statuses, gap_days=2).gaps == [ago(20), ago(30)]


def test_a_report_that_github_did_not_have_is_asked_for_again_for_two_weeks() -> None:
    no_data = status(DayState.NO_DATA)
    statuses = {**dict.fromkeys(day_range(ago(364), ago(4)), LOADED), ago(14): no_data}
    statuses[ago(13)] = no_data
    window = day_range(ago(3), ago(1))
    assert plan(window, statuses, gap_days=9).gaps == [ago(13)]
    # A range that was asked for does not: it would never come to an end.
    assert plan(day_range(ago(14), ago(13)), statuses).fetch == []


def test_of_snapshots_the_newest_day_is_taken_and_those_taken_in_the_past_are_kept() -> None:
    days = day_range(ago(2), NEWEST + timedelta(days=1))
    statuses = {ago(2): LOADED, ago(1): FAILED, NEWEST: LOADED}
    assert plan(days, statuses, source=SEATS) == Plan(
        fetch=[NEWEST], keep=[ago(2)], beyond=[ago(1), NEWEST + timedelta(days=1)]
    )
    assert plan([ago(2)], statuses, source=SEATS) == Plan(fetch=[], keep=[ago(2)], beyond=[])
    # Earlier versions took snapshots, but kept no status of them.
    assert plan([ago(2)], {ago(2): LOADED}, source=SEATS).keep == [ago(2)]


def test_only_what_is_missing_is_fetched_and_only_what_is_stored_is_kept() -> None:
    days = day_range(ago(6), NEWEST)
    statuses = {
        ago(6): LOADED,
        ago(5): status(DayState.LOADED, "the last attempt failed"),
        ago(4): status(DayState.NO_DATA),
        ago(3): FAILED,
        ago(2): status(DayState.NOT_READY),
        ago(1): status(DayState.NO_ACCESS, "refused", tried_days_ago=0),
    }
    planned = plan(days, statuses, only_missing=True)
    assert planned == Plan(fetch=[ago(3), ago(2), NEWEST], keep=[ago(6), ago(5)], beyond=[])


def test_of_what_is_missing_a_refusal_of_yesterday_is_asked_again() -> None:
    refused = {NEWEST: status(DayState.NO_ACCESS, "refused", tried_days_ago=1)}
    assert plan([NEWEST], refused, only_missing=True).fetch == [NEWEST]


def test_a_stored_snapshot_is_not_taken_again_if_only_what_is_missing_is_wanted() -> None:
    planned = plan([NEWEST], {NEWEST: LOADED}, only_missing=True, source=SEATS)
    assert planned == Plan(fetch=[], keep=[NEWEST], beyond=[])


def test_a_past_snapshot_that_is_missing_is_not_what_can_be_collected() -> None:
    days = day_range(ago(3), NEWEST)
    planned = plan(days, {NEWEST: FAILED}, only_missing=True, source=SEATS)
    assert planned == Plan(fetch=[NEWEST], keep=[], beyond=[])
