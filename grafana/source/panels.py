"""Grafana's panels in the style of these dashboards.

Source: Grafana's documentation of each visualization, and the schemas of its panel options.
"""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

from grafana.source.model import DATASOURCE, Json

Overrides = Mapping[str, Mapping[str, Any]]
"""Properties of fields by the field's name."""


def stat(
    id_: int,
    title: str,
    description: str,
    sql: str,
    *,
    unit: str = "short",
    decimals: int | None = None,
    color: str = "blue",
    steps: Sequence[tuple[float | None, str]] = (),
    sparkline: bool = True,
) -> Json:
    """The newest value of each series with a sparkline, or the value of a table without one."""
    thresholds = [{"color": name, "value": value} for value, name in steps or [(None, color)]]
    return {
        **_panel(id_, "stat", title, description, sql, "time_series" if sparkline else "table"),
        "fieldConfig": {
            "defaults": {
                **_number(unit, decimals),
                "color": {"mode": "thresholds"},
                "thresholds": {"mode": "absolute", "steps": thresholds},
                "noValue": "unknown",
            },
            "overrides": [],
        },
        "options": {
            "colorMode": "value",
            "graphMode": "area" if sparkline else "none",
            "justifyMode": "center",
            "orientation": "auto",
            "textMode": "auto",
            "wideLayout": True,
            "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False},
        },
    }


def lines(
    id_: int,
    title: str,
    description: str,
    sql: str,
    *,
    unit: str = "short",
    decimals: int | None = None,
    fill: int = 6,
    least: float | None = 0,
    most: float | None = None,
    overrides: Overrides | None = None,
) -> Json:
    """Lines that break where a day has no value."""
    look = {
        "drawStyle": "line",
        "lineWidth": 2,
        "fillOpacity": fill,
        "gradientMode": "none",
        "showPoints": "auto",
        "pointSize": 4,
        "spanNulls": False,
    }
    return _time_series(id_, title, description, sql, look, unit, decimals, least, most, overrides)


def bars(
    id_: int,
    title: str,
    description: str,
    sql: str,
    *,
    unit: str = "short",
    decimals: int | None = None,
    stacking: str = "normal",
    overrides: Overrides | None = None,
) -> Json:
    """A bar for each day with stacked series. `percent` stacks them to 100 %."""
    look = {
        "drawStyle": "bars",
        "lineWidth": 0,
        "fillOpacity": 80,
        "barAlignment": 0,
        "barWidthFactor": 0.8,
        "showPoints": "never",
        "stacking": {"mode": stacking, "group": "A"},
    }
    return _time_series(id_, title, description, sql, look, unit, decimals, 0, None, overrides)


def table(
    id_: int,
    title: str,
    description: str,
    sql: str,
    *,
    unit: str = "short",
    overrides: Overrides | None = None,
) -> Json:
    """A table with the rows in the order of the query."""
    return {
        **_panel(id_, "table", title, description, sql, "table"),
        "fieldConfig": {
            "defaults": {
                **_number(unit, None),
                "custom": {
                    "align": "auto",
                    "cellOptions": {"type": "auto"},
                    "minWidth": 60,
                },
                "noValue": "",
            },
            "overrides": _overrides(overrides),
        },
        "options": {"cellHeight": "sm", "showHeader": True, "enablePagination": False},
    }


def bar_gauge(
    id_: int,
    title: str,
    description: str,
    sql: str,
    *,
    unit: str = "short",
    decimals: int | None = None,
    color: str = "blue",
) -> Json:
    """A horizontal bar for each row with a text and a number."""
    return {
        **_panel(id_, "bargauge", title, description, sql, "table"),
        "fieldConfig": {
            "defaults": {
                **_number(unit, decimals),
                "min": 0,
                "color": {"mode": "fixed", "fixedColor": color},
                "noValue": "none",
            },
            "overrides": [],
        },
        "options": {
            "displayMode": "basic",
            "orientation": "horizontal",
            "showUnfilled": True,
            "valueMode": "text",
            "namePlacement": "left",
            "sizing": "auto",
            "minVizHeight": 16,
            "maxVizHeight": 28,
            "text": {"titleSize": 13, "valueSize": 13},
            "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": True},
        },
    }


def color(name: str) -> Json:
    return {"color": {"mode": "fixed", "fixedColor": name}}


def percent(decimals: int = 0) -> Json:
    return {"unit": "percentunit", "decimals": decimals}


DAY = {"unit": "time:YYYY-MM-DD"}

# Other currency units shorten thousands to K.
DOLLARS = "currency:financial:$"


def share_cell(name: str, decimals: int = 0) -> Json:
    """Shows a ratio as a bar in a table cell that is full at 100 %."""
    cell = {"type": "gauge", "mode": "basic", "valueDisplayMode": "text"}
    return {"custom.cellOptions": cell, "min": 0, "max": 1, **percent(decimals), **color(name)}


def width(pixels: int) -> Json:
    return {"custom.width": pixels}


def _panel(id_: int, type_: str, title: str, description: str, sql: str, format_: str) -> Json:
    return {
        "id": id_,
        "type": type_,
        "title": title,
        "description": " ".join(description.split()),
        "datasource": DATASOURCE,
        "targets": [
            {
                "refId": "A",
                "datasource": DATASOURCE,
                "editorMode": "code",
                "format": format_,
                "rawQuery": True,
                "rawSql": textwrap.dedent(sql).strip(),
            }
        ],
    }


def _time_series(
    id_: int,
    title: str,
    description: str,
    sql: str,
    look: Json,
    unit: str,
    decimals: int | None,
    least: float | None,
    most: float | None,
    overrides: Overrides | None,
) -> Json:
    limits = {
        name: value for name, value in {"min": least, "max": most}.items() if value is not None
    }
    return {
        **_panel(id_, "timeseries", title, description, sql, "time_series"),
        "fieldConfig": {
            "defaults": {
                **_number(unit, decimals),
                **limits,
                "color": {"mode": "palette-classic"},
                "custom": {"axisSoftMin": 0, **look},
            },
            "overrides": _overrides(overrides),
        },
        "options": {
            "legend": {
                "showLegend": True,
                "displayMode": "list",
                "placement": "bottom",
                "calcs": [],
            },
            "tooltip": {"mode": "multi", "sort": "desc"},
        },
    }


def _number(unit: str, decimals: int | None) -> Json:
    return {"unit": unit} if decimals is None else {"unit": unit, "decimals": decimals}


def _overrides(by_name: Overrides | None) -> list[Json]:
    return [
        {
            "matcher": {"id": "byName", "options": name},
            "properties": [{"id": id_, "value": value} for id_, value in properties.items()],
        }
        for name, properties in (by_name or {}).items()
    ]
