"""The shape of frames: whether a panel shows the result of its query, and all of it."""

from collections.abc import Iterator, Sequence
from itertools import pairwise

from copilot_pipeline_tests.grafana.model import Column, Json, Row, at

_ONE_NUMBER = ("stat", "bargauge")
_KNOWN = (*_ONE_NUMBER, "timeseries", "table")


def shape_problems(
    panel: Json, target: Json, columns: Sequence[Column], rows: Sequence[Row]
) -> list[str]:
    """Why the panel would not show the result of its target, or not all of it."""
    is_series = target.get("format") == "time_series"
    return [
        *_name_problems(columns),
        *(_series_problems(columns, rows) if is_series else ()),
        *_panel_problems(panel, target, columns, rows),
    ]


def names_of_overrides(panel: Json) -> list[str]:
    """The columns or series that the panel's overrides name."""
    matchers = [each["matcher"] for each in overrides_of(panel)]
    return [each["options"] for each in matchers if each["id"] == "byName"]


def _name_problems(columns: Sequence[Column]) -> Iterator[str]:
    names = [column.name for column in columns]
    if repeated := sorted({name for name in names if names.count(name) > 1}):
        yield f"columns of the same name: {', '.join(repeated)}"
    if "?column?" in names:
        yield "a column without a name"


def _series_problems(columns: Sequence[Column], rows: Sequence[Row]) -> Iterator[str]:
    """Grafana turns rows into a series for each number and each combination of texts."""
    times = _of_kind(columns, "time")
    if not any(columns[index].name == "time" for index in times):
        yield "a time series needs a column `time` that is a date or a timestamp"
    elif len(times) > 1:
        yield "a time series has one column of time"
    else:
        yield from _order_problems(columns, rows, times[0])
    if not _of_kind(columns, "number"):
        yield "a time series needs a number"
    if _of_kind(columns, "boolean"):
        yield "a time series has no boolean"


def _order_problems(columns: Sequence[Column], rows: Sequence[Row], time: int) -> Iterator[str]:
    moments = [row[time] for row in rows]
    if None in moments:
        yield "a row without a time"
        return
    if any(later < earlier for earlier, later in pairwise(moments)):
        yield "rows that are not in the order of time"
    texts = _of_kind(columns, "text")
    if len({(row[time], *(row[index] for index in texts)) for row in rows}) < len(rows):
        yield "several rows for the same time and texts: only one of them would show"


def _panel_problems(
    panel: Json, target: Json, columns: Sequence[Column], rows: Sequence[Row]
) -> Iterator[str]:
    kind, table = panel.get("type"), target.get("format") == "table"
    if kind == "table" and not table:
        yield "a table panel needs the format table"
    if kind == "timeseries" and not _of_kind(columns, "time"):
        yield "a timeseries panel needs a time"
    if kind not in _KNOWN:
        yield f"a {kind} is not known here"
    if kind in _ONE_NUMBER and not _of_kind(columns, "number"):
        yield f"a {kind} needs a number"
    every_row = at(panel, "options", "reduceOptions", "values")
    if kind in _ONE_NUMBER and table and len(rows) > 1 and not every_row:
        yield f"a {kind} reduces {len(rows)} rows to one: set reduceOptions.values"


def shown_names(target: Json, columns: Sequence[Column], rows: Sequence[Row]) -> set[str]:
    """The names that columns have in a table, or that the time and the numbers have in series."""
    if target.get("format") != "time_series":
        return {column.name for column in columns}
    numbers = _of_kind(columns, "number")
    own = set() if _names_itself(columns) else {columns[index].name for index in numbers}
    return {"Time", *own, *(series_name(columns, row, index) for row in rows for index in numbers)}


def series_name(columns: Sequence[Column], row: Row, number: int) -> str:
    """Grafana writes one label behind the number's name, and several in braces."""
    name = columns[number].name
    labels = {columns[index].name: str(row[index]) for index in _of_kind(columns, "text")}
    if _names_itself(columns):
        return labels["metric"]
    if len(labels) < 2:
        return " ".join([name, *labels.values()])
    pairs = ", ".join(f'{label}="{value}"' for label, value in sorted(labels.items()))
    return f"{name} {{{pairs}}}"


def _names_itself(columns: Sequence[Column]) -> bool:
    """Beside one number, the text `metric` is the name of the series."""
    kinds = sorted(column.kind for column in columns)
    return kinds == ["number", "text", "time"] and Column("metric", "text") in columns


def _of_kind(columns: Sequence[Column], *kinds: str) -> list[int]:
    return [index for index, column in enumerate(columns) if column.kind in kinds]


def overrides_of(panel: Json) -> list[Json]:
    overrides: list[Json] = at(panel, "fieldConfig", "overrides") or []
    return overrides
