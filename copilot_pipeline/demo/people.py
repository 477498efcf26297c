"""Who uses Copilot on a day: users are numbers, as seats are held by them.

People have tastes that never change: who writes Go today wrote Go last month.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import date, timedelta
from random import Random

from copilot_pipeline.demo.chance import seeded
from copilot_pipeline.demo.organization import Organization
from copilot_pipeline.demo.seats import seats_by_use
from copilot_pipeline.demo.usage import active_users

# Steps of irrational numbers spread the people evenly over each taste, and none follows another.
_STEPS = {
    name: math.sqrt(prime)
    for name, prime in {
        "adoption": 2,
        "language": 3,
        "editor": 7,
        "phase": 11,
        "chat": 13,
        "agent": 17,
        "active_cli": 19,
        "active_copilot_cloud_agent": 23,
        "active_copilot_code_review": 29,
        "passive_copilot_code_review": 31,
        "active_copilot_app": 37,
        "active_vscode_agent": 41,
    }.items()
}
# Of the monthly users, those who may be active on a day. They change by a two hundredth every
# day, so that a week has at most the 0.9 of `active_users` and four weeks have nearly all of them.
_AROUND = 0.87
_CHANGE = 0.005


def taste(number: int, name: str) -> float:
    """Where a person stands in a matter, in [0, 1)."""
    return number * _STEPS[name] % 1


def by_taste(people: Sequence[int], name: str) -> list[int]:
    step = _STEPS[name]
    return sorted(people, key=lambda number: number * step % 1)


def monthly_people(organization: Organization, day: date) -> list[int]:
    """The users of the 28 days that end on `day`, first those who took it up first.

    Nobody holds an idle seat, unless there are more users than seats in use. Whoever got a seat
    later comes after all who had one: nobody who uses Copilot stops as others begin.
    """
    first = organization.first_user
    used, unused = ([first + index for index in seats] for seats in seats_by_use(organization, day))
    adopters = by_taste(used, "adoption")
    if organization.tenures:
        adopters.sort(key=lambda number: organization.tenure(number - first).given or date.min)
    adopters += unused
    return adopters[: active_users(organization, day).monthly]


def active_people(organization: Organization, day: date) -> list[int]:
    """The active users of the day, as many as the aggregate reports."""
    daily = active_users(organization, day).daily
    first = organization.first_user
    pool = [
        number
        for number in monthly_people(organization, day)
        if not organization.tenure(number - first).has_stopped(day)
    ]
    start = int(day.toordinal() * _CHANGE % 1 * len(pool))
    around = [*pool[start:], *pool[:start]][: max(daily, int(len(pool) * _AROUND))]
    return seeded(organization.slug.lower(), day, "people").sample(around, daily)


def weekly_people(organization: Organization, day: date) -> set[int]:
    """The users of the 7 days that end on `day`."""
    days = (day - timedelta(days=n) for n in range(7))
    return {
        number
        for each in days
        if organization.has_day(each)
        for number in active_people(organization, each)
    }


def choose(rng: Random, people: Sequence[int], count: int, share: float, name: str) -> set[int]:
    """So many of the people, from the share of all who have the taste for it if they suffice."""
    inclined = [number for number in people if taste(number, name) < share]
    if len(inclined) < count:
        return set(by_taste(people, name)[:count])
    return set(rng.sample(inclined, count))
