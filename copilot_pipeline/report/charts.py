"""Draws charts: Vega-Lite makes SVG, whose colors are variables of the page's style.

An SVG holds numbers, days and the names of our own reports, but no name that GitHub sent. Texts
around it are in the page.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any
from xml.etree import ElementTree

import pandas as pd
import vl_convert
from markupsafe import Markup

from copilot_pipeline.days import day_range
from copilot_pipeline.report.numbers import Period, between, rows_of
from copilot_pipeline.report.texts import Unit, day_text

# Units of the drawing. A phone shows it at about three quarters of this size.
WIDTH, HEIGHT = 420, 185
FONT_SIZE = 13

# Room for the names of reports beside a chart of states.
REPORT_WIDTH = 128

# A range has at least so many days, so that the first day is a point with an axis.
LEAST_DAYS = 7

# Bars are days in short ranges, else weeks that end on the weekday of the newest day.
MOST_DAILY_BARS = 31
WEEK = 7

# The part of a bar's time that is empty on each side of it.
BAR_INSET = 0.08

# The numbers behind a line are of every day, or of every seventh day in long ranges.
MOST_DAILY_ROWS = 100

Spec = dict[str, Any]

_SVG = "http://www.w3.org/2000/svg"
_DECIMALS = re.compile(r"-?\d+\.\d{2,}")
# What the page says in other ways, or does not need.
_LEFT_OUT = (
    *("class", "role", "pointer-events", "version", "width", "height", "font-family"),
    *("aria-hidden", "aria-roledescription", "aria-label"),
)


@dataclass(frozen=True)
class Thing:
    """A line or a kind of bar. It has the same color in all charts."""

    label: str
    color: str
    dash: tuple[int, ...] = ()

    @property
    def stroke(self) -> str:
        return f"var(--{self.color})"

    @property
    def dasharray(self) -> str:
        return " ".join(map(str, self.dash))


@dataclass(frozen=True)
class Chart:
    """A chart with what says the same without it: a sentence and a table of its numbers."""

    title: str
    meaning: str
    things: Sequence[Thing]
    svg: Markup
    summary: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    note: str = ""
    is_line: bool = False
    # The columns of the table that are no numbers.
    texts: int = 1


def draw_lines(
    title: str,
    meaning: str,
    frame: pd.DataFrame,
    things: Mapping[str, Thing],
    period: Period,
    unit: Unit = Unit.PEOPLE,
    marks: Collection[date] = (),
) -> Chart | None:
    """Draw the columns of the frame over its days. A missing day is a gap in the line.

    Returns None if there is no number.
    """
    frame = frame[list(things)].dropna(how="all")
    things = {name: thing for name, thing in things.items() if frame[name].notna().any()}
    if not things:
        return None
    first = _first_shown(frame.index, period)
    values = [
        {"day": _noon(day), "name": name, "value": value}
        for name in things
        for day, value in _on_every_day(frame[name], first, period.last)
        # A day without a number breaks the line.
        for value in [None if pd.isna(value) else round(float(value), 4)]
    ]
    color = _scale(things, [thing.stroke for thing in things.values()])
    dash = _scale(things, [list(thing.dash) for thing in things.values()])
    layers: list[Spec] = [
        _provisional(period),
        *_rules([day for day in marks if first <= day]),
        {
            "data": {"values": values},
            "mark": {"type": "line", "strokeWidth": 2.2, "invalid": "break-paths-show-domains"},
            "encoding": {
                **_day_axis(first, period),
                "y": _value_axis(unit),
                "color": color | {"field": "name"},
                "strokeDash": dash | {"field": "name"},
            },
        },
    ]
    if points := _alone(values):
        layers.append(
            {
                "data": {"values": points},
                "mark": {"type": "point", "filled": True, "size": 55, "opacity": 1},
                "encoding": {
                    **_day_axis(first, period),
                    "y": _value_axis(unit),
                    "color": color | {"field": "name"},
                },
            }
        )
    rows, note = _rows(frame, things, period, unit)
    return Chart(
        title=title,
        meaning=meaning,
        things=list(things.values()),
        svg=_render({"layer": layers}),
        summary=" ".join(_describe(thing, frame[name], unit) for name, thing in things.items()),
        columns=["Day", *(thing.label for thing in things.values())],
        rows=rows,
        note=note,
        is_line=True,
    )


def draw_bars(
    title: str,
    meaning: str,
    frame: pd.DataFrame,
    things: Mapping[str, Thing],
    period: Period,
    unit: Unit,
    *,
    stacked: bool,
) -> Chart | None:
    """Draw sums of days or weeks. Bars that are not stacked are parts of the one before them.

    Returns None if there is no number.
    """
    frame = frame.reindex(columns=list(things)).dropna(how="all")
    things = {name: thing for name, thing in things.items() if frame[name].fillna(0).any()}
    if not things:
        return None
    first = _first_shown(frame.index, period)
    sums = _sums(frame, first, period)
    bars: list[Spec] = []
    for (start, end), counted in sums.items():
        inset = (end - start + timedelta(days=1)) * BAR_INSET
        base = 0.0
        for name in things:
            bars.append(
                {
                    "name": name,
                    "from": _instant(start, inset),
                    "to": _instant(end + timedelta(days=1), -inset),
                    "base": base,
                    "value": base + float(counted[name]),
                }
            )
            base += float(counted[name]) if stacked else 0
    axis = _day_axis(first, period)["x"]
    layers = [
        _provisional(period),
        {
            "data": {"values": bars},
            "mark": {"type": "rect", "strokeWidth": 0},
            "encoding": {
                "x": axis | {"field": "from"},
                "x2": {"field": "to"},
                "y": _value_axis(unit),
                "y2": {"field": "base"},
                "color": _scale(things, [thing.stroke for thing in things.values()])
                | {"field": "name"},
            },
        },
    ]
    weekly = any(start != end for start, end in sums)
    rows = [
        [
            f"{day_text(start)} to {day_text(end)}" if weekly else day_text(end),
            *(unit.text(counted[name]) for name in things),
        ]
        for (start, end), counted in sums.items()
    ]
    each = "week" if weekly else "day"
    last = next(reversed(sums.values()))
    return Chart(
        title=title,
        meaning=f"{meaning} Each bar is a {each}.",
        things=list(things.values()),
        svg=_render({"layer": layers}),
        summary=f"In the last {each}: "
        + ", ".join(f"{thing.label} {unit.text(last[name])}" for name, thing in things.items())
        + ".",
        columns=[each.capitalize(), *(thing.label for thing in things.values())],
        rows=rows,
    )


def draw_states(
    title: str, meaning: str, states: pd.DataFrame, things: Mapping[str, Thing], period: Period
) -> Chart | None:
    """Draw the state of each day of each report. Returns None if no report was requested."""
    if states.empty:
        return None
    spans = _spans(states)
    reports = list(dict.fromkeys(report for report, *_ in spans))
    first = _first_shown(states["day"], period)
    shown = {name: thing for name, thing in things.items() if (states["state"] == name).any()}
    values = [
        {
            "report": report,
            "name": state,
            "from": _instant(start),
            "to": _instant(end + timedelta(days=1)),
        }
        for report, state, start, end in spans
    ]
    axis = _day_axis(first, period)["x"]
    spec: Spec = {
        "layer": [
            {
                "data": {"values": values},
                "mark": {"type": "bar", "height": 12},
                "encoding": {
                    "x": axis | {"field": "from"},
                    "x2": {"field": "to"},
                    "y": {
                        "field": "report",
                        "type": "nominal",
                        "sort": reports,
                        "title": None,
                        "axis": {"ticks": False, "domain": False, "minExtent": REPORT_WIDTH},
                    },
                    "color": _scale(shown, [thing.stroke for thing in shown.values()])
                    | {"field": "name"},
                },
            },
        ]
    }
    apart = [span for span in spans if span[1] not in ("loaded", "no_data")]
    return Chart(
        title=title,
        meaning=meaning,
        things=list(shown.values()),
        svg=_render(spec, height=34 + 24 * len(reports)),
        summary=(
            f"{len(apart)} spans of days are neither loaded nor known to have no data."
            if apart
            else "Every day is loaded, or GitHub has no data for it."
        ),
        columns=["Report", "State", "From", "To"],
        rows=[
            [report, things[state].label if state in things else state, str(start), str(end)]
            for report, state, start, end in spans
        ],
        texts=4,
    )


def _spans(states: pd.DataFrame) -> list[tuple[str, str, date, date]]:
    """Return (report, state, first day, last day) for each run of days with the same state."""
    spans: list[tuple[str, str, date, date]] = []
    for row in rows_of(states):
        report, state, day = str(row.report), str(row.state), row.day
        if spans and spans[-1][:2] == (report, state) and spans[-1][3] == day - timedelta(days=1):
            spans[-1] = (report, state, spans[-1][2], day)
        else:
            spans.append((report, state, day, day))
    return spans


def _sums(
    frame: pd.DataFrame, first: date, period: Period
) -> dict[tuple[date, date], pd.Series[float]]:
    """Return the sums of the days or of the weeks. A first week that is not whole is left out."""
    days = (period.last - first).days + 1
    step = 1 if days <= MOST_DAILY_BARS else WEEK
    sums = {}
    for index in range(days // step - 1, -1, -1):
        end = period.last - timedelta(days=index * step)
        start = end - timedelta(days=step - 1)
        sums[start, end] = between(frame, start, end).sum()
    return sums


def _rows(
    frame: pd.DataFrame, things: Mapping[str, Thing], period: Period, unit: Unit
) -> tuple[list[list[str]], str]:
    """Return the rows of the table behind a line, the newest first, and a note about them."""
    days = (period.last - min(frame.index)).days + 1
    step = 1 if days <= MOST_DAILY_ROWS else WEEK
    newest = max(frame.index)
    shown = [day for day in sorted(frame.index, reverse=True) if (newest - day).days % step == 0]
    rows = [
        [
            day_text(day) + ("*" if day >= period.provisional_from else ""),
            *(unit.text(frame[name][day]) for name in things),
        ]
        for day in shown
    ]
    note = "* provisional." if newest >= period.provisional_from else ""
    return rows, f"{note} Every seventh day." if step == WEEK else note


def _describe(thing: Thing, numbers: pd.Series[Any], unit: Unit) -> str:
    known = numbers.dropna()
    first, last = known.index[0], known.index[-1]
    text = f"{thing.label}: {unit.text(known.iloc[-1])} on {day_text(last)}"
    if first != last:
        text += f", {unit.text(known.iloc[0])} on {day_text(first)}"
    return f"{text}."


def _first_shown(days: Collection[date], period: Period) -> date:
    """Return the first day of the axis: where the numbers begin, but not too few days."""
    begin = max(min(days), period.first)
    return min(begin, period.last - timedelta(days=LEAST_DAYS - 1))


def _on_every_day(
    numbers: pd.Series[Any], first: date, last: date
) -> Iterator[tuple[date, float | None]]:
    calendar = day_range(first, last)
    return zip(calendar, numbers.reindex(calendar).tolist(), strict=True)


def _alone(values: Sequence[Spec]) -> list[Spec]:
    """Return the values without a neighbor, of which a line shows nothing."""
    found = []
    for before, value, after in zip([None, *values], values, [*values[1:], None], strict=False):
        neighbors = [
            each
            for each in (before, after)
            if each and each["name"] == value["name"] and each["value"] is not None
        ]
        if value["value"] is not None and not neighbors:
            found.append(value)
    return found


def _instant(day: date, later: timedelta = timedelta()) -> str:
    """Return midnight UTC at the beginning of the day, or later, as JavaScript reads it."""
    return (datetime.combine(day, time()) + later).isoformat() + "Z"


def _noon(day: date) -> str:
    return _instant(day, timedelta(hours=12))


def _scale(things: Mapping[str, Thing], output: Sequence[Any]) -> Spec:
    return {
        "type": "nominal",
        "legend": None,
        "scale": {"domain": list(things), "range": output},
    }


def _day_axis(first: date, period: Period) -> Spec:
    days = (period.last - first).days + 1
    step = max(1, -(-days // 5))
    ticks = [_noon(period.last - timedelta(days=n)) for n in range(0, days, step)]
    return {
        "x": {
            "field": "day",
            "type": "temporal",
            "title": None,
            "scale": {
                "type": "utc",
                "domain": [_instant(first), _instant(period.last + timedelta(days=1))],
            },
            "axis": {"format": "%-d %b", "values": ticks, "grid": False, "labelFlush": True},
        }
    }


def _value_axis(unit: Unit) -> Spec:
    return {
        "field": "value",
        "type": "quantitative",
        "title": None,
        "scale": {"zero": True, "nice": True},
        "axis": {"format": unit.axis, "tickCount": 4, "tickMinStep": unit.step},
    }


def _provisional(period: Period) -> Spec:
    """The shading of the provisional days."""
    span = {
        "from": _instant(period.provisional_from),
        "to": _instant(period.last + timedelta(days=1)),
    }
    return {
        "data": {"values": [span]},
        "mark": {"type": "rect", "color": "var(--provisional)", "strokeWidth": 0},
        "encoding": {
            "x": {"field": "from", "type": "temporal", "scale": {"type": "utc"}},
            "x2": {"field": "to"},
        },
    }


def _rules(marks: Collection[date]) -> list[Spec]:
    if not marks:
        return []
    return [
        {
            "data": {"values": [{"day": _noon(day)} for day in sorted(set(marks))]},
            "mark": {"type": "rule", "color": "var(--mark)", "strokeDash": [2, 3]},
            "encoding": {"x": {"field": "day", "type": "temporal", "scale": {"type": "utc"}}},
        }
    ]


def _render(spec: Spec, height: int = HEIGHT) -> Markup:
    whole = {
        "$schema": "https://vega.github.io/schema/vega-lite/v6.json",
        "width": WIDTH,
        "height": height,
        "background": "transparent",
        # Browsers have wider fonts than the one that Vega measures with.
        "padding": {"left": 3, "right": 24, "top": 5, "bottom": 1},
        "autosize": {"type": "fit", "contains": "padding"},
        "config": {
            "aria": False,
            "view": {"stroke": None},
            "axis": {
                "labelFontSize": FONT_SIZE,
                "labelColor": "var(--muted)",
                "gridColor": "var(--line)",
                "domainColor": "var(--axis)",
                "tickColor": "var(--axis)",
                "labelLimit": 190,
            },
        },
        **spec,
    }
    # Nothing is loaded: the data is in the specification.
    svg = vl_convert.vegalite_to_svg(whole, vl_version="6.4", allowed_base_urls=[])
    return Markup(_shortened(svg))  # noqa: S704 (no text of others is in it)


def _shortened(svg: str) -> str:
    """Leave out what the page does not need: half of the text that Vega writes."""
    ElementTree.register_namespace("", _SVG)
    root = ElementTree.fromstring(svg)  # noqa: S314 (made by us)
    for parent in list(root.iter()):
        for child in list(parent):
            if child.get("display") == "none" or child.get("d") in ("", "M0,0h0v0h0Z"):
                parent.remove(child)
    for element in root.iter():
        for name in _LEFT_OUT:
            element.attrib.pop(name, None)
        for name in ("d", "transform"):
            if value := element.get(name):
                element.set(name, _DECIMALS.sub(lambda match: f"{float(match[0]):.1f}", value))
    root.set("aria-hidden", "true")
    root.set("focusable", "false")
    return ElementTree.tostring(root, encoding="unicode")
