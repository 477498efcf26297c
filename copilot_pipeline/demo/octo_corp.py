"""The demo's enterprise: an organization that has grown for months, and one that began lately."""

from __future__ import annotations

from datetime import date, timedelta

from copilot_pipeline.simulated_github import Enterprise, Organization, Tenure
from copilot_pipeline.simulated_github.company import people_of

ENTERPRISE, OLD, NEW = "octo-corp", "octo-demo", "octo-labs"
LABELS = {ENTERPRISE: "Octo Corp", OLD: "Octo Demo", NEW: "Octo Labs"}

# In the middle of a hundred days a model is replaced and agents gain ground.
_TURNING_POINT = timedelta(days=45)

# The old organization: its teams began one after another, so many days before the newest, and
# everybody else before. The last people got a seat one by one. Four seats that nobody used were
# cancelled, two of them lately: these are held until the month ends. Two people stopped.
_OLD_SEATS = 62
_TEAMS_BEGAN = {"web": 82, "mobile": 57, "data": 34}
_NEWCOMERS, _WEEKS_BETWEEN = 6, 2
_CANCELLED = (75, 40, 9, 4)
_STOPPED = (41, 34)

# The new one got all of its seats within ten days.
_NEW_SEATS, _NEW_FOR, _GIVEN_WITHIN = 30, timedelta(days=35), 10


def octo_corp(newest: date) -> Enterprise:
    """Returns the enterprise as it is on the newest complete day, and was on the days before."""
    began = newest - _NEW_FOR
    turned = newest - _TURNING_POINT
    old = Organization(OLD, seat_count=_OLD_SEATS, turning_point=turned)
    new = Organization(
        NEW,
        seat_count=_NEW_SEATS,
        plan_type="enterprise",
        first_day=began,
        turning_point=turned,
        tenures={
            index: Tenure(given=began + timedelta(days=index * _GIVEN_WITHIN // _NEW_SEATS))
            for index in range(_NEW_SEATS)
        },
    )
    enterprise = Enterprise(ENTERPRISE, [old, new])
    # Who is in which team, and who never uses a seat, is known as soon as the people are.
    old.tenures = _tenures(old, newest)
    return enterprise


def _tenures(old: Organization, newest: date) -> dict[int, Tenure]:
    people = people_of(old.staff)
    began: dict[int, date | None] = {}
    for index, person in enumerate(people):
        newcomer = len(people) - index
        age = _TEAMS_BEGAN.get(person.team or "")
        if newcomer <= _NEWCOMERS:
            age = 7 * _WEEKS_BETWEEN * newcomer - 3
        began[index] = newest - timedelta(days=age) if age else None
    tenures = {index: Tenure(given=day) for index, day in began.items()}

    by_seniority = sorted(began, key=lambda index: began[index] or date.min)
    unused = [index for index in by_seniority if people[index].never_uses_it]
    for index, age in zip(unused, _CANCELLED, strict=False):
        day = newest - timedelta(days=age)
        cancelled = day if age > 31 else max(day, newest.replace(day=1))
        tenures[index] = Tenure(began[index], cancelled=cancelled)
    used = [index for index in by_seniority if people[index].always_uses_it]
    for index, age in zip(used, _STOPPED, strict=False):
        tenures[index] = Tenure(began[index], stopped=newest - timedelta(days=age))
    return tenures
