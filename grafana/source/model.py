"""Grafana's dashboard model: variables, annotations, links and the layout of panels.

Source: Grafana's documentation "Dashboard JSON model" (the classic model, schema version 42).
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

Json = dict[str, Any]

DATASOURCE = {"type": "grafana-postgresql-datasource", "uid": "${datasource}"}
SCHEMA_VERSION = 42
COLUMNS = 24
TAG = "copilot"


@dataclass(frozen=True)
class Section:
    """A heading with rows of panels. All panels of a row have the same height."""

    id: int
    title: str
    rows: Sequence[tuple[int, Sequence[tuple[int, Json]]]]
    """The height of each row, and its panels with their widths, which add up to 24."""


def dashboard(
    uid: str,
    title: str,
    description: str,
    *,
    time_from: str,
    variables: Sequence[Json],
    sections: Sequence[Section],
    annotations: Sequence[Json] = (),
) -> Json:
    return {
        "uid": uid,
        "title": title,
        "description": description,
        "tags": [TAG],
        "schemaVersion": SCHEMA_VERSION,
        "id": None,
        "editable": True,
        "graphTooltip": 1,
        "timezone": "utc",
        "time": {"from": time_from, "to": "now"},
        "timepicker": {},
        "refresh": "",
        "links": [_LINKS],
        "annotations": {"list": [_BUILT_IN, *annotations]},
        "templating": {"list": [_DATASOURCE_VARIABLE, *variables]},
        "panels": _placed(sections),
    }


def query_variable(
    name: str, label: str, description: str, sql: str, *, multi: bool = True
) -> Json:
    """A variable whose values come from a query. With `multi`, all values are chosen at first.

    The query runs again when the time range changes, because most of these queries use it.
    """
    return {
        "name": name,
        "label": label,
        "description": description,
        "type": "query",
        "datasource": DATASOURCE,
        "query": sql,
        "definition": sql,
        "refresh": 2,
        "sort": 0,
        "multi": multi,
        "includeAll": multi,
        "current": {"text": "All", "value": "$__all"} if multi else {},
        "options": [],
        "regex": "",
    }


def text_variable(name: str, label: str, description: str, value: str) -> Json:
    return {
        "name": name,
        "label": label,
        "description": description,
        "type": "textbox",
        "query": value,
        "current": {"text": value, "value": value},
        "options": [{"text": value, "value": value, "selected": True}],
    }


def annotation(name: str, color: str, sql: str) -> Json:
    return {
        "name": name,
        "enable": True,
        "hide": False,
        "iconColor": color,
        "datasource": DATASOURCE,
        "target": {
            "refId": "Anno",
            "datasource": DATASOURCE,
            "editorMode": "code",
            "format": "table",
            "rawQuery": True,
            "rawSql": sql,
        },
    }


_LINKS = {
    "title": "Copilot dashboards",
    "type": "dashboards",
    "tags": [TAG],
    "asDropdown": False,
    "includeVars": True,
    "keepTime": True,
    "targetBlank": False,
    "icon": "external link",
    "tooltip": "",
    "url": "",
}

_BUILT_IN = {
    "builtIn": 1,
    "name": "Annotations & Alerts",
    "type": "dashboard",
    "datasource": {"type": "grafana", "uid": "-- Grafana --"},
    "enable": True,
    "hide": True,
    "iconColor": "rgba(0, 211, 255, 1)",
}

_DATASOURCE_VARIABLE = {
    "name": "datasource",
    "label": "Data source",
    "description": "The warehouse of copilot_pipeline, a PostgreSQL database",
    "type": "datasource",
    "query": DATASOURCE["type"],
    "current": {},
    "options": [],
    "regex": "",
    "refresh": 1,
    "multi": False,
    "includeAll": False,
}


def _placed(sections: Sequence[Section]) -> list[Json]:
    """Return the panels with their positions. A heading is a row of the full width."""
    placed = []
    y = 0
    for section in sections:
        heading = {"id": section.id, "type": "row", "title": section.title, "collapsed": False}
        placed.append({**heading, "gridPos": _place(0, y, COLUMNS, 1), "panels": []})
        y += 1
        for height, panels in section.rows:
            x = 0
            for width, panel in panels:
                placed.append({**copy.deepcopy(panel), "gridPos": _place(x, y, width, height)})
                x += width
            y += height
    return placed


def _place(x: int, y: int, w: int, h: int) -> Json:
    return {"h": h, "w": w, "x": x, "y": y}
