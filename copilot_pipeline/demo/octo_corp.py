"""The demo's enterprise: an organization that has grown for months, and one that began lately."""

from __future__ import annotations

from datetime import date, timedelta

from copilot_pipeline.demo.organization import Enterprise, Organization, Tenure
from copilot_pipeline.demo.people import by_taste
from copilot_pipeline.demo.seats import seats_by_use

ENTERPRISE, OLD, NEW = "octo-corp", "octo-demo", "octo-labs"
LABELS = {ENTERPRISE: "Octo Corp", OLD: "Octo Demo", NEW: "Octo Labs"}

# The old organization had these seats, and got another one every week since the first of these days
# before the newest. Four seats that nobody used were cancelled; two of them are still held. Two
# people stopped using theirs.
_FIRST_SEATS, _LATER_SEATS, _SINCE = 48, 14, 96
_CANCELLED = (75, 40, 9, 4)
_STOPPED = (41, 34)

# The new one got all of its seats within ten days.
_NEW_SEATS, _NEW_FOR, _GIVEN_WITHIN = 30, timedelta(days=35), 10


def octo_corp(newest: date) -> Enterprise:
    """The enterprise as it is on the newest complete day, and was on the days before."""
    began = newest - _NEW_FOR
    old = Organization(
        OLD,
        seat_count=_FIRST_SEATS + _LATER_SEATS,
        tenures=_weekly_seats(newest) | _cancelled_seats(newest) | _stopped_people(newest),
    )
    new = Organization(
        NEW,
        seat_count=_NEW_SEATS,
        plan_type="enterprise",
        first_day=began,
        tenures={
            index: Tenure(given=began + timedelta(days=index * _GIVEN_WITHIN // _NEW_SEATS))
            for index in range(_NEW_SEATS)
        },
    )
    return Enterprise(ENTERPRISE, [old, new])


def _weekly_seats(newest: date) -> dict[int, Tenure]:
    first = newest - timedelta(days=_SINCE)
    return {
        _FIRST_SEATS + week: Tenure(given=first + timedelta(weeks=week))
        for week in range(_LATER_SEATS)
    }


def _cancelled_seats(newest: date) -> dict[int, Tenure]:
    """The seats that were cancelled; those lately cancelled end with this month."""
    _, unused = seats_by_use(Organization(OLD, seat_count=_FIRST_SEATS), newest)
    days = [newest - timedelta(days=age) for age in _CANCELLED]
    this_month = newest.replace(day=1)
    return {
        index: Tenure(cancelled=day if age > 31 else max(day, this_month))
        for index, age, day in zip(unused[-len(days) :], _CANCELLED, days, strict=True)
    }


def _stopped_people(newest: date) -> dict[int, Tenure]:
    """Of those who took Copilot up first."""
    used, _ = seats_by_use(Organization(OLD, seat_count=_FIRST_SEATS), newest)
    adopters = by_taste(used, "adoption")
    return {
        index: Tenure(stopped=newest - timedelta(days=age))
        for index, age in zip(adopters, _STOPPED, strict=False)
    }
