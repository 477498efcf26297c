"""The dashboards on the demo's warehouse: every query runs as Grafana would run it, and is right.

The numbers themselves are computed a second time in `test_grafana_numbers.py`.
"""

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import psycopg
import pytest
import yaml  # type: ignore[import-untyped]

from copilot_pipeline import rules
from copilot_pipeline_tests.conftest import ROOT
from copilot_pipeline_tests.grafana.expansion import Value, expand
from copilot_pipeline_tests.grafana.lint import lint_problems
from copilot_pipeline_tests.grafana.model import (
    ALL,
    Json,
    Run,
    alert_queries,
    at,
    panels_of,
)
from copilot_pipeline_tests.grafana.opening import Frame, Opened, reading
from copilot_pipeline_tests.grafana.shapes import (
    names_of_overrides,
    shape_problems,
    shown_names,
)
from copilot_pipeline_tests.grafana.time_range import TimeRange
from copilot_pipeline_tests.grafana.warehouse import let_grafana_read
from grafana.source import alerts
from grafana.source.__main__ import build

pytestmark = pytest.mark.pairs

GRAFANA = ROOT / "grafana"
ALERTS = GRAFANA / "provisioning/alerting/copilot.yaml"
FILES = {path.stem: path for path in (GRAFANA / "dashboards/copilot").iterdir()}
DASHBOARDS = {name: json.loads(path.read_text(encoding="utf-8")) for name, path in FILES.items()}
NAMES = ("adoption", "data-health", "languages", "seats", "users-teams")

LEVELS = ("enterprise", "organization")
CORP, DEMO, LABS = "Octo Corp", "Octo Demo", "Octo Labs"
LABELS = {"enterprise": {CORP}, "organization": {DEMO, LABS}}
OF_SEVERAL = "Each chosen scope has its own value"
MAY_BE_EMPTY = "May be empty"

# What charts have a color for, and nothing in the demo says.
NEVER_SAID = {
    "Chat: custom",
    "Chat: unknown",
    "Copilot app",
    "no access",
    "not ready",
    "others",
    "unknown",
    "auto",
}


@pytest.fixture(scope="module")
def run(demo_url: str) -> Iterator[Run]:
    with reading(demo_url) as run:
        yield run


@pytest.fixture(scope="module")
def newest(run: Run) -> date:
    """The newest complete day when the demo ran."""
    day: date = run("SELECT max(day) FROM _tool_copilot_org_metrics")[1][0][0]
    return day


def range_of(name: str, newest: date) -> TimeRange:
    """`default` is the range with which a dashboard opens, on the afternoon of the day after."""
    return {
        "last 365 days": between(newest - timedelta(364), newest),
        "one day": between(newest - timedelta(10), newest - timedelta(10)),
        "from noon to noon": TimeRange(
            datetime.combine(newest - timedelta(50), time(12, 34, 56, 789_000), UTC),
            datetime.combine(newest - timedelta(4), time(12, 34, 56), UTC),
        ),
        "1995": between(date(1995, 5, 1), date(1995, 5, 7)),
    }[name]


RANGES = ("default", "last 365 days", "one day", "from noon to noon", "1995")


def between(first: date, last: date) -> TimeRange:
    """From the first moment of a day to the last of another one."""
    end = datetime.combine(last + timedelta(1), time(), UTC) - timedelta(milliseconds=1)
    return TimeRange(datetime.combine(first, time(), UTC), end)


def opened(
    name: str, run: Run, newest: date, range_name: str = "default", /, **chosen: Value
) -> Opened:
    dashboard = DASHBOARDS[name]
    if range_name == "default":
        now = datetime.combine(newest + timedelta(1), time(15, 4, 5), UTC)
        picked = TimeRange.parse(dashboard["time"]["from"], dashboard["time"]["to"], now)
    else:
        picked = range_of(range_name, newest)
    return Opened(dashboard, run, picked, chosen)


def change(url: str, *statements: str) -> None:
    with psycopg.connect(url) as connection:
        for statement in statements:
            connection.execute(statement.encode())


def scope_ids(run: Run) -> dict[str, str]:
    return {label: str(id_) for label, id_ in run("SELECT label, id FROM copilot_scopes")[1]}


# --- the files


def test_the_files_are_what_the_source_builds() -> None:
    assert {name: path.read_text(encoding="utf-8") for name, path in FILES.items()} == build()
    assert sorted(FILES) == list(NAMES)
    assert build() == build()


def test_the_alert_rules_are_what_the_source_builds_with_the_thresholds_of_the_rules() -> None:
    text = ALERTS.read_text(encoding="utf-8")
    assert text == alerts.build()
    thresholds = {
        rule["uid"]: rule["data"][1]["model"]["conditions"][0]["evaluator"]["params"]
        for group in yaml.safe_load(text)["groups"]
        for rule in group["rules"]
    }
    assert thresholds == {
        "copilot-no-new-day": [rules.NO_NEW_DAY_DAYS],
        "copilot-no-data": [0],
        "copilot-no-access": [0],
        "copilot-token-expiry": [rules.EXPIRES_SOON_DAYS],
        "copilot-idle-seats": [rules.UNUSED_SHARE],
    }


@pytest.mark.parametrize("name", NAMES)
def test_lint_finds_nothing(name: str) -> None:
    assert lint_problems(DASHBOARDS[name]) == []


def test_every_dashboard_has_the_address_that_links_name() -> None:
    uids = {dashboard["uid"] for dashboard in DASHBOARDS.values()}
    assert uids == {f"copilot-{name}" for name in NAMES}
    texts = [path.read_text(encoding="utf-8") for path in [*FILES.values(), ALERTS]]
    linked = {uid for text in texts for uid in re.findall(r"/d/([\w-]+)", text)}
    assert linked
    assert linked <= uids
    assert len({dashboard["title"] for dashboard in DASHBOARDS.values()}) == len(NAMES)


# --- every query


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("range_name", RANGES)
@pytest.mark.parametrize("name", NAMES)
def test_every_query_of_a_dashboard_runs_and_fits_its_panel(
    run: Run, newest: date, name: str, range_name: str, level: str
) -> None:
    everything = opened(name, run, newest, range_name, level=level)
    for chosen in choices(everything):
        changed = opened(name, run, newest, range_name, level=level, **chosen)
        for frame in changed.frames():
            assert problems_of(frame) == [], frame.panel["title"]
        marks = changed.marks()
        assert set(marks) == {"Definition changes", "Rollout", "Provisional days"}
        for row in (row for rows in marks.values() for row in rows):
            first, last, text = row
            assert first <= last
            assert text


def choices(everything: Opened) -> Iterator[dict[str, Value]]:
    """All, one value of each variable that takes several, and other prices."""
    yield {}
    multi = {each["name"] for each in everything.dashboard["templating"]["list"] if "multi" in each}
    found = {
        name: variable.options[-1].value
        for name, variable in everything.variables.items()
        if name in multi - {"level", "datasource"} and variable.options
    }
    for name, value in found.items():
        yield {name: [value]}
    if "price_business" in everything.variables:
        yield {"price_business": "0", "price_enterprise": "32.75"}


def problems_of(frame: Frame) -> list[str]:
    problems = shape_problems(frame.panel, frame.target, frame.columns, frame.rows)
    names = shown_names(frame.target, frame.columns, frame.rows)
    if frame.panel["type"] == "table":
        problems += [name for name in names_of_overrides(frame.panel) if name not in names]
    return problems


@pytest.mark.parametrize("name", NAMES)
def test_every_override_of_a_chart_names_a_series(run: Run, newest: date, name: str) -> None:
    ids = scope_ids(run)
    shown: dict[int, set[str]] = {}
    for label, level in ((CORP, "enterprise"), (DEMO, "organization"), (LABS, "organization")):
        one = opened(name, run, newest, "last 365 days", level=level, scope=[ids[label]])
        for frame in one.frames():
            names = shown_names(frame.target, frame.columns, frame.rows)
            shown.setdefault(frame.panel["id"], set()).update(names)
    for panel in panels_of(DASHBOARDS[name]):
        wanted = set(names_of_overrides(panel)) - NEVER_SAID
        # More names than are shown one by one are in the demo only if both organizations are.
        assert wanted - shown.get(panel["id"], set()) <= {"all the rest"}, panel["title"]


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("name", NAMES)
def test_every_panel_has_something_to_show_as_the_dashboard_opens_or_says_that_it_may_not(
    run: Run, newest: date, name: str, level: str
) -> None:
    for frame in opened(name, run, newest, level=level).frames():
        numbers = [index for index, each in enumerate(frame.columns) if each.kind == "number"]
        told = any(row[index] is not None for row in frame.rows for index in numbers)
        assert told or MAY_BE_EMPTY in frame.panel["description"], frame.panel["title"]


def test_every_alert_rule_says_a_number_of_each_scope_or_account(run: Run, newest: date) -> None:
    queries = alert_queries(ALERTS, datetime.combine(newest + timedelta(1), time(6), UTC))
    assert len(queries) == 5
    for query in queries:
        columns, rows = run(expand(query.sql, {}, query.time_range))
        kinds = Counter(column.kind for column in columns)
        assert set(kinds) == {"text", "number"}
        assert kinds["number"] == 1
        assert len(rows) == (1 if "expire" in query.title else 3)
        assert all(None not in row for row in rows)


def test_every_query_runs_on_a_warehouse_without_any_data(postgres_url: str) -> None:
    let_grafana_read(postgres_url)
    today = datetime.now(UTC).date()
    with reading(postgres_url) as run:
        for name in NAMES:
            for range_name in RANGES:
                empty = opened(name, run, today - timedelta(1), range_name)
                assert empty.variables["scope"].value == []
                for frame in empty.frames():
                    assert problems_of(frame) == []
                assert "Rollout" in empty.marks()
        for query in alert_queries(ALERTS, datetime.now(UTC)):
            assert run(expand(query.sql, {}, query.time_range))[1] == []


# --- names that were chosen by strangers

# Grafana's quoting writes a backslash before a double quote, and its macros take effect within a
# literal: names with these can be shown, but not be chosen. GitHub has neither in slugs, and none
# is known of a language or an editor.
NAMES_TO_CHOOSE = (
    "O'Brien",
    "${scope}",
    "[[scope]]",
    "'; DROP TABLE x; --",
    "/* x",
    "$$ x $$",
    "%s",
    "{0}",
    "a,b",
    "Zoë 日本 \U0001f600",
    "back\\slash\\",
)
NAMES_TO_SHOW = (*NAMES_TO_CHOOSE, 'q"x', "$__timeFilter(day)")


@pytest.mark.parametrize("hostile", NAMES_TO_SHOW)
def test_a_name_of_any_kind_is_shown_as_it_is(demo_copy: str, newest: date, hostile: str) -> None:
    quoted = hostile.replace("'", "''")
    change(
        demo_copy,
        f"UPDATE _tool_copilot_scopes SET name = '{quoted}' WHERE slug = 'octo-demo'",
        f"UPDATE _tool_copilot_metrics_by_model_feature SET model = '{quoted}'"
        " WHERE model = 'auto'",
        f"UPDATE _tool_copilot_adoption_phases SET phase = '{quoted}' WHERE phase = 'Phase 2'",
        f"UPDATE _tool_copilot_user_metrics SET user_login = '{quoted}',"
        f" ai_adoption_phase = '{quoted}'",
        f"UPDATE _tool_copilot_user_teams SET user_login = '{quoted}'",
        f"UPDATE _tool_copilot_seats SET user_login = '{quoted}', last_activity_editor ="
        f" '{quoted}/1.2'",
        f"UPDATE _tool_copilot_unknown_names SET name = '{quoted}' WHERE kind = 'model'",
        f"UPDATE copilot_github_accounts SET login = '{quoted}'",
    )
    with reading(demo_copy) as run:
        shown = {
            name: shown_texts(opened(name, run, newest, level="organization")) for name in NAMES
        }
    assert all(hostile in shown["adoption"][id_] for id_ in (2, 3, 4, 5, 12, 41))
    assert f"{hostile}: daily" in shown["adoption"][11]
    assert hostile in shown["languages"][21] & shown["languages"][22]
    assert all(hostile in shown["data-health"][id_] for id_ in (11, 31, 33, 34))
    assert (hostile.split("/")[0] or "(no activity)") in shown["seats"][32]
    assert hostile in shown["seats"][33]
    assert all(hostile in shown["users-teams"][id_] for id_ in (21, 22, 31))
    assert f"{hostile}: data" in shown["users-teams"][12]


@pytest.mark.parametrize("hostile", NAMES_TO_CHOOSE)
def test_a_name_of_any_kind_can_be_chosen(demo_copy: str, newest: date, hostile: str) -> None:
    quoted = hostile.replace("'", "''")
    change(
        demo_copy,
        f"UPDATE _tool_copilot_scopes SET name = '{quoted}' WHERE slug = 'octo-demo'",
        f"UPDATE _tool_copilot_language_metrics SET language = '{quoted}' WHERE language = 'go'",
        f"UPDATE _tool_copilot_metrics_by_ide SET ide = '{quoted}' WHERE ide = 'vscode'",
        f"UPDATE _tool_copilot_user_teams SET slug = '{quoted}' WHERE slug = 'web'",
        f"UPDATE _tool_copilot_seats SET assigning_team_slug = '{quoted}'"
        " WHERE assigning_team_slug = 'web'",
    )
    with reading(demo_copy) as run:
        scope = [scope_ids(run)[hostile]]

        def texts_with(name: str, **chosen: Value) -> dict[int, set[str]]:
            return shown_texts(
                opened(name, run, newest, level="organization", scope=scope, **chosen)
            )

        for chosen in (ALL, [hostile]):
            languages = texts_with("languages", language=chosen, editor=chosen)
            assert all(hostile in languages[panel] for panel in (2, 3, 4, 11, 12))
            seats = texts_with("seats", assigning_team=chosen)
            assert hostile in seats[31]
            teams = texts_with("users-teams", team=chosen)
            assert hostile in teams[11]
            assert f"{hostile}: {hostile}" in teams[12]
        assert languages[3] == languages[12] == {hostile}
        assert seats[31] == teams[11] == {hostile}


def shown_texts(dashboard: Opened) -> dict[int, set[str]]:
    """By panel the texts in the rows of its answer."""
    return {
        frame.panel["id"]: {value for row in frame.rows for value in row if isinstance(value, str)}
        for frame in dashboard.frames()
    }


# --- days


@pytest.mark.parametrize("name", NAMES)
def test_a_day_that_is_missing_is_a_gap_and_never_a_zero(
    demo_copy: str, run: Run, newest: date, name: str
) -> None:
    gone = newest - timedelta(20)
    change(
        demo_copy,
        f"""DO $$ DECLARE name text; BEGIN
          FOR name IN SELECT table_name FROM information_schema.columns
            JOIN information_schema.tables USING (table_schema, table_name)
            WHERE column_name = 'day' AND table_type = 'BASE TABLE'
              AND table_name LIKE '\\_tool\\_copilot\\_%'
          LOOP EXECUTE format('DELETE FROM %I WHERE day = %L', name, '{gone}'); END LOOP;
        END $$""",
    )
    drawn = 0
    with reading(demo_copy) as run_on_copy:
        for level in LEVELS:
            whole, less = (
                charts(opened(name, each, newest, level=level)) for each in (run, run_on_copy)
            )
            for panel, frame in less.items():
                days = days_drawn(whole[panel])
                drawn += gone in days
                assert days_drawn(frame) == days - {gone}
                if gone in days and is_line(frame.panel):
                    assert breaks(frame, gone), frame.panel["title"]
    assert drawn


def charts(dashboard: Opened) -> dict[int, Frame]:
    frames = dashboard.frames()
    return {each.panel["id"]: each for each in frames if each.target["format"] == "time_series"}


def days_drawn(frame: Frame) -> set[date]:
    """The days with a value of any series."""
    return {day for days in frame.series().values() for day in days}


def is_line(panel: Json) -> bool:
    return bool(at(panel, "fieldConfig", "defaults", "custom", "drawStyle") == "line")


def breaks(frame: Frame, day: date) -> bool:
    """Whether no line is drawn over the day: it has a null, which is not spanned."""
    look = frame.panel["fieldConfig"]["defaults"]["custom"]
    rows = [row for row in frame.rows if day in row]
    return look["spanNulls"] is False and bool(rows) and all(None in row for row in rows)


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("name", NAMES)
def test_a_range_that_begins_and_ends_at_noon_has_its_first_and_its_last_day_in_full(
    run: Run, newest: date, name: str, level: str
) -> None:
    noon = opened(name, run, newest, "from noon to noon", level=level)
    picked = noon.time_range
    whole = between(picked.start.date(), picked.end.date())
    full = Opened(DASHBOARDS[name], run, whole, {"level": level})
    for one, other in zip(noon.frames(), full.frames(), strict=True):
        assert settled(one) == settled(other), one.panel["title"]
    assert noon.marks() == full.marks()
    if name == "adoption":
        for panel in (4, 11, 21, 22):
            assert {picked.start.date(), picked.end.date()} <= days_drawn(noon.frame(panel))


def settled(frame: Frame) -> list[Any]:
    """The rows without the parts of a day until now, which pass while the test runs."""
    return [[round(x, 3) if isinstance(x, float) else x for x in row] for row in frame.rows]


def test_days_of_the_old_api_and_of_the_reports_are_one_series_with_a_mark_at_the_switch(
    run: Run, newest: date
) -> None:
    rows = run(
        "SELECT source, array_agg(day ORDER BY day) FROM _tool_copilot_org_metrics"
        f" WHERE scope_id = {scope_ids(run)[CORP]} GROUP BY source"
    )[1]
    sources: dict[str, list[date]] = {row[0]: row[1] for row in rows}
    switch = sources["reports"][0]
    assert sources["legacy"][-1] == switch - timedelta(1)
    adoption = opened("adoption", run, newest, "last 365 days", level="enterprise")
    daily = adoption.frame(11).series()["daily"]
    assert list(daily) == sources["legacy"] + sources["reports"]
    assert adoption.frame(4).series()[CORP] == daily
    for name in NAMES:
        marks = opened(name, run, newest, "last 365 days", level="enterprise").marks()
        assert [row[:2] for row in marks["Definition changes"] if "old metrics API" in row[2]] == [
            (switch, switch)
        ]
        others = opened(name, run, newest, "last 365 days", level="organization").marks()
        assert not [row for row in others["Definition changes"] if "old metrics API" in row[2]]


def test_a_scope_that_was_switched_to_the_reports_has_no_gaps_of_the_old_api(
    run: Run, newest: date
) -> None:
    health = opened("data-health", run, newest, level="enterprise")
    gaps = health.frame(21).records()
    assert "legacy" not in {row["Report"] for row in gaps}
    assert health.frame(4).rows == [(len(gaps),)]
    ((complete,),) = health.frame(3).rows
    assert 0.99 < complete <= 1
    (legacy,) = [row for row in health.frame(11).records() if row["Report"] == "legacy"]
    assert legacy["Expected"] == legacy["Loaded"] > legacy["Gaps"] == 0


def test_what_a_clock_that_was_ahead_stored_is_shown(demo_copy: str, newest: date) -> None:
    status = "_tool_copilot_collection_status"
    of_demo = "scope_id = (SELECT id FROM _tool_copilot_scopes WHERE slug = 'octo-demo')"
    with reading(demo_copy) as run:
        assert opened("data-health", run, newest, level="organization").frame(35).rows == []
    change(
        demo_copy,
        f"UPDATE {status} SET last_fetched_at = now() + interval '9 days' WHERE {of_demo}"
        f" AND report = 'users-1-day' AND day > '{newest - timedelta(2)}'",
        f"UPDATE {status} SET day = day + 30 WHERE {of_demo} AND report = 'seats'"
        f" AND day = '{newest}'",
        # Clocks differ a little.
        f"UPDATE {status} SET last_fetched_at = now() + interval '5 minutes' WHERE {of_demo}"
        f" AND report = 'repos-1-day'",
    )
    with reading(demo_copy) as run:
        seats, users = opened("data-health", run, newest, level="organization").frame(35).records()
    assert (seats["Report"], seats["Days not over"], seats["The last"]) == (
        "seats",
        1,
        newest + timedelta(30),
    )
    assert (seats["With later times"], seats["The latest"]) == (0, None)
    assert (users["Report"], users["Days not over"], users["The last"]) == ("users-1-day", 0, None)
    assert users["With later times"] == 2


@pytest.mark.parametrize(
    ("first", "last", "days"),
    [
        (
            date(2026, 6, 2),
            date(2026, 8, 1),
            ["06-15", "06-19", "07-02", "07-17", "07-17", "07-28"],
        ),
        (date(2026, 6, 15), date(2026, 6, 15), ["06-15"]),
        (date(2026, 2, 20), date(2026, 3, 1), []),  # a change of status, of no number
        (date(1995, 5, 1), date(1995, 5, 7), []),
    ],
)
def test_changes_of_definition_in_the_range_are_marked(
    run: Run, first: date, last: date, days: list[str]
) -> None:
    for dashboard in DASHBOARDS.values():
        marks = Opened(dashboard, run, between(first, last), {}).marks()["Definition changes"]
        assert [f"{row[0]:%m-%d}" for row in marks] == days
        assert all(row[0] == row[1] for row in marks)


def test_the_provisional_mark_covers_the_three_newest_complete_days(run: Run, newest: date) -> None:
    ((today,),) = run("SELECT (now() AT TIME ZONE 'UTC')::date")[1]
    for name in NAMES:
        ((first, last, text),) = opened(name, run, newest).marks()["Provisional days"]
        assert (first, last) == (today - timedelta(3), today)
        assert text.startswith("Provisional")
        assert opened(name, run, newest, "one day").marks()["Provisional days"] == []


def test_the_roll_out_of_a_chosen_scope_is_marked(run: Run, newest: date) -> None:
    ids = scope_ids(run)
    for label, marked in ((LABS, [f"{LABS}: the rollout begins"]), (DEMO, [])):
        one = opened("adoption", run, newest, level="organization", scope=[ids[label]])
        assert [row[2] for row in one.marks()["Rollout"]] == marked


# --- people and scopes


@pytest.mark.parametrize("name", ["adoption", "seats", "data-health"])
def test_people_of_several_scopes_are_shown_apart_and_never_added(
    run: Run, newest: date, name: str
) -> None:
    ids = scope_ids(run)

    def values(*labels: str) -> dict[int, dict[str, Mapping[date, Any]]]:
        chosen = opened(
            name, run, newest, level="organization", scope=[ids[label] for label in labels]
        )
        return {
            frame.panel["id"]: dict(frame.series())
            for frame in chosen.frames()
            if OF_SEVERAL in frame.panel["description"]
        }

    both, demo, labs = values(DEMO, LABS), values(DEMO), values(LABS)
    assert both
    for panel, together in both.items():
        expected = {}
        for label, alone in ((DEMO, demo[panel]), (LABS, labs[panel])):
            for series, course in alone.items():
                expected[label if series == label else f"{label}: {series}"] = course
        assert together == expected
    if name == "adoption":
        assert sorted(both) == [2, 3, 4, 5, 11, 12, 13, 14, 42]
    if name == "seats":
        assert sorted(both) == [*range(2, 12), 21, 22, 23, 24]


def test_every_chart_of_people_shows_scopes_apart_or_says_what_it_does_instead() -> None:
    of_people = {
        (name, panel["id"])
        for name, dashboard in DASHBOARDS.items()
        for panel in panels_of(dashboard)
        if panel["type"] in ("stat", "timeseries")
        and "Unit: people" in panel["description"]
        and OF_SEVERAL not in panel["description"]
    }
    # Those who were active on any day count once; the phases are those of one scope.
    assert of_people == {("users-teams", id_) for id_ in (2, 3, 4, 5, 21)}


def test_a_person_of_two_organizations_counts_once_among_the_active(run: Run, newest: date) -> None:
    ids = scope_ids(run)

    def people(*labels: str) -> int:
        chosen = [ids[label] for label in labels]
        found = opened("users-teams", run, newest, level="organization", scope=chosen)
        ((count,),) = found.frame(2).rows
        return int(count)

    demo, labs = people(DEMO), people(LABS)
    assert max(demo, labs) < people(DEMO, LABS) <= demo + labs


def test_the_largest_are_shown_where_there_are_too_many(demo_copy: str, newest: date) -> None:
    with psycopg.connect(demo_copy) as connection:
        twin_scopes(connection, 3, 5)
    with reading(demo_copy) as run:
        assert len(scope_ids(run)) == 8
        frames = {
            (name, frame.panel["id"]): frame
            for name in NAMES
            for frame in opened(name, run, newest, level="organization").frames()
        }
        largest = {DEMO, LABS, "Twin 1", "Twin 2", "Twin 3"}
        of_people = [each for each in frames.values() if OF_SEVERAL in each.panel["description"]]
        for frame in of_people:
            assert {series.split(": ")[0] for series in frame.series()} <= largest
        assert set(frames["adoption", 4].series()) == largest
        assert len(frames["adoption", 41].rows) == 7
        assert len(frames["users-teams", 12].series()) == 8
        assert len(frames["users-teams", 31].rows) == 50
        assert len(frames["languages", 4].series()) == 6
        named = set(frames["languages", 2].series()) - {"all the rest", "others", "unknown"}
        assert len(named) == 8


def twin_scopes(connection: psycopg.Connection[Any], scope_id: int, copies: int) -> None:
    """Gives the scope twins with all of its rows, that are called `Twin 1` and so on."""
    tables = connection.execute(
        "SELECT table_name, array_agg(column_name::text) FROM information_schema.columns"
        " JOIN information_schema.tables USING (table_schema, table_name)"
        " JOIN pg_class ON pg_class.oid = table_name::regclass AND NOT relispartition"
        " WHERE table_type = 'BASE TABLE' AND table_name LIKE '\\_tool\\_%' GROUP BY table_name"
        " HAVING bool_or(column_name = 'scope_id')"
    ).fetchall()
    for number in range(1, copies + 1):
        ((twin,),) = connection.execute(
            "INSERT INTO _tool_copilot_scopes (account_id, kind, slug, name, metrics_api,"
            " created_at, updated_at) SELECT account_id, kind, slug || %s, %s, metrics_api,"
            " created_at, updated_at FROM _tool_copilot_scopes WHERE id = %s RETURNING id",
            [f"-{number}", f"Twin {number}", scope_id],
        ).fetchall()
        for table, names in tables:
            values = ", ".join(str(twin) if name == "scope_id" else name for name in names)
            copied = f"INSERT INTO {table} ({', '.join(names)}) SELECT {values} FROM {table}"
            connection.execute(f"{copied} WHERE scope_id = {scope_id}".encode())


def test_a_team_of_four_is_hidden_and_a_member_without_any_use_counts(
    demo_copy: str, run: Run, newest: date
) -> None:
    def teams(run: Run, panel: int = 11) -> Frame:
        ids = scope_ids(run)
        chosen = opened("users-teams", run, newest, level="organization", scope=[ids[DEMO]])
        return chosen.frame(panel)

    before = {row["Team"]: row for row in teams(run).records()}
    assert min(row["Members"] for row in before.values()) >= 5
    small = newest - timedelta(9)
    of_web = "_tool_copilot_user_teams WHERE scope_id = 2 AND slug = 'web'"
    change(
        demo_copy,
        f"DELETE FROM {of_web} AND user_id NOT IN (SELECT DISTINCT user_id FROM {of_web} LIMIT 4)",
        "INSERT INTO _tool_copilot_user_teams (scope_id, day, user_id, team_id, user_login, slug)"
        " SELECT DISTINCT scope_id, day, 1, team_id, 'idle', slug FROM _tool_copilot_user_teams"
        " WHERE scope_id = 2 AND slug = 'data'",
        # For a day it has four members.
        "DELETE FROM _tool_copilot_user_teams AS one WHERE scope_id = 2 AND slug = 'mobile'"
        f" AND day = '{small}' AND 4 < (SELECT count(*) FROM _tool_copilot_user_teams AS other"
        " WHERE other.scope_id = 2 AND other.slug = 'mobile' AND other.day = one.day"
        " AND other.user_id <= one.user_id)",
    )
    with reading(demo_copy) as run_on_copy:
        after = {row["Team"]: row for row in teams(run_on_copy).records()}
        drawn = teams(run_on_copy, 12).series()
    assert set(after) == set(before) - {"web"}
    assert set(drawn) == {f"{DEMO}: {team}" for team in after}
    assert after["data"]["Members"] == before["data"]["Members"] + 1
    assert after["data"]["Active"] == before["data"]["Active"]
    assert after["data"]["Adoption"] == before["data"]["Active"] / after["data"]["Members"]
    assert after["platform"] == before["platform"]
    assert set(drawn[f"{DEMO}: data"]) - set(drawn[f"{DEMO}: mobile"]) == {small}


# --- filters


def test_a_day_without_a_users_report_is_a_gap_of_every_team_and_no_zero(
    demo_copy: str, newest: date
) -> None:
    lost = newest - timedelta(5)
    change(
        demo_copy,
        "UPDATE _tool_copilot_collection_status SET state = 'failed'"
        f" WHERE report = 'users-1-day' AND day = '{lost}'",
        f"DELETE FROM _tool_copilot_user_metrics WHERE day = '{lost}'",
    )
    with reading(demo_copy) as run:
        drawn = opened("users-teams", run, newest, level="organization").frame(12).series()
    assert drawn
    for days in drawn.values():
        assert lost not in days
        assert {lost - timedelta(1), lost + timedelta(1)} <= set(days)


def test_the_level_and_the_scope_decide_whose_numbers_are_shown(run: Run, newest: date) -> None:
    ids = scope_ids(run)
    for level, labels in LABELS.items():
        everything = opened("adoption", run, newest, level=level)
        assert {each.text for each in everything.variables["scope"].options} == labels
        assert {row["Scope"] for row in everything.frame(41).records()} == labels
        for label in labels:
            chosen = [ids[label]]
            rows = opened("adoption", run, newest, level=level, scope=chosen).frame(41).records()
            assert {row["Scope"] for row in rows} == {label}
            seats = opened("seats", run, newest, level=level, scope=chosen)
            assert set(seats.frame(2).series()) == {label}
    sums = {
        scopes: opened(
            "adoption", run, newest, level="organization", scope=[ids[label] for label in scopes]
        )
        .frame(22)
        .series()["suggested"]
        for scopes in ((DEMO,), (LABS,), (DEMO, LABS))
    }
    for day, value in sums[DEMO, LABS].items():
        assert value == sums[DEMO,].get(day, 0) + sums[LABS,].get(day, 0)


@pytest.mark.parametrize(
    ("name", "variable", "panel", "column", "chosen"),
    [
        ("languages", "language", 3, "Language", ["python", "go"]),
        ("languages", "editor", 12, "Editor", ["vscode"]),
        ("seats", "assigning_team", 31, "Team", ["(assigned directly)"]),
        ("seats", "assigning_team", 33, "Team", ["web", "data"]),
        ("users-teams", "team", 11, "Team", ["mobile"]),
    ],
)
def test_a_choice_leaves_the_rows_of_what_is_chosen_as_they_are_and_takes_all_others_away(
    run: Run, newest: date, name: str, variable: str, panel: int, column: str, chosen: list[str]
) -> None:
    everything, some = (
        opened(name, run, newest, level="organization", **choice).frame(panel).records()
        for choice in ({}, {variable: chosen})
    )
    assert {row[column] for row in some} == set(chosen)
    kept = [row for row in everything if row[column] in chosen]
    for row in (*some, *kept):
        row.pop("Share", None)  # of what is shown
    assert some == kept


@pytest.mark.parametrize(
    ("name", "variable", "panel", "chosen", "series"),
    [
        ("languages", "language", 2, ["go"], {"go"}),
        ("languages", "language", 4, ["go", "rust"], {"go", "rust"}),
        ("languages", "editor", 11, ["xcode"], {"xcode"}),
        ("users-teams", "team", 12, ["web"], {f"{DEMO}: web", f"{LABS}: web"}),
    ],
)
def test_a_choice_leaves_the_series_of_what_is_chosen_as_they_are(
    run: Run,
    newest: date,
    name: str,
    variable: str,
    panel: int,
    chosen: list[str],
    series: set[str],
) -> None:
    everything, some = (
        opened(name, run, newest, level="organization", **choice).frame(panel).series()
        for choice in ({}, {variable: chosen})
    )
    assert set(some) == series
    assert set(some) < set(everything)
    assert all(some[each] == everything.get(each, some[each]) for each in series)


def test_prices_change_costs_alone(run: Run, newest: date) -> None:
    def newest_of(**prices: str) -> dict[int, Json]:
        seats = opened("seats", run, newest, level="enterprise", **prices)
        return {panel: seats.frame(panel).newest() for panel in range(2, 12)}

    usual, free = newest_of(), newest_of(price_business="0", price_enterprise="0")
    assert all(free[panel] == {CORP: 0} for panel in (9, 10, 11))
    assert all(usual[panel][CORP] > 0 for panel in (9, 10, 11))
    assert all(free[panel] == usual[panel] for panel in range(2, 9))
