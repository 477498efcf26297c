"""The period that an answer is about."""

from dataclasses import dataclass
from datetime import date


@dataclass(frozen=True, order=True)
class Period:
    """A range of days, including both ends.

    Rows have the first day in their column `day`.
    """

    first: date
    last: date

    @classmethod
    def of_day(cls, day: date) -> "Period":
        """Return the period of one UTC day. Snapshots are labeled with one day as well."""
        return cls(day, day)

    def __str__(self) -> str:
        return str(self.first) if self.first == self.last else f"{self.first} to {self.last}"
