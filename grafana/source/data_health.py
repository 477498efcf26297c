"""The dashboard of the collected data: completeness, restatements and consistency."""

from __future__ import annotations

from copilot_pipeline.rules import EXPIRES_SOON_DAYS, NO_NEW_DATA_DAYS, PROVISIONAL_DAYS
from grafana.source import panels
from grafana.source.model import Json, Section, dashboard
from grafana.source.shared import (
    ANNOTATIONS,
    CALENDAR,
    CHOSEN,
    IN_SCOPES,
    LEVEL,
    OF_SCOPE,
    PER_SCOPE,
    SCOPE,
    days_of_chosen,
)

_OF_CHOSEN = f"WHERE {IN_SCOPES} AND $__timeFilter(day)"
_STATES = """Loaded: its rows are there. No data: GitHub has no report of the day, which does not
mean zero use. Not ready: GitHub has not written it yet. No access: the token may not read it.
Failed: the last attempt failed."""
_STATE_COLORS = {
    "loaded": "green",
    "no data": "blue",
    "not ready": "yellow",
    "no access": "orange",
    "failed": "red",
}
_STATE = "replace(state, '_', ' ')"
_DAYS_LEFT = "floor(extract(epoch FROM min(token_expires_at) - now()) / 86400)::bigint"

# Computed from the lengths of the spans, which is much faster than counting days.
_TODAY = "(now() AT TIME ZONE 'UTC')::date"
_COUNTS = f"""WITH asked AS MATERIALIZED (
  SELECT scope_id, report,
    max(day) FILTER (WHERE state = 'loaded') AS newest_day, max(last_fetched_at) AS asked_last,
    count(*) FILTER (WHERE $__timeFilter(day) AND state = 'loaded') AS loaded,
    count(*) FILTER (WHERE $__timeFilter(day) AND state = 'no_data') AS no_data,
    count(*) FILTER (WHERE $__timeFilter(day) AND state IN ('loaded', 'no_data')
      AND day < {_TODAY} - {PROVISIONAL_DAYS}) AS settled,
    count(*) FILTER (WHERE $__timeFilter(day) AND change_count > 0) AS restated,
    count(*) FILTER (WHERE day >= {_TODAY} - {PROVISIONAL_DAYS} AND state = 'loaded') AS provisional
  FROM _tool_copilot_collection_status
  WHERE {IN_SCOPES}
  GROUP BY scope_id, report
), counts AS (
  SELECT scope_id, report, last_day, newest_day, asked_last, loaded, no_data, settled, restated,
    provisional,
    greatest(0, least($__timeTo()::date, last_day) - greatest($__timeFrom()::date, first_day) + 1)
      AS expected,
    greatest(0, least($__timeTo()::date, last_day, {_TODAY} - {PROVISIONAL_DAYS + 1})
      - greatest($__timeFrom()::date, first_day) + 1) AS expected_settled
  FROM asked JOIN copilot_report_spans USING (scope_id, report)
)"""

# As the check times_are_past: small differences of clocks are nothing wrong.
_TOLERANCE = "interval '10 minutes'"
_SOON = f"((now() + {_TOLERANCE}) AT TIME ZONE 'UTC')"


def build() -> Json:
    return dashboard(
        "copilot-data-health",
        "Copilot data health",
        "Which data is collected, missing, restated by GitHub, or inconsistent.",
        time_from="now-90d",
        variables=[LEVEL, SCOPE],
        annotations=ANNOTATIONS,
        sections=[
            Section(
                1,
                "At a glance",
                [
                    (
                        4,
                        [
                            (4, _AGE),
                            (4, _COMPLETE),
                            (4, _GAP_COUNT),
                            (4, _PROVISIONAL),
                            (4, _RESTATED_COUNT),
                            (4, _EXPIRY),
                        ],
                    )
                ],
            ),
            Section(
                10,
                "Stored data",
                [(9, [(24, _HEALTH)]), (9, [(24, _REPORTS)]), (9, [(14, _DAYS), (10, _SNAPSHOTS)])],
            ),
            Section(
                20,
                "Gaps and restatements",
                [(9, [(24, _GAPS)]), (10, [(24, _RESTATED)])],
            ),
            Section(
                30,
                "Consistency",
                [
                    (9, [(12, _USERS_AGREE), (12, _BREAKDOWNS_AGREE)]),
                    (8, [(14, _NAMES), (10, _TOKENS)]),
                    (6, [(24, _FUTURE)]),
                ],
            ),
        ],
    )


_AGE = panels.stat(
    2,
    "Newest day, days ago",
    """Days between the newest day with an aggregate and today (UTC), for the scope where this day
    is oldest. A scope without an aggregate counts from the day it was added. Removed scopes do not
    count. GitHub needs two to three days for a report. The time range has no effect. Unit:
    days.""",
    f"""SELECT max({_TODAY} - coalesce(newest.day, (created_at AT TIME ZONE 'UTC')::date)) AS days
FROM copilot_scopes AS scope
CROSS JOIN LATERAL (
  SELECT max(day) AS day FROM _tool_copilot_org_metrics WHERE scope_id = scope.id
) AS newest
WHERE scope.id = {OF_SCOPE} AND NOT is_removed""",
    unit="none",
    steps=[(None, "green"), (4, "orange"), (6, "red")],
    sparkline=False,
)

_COMPLETE = panels.stat(
    3,
    "Complete",
    """Days of reports that are settled (loaded, or GitHub has no data), divided by the expected
    days of the range: from the first requested day to yesterday, without provisional days. Covers
    all collected reports of the chosen scopes. Unit: percent.""",
    f"""{_COUNTS}
SELECT sum(settled)::float / nullif(sum(expected_settled), 0) AS complete FROM counts""",
    unit="percentunit",
    decimals=1,
    steps=[(None, "red"), (0.95, "orange"), (0.995, "green")],
    sparkline=False,
)

_GAP_COUNT = panels.stat(
    4,
    "Gaps",
    """Days of reports in the range that failed, were refused or are missing. Provisional days
    do not count. The daily schedule requests these days again. Unit: days of reports.""",
    f"""{_COUNTS}
SELECT sum(expected_settled - settled) AS gaps FROM counts""",
    unit="none",
    steps=[(None, "green"), (1, "orange"), (20, "red")],
    sparkline=False,
)

_PROVISIONAL = panels.stat(
    5,
    "Provisional, loaded",
    """Share of the reports of the three newest complete days (UTC) that are already loaded. GitHub
    may still revise them. The time range has no effect. Unit: percent.""",
    f"""{_COUNTS}
SELECT sum(provisional)::float / nullif({PROVISIONAL_DAYS} * count(*), 0) AS loaded FROM counts
WHERE last_day = {_TODAY} - 1""",
    unit="percentunit",
    decimals=0,
    color="yellow",
    sparkline=False,
)

_RESTATED_COUNT = panels.stat(
    6,
    "Restated days",
    """Days of reports in the range whose content GitHub changed after they had been loaded. Unit:
    days of reports.""",
    f"""{_COUNTS}
SELECT sum(restated) AS days FROM counts""",
    unit="none",
    color="purple",
    sparkline=False,
)

_EXPIRY = panels.stat(
    7,
    "Token expires in",
    """Days until the first token of the chosen scopes' accounts expires. Unknown means that no
    token expires or that GitHub did not return an expiry date. Unit: days.""",
    f"""SELECT {_DAYS_LEFT} AS days
FROM copilot_scopes WHERE id = {OF_SCOPE}""",
    unit="none",
    decimals=0,
    steps=[(None, "red"), (EXPIRES_SOON_DAYS, "orange"), (30, "green")],
    sparkline=False,
)

_REPORTS = panels.table(
    11,
    "Reports",
    """Each report of each scope over the range, from the first requested day to yesterday: the
    newest loaded day and its age, the days expected, loaded, without data, restated and missing
    (provisional days do not count), and the time of the last attempt. Units: days, percent, times
    in UTC.""",
    f"""{_COUNTS}
SELECT scope.label AS "Scope", report AS "Report", newest_day AS "Newest day",
  {_TODAY} - newest_day AS "Days ago", expected AS "Expected", loaded AS "Loaded",
  loaded::float / nullif(expected, 0) AS "Loaded share", no_data AS "No data",
  expected_settled - settled AS "Gaps", restated AS "Restated", asked_last AS "Last attempt"
FROM counts JOIN copilot_scopes AS scope ON scope.id = scope_id
WHERE expected > 0
ORDER BY 1, 2""",
    unit="none",
    overrides={
        "Newest day": panels.DAY,
        "Loaded share": panels.share_cell("green", 1),
        "Last attempt": {"unit": "dateTimeAsIso", **panels.width(170)},
        "Report": panels.width(170),
        "Gaps": {
            "thresholds": {
                "mode": "absolute",
                "steps": [{"color": "text", "value": None}, {"color": "orange", "value": 1}],
            },
            "custom.cellOptions": {"type": "color-text"},
            "color": {"mode": "thresholds"},
        },
    },
)

_HEALTH = panels.table(
    14,
    "Collection",
    f"""What `copilot-pipeline status` shows of each source that a scope collects: the newest day
    with data and its age, the number of days by state, the last attempt, and its error. Missing
    days were never requested although GitHub serves them, of snapshots since the scope was added. A
    red age means that the source is later than GitHub has been. The time range has no effect.
    {_STATES} Units: days, times in UTC. May be empty: then all chosen scopes are removed.""",
    f"""SELECT scope.label AS "Scope", source AS "Source", newest_day AS "Newest day",
  {_TODAY} - newest_day AS "Days ago", loaded AS "Loaded", missing AS "Missing",
  not_ready AS "Not ready", no_data AS "No data", refused AS "No access", failed AS "Failed",
  last_attempt AS "Last attempt", last_message AS "Message"
FROM copilot_collection_health
JOIN copilot_scopes AS scope ON scope.id = scope_id
WHERE {IN_SCOPES}
ORDER BY 1, position""",
    unit="none",
    overrides={
        "Newest day": panels.DAY,
        "Days ago": {
            "thresholds": {
                "mode": "absolute",
                "steps": [
                    {"color": "text", "value": None},
                    {"color": "red", "value": NO_NEW_DATA_DAYS + 1},
                ],
            },
            "custom.cellOptions": {"type": "color-text"},
            "color": {"mode": "thresholds"},
        },
        "Last attempt": {"unit": "dateTimeAsIso", **panels.width(170)},
        "Source": panels.width(170),
        "Message": panels.width(520),
    },
)

_DAYS = panels.bars(
    12,
    "Reports by state",
    f"""The states of the requested reports of each day, for the chosen scopes. A lower bar means
    that some reports were never requested. {_STATES} Unit: reports.""",
    f"""SELECT day AS time, {_STATE} AS metric, count(*) AS value
FROM _tool_copilot_collection_status
{_OF_CHOSEN}
GROUP BY day, state ORDER BY 1, 2""",
    overrides={name: panels.color(shade) for name, shade in _STATE_COLORS.items()},
)

_SNAPSHOTS = panels.bars(
    13,
    "Seat snapshots",
    """Chosen scopes with a snapshot of their seats on the day. A missing day cannot be collected
    later, because GitHub shows only the current seats. Unit: scopes.""",
    f"""SELECT day AS time, count(*) AS snapshots
FROM _tool_copilot_seat_days
{_OF_CHOSEN}
GROUP BY day ORDER BY 1""",
    unit="none",
    overrides={"snapshots": panels.color("blue")},
)

_GAPS = panels.table(
    21,
    "Gaps and their deadlines",
    f"""Days of reports in the range that are neither loaded nor known to have no data, at most 200.
    From the day in "Out of reach on", GitHub no longer serves them; the earliest comes first.
    {_STATES} Missing: never requested. Units: days. May be empty: then nothing is missing.""",
    f"""SELECT scope.label AS "Scope", report AS "Report", day AS "Day", {_STATE} AS "State",
  out_of_reach_on AS "Out of reach on",
  out_of_reach_on - {_TODAY} AS "Days left",
  last_fetched_at AS "Last attempt", message AS "Message"
FROM copilot_report_days
JOIN copilot_scopes AS scope ON scope.id = scope_id
{_OF_CHOSEN} AND NOT is_settled AND NOT is_provisional
ORDER BY 5, 1, 2 LIMIT 200""",
    unit="none",
    overrides={
        "Day": panels.DAY,
        "Out of reach on": panels.DAY,
        "Last attempt": {"unit": "dateTimeAsIso", **panels.width(170)},
        "Message": {**panels.width(520)},
    },
)

_RESTATED = panels.table(
    22,
    "Restated numbers, old and new",
    """Numbers of days in the range that GitHub changed after they had been loaded, the newest
    change first, at most 200: all numbers of an aggregate, and sums and counts of the other
    reports. Units: those of the number, percent. May be empty: then GitHub changed nothing.""",
    f"""SELECT scope.label AS "Scope", report AS "Report", day AS "Day", metric AS "Number",
  old AS "Old", new AS "New", (new - old) / nullif(abs(old), 0) AS "Change", seen_at AS "Seen"
FROM _tool_copilot_restatements
JOIN copilot_scopes AS scope ON scope.id = scope_id
{_OF_CHOSEN}
ORDER BY seen_at DESC, day DESC, 1, 4 LIMIT 200""",
    overrides={
        "Day": panels.DAY,
        "Change": panels.percent(1),
        "Seen": {"unit": "dateTimeAsIso", **panels.width(170)},
        "Number": panels.width(280),
    },
)

_USERS_AGREE = panels.lines(
    31,
    "Users: aggregate and users report",
    f"""Active users of the day in GitHub's aggregate minus the people with activity in the
    users report of the same day, if both are loaded. The two may differ; investigate sudden
    changes. Unit: people. {PER_SCOPE}""",
    f"""{CHOSEN}, counted AS (
  SELECT scope_id, day, count(*) AS people FROM copilot_user_days
  {_OF_CHOSEN} AND is_active AND scope_id IN (SELECT id FROM chosen)
  GROUP BY scope_id, day
)
SELECT calendar.day::date AS time, label AS metric,
  CASE WHEN status.day IS NOT NULL THEN days.total_active_users - coalesce(counted.people, 0) END
    AS value
{days_of_chosen("_tool_copilot_org_metrics")}
LEFT JOIN _tool_copilot_collection_status AS status ON status.scope_id = days.scope_id
  AND status.day = days.day AND status.report = 'users-1-day' AND status.state = 'loaded'
LEFT JOIN counted ON counted.scope_id = days.scope_id AND counted.day = days.day
ORDER BY 1, 2""",
    least=None,
    fill=0,
)

_BREAKDOWNS_AGREE = panels.lines(
    32,
    "Breakdowns: share of the total",
    """Output events summed over a breakdown, divided by the total of the aggregates. The editors'
    breakdown does not include the CLI and the app, so its share is lower. The shares need not reach
    100 %; investigate sudden changes. Unit:
    percent. Over the chosen scopes.""",
    f"""WITH total AS (
  SELECT day, sum(code_generation_activity_count) AS outputs FROM _tool_copilot_org_metrics
  {_OF_CHOSEN} AND source = 'reports' GROUP BY day
), feature AS (
  SELECT day, sum(code_generation_activity_count) AS outputs
  FROM _tool_copilot_metrics_by_feature {_OF_CHOSEN} GROUP BY day
), ide AS (
  SELECT day, sum(code_generation_activity_count) AS outputs
  FROM _tool_copilot_metrics_by_ide {_OF_CHOSEN} GROUP BY day
)
SELECT calendar.day::date AS time,
  feature.outputs / nullif(total.outputs, 0)::float AS "features",
  ide.outputs / nullif(total.outputs, 0)::float AS "editors"
FROM {CALENDAR}
LEFT JOIN total ON total.day = calendar.day::date
LEFT JOIN feature ON feature.day = total.day
LEFT JOIN ide ON ide.day = total.day
ORDER BY 1""",
    unit="percentunit",
    fill=0,
    overrides={"features": panels.color("blue"), "editors": panels.color("purple")},
)

_NAMES = panels.table(
    33,
    "Unknown names",
    """Fields, features, editors, models and languages in the reports of the range that this version
    of copilot_pipeline does not know: the number of occurrences and days, and the first and last
    day. They are stored as GitHub writes them. Units: occurrences, days. May be empty: then every
    name is known.""",
    f"""SELECT kind AS "Kind", name AS "Name", sum(occurrences) AS "Occurrences",
  count(DISTINCT day) AS "Days", min(day) AS "First", max(day) AS "Last"
FROM _tool_copilot_unknown_names
{_OF_CHOSEN}
GROUP BY kind, name
ORDER BY 3 DESC, 1, 2 LIMIT 200""",
    unit="none",
    overrides={"First": panels.DAY, "Last": panels.DAY},
)

_TOKENS = panels.table(
    34,
    "Tokens",
    """The accounts of the chosen scopes, and when their tokens expire. An empty date means that the
    token does not expire or that GitHub did not return a date. Unit: days. May be empty: then all
    chosen scopes are removed.""",
    f"""SELECT account_login AS "Account", count(*) AS "Scopes", min(token_expires_at) AS "Expires",
  {_DAYS_LEFT} AS "Days left"
FROM copilot_scopes
WHERE id = {OF_SCOPE} AND NOT is_removed
GROUP BY account_login
ORDER BY 3 NULLS LAST, 1""",
    unit="none",
    overrides={"Expires": {"unit": "dateTimeAsIso", **panels.width(170)}},
)

_FUTURE = panels.table(
    35,
    "Days and times in the future",
    """What a clock that was ahead stored of the reports of the chosen scopes: days that are not
    over (UTC), which are replaced when they are collected in their turn, and days with times later
    than now, which the next load sets right. Whatever range is chosen. Units: days, instants in
    UTC. May be empty: then no clock was ahead.""",
    f"""WITH asked AS (
  SELECT scope_id, report, day,
    greatest(first_loaded_at, last_fetched_at, changed_at) AS last_time
  FROM _tool_copilot_collection_status
  WHERE {IN_SCOPES}
)
SELECT scope.label AS "Scope", report AS "Report",
  count(*) FILTER (WHERE day >= {_SOON}::date) AS "Days not over",
  max(day) FILTER (WHERE day >= {_SOON}::date) AS "The last",
  count(*) FILTER (WHERE last_time > now() + {_TOLERANCE}) AS "With later times",
  max(last_time) FILTER (WHERE last_time > now() + {_TOLERANCE}) AS "The latest"
FROM asked JOIN copilot_scopes AS scope ON scope.id = scope_id
WHERE day >= {_SOON}::date OR last_time > now() + {_TOLERANCE}
GROUP BY 1, 2 ORDER BY 1, 2 LIMIT 200""",
    unit="none",
    overrides={
        "The last": panels.DAY,
        "The latest": {"unit": "dateTimeAsIso", **panels.width(170)},
        "Report": panels.width(170),
    },
)
