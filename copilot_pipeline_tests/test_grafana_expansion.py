"""What stands in for Grafana: it expands as Grafana does, and its rules find what they are for."""

from collections.abc import Callable
from copy import deepcopy
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import psycopg
import pytest

from copilot_pipeline_tests.grafana import GrafanaError
from copilot_pipeline_tests.grafana.expansion import (
    Value,
    expand,
    variable_names,
    without_comments,
)
from copilot_pipeline_tests.grafana.lint import SOURCE, lint_problems
from copilot_pipeline_tests.grafana.model import (
    ALL,
    Column,
    Json,
    Option,
    Row,
    alert_queries,
    annotations_of,
    columns_of,
    panel_queries,
    panels_of,
    query_options,
    resolve_variables,
    variables_in_order,
)
from copilot_pipeline_tests.grafana.shapes import (
    names_of_overrides,
    series_name,
    shape_problems,
    shown_names,
)
from copilot_pipeline_tests.grafana.time_range import TimeRange, parse_time

NOW = datetime(2026, 3, 31, 15, 4, 5, tzinfo=UTC)
RANGE = TimeRange(datetime(2026, 3, 1, 12, 30, tzinfo=UTC), datetime(2026, 3, 8, tzinfo=UTC))

# --- time -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("now", "2026-03-31T15:04:05"),
        ("now-90d", "2025-12-31T15:04:05"),
        ("now-2w+1h-30m-5s", "2026-03-17T15:34:00"),
        ("2026-03-01", "2026-03-01T00:00:00"),
        ("2026-03-01T12:30:00Z", "2026-03-01T12:30:00"),
        ("2026-03-01T12:30:00+02:00", "2026-03-01T10:30:00"),
    ],
)
def test_a_time_is_read_as_grafana_reads_it(text: str, expected: str) -> None:
    assert parse_time(text, NOW) == datetime.fromisoformat(expected + "+00:00")


@pytest.mark.parametrize("text", ["now-", "now-90", "now-1M", "now/d", "now90d", "yesterday", ""])
def test_a_time_that_says_nothing_certain_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"no time|isoformat"):
        parse_time(text, NOW)


def test_a_range_is_read_from_the_dashboards_texts_and_does_not_end_before_it_starts() -> None:
    assert TimeRange.parse("now-1d", "now", NOW) == TimeRange(NOW - timedelta(1), NOW)
    assert TimeRange.parse("now", "now", NOW) == TimeRange(NOW, NOW)
    with pytest.raises(GrafanaError, match="ends before it starts"):
        TimeRange.parse("now", "now-1d", NOW)


# --- variables --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("octo-labs", "'octo-labs'"),
        ("", "''"),
        ("L'Équipe", "'L''Équipe'"),
        ('the "core"', "'the \\\"core\\\"'"),
        ("'; DELETE FROM _tool_copilot_seats --", "'''; DELETE FROM _tool_copilot_seats --'"),
        ("100% %s", "'100% %s'"),
        ([], ""),
        (["octo-demo"], "'octo-demo'"),
        (["a,b", "L'Équipe"], "'a,b','L''Équipe'"),
    ],
)
def test_a_value_is_quoted_as_grafana_quotes_it(value: Value, expected: str) -> None:
    sql = "SELECT 1 WHERE team IN (${team:sqlstring})"
    # Within a literal nothing looks like a comment, so this is what PostgreSQL receives.
    assert expand(sql, {"team": value}, RANGE) == f"SELECT 1 WHERE team IN ({expected})"


@pytest.mark.parametrize(
    "value",
    ["L'Équipe", "a,b", "'; DROP TABLE x --", "/* x", "日本 \U0001f600", "100% %s", "\\", "${v}"],
)
def test_postgresql_reads_a_quoted_value_back_as_it_was(postgres_server: str, value: str) -> None:
    sql = "SELECT ${v:sqlstring}, ARRAY[${w:sqlstring}]"
    with psycopg.connect(postgres_server) as connection:
        expanded = expand(sql, {"v": value, "w": [value]}, RANGE).encode()
        assert connection.execute(expanded).fetchone() == (value, [value])


def test_a_variable_without_any_option_is_an_empty_array(postgres_server: str) -> None:
    dashboard = with_variables(a_variable("scope", multi=True, includeAll=True))
    scope = resolve_variables(dashboard, names_only(), RANGE)["scope"]
    sql = expand(
        "SELECT ARRAY[${scope:sqlstring}]::bigint[], 1 = ANY (ARRAY[${scope:sqlstring}]::bigint[])",
        {"scope": scope.value},
        RANGE,
    )
    assert sql.startswith("SELECT ARRAY[]::bigint[], ")
    with psycopg.connect(postgres_server) as connection:
        assert connection.execute(sql.encode()).fetchone() == ([], False)


@pytest.mark.parametrize(
    "sql",
    [
        "$team",
        "${team:sqlstring}",
        "'$team'",
        "-- a comment about $team",
        "${scope.text}",
        "${}",
        "$1",
        "$scopes",
        "$__interval",
        "${__from:sqlstring}",
    ],
)
def test_a_variable_that_does_not_exist_is_refused(sql: str) -> None:
    with pytest.raises(GrafanaError, match="unknown variable"):
        expand(sql, {"scope": "1"}, RANGE)


@pytest.mark.parametrize("sql", ["$scope", "${scope}", "[[scope]]", "${scope:csv}", "${scope:raw}"])
def test_a_format_that_quotes_otherwise_or_not_at_all_is_refused(sql: str) -> None:
    with pytest.raises(GrafanaError, match=r"needs a format: \$\{scope:sqlstring\}"):
        expand(f"SELECT day FROM t WHERE scope_id IN ({sql})", {"scope": "1"}, RANGE)


def test_the_variables_of_a_text_are_named_in_each_way_of_writing_without_grafanas_own() -> None:
    assert variable_names("$a ${b} ${c:raw} [[d]] $__from $__timeFilter($e) ${__to}") == set(
        "abcde"
    )


# --- macros -----------------------------------------------------------------------------------

FROM, TO = "'2026-03-01T12:30:00Z'", "'2026-03-08T00:00:00Z'"


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("WHERE $__timeFilter(seat.day)", f"WHERE seat.day BETWEEN {FROM} AND {TO}"),
        ("AND $__timeFilter( day )", f"AND day BETWEEN {FROM} AND {TO}"),
        ("day > $__timeFrom()::date - 6", f"day > {FROM}::date - 6"),
        ("least($__timeTo()::date, day)", f"least({TO}::date, day)"),
    ],
)
def test_a_macro_becomes_the_sql_of_the_postgresql_data_source(sql: str, expected: str) -> None:
    assert expand(sql, {}, RANGE) == expected


def test_the_fraction_of_a_second_has_no_zeros_at_its_end() -> None:
    time_range = TimeRange.parse("2026-03-01T00:00:00.250Z", "2026-03-01T23:59:59.999Z", NOW)
    expected = "'2026-03-01T00:00:00.25Z' '2026-03-01T23:59:59.999Z'"
    assert expand("$__timeFrom() $__timeTo()", {}, time_range) == expected


@pytest.mark.parametrize(
    ("sql", "message"),
    [
        ("$__timeGroup(day, '1d')", "unknown macro"),
        ("$__timeFilter", "unknown variable"),
        ("$__timeFilter (day)", "unknown variable"),
        ("$__timeFilter(coalesce(day, last_day))", "does not take"),
        ("$__timeFilter()", "does not take"),
        ("$__timeFilter(day, last_day)", "does not take"),
        ("$__timeFrom(day)", "does not take"),
    ],
)
def test_a_macro_that_grafana_would_refuse_or_break_is_refused(sql: str, message: str) -> None:
    with pytest.raises(GrafanaError, match=message):
        expand(sql, {}, RANGE)


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("SELECT seats -- people\nFROM s", "SELECT seats \nFROM s"),
        ("SELECT/* of\ntwo lines */ day FROM s", "SELECT day FROM s"),
        ("SELECT seats -- not idle: it's $__nosuch(day)", "SELECT seats "),
        ("SELECT '(--)', 'l''été /* 1 */' FROM s", "SELECT '(--)', 'l''été /* 1 */' FROM s"),
        ('SELECT seats AS "held -- ""now"', 'SELECT seats AS "held -- ""now"'),
        ("SELECT $text$ -- kept $text$", "SELECT $text$ -- kept $text$"),
        ("SELECT 'not closed -- here", "SELECT 'not closed "),
    ],
)
def test_comments_are_taken_out_and_literals_stay(sql: str, expected: str) -> None:
    assert without_comments(sql) == expected


def test_comments_go_before_macros_are_expanded_and_a_value_can_hold_a_macro() -> None:
    assert expand("SELECT 1 -- $__nosuch(day)", {}, RANGE) == "SELECT 1 "
    assert expand("${v:sqlstring}", {"v": "$__timeFrom()"}, RANGE) == f"'{FROM}'"


# --- reading ----------------------------------------------------------------------------------


def a_target(sql: str = "SELECT day AS time, n FROM t", **changes: object) -> Json:
    target = {"refId": "A", "rawQuery": True, "editorMode": "code", "format": "time_series"}
    return {**target, "datasource": SOURCE, "rawSql": sql, **changes}


def a_panel(number: int = 1, **changes: object) -> Json:
    return {
        "id": number,
        "type": "timeseries",
        "title": "Active users",
        "description": "People who used Copilot on the day, by organization.",
        "datasource": SOURCE,
        "gridPos": {"x": 0, "y": 8 * number, "w": 24, "h": 8},
        "fieldConfig": {"defaults": {"unit": "short"}, "overrides": []},
        "targets": [a_target("SELECT day AS time, n FROM t WHERE org IN (${org:sqlstring})")],
        **changes,
    }


def a_variable(name: str = "org", **changes: object) -> Json:
    query = {"type": "query", "label": "Organization", "datasource": SOURCE}
    return {"name": name, **query, "query": "SELECT slug FROM orgs", **changes}


def a_dashboard(**changes: object) -> Json:
    """The least that lint has nothing against."""
    source = {"name": "datasource", "type": "datasource", "query": SOURCE["type"], "label": "Data"}
    return {
        "id": None,
        "uid": "copilot-adoption",
        "title": "Adoption",
        "tags": ["copilot"],
        "schemaVersion": 42,
        "timezone": "utc",
        "time": {"from": "now-28d", "to": "now"},
        "links": [{"type": "dashboards", "keepTime": True, "includeVars": True}],
        "templating": {"list": [source, a_variable()]},
        "annotations": {"list": []},
        "panels": [a_panel()],
        **changes,
    }


def with_variables(*variables: Json) -> Json:
    return {"templating": {"list": list(variables)}}


def names_only(*rows: str) -> Callable[[str], tuple[list[Column], list[Row]]]:
    return lambda sql: ([Column("slug", "text")], [(row,) for row in rows])


def test_panels_in_rows_and_in_collapsed_rows_are_found_with_their_targets() -> None:
    row = {"type": "row", "id": 1, "panels": [a_panel(2), a_panel(3)]}
    dashboard = a_dashboard(panels=[row, a_panel(4)])
    assert [panel["id"] for panel in panels_of(dashboard)] == [1, 2, 3, 4]
    found = [(panel["id"], target["refId"]) for panel, target in panel_queries(dashboard)]
    assert found == [(2, "A"), (3, "A"), (4, "A")]


def test_annotations_are_found_without_the_one_that_grafana_builds_in() -> None:
    mine = {"name": "Gaps", "datasource": SOURCE, "target": {"rawSql": "SELECT 1"}}
    dashboard = a_dashboard(annotations={"list": [{"builtIn": 1, "name": "Alerts"}, mine]})
    assert annotations_of(dashboard) == [mine]


def test_alert_rules_have_sql_with_a_range_before_now_and_expressions_have_none(
    tmp_path: Path,
) -> None:
    (tmp_path / "alerts.yaml").write_text(
        "groups: [{rules: [{title: Stale, data: ["
        "{refId: A, relativeTimeRange: {from: 86400, to: 5}, model: {rawSql: SELECT 1}},"
        "{refId: B, relativeTimeRange: {from: 0, to: 0}, model: {type: threshold}}]}]}]"
    )
    [query] = alert_queries(tmp_path / "alerts.yaml", NOW)
    assert (query.title, query.sql) == ("Stale", "SELECT 1")
    assert query.time_range == TimeRange.parse("now-1d", "now-5s", NOW)


def test_a_variable_comes_after_those_that_its_query_names() -> None:
    needy = a_variable("team", query={"rawSql": "SELECT t FROM x WHERE o IN (${org:sqlstring})"})
    ordered = variables_in_order(with_variables(needy, a_variable("org"), a_variable("day")))
    assert [variable["name"] for variable in ordered] == ["org", "day", "team"]


def test_variables_that_need_each_other_are_refused() -> None:
    one, other = a_variable("a", query="SELECT $b"), a_variable("b", query="SELECT $a")
    with pytest.raises(ValueError, match="cycle"):
        variables_in_order(with_variables(one, other))


def test_a_query_sees_the_values_of_the_variables_that_it_names() -> None:
    asked = []

    def run(sql: str) -> tuple[list[Column], list[Row]]:
        asked.append(sql)
        return [Column("slug", "text")], [("O'Brien",), ("acme",)]

    team = a_variable("team", query="SELECT t WHERE o = ${org:sqlstring} AND $__timeFilter(day)")
    resolve_variables(with_variables(team, a_variable()), run, RANGE, {"org": "O'Brien"})
    assert asked[0] == "SELECT slug FROM orgs"
    assert asked[1].startswith(
        "SELECT t WHERE o = 'O''Brien' AND day BETWEEN '2026-03-01T12:30:00Z'"
    )


@pytest.mark.parametrize(
    ("changes", "chosen", "expected"),
    [
        ({}, None, "a"),
        ({"multi": True}, None, ["a"]),
        ({"includeAll": True}, None, ["a", "b"]),
        ({"multi": True, "includeAll": True, "current": {}}, None, ["a", "b"]),
        ({"includeAll": True, "current": {"value": ""}}, None, ["a", "b"]),
        ({"includeAll": True, "current": {"value": "b"}}, None, "b"),
        ({"multi": True, "current": {"value": ["b"]}}, None, ["b"]),
        ({"includeAll": True, "current": {"text": "All", "value": ALL}}, None, ["a", "b"]),
        ({"current": {"value": "left the company"}}, None, "a"),
        ({"current": {"value": "b"}}, "a", "a"),
        ({"current": {"value": ["b", "a"]}}, None, "b"),  # it once allowed several
        ({"multi": True}, ["a", "b"], ["a", "b"]),
        ({"includeAll": True, "current": {"value": "b"}}, ALL, ["a", "b"]),
    ],
)
def test_a_variable_stands_for_what_is_chosen_or_saved_or_else_for_all_or_the_first(
    changes: Json, chosen: Value | None, expected: Value
) -> None:
    wanted = None if chosen is None else {"org": chosen}
    dashboard = with_variables(a_variable(**changes))
    resolved = resolve_variables(dashboard, names_only("a", "b"), RANGE, wanted)["org"]
    assert resolved.value == expected
    assert resolved.options == (Option("a", "a"), Option("b", "b"))


@pytest.mark.parametrize(
    ("changes", "expected"), [({}, ""), ({"multi": True}, []), ({"includeAll": True}, [])]
)
def test_a_variable_without_options_stands_for_nothing(changes: Json, expected: Value) -> None:
    dashboard = with_variables(a_variable(**changes))
    assert resolve_variables(dashboard, names_only(), RANGE)["org"].value == expected


@pytest.mark.parametrize("chosen", ["c", ["a", "c"], ALL])
def test_a_choice_that_is_not_offered_is_refused(chosen: Value) -> None:
    dashboard = with_variables(a_variable(multi=True))
    with pytest.raises(GrafanaError, match="does not offer"):
        resolve_variables(dashboard, names_only("a", "b"), RANGE, {"org": chosen})


@pytest.mark.parametrize(
    "changes", [{"type": "adhoc"}, {"type": "custom"}, {"regex": "/x/"}, {"allValue": "%"}]
)
def test_a_variable_of_which_the_options_are_not_certain_is_refused(changes: Json) -> None:
    with pytest.raises(GrafanaError, match="not known here"):
        resolve_variables(with_variables(a_variable(**changes)), names_only(), RANGE)


@pytest.mark.parametrize("kind", ["textbox", "datasource"])
def test_a_variable_without_options_of_its_own_has_its_text(kind: str) -> None:
    dashboard = with_variables(a_variable("find", type=kind, query="octo"))
    assert resolve_variables(dashboard, names_only(), RANGE)["find"].value == "octo"
    chosen = resolve_variables(dashboard, names_only(), RANGE, {"find": 'q"x'})
    assert chosen["find"].value == 'q"x'
    dashboard["templating"]["list"][0]["current"] = {"value": "saved"}
    assert resolve_variables(dashboard, names_only(), RANGE)["find"].value == "saved"


def test_options_come_from_one_column_or_from_a_text_and_a_value_once_each() -> None:
    rows: list[Row] = [(1, "One"), (1, "One"), (None, "None"), (2, "Two")]
    pair = [Column("__value", "number"), Column("__text", "text")]
    assert query_options(pair, rows) == (Option("One", "1"), Option("Two", "2"))
    assert query_options([Column("n", "number")], [(7,), (7,)]) == (Option("7", "7"),)
    with pytest.raises(GrafanaError, match="options need"):
        query_options([Column("a", "text"), Column("b", "text")], [])


# --- shapes -----------------------------------------------------------------------------------

TIME, ORG, USERS = Column("time", "time"), Column("org", "text"), Column("users", "number")
ACTIVE, METRIC = Column("active", "boolean"), Column("metric", "text")
FIRST, SECOND = date(2026, 3, 1), date(2026, 3, 2)
SERIES, TABLE = {"format": "time_series"}, {"format": "table"}


def test_columns_have_the_kinds_that_grafana_tells_apart(postgres_server: str) -> None:
    sql = (
        b"SELECT DATE '2026-03-01' AS a, now() AS b, now()::timestamp AS c, 1::bigint AS d,"
        b" 1.5 AS e, 1::real AS f, true AS g, 'x'::varchar(9) AS h, '{}'::jsonb AS i,"
        b" time '01:00' AS j"
    )
    with psycopg.connect(postgres_server) as connection:
        columns = columns_of(connection.execute(sql).description)
    kinds = ["time"] * 3 + ["number"] * 3 + ["boolean"] + ["text"] * 3
    assert columns == [Column(name, kind) for name, kind in zip("abcdefghij", kinds, strict=True)]
    assert columns_of(None) == []


@pytest.mark.parametrize(
    ("kind", "target", "columns", "rows"),
    [
        ("timeseries", SERIES, [TIME, USERS], [(FIRST, 1), (SECOND, 2)]),
        ("timeseries", SERIES, [TIME, ORG, USERS], [(FIRST, "a", 1), (FIRST, "b", 2)]),
        ("timeseries", SERIES, [TIME, USERS], []),
        ("stat", SERIES, [TIME, USERS], [(FIRST, 1), (SECOND, 2)]),
        ("stat", TABLE, [USERS], [(1,)]),
        ("table", TABLE, [ORG, ACTIVE, TIME, Column("left", "time")], []),
    ],
)
def test_a_result_that_its_panel_can_show_has_no_problem(
    kind: str, target: Json, columns: list[Column], rows: list[Row]
) -> None:
    assert shape_problems({"type": kind}, target, columns, rows) == []


@pytest.mark.parametrize(
    ("kind", "target", "columns", "rows", "problem"),
    [
        ("timeseries", SERIES, [Column("day", "time"), USERS], [], "needs a column `time`"),
        ("stat", SERIES, [Column("time", "number"), USERS], [], "needs a column `time`"),
        ("timeseries", SERIES, [TIME, ORG], [], "a time series needs a number"),
        ("timeseries", SERIES, [TIME, USERS, ACTIVE], [], "no boolean"),
        ("timeseries", SERIES, [TIME, Column("left", "time"), USERS], [], "one column of time"),
        ("timeseries", SERIES, [TIME, USERS], [(SECOND, 1), (FIRST, 2)], "order of time"),
        ("timeseries", SERIES, [TIME, USERS], [(None, 1)], "without a time"),
        ("timeseries", SERIES, [TIME, USERS], [(FIRST, 1), (FIRST, 2)], "several rows"),
        ("timeseries", SERIES, [TIME, ORG, USERS], [(FIRST, "a", 1)] * 2, "several rows"),
        ("timeseries", TABLE, [ORG, USERS], [], "a timeseries panel needs a time"),
        ("table", SERIES, [TIME, USERS], [], "needs the format table"),
        ("table", TABLE, [ORG, ORG], [], "columns of the same name: org"),
        ("table", TABLE, [ORG, Column("?column?", "number")], [], "without a name"),
        ("stat", TABLE, [ORG], [], "a stat needs a number"),
        ("bargauge", TABLE, [ORG, USERS], [("a", 1), ("b", 2)], "set reduceOptions.values"),
        ("piechart", TABLE, [ORG, USERS], [("a", 1)], "not known here"),
    ],
)
def test_a_result_that_its_panel_cannot_show_is_found(
    kind: str, target: Json, columns: list[Column], rows: list[Row], problem: str
) -> None:
    found = shape_problems({"type": kind}, target, columns, rows)
    assert [each for each in found if problem in each] == found != []


def test_a_panel_that_shows_every_row_may_have_several() -> None:
    panel = {"type": "bargauge", "options": {"reduceOptions": {"values": True}}}
    assert shape_problems(panel, TABLE, [ORG, USERS], [("a", 1), ("b", 2)]) == []


@pytest.mark.parametrize(
    ("target", "columns", "row", "shown"),
    [
        (TABLE, [TIME, ORG], (FIRST, "a"), {"time", "org"}),
        (SERIES, [TIME, USERS], (FIRST, 1), {"Time", "users"}),
        (SERIES, [TIME, ORG, USERS], (FIRST, "a", 1), {"Time", "users", "users a"}),
        (SERIES, [TIME, METRIC, USERS], (FIRST, "a", 1), {"Time", "a"}),
        (
            SERIES,
            [TIME, Column("team", "text"), ORG, USERS],
            (FIRST, "t", "a", 1),
            {"Time", "users", 'users {org="a", team="t"}'},
        ),
    ],
)
def test_columns_and_series_have_the_names_that_grafana_gives_them(
    target: Json, columns: list[Column], row: Row, shown: set[str]
) -> None:
    assert shown_names(target, columns, [row]) == shown
    if target == SERIES:
        assert series_name(columns, row, len(columns) - 1) in shown


def test_the_names_of_overrides_are_those_of_one_field() -> None:
    matchers = [{"id": "byName", "options": "users"}, {"id": "byRegexp", "options": "/nothing/"}]
    panel = {"fieldConfig": {"overrides": [{"matcher": each} for each in matchers]}}
    assert names_of_overrides(panel) == ["users"]
    assert names_of_overrides({}) == []


# --- lint -------------------------------------------------------------------------------------


def test_a_dashboard_that_follows_the_rules_has_no_problems() -> None:
    assert lint_problems(a_dashboard()) == []


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"title": ""}, "no title"),
        ({"uid": None}, "uid"),
        ({"uid": "x" * 41}, "uid"),
        ({"uid": "a b"}, "uid"),
        ({"id": 7}, "id belongs to one Grafana"),
        ({"version": 3}, "version belongs to one Grafana"),
        ({"schemaVersion": 39}, "schemaVersion"),
        ({"timezone": "browser"}, "timezone"),
        ({"tags": []}, "no tags"),
        ({"links": []}, "no link"),
        ({"links": [{"type": "dashboards", "keepTime": True}]}, "no link"),
        ({"links": [{"type": "link", "keepTime": True, "includeVars": True}]}, "no link"),
        ({"time": {"from": "now-28d"}}, "no time range"),
        ({"panels": [a_panel(1), a_panel(1, gridPos={"x": 0, "y": 99, "w": 1, "h": 1})]}, "ids"),
        ({"panels": [a_panel(0)]}, "ids"),
        ({"panels": [a_panel(1), a_panel(2, id=None)]}, "ids"),
        ({"panels": [a_panel(1, id="1")]}, "ids"),
        ({"panels": [a_panel(gridPos={"x": 13, "y": 0, "w": 12, "h": 8})]}, "24 columns"),
        ({"panels": [a_panel(gridPos={"x": -1, "y": 0, "w": 12, "h": 8})]}, "24 columns"),
        ({"panels": [{k: v for k, v in a_panel().items() if k != "gridPos"}]}, "24 columns"),
    ],
)
def test_lint_finds_what_is_wrong_with_the_dashboard_itself(changes: Json, problem: str) -> None:
    [found] = lint_problems(a_dashboard(**changes))
    assert problem in found


def test_lint_finds_panels_that_overlap_but_not_those_that_a_collapsed_row_hides() -> None:
    place = {"x": 4, "y": 9, "w": 4, "h": 4}
    around = [{**place, "x": 8}, {**place, "x": 0}, {**place, "y": 13}, {**place, "y": 5}]
    row = {"id": 5, "type": "row", "title": "More", "gridPos": {"x": 0, "y": 0, "w": 24, "h": 1}}
    hidden = {**row, "panels": [a_panel(6, gridPos=place)]}
    fine = [hidden, a_panel(1, gridPos=place)]
    fine += [a_panel(10 + number, gridPos=where) for number, where in enumerate(around)]
    assert lint_problems(a_dashboard(panels=fine)) == []
    inside = {"x": 5, "y": 10, "w": 1, "h": 1}
    [found] = lint_problems(a_dashboard(panels=[*fine, a_panel(2, gridPos=inside)]))
    assert found == "panels 1 and 2 overlap"


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"title": ""}, "no title"),
        ({"description": "x" * 29}, "no description"),
        ({"fieldConfig": {"defaults": {}}}, "no unit"),
        ({"datasource": {"type": SOURCE["type"], "uid": "abc"}}, "datasource is not"),
        ({"datasource": None}, "datasource is not"),
        ({"targets": []}, "refId"),
    ],
)
def test_lint_finds_what_is_wrong_with_a_panel(changes: Json, problem: str) -> None:
    assert any(
        found.startswith("panel 1 ") and problem in found
        for found in lint_problems(a_dashboard(panels=[a_panel(**changes)]))
    )


def test_a_description_of_30_characters_is_enough() -> None:
    assert lint_problems(a_dashboard(panels=[a_panel(description="x" * 30)])) == []


def test_a_unit_may_come_from_an_override_and_texts_and_rows_need_none() -> None:
    unit = {"matcher": {"id": "byName", "options": "n"}, "properties": [{"id": "unit"}]}
    text = {"id": 2, "type": "text", "gridPos": {"x": 0, "y": 0, "w": 24, "h": 2}}
    panels = [a_panel(fieldConfig={"defaults": {}, "overrides": [unit]}), text]
    assert lint_problems(a_dashboard(panels=panels)) == []


@pytest.mark.parametrize(("first", "problems"), [(None, 0), (0, 1)])
def test_the_first_step_of_thresholds_has_no_value(first: int | None, problems: int) -> None:
    steps = {"steps": [{"color": "green", "value": first}, {"color": "red", "value": 80}]}
    override = {"properties": [{"id": "thresholds", "value": steps}], "matcher": {"id": "byType"}}
    for config in ({"defaults": {"thresholds": steps}}, {"overrides": [override]}):
        merged = {"defaults": {"unit": "short", **config.get("defaults", {})}}  # type: ignore[dict-item]
        panel = a_panel(fieldConfig={**config, **merged})
        found = lint_problems(a_dashboard(panels=[panel]))
        assert len([each for each in found if "first step" in each]) == len(found) == problems


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"refId": ""}, "refId"),
        ({"rawQuery": False}, "rawQuery"),
        ({"editorMode": "builder"}, "editorMode"),
        ({"format": "logs"}, "format of a target"),
        ({"datasource": None}, "datasource is not"),
    ],
)
def test_lint_finds_what_is_wrong_with_a_target(changes: Json, problem: str) -> None:
    panel = a_panel()
    panel["targets"][0] |= changes
    [found] = lint_problems(a_dashboard(panels=[panel]))
    assert problem in found


@pytest.mark.parametrize("second", ["A", "", None])
def test_the_targets_of_a_panel_have_names_of_their_own(second: str | None) -> None:
    panel = a_panel()
    panel["targets"].append(a_target(refId=second))
    [found] = lint_problems(a_dashboard(panels=[panel]))
    assert "refId" in found


@pytest.mark.parametrize(
    ("sql", "problem"),
    [
        ("SELECT * FROM t", "SELECT *"),
        ("select distinct * FROM t", "SELECT *"),
        ("SELECT t.* FROM t", "SELECT *"),
        ("WITH x AS (SELECT\n* FROM t) SELECT n FROM x", "SELECT *"),
        ("SELECT 1; SELECT 2", "not one SELECT"),
        ("DELETE FROM t", "not one SELECT"),
        ("-- SELECT\nUPDATE t SET n = 1", "not one SELECT"),
        ("", "not one SELECT"),
        ("SELECT n FROM t WHERE o = ${nosuch:sqlstring}", "variable 'nosuch' does not exist"),
    ],
)
def test_lint_finds_what_is_wrong_with_sql(sql: str, problem: str) -> None:
    dashboard = a_dashboard(panels=[a_panel(), a_panel(2, targets=[a_target(sql)])])
    [found] = lint_problems(dashboard)
    assert problem in found


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT count(*), 2 * n, ';', 'SELECT *' FROM t WHERE $__timeFilter(day);",
        "-- all; of them\nWITH x AS (SELECT n FROM t) SELECT n FROM x",
        "SELECT n FROM t WHERE day >= $__timeFrom() AND $__from < 1 -- SELECT *",
    ],
)
def test_lint_has_nothing_against_sql_that_only_looks_wrong(sql: str) -> None:
    dashboard = a_dashboard(panels=[a_panel(), a_panel(2, targets=[a_target(sql)])])
    assert lint_problems(dashboard) == []


def test_lint_looks_at_annotations_and_at_the_queries_of_variables() -> None:
    built_in = {"builtIn": 1, "datasource": {"uid": "-- Grafana --"}}
    wrong = {"name": "Gaps", "datasource": None, "target": {"rawSql": "SELECT *"}}
    dashboard = a_dashboard(annotations={"list": [built_in, wrong]})
    dashboard["templating"]["list"][1] |= {"datasource": None, "query": "SELECT * FROM orgs"}
    expected = ["datasource is not ${datasource}", "SQL names no columns: SELECT *"]
    assert lint_problems(dashboard) == [
        f"{where}: the {problem}"
        for where in ("variable 'org'", "annotation 'Gaps'")
        for problem in expected
    ]


def test_lint_finds_a_variable_that_only_another_ones_query_names() -> None:
    dashboard = a_dashboard()
    dashboard["templating"]["list"][1]["query"] = "SELECT slug FROM orgs WHERE n = ${nosuch:raw}"
    assert lint_problems(dashboard) == ["variable 'nosuch' does not exist"]


def test_lint_wants_one_data_source_variable_of_the_right_name_and_kind() -> None:
    good = a_dashboard()["templating"]["list"]
    for sources in ([], [{"name": "source"}], [{"query": "mysql"}], [{}, {"name": "second"}]):
        variables = [*({**good[0], **changes} for changes in sources), good[1]]
        [found] = lint_problems(a_dashboard(**with_variables(*variables)))
        assert "needs one data source variable" in found


def test_lint_finds_variables_without_a_label_or_a_use() -> None:
    base = a_dashboard()
    variables = base["templating"]["list"]
    unused = deepcopy(base) | with_variables(*variables, a_variable("spare", label=""))
    assert lint_problems(unused) == [
        "variable 'spare' is not used",
        "variable 'spare' has no label",
    ]


def test_a_price_in_a_description_is_no_variable() -> None:
    panel = a_panel(description="A seat costs $19 a month, so an idle one costs that too.")
    assert lint_problems(a_dashboard(panels=[panel])) == []
