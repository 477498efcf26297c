"""Reading dashboards and alert rules: their panels, queries and variables."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Any

import psycopg
import yaml  # type: ignore[import-untyped]

from copilot_pipeline_tests.grafana import GrafanaError
from copilot_pipeline_tests.grafana.expansion import Value, expand, variable_names
from copilot_pipeline_tests.grafana.time_range import TimeRange

Json = dict[str, Any]
Row = Sequence[Any]

ALL = "$__all"

# Runs SQL that is already expanded, and answers with its columns and rows.
Run = Callable[[str], tuple[Sequence["Column"], Sequence[Row]]]


@dataclass(frozen=True)
class Column:
    """A column of a result: `time` (a date or a timestamp), `number`, `boolean` or `text`."""

    name: str
    kind: str


@dataclass(frozen=True)
class Option:
    """A choice of a variable: what the viewer reads, and what the SQL gets."""

    text: str
    value: str


@dataclass(frozen=True)
class Variable:
    """A variable with its choices, and what is chosen."""

    name: str
    options: tuple[Option, ...]
    value: Value


@dataclass(frozen=True)
class AlertQuery:
    """A query of a provisioned alert rule, with the range it is asked for."""

    title: str
    sql: str
    time_range: TimeRange


_KINDS = {
    **dict.fromkeys(("date", "timestamp", "timestamptz"), "time"),
    **dict.fromkeys(("int2", "int4", "int8", "float4", "float8", "numeric"), "number"),
    "bool": "boolean",
}


def columns_of(description: Sequence[psycopg.Column] | None) -> list[Column]:
    """The columns of a psycopg cursor, by their PostgreSQL types."""
    types = psycopg.adapters.types
    names = [(each.name, types.get(each.type_code)) for each in description or ()]
    return [Column(name, _KINDS.get(info.name if info else "", "text")) for name, info in names]


def panels_of(dashboard: Json) -> list[Json]:
    """Every panel: rows too, and what is inside collapsed rows."""
    outer: list[Json] = dashboard.get("panels", [])
    return [panel for each in outer for panel in (each, *each.get("panels", []))]


def panel_queries(dashboard: Json) -> Iterator[tuple[Json, Json]]:
    """Each panel with each of its targets."""
    return (
        (panel, target) for panel in panels_of(dashboard) for target in panel.get("targets", [])
    )


def annotations_of(dashboard: Json) -> list[Json]:
    """The annotations without Grafana's built-in one."""
    annotations: list[Json] = at(dashboard, "annotations", "list") or []
    return [each for each in annotations if not each.get("builtIn")]


def alert_queries(path: Path, now: datetime) -> list[AlertQuery]:
    """The SQL of a file of provisioned alert rules; their ranges count seconds back from now."""
    groups = yaml.safe_load(path.read_text(encoding="utf-8"))["groups"]
    found = [(rule, data) for group in groups for rule in group["rules"] for data in rule["data"]]
    queries = []
    for rule, data in found:
        if sql := sql_of(data["model"]):
            start, end = (
                timedelta(seconds=data["relativeTimeRange"][key]) for key in ("from", "to")
            )
            queries.append(AlertQuery(rule["title"], sql, TimeRange(now - start, now - end)))
    return queries


def variables_of(dashboard: Json) -> list[Json]:
    return at(dashboard, "templating", "list") or []


def variables_in_order(dashboard: Json) -> list[Json]:
    """The variables as the dashboard has them, each after those that its query names."""
    by_name = {each["name"]: each for each in variables_of(dashboard)}
    needs = {name: variable_needs(each) & set(by_name) for name, each in by_name.items()}
    return [by_name[name] for name in TopologicalSorter(needs).static_order()]


def resolve_variables(
    dashboard: Json,
    run: Run,
    time_range: TimeRange,
    chosen: Mapping[str, Value] | None = None,
) -> dict[str, Variable]:
    """What the variables offer and stand for, as the dashboard opens or with other choices.

    A choice is a value, several values, or `ALL`; a text box takes any text.
    """
    resolved: dict[str, Variable] = {}
    for variable in variables_in_order(dashboard):
        name, kind = variable["name"], variable["type"]
        wanted = (chosen or {}).get(name)
        if kind == "query" and not variable.get("regex") and not variable.get("allValue"):
            values = {each.name: each.value for each in resolved.values()}
            options = query_options(*run(expand(sql_of(variable["query"]), values, time_range)))
            resolved[name] = Variable(name, options, _picked(variable, options, wanted))
        elif kind in ("textbox", "datasource"):
            saved = at(variable, "current", "value") or variable["query"]
            resolved[name] = Variable(name, (), saved if wanted is None else wanted)
        else:
            raise GrafanaError(f"variable {name}: a kind, regex or allValue that is not known here")
    return resolved


def query_options(columns: Sequence[Column], rows: Iterable[Row]) -> tuple[Option, ...]:
    """The options from one column, or from `__text` and `__value`."""
    names = [column.name for column in columns]
    if set(names) == {"__text", "__value"}:
        text, value = names.index("__text"), names.index("__value")
    elif len(names) == 1:
        text = value = 0
    else:
        raise GrafanaError(f"options need one column, or __text and __value: {names}")
    pairs = [Option(str(row[text]), str(row[value])) for row in rows if row[value] is not None]
    return tuple(dict.fromkeys(pairs))


def _picked(variable: Json, options: Sequence[Option], wanted: Value | None) -> Value:
    """The wanted options, or the saved ones that still exist, or Grafana's default."""
    offered = [option.value for option in options]
    include_all = bool(variable.get("includeAll"))
    if unknown := set(_list(wanted)) - {*offered, *([ALL] if include_all else [])}:
        raise GrafanaError(f"variable {variable['name']} does not offer {unknown}")
    saved = _list(at(variable, "current", "value") if wanted is None else wanted)
    picked = [each for each in saved if each in offered]
    if include_all and (ALL in saved or not picked):
        return offered
    picked = picked or offered[:1]
    return picked if variable.get("multi") else "".join(picked[:1])


def _list(value: Any) -> list[str]:
    values = value if isinstance(value, list | tuple) else [value]
    return [str(each) for each in values if each not in (None, "")]


def variable_needs(variable: Json) -> set[str]:
    return variable_names(sql_of(variable.get("query"))) if variable["type"] == "query" else set()


def sql_of(query: Any) -> str:
    """The SQL of a target, or of a variable, which may be the text alone."""
    return query if isinstance(query, str) else str((query or {}).get("rawSql") or "")


def at(node: Any, *path: str) -> Any:
    """What is at the path, or nothing."""
    for key in path:
        node = node.get(key) if isinstance(node, dict) else None
    return node
