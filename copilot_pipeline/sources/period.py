"""What an answer of GitHub is about, as a value."""

from dataclasses import dataclass
from datetime import date


@dataclass(frozen=True, order=True)
class Period:
    """Days without a gap, both ends included.

    Its rows carry the first day in their column `day`.
    """

    first: date
    last: date

    @classmethod
    def of_day(cls, day: date) -> "Period":
        """One UTC day. A snapshot is labeled with one, too."""
        return cls(day, day)

    def __str__(self) -> str:
        return str(self.first) if self.first == self.last else f"{self.first} to {self.last}"
