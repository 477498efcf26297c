"""From rows as dictionaries to frames, and rows with the same key into one."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import pandas as pd

Row = dict[str, Any]


def merge(
    rows: Iterable[Row], key: Sequence[str], combine: Callable[[Iterable[Any]], Any]
) -> list[Row]:
    """One row for each key, in the key's order; `combine` makes one value of several."""
    return [
        group[0] if len(group) == 1 else _combined(group, values, key, combine)
        for values, group in grouped(rows, key)
    ]


def grouped(rows: Iterable[Row], key: Sequence[str]) -> list[tuple[tuple[Any, ...], list[Row]]]:
    """The rows of each key, in the key's order.

    In Python, not with pandas: whole numbers of any size, and a NULL that stays NULL.
    """
    groups: dict[tuple[Any, ...], list[Row]] = {}
    for row in rows:
        groups.setdefault(tuple(row[name] for name in key), []).append(row)
    return sorted(groups.items(), key=lambda item: item[0])


def frame(rows: Iterable[Row], columns: Sequence[str]) -> pd.DataFrame:
    """The rows as a frame of objects: whole numbers of any size, and None for NULL."""
    values = [[row.get(column) for column in columns] for row in rows]
    return pd.DataFrame(values, columns=list(columns), dtype=object)


def _combined(
    group: list[Row],
    values: tuple[Any, ...],
    key: Sequence[str],
    combine: Callable[[Iterable[Any]], Any],
) -> Row:
    others = [name for name in group[0] if name not in key]
    return {
        **dict(zip(key, values, strict=True)),
        **{name: combine(row[name] for row in group) for name in others},
    }
