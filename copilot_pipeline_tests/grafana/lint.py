"""What would make a dashboard hard to import, to read or to trust."""

import re
from collections.abc import Iterator
from itertools import combinations

from copilot_pipeline_tests.grafana.expansion import LITERAL, variable_names, without_comments
from copilot_pipeline_tests.grafana.model import (
    Json,
    annotations_of,
    at,
    panel_queries,
    panels_of,
    sql_of,
    variable_needs,
    variables_of,
)
from copilot_pipeline_tests.grafana.shapes import overrides_of

SOURCE = {"type": "grafana-postgresql-datasource", "uid": "${datasource}"}

_WITHOUT_DATA = ("row", "text")


def lint_problems(dashboard: Json) -> list[str]:
    """What would make the dashboard hard to import, to read or to trust."""
    return [
        *_dashboard_lint(dashboard),
        *_variable_lint(dashboard),
        *_grid_lint(dashboard),
        *(
            f"annotation {each.get('name')!r}: {problem}"
            for each in annotations_of(dashboard)
            for problem in (*_source_lint(each), *_sql_lint(sql_of(each.get("target"))))
        ),
        *(
            f"panel {panel.get('id')} {panel.get('title', '')!r}: {problem}"
            for panel in panels_of(dashboard)
            for problem in _panel_lint(panel)
        ),
    ]


def _dashboard_lint(dashboard: Json) -> Iterator[str]:
    links = [each for each in dashboard.get("links", []) if each.get("type") == "dashboards"]
    rules = {
        "no title": bool(dashboard.get("title")),
        "the uid needs 1 to 40 of a-z, A-Z, 0-9, - and _": bool(
            re.fullmatch(r"[\w-]{1,40}", dashboard.get("uid") or "", re.ASCII)
        ),
        "the id belongs to one Grafana: make it null": dashboard.get("id") is None,
        "the version belongs to one Grafana: remove it": "version" not in dashboard,
        "schemaVersion is not 42": dashboard.get("schemaVersion") == 42,
        "the timezone is not utc": dashboard.get("timezone") == "utc",
        "no tags": bool(dashboard.get("tags")),
        "no link to the other dashboards that keeps time and variables": any(
            each.get("keepTime") and each.get("includeVars") for each in links
        ),
        "no time range": bool(at(dashboard, "time", "from") and at(dashboard, "time", "to")),
    }
    return (problem for problem, holds in rules.items() if not holds)


def _variable_lint(dashboard: Json) -> Iterator[str]:
    variables = variables_of(dashboard)
    sources = [each for each in variables if each.get("type") == "datasource"]
    if [(each.get("name"), each.get("query")) for each in sources] != [
        ("datasource", SOURCE["type"])
    ]:
        yield f"needs one data source variable, `datasource`, for {SOURCE['type']}"
    known = {each["name"] for each in variables}
    queried = _queried_names(dashboard)
    yield from (f"variable {name!r} does not exist" for name in sorted(queried - known))
    for variable in variables:
        name = variable["name"]
        if name not in queried and variable not in sources:
            yield f"variable {name!r} is not used"
        if not variable.get("label"):
            yield f"variable {name!r} has no label"
        if variable.get("type") == "query":
            problems = (*_source_lint(variable), *_sql_lint(sql_of(variable.get("query"))))
            yield from (f"variable {name!r}: {problem}" for problem in problems)


def _queried_names(dashboard: Json) -> set[str]:
    texts = [sql_of(target) for _, target in panel_queries(dashboard)]
    texts += [sql_of(each.get("target")) for each in annotations_of(dashboard)]
    needed = [variable_needs(each) for each in variables_of(dashboard)]
    return set().union(*needed, *map(variable_names, texts))


def _grid_lint(dashboard: Json) -> Iterator[str]:
    panels = panels_of(dashboard)
    ids = [panel.get("id") for panel in panels]
    if not all(isinstance(each, int) and each > 0 for each in ids) or len({*ids}) < len(ids):
        yield f"panels need positive ids, each its own: {ids}"
    # The panels of a collapsed row lie over those below it until the row is opened.
    for group in (dashboard.get("panels", []), *(panel.get("panels", []) for panel in panels)):
        rectangles = [_rectangle(panel) for panel in group]
        if any(left < 0 or left >= right or right > 24 for left, right, _, _ in rectangles):
            yield "a panel lies outside the 24 columns of the grid"
        for one, other in combinations(zip(group, rectangles, strict=True), 2):
            if _overlap(one[1], other[1]):
                yield f"panels {one[0].get('id')} and {other[0].get('id')} overlap"


def _rectangle(panel: Json) -> tuple[int, int, int, int]:
    x, y, width, height = (at(panel, "gridPos", key) or 0 for key in "xywh")
    return x, x + width, y, y + height


def _overlap(one: tuple[int, int, int, int], other: tuple[int, int, int, int]) -> bool:
    sideways = one[0] < other[1] and other[0] < one[1]
    return sideways and one[2] < other[3] and other[2] < one[3]


def _panel_lint(panel: Json) -> Iterator[str]:
    if not panel.get("title") and panel.get("type") != "text":
        yield "no title"
    if panel.get("type") in _WITHOUT_DATA:
        return
    defaults = at(panel, "fieldConfig", "defaults") or {}
    properties = [each for override in overrides_of(panel) for each in override["properties"]]
    if len(panel.get("description", "")) < 30:
        yield "no description of 30 characters or more"
    if not defaults.get("unit") and not any(each["id"] == "unit" for each in properties):
        yield "no unit"
    thresholds = [each.get("value") for each in properties if each["id"] == "thresholds"]
    for steps in (at(each, "steps") for each in (defaults.get("thresholds"), *thresholds)):
        if steps and steps[0].get("value") is not None:
            yield "the first step of thresholds is not null"
    yield from _source_lint(panel)
    yield from _target_lint(panel.get("targets", []))


def _target_lint(targets: list[Json]) -> Iterator[str]:
    names = [target.get("refId") for target in targets]
    if not targets or not all(names) or len({*names}) < len(names):
        yield f"targets need a refId, each its own: {names}"
    for target in targets:
        if target.get("rawQuery") is not True or target.get("editorMode") != "code":
            yield "a target needs rawQuery true and editorMode code"
        if target.get("format") not in ("table", "time_series"):
            yield "the format of a target is table or time_series"
        yield from _source_lint(target)
        yield from _sql_lint(sql_of(target))


def _source_lint(owner: Json) -> Iterator[str]:
    if owner.get("datasource") != SOURCE:
        yield f"the datasource is not {SOURCE['uid']}"


def _sql_lint(sql: str) -> Iterator[str]:
    code = re.sub(LITERAL, "''", without_comments(sql), flags=re.DOTALL).strip().removesuffix(";")
    if ";" in code or not re.match(r"(select|with)\b", code, re.IGNORECASE):
        yield "the SQL is not one SELECT"
    if re.search(r"\bselect\s+(distinct\s+)?\*|\w\.\*", code, re.IGNORECASE):
        yield "the SQL names no columns: SELECT *"
