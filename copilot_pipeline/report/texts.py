"""How numbers and days are written in the report."""

from __future__ import annotations

from datetime import date
from enum import Enum
from typing import Any

import pandas as pd

UNKNOWN = "unknown"


class Unit(Enum):
    """A unit: how a number is written, and on an axis in the syntax of D3."""

    PEOPLE = (",.0f", ",d", 1.0)
    COUNT = (",.0f", "~s", 1.0)
    RATIO = (",.1f", ",.1f", 0.1)
    PERCENT = (".0%", ".0%", 0.01)
    DOLLARS = ("$,.0f", "$,d", 1.0)

    @property
    def axis(self) -> str:
        return str(self.value[1])

    @property
    def step(self) -> float:
        """The smallest step between two ticks of an axis."""
        return float(self.value[2])

    def text(self, value: Any) -> str:
        """Return the number as text, or `unknown` for a missing one."""
        if value is None or pd.isna(value):
            return UNKNOWN
        form = str(self.value[0])
        sign = "$" if form.startswith("$") else ""
        return f"{sign}{value:{form.removeprefix('$')}}"


def people(value: float) -> str:
    return f"{value:,.0f} {'person' if value == 1 else 'people'}"


def plural(count: float, word: str) -> str:
    return f"{count:,.0f} {word}{'' if count == 1 else 's'}"


def day_text(day: date) -> str:
    return f"{day.day} {day:%b}"


def long_day(day: date) -> str:
    return f"{day:%A}, {day.day} {day:%B} {day.year}"


def medium_day(day: date) -> str:
    return f"{day.day} {day:%B} {day.year}"


def change_text(change: float) -> str:
    return f"{change:+.0%}"


def listed(names: list[str]) -> str:
    return " and ".join(", ".join(names).rsplit(", ", 1))
