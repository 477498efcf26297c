"""A dashboard that is open on a warehouse: its queries, run as Grafana's role runs them."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from typing import Any

import psycopg
import sqlalchemy as sa

from copilot_pipeline_tests.grafana.expansion import Value, expand
from copilot_pipeline_tests.grafana.model import (
    Column,
    Json,
    Row,
    Run,
    Variable,
    annotations_of,
    columns_of,
    panel_queries,
    resolve_variables,
    sql_of,
)
from copilot_pipeline_tests.grafana.shapes import series_name
from copilot_pipeline_tests.grafana.time_range import TimeRange

READER = "copilot_reader"


@contextmanager
def reading(url: str) -> Iterator[Run]:
    """Runs SQL as the role of Grafana's data source."""
    address = sa.make_url(url).set(username=READER).render_as_string(hide_password=False)
    with psycopg.connect(address, autocommit=True) as connection:

        def run(sql: str) -> tuple[list[Column], list[Row]]:
            cursor = connection.execute(sql.encode())
            return columns_of(cursor.description), list(cursor)

        yield run


@dataclass(frozen=True)
class Frame:
    """What a panel's target answers."""

    panel: Json
    target: Json
    columns: list[Column]
    rows: list[Row]

    def records(self) -> list[dict[str, Any]]:
        """The rows of a table."""
        names = [column.name for column in self.columns]
        return [dict(zip(names, row, strict=True)) for row in self.rows]

    def series(self) -> dict[str, dict[date, Any]]:
        """The values that a chart draws, by day and by the name of the series."""
        time = next(i for i, column in enumerate(self.columns) if column.kind == "time")
        shown: dict[str, dict[date, Any]] = {}
        for row in self.rows:
            for index, column in enumerate(self.columns):
                if column.kind == "number" and row[index] is not None:
                    name = series_name(self.columns, row, index)
                    shown.setdefault(name, {})[row[time]] = row[index]
        return shown

    def newest(self) -> dict[str, Any]:
        """What a stat panel shows of each series: its last value."""
        return {name: list(values.values())[-1] for name, values in self.series().items()}


@dataclass(frozen=True)
class Opened:
    """A dashboard with a range and with choices for its variables."""

    dashboard: Json
    run: Run
    time_range: TimeRange
    chosen: Mapping[str, Value]

    @cached_property
    def variables(self) -> dict[str, Variable]:
        return resolve_variables(self.dashboard, self.run, self.time_range, self.chosen)

    def frames(self) -> list[Frame]:
        """The answers of all panels."""
        return [
            Frame(panel, target, *self._answer(target))
            for panel, target in panel_queries(self.dashboard)
        ]

    def frame(self, panel_id: int) -> Frame:
        ((panel, target),) = [
            pair for pair in panel_queries(self.dashboard) if pair[0]["id"] == panel_id
        ]
        return Frame(panel, target, *self._answer(target))

    def marks(self) -> dict[str, list[Row]]:
        """The rows of each annotation: first day, last day, text."""
        return {
            each["name"]: self._answer(each["target"])[1] for each in annotations_of(self.dashboard)
        }

    def _answer(self, target: Json) -> tuple[list[Column], list[Row]]:
        values = {each.name: each.value for each in self.variables.values()}
        columns, rows = self.run(expand(sql_of(target), values, self.time_range))
        return list(columns), list(rows)
