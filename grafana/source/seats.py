"""The dashboard of seats: holders, use and cost."""

from __future__ import annotations

from copilot_pipeline.rules import (
    ACTIVE_DAYS,
    GRACE_DAYS,
    IDLE_DAYS,
    PRICE_BUSINESS,
    PRICE_ENTERPRISE,
)
from grafana.source import panels
from grafana.source.model import Json, Section, dashboard, query_variable, text_variable
from grafana.source.shared import (
    ANNOTATIONS,
    CHOSEN,
    IN_SCOPES,
    LEVEL,
    PER_SCOPE,
    SCOPE,
    days_of_chosen,
    series_of_chosen,
)

_PRICE_BUSINESS = text_variable(
    "price_business",
    "Price of Business",
    "US dollars a month for a seat of Copilot Business; also of a seat whose plan is unknown",
    str(PRICE_BUSINESS),
)
_PRICE_ENTERPRISE = text_variable(
    "price_enterprise",
    "Price of Enterprise",
    "US dollars a month for a seat of Copilot Enterprise",
    str(PRICE_ENTERPRISE),
)
# An empty price counts as 0.
_BUSINESS = "coalesce(nullif(${price_business:sqlstring}, ''), '0')::numeric"
_ENTERPRISE = "coalesce(nullif(${price_enterprise:sqlstring}, ''), '0')::numeric"

_DIRECT = "'(assigned directly)'"
_NEWEST_SNAPSHOTS = f"""SELECT scope_id, max(day) AS day
  FROM _tool_copilot_seat_days JOIN copilot_scopes ON id = scope_id
  WHERE {IN_SCOPES} AND $__timeFilter(day) AND NOT is_removed
  GROUP BY scope_id"""
_TEAM = query_variable(
    "assigning_team",
    "Assigning team",
    "Teams through which seats are assigned; filters the panels of the newest snapshot",
    f"""WITH newest AS MATERIALIZED ({_NEWEST_SNAPSHOTS})
SELECT DISTINCT coalesce(assigning_team_slug, {_DIRECT}) FROM _tool_copilot_seats
WHERE day BETWEEN (SELECT min(day) FROM newest) AND (SELECT max(day) FROM newest)
  AND (scope_id, day) IN (SELECT scope_id, day FROM newest)
ORDER BY 1""",
)

# The bounds let PostgreSQL filter the view by day; it cannot push down the IN condition.
_NEWEST = f"""WITH newest AS MATERIALIZED (
  {_NEWEST_SNAPSHOTS}
), held AS MATERIALIZED (
  SELECT scope_id, user_id, user_login, plan_type, editor, coalesce(team, {_DIRECT}) AS team,
    created_day, last_activity_at, last_active_day, day, is_active, is_idle, is_never_used,
    CASE plan_type WHEN 'enterprise' THEN {_ENTERPRISE} ELSE {_BUSINESS} END AS price
  FROM copilot_seat_people
  WHERE {IN_SCOPES}
    AND day BETWEEN (SELECT min(day) FROM newest) AND (SELECT max(day) FROM newest)
    AND (scope_id, day) IN (SELECT scope_id, day FROM newest)
    AND coalesce(team, {_DIRECT}) = ANY (ARRAY[${{assigning_team:sqlstring}}]::text[])
)"""

_ONE_PERSON = """A person with several seats of an enterprise counts once, with the highest plan."""
_LAST_ACTIVITY = (
    """The last activity is the later of those in the seat list and in the users reports."""
)
_IDLE = f"""Idle: no activity for {IDLE_DAYS} days, held for {GRACE_DAYS} days, not canceled.
{_LAST_ACTIVITY}"""
_NEVER = f"""Never used: no activity at all, held for {GRACE_DAYS} days, not canceled."""

_ALL_COST = f"(seats - seats_enterprise) * {_BUSINESS} + seats_enterprise * {_ENTERPRISE}"
_UNUSED_COST = (
    f"(idle_seats + never_used_seats - unused_seats_enterprise) * {_BUSINESS} "
    f"+ unused_seats_enterprise * {_ENTERPRISE}"
)
_COST = """Uses the price of each seat's plan as set above, for a whole month. GitHub's bill may
differ. Unit: US dollars a month."""


def build() -> Json:
    return dashboard(
        "copilot-seats",
        "Copilot seats and cost",
        "Seats, their use and their cost, from daily snapshots.",
        time_from="now-90d",
        variables=[LEVEL, SCOPE, _TEAM, _PRICE_BUSINESS, _PRICE_ENTERPRISE],
        annotations=ANNOTATIONS,
        sections=[
            Section(
                1,
                "Newest snapshot",
                [
                    (
                        5,
                        [
                            (4, _number(2, "Seats held", "seats", _HELD, "blue")),
                            (
                                4,
                                _number(
                                    3,
                                    f"Active in {ACTIVE_DAYS} days",
                                    "active_seats",
                                    _ACTIVE,
                                    "green",
                                ),
                            ),
                            (4, _number(4, "Idle", "idle_seats", _IDLE, "orange")),
                            (4, _number(5, "Never used", "never_used_seats", _NEVER, "red")),
                            (4, _number(6, "New", "new_seats", _NEW, "purple")),
                            (
                                4,
                                _number(
                                    7, "Pending cancellation", "pending_seats", _PENDING, "yellow"
                                ),
                            ),
                        ],
                    ),
                    (
                        5,
                        [
                            (6, _UTILIZATION),
                            (6, _money(9, "Monthly cost", _ALL_COST, "Of all seats.", "blue")),
                            (
                                6,
                                _money(
                                    10,
                                    "Monthly cost of unused seats",
                                    _UNUSED_COST,
                                    f"Of the idle and the never used. {_NOT_SAVED}",
                                    "orange",
                                ),
                            ),
                            (6, _COST_PER_USER),
                        ],
                    ),
                ],
            ),
            Section(
                20,
                "Over time",
                [
                    (9, [(12, _SEATS_OVER_TIME), (12, _COST_OVER_TIME)]),
                    (8, [(12, _UNUSED_OVER_TIME), (12, _CHANGES_OVER_TIME)]),
                ],
            ),
            Section(
                30,
                "Newest snapshot, by team and editor",
                [
                    (10, [(14, _BY_TEAM), (10, _BY_EDITOR)]),
                    (12, [(24, _IDLE_LIST)]),
                ],
            ),
        ],
    )


_HELD = f"People who hold a seat. {_ONE_PERSON}"
_ACTIVE = f"""People with a seat who were active in the {ACTIVE_DAYS} days that end on the day.
{_LAST_ACTIVITY}"""
_NEW = f"People whose seat was assigned in the {GRACE_DAYS} days that end on the day."
_PENDING = "People whose seat is canceled: it is still billed, and ends with the billing cycle."
_NOT_SAVED = "This is potential waste, not guaranteed savings."


def _per_scope(value: str) -> str:
    return f"""{CHOSEN}
SELECT calendar.day::date AS time, label AS metric, {value} AS value
{days_of_chosen("_tool_copilot_seat_days")}
WHERE NOT is_removed
ORDER BY 1, 2"""


def _series(values: dict[str, str]) -> str:
    return series_of_chosen(values, "_tool_copilot_seat_days")


def _number(id_: int, title: str, column: str, means: str, shade: str) -> Json:
    return panels.stat(
        id_,
        title,
        f"{means} On the newest snapshot of the range with a value. Unit: people. {PER_SCOPE}",
        _per_scope(column),
        color=shade,
    )


def _money(id_: int, title: str, value: str, means: str, shade: str) -> Json:
    return panels.stat(
        id_,
        title,
        f"{means} On the newest snapshot of the range with a value. {_COST} {PER_SCOPE}",
        _per_scope(value),
        unit=panels.DOLLARS,
        decimals=0,
        color=shade,
    )


_UTILIZATION = panels.stat(
    8,
    "Seat utilization",
    f"""People with a seat and activity in the 28 days that end on the day, divided by people with a
    seat on that day. {_LAST_ACTIVITY} On the newest snapshot of the range with a value. Unit:
    percent. {PER_SCOPE}""",
    _per_scope("active_seats::float / nullif(seats, 0)"),
    unit="percentunit",
    decimals=0,
    steps=[(None, "orange"), (0.6, "yellow"), (0.8, "green")],
)

_COST_PER_USER = panels.stat(
    11,
    "Monthly cost per active seat",
    f"""The monthly cost of all seats divided by the people with a seat who were active in the 28
    days. On the newest snapshot of the range with a value. {_COST} {PER_SCOPE}""",
    _per_scope(f"({_ALL_COST}) / nullif(active_seats, 0)"),
    unit=panels.DOLLARS,
    decimals=2,
    color="blue",
)

_SEATS_OVER_TIME = panels.lines(
    21,
    "Seats held and active",
    f"""People who hold a seat, and those of them active in the 28 days that end on the day, from
    daily snapshots; a day without a snapshot is a gap. {_ONE_PERSON} Unit: people. {PER_SCOPE}""",
    _series({"held": "seats", "active": "active_seats"}),
    overrides={"held": panels.color("blue"), "active": panels.color("green")},
)

_COST_OVER_TIME = panels.lines(
    22,
    "Monthly cost",
    f"""Of all seats, and of those that are idle or were never used, from daily snapshots. {_COST}
    {_NOT_SAVED} {PER_SCOPE}""",
    _series({"all seats": _ALL_COST, "unused seats": _UNUSED_COST}),
    unit=panels.DOLLARS,
    decimals=0,
    overrides={"all seats": panels.color("blue"), "unused seats": panels.color("orange")},
)

_UNUSED_OVER_TIME = panels.lines(
    23,
    "Idle and never used seats",
    f"""{_IDLE} {_NEVER} From daily snapshots. Unit: people. {PER_SCOPE}""",
    _series({"idle": "idle_seats", "never used": "never_used_seats"}),
    overrides={"idle": panels.color("orange"), "never used": panels.color("red")},
)

_CHANGES_OVER_TIME = panels.lines(
    24,
    "New seats and pending cancellations",
    f"""{_NEW} {_PENDING} From daily snapshots. Unit: people. {PER_SCOPE}""",
    _series({"new": "new_seats", "pending cancellation": "pending_seats"}),
    overrides={"new": panels.color("purple"), "pending cancellation": panels.color("yellow")},
)

_BY_TEAM = panels.table(
    31,
    "By assigning team",
    f"""People with a seat in the newest snapshot by the team that assigns it, and how many of them
    are active, idle or never used it. {_IDLE} {_NEVER} Units: people, percent, US dollars a
    month.""",
    f"""{_NEWEST}, teams AS MATERIALIZED (
  SELECT scope_id, team, count(*) AS seats, count(*) FILTER (WHERE is_active) AS active,
    count(*) FILTER (WHERE is_idle) AS idle, count(*) FILTER (WHERE is_never_used) AS never_used,
    coalesce(sum(price) FILTER (WHERE is_idle OR is_never_used), 0)::float AS cost
  FROM held GROUP BY scope_id, team
)
SELECT scope.label AS "Scope", team AS "Team", seats AS "Seats",
  active::float / seats AS "Active", idle AS "Idle", never_used AS "Never used",
  cost AS "Cost of unused"
FROM teams JOIN copilot_scopes AS scope ON scope.id = scope_id
ORDER BY 3 DESC, 1, 2""",
    overrides={
        "Team": panels.width(150),
        "Active": panels.share_cell("green"),
        "Cost of unused": {"unit": panels.DOLLARS, "decimals": 0},
    },
)

_BY_EDITOR = panels.bar_gauge(
    32,
    "By last editor",
    f"""People with a seat in the newest snapshot by the editor of their last activity in the seat
    list, without its version. A person in several chosen scopes counts once. {_ONE_PERSON}
    Unit: people.""",
    f"""{_NEWEST}, people AS (
  SELECT DISTINCT ON (user_id) user_id, editor FROM held
  ORDER BY user_id, last_activity_at DESC NULLS LAST
)
SELECT coalesce(nullif(split_part(editor, '/', 1), ''), '(no activity)') AS editor,
  count(*) AS people
FROM people
GROUP BY 1
ORDER BY 2 DESC, 1""",
)

_IDLE_LIST = panels.table(
    33,
    "Idle and never used seats",
    f"""The holders of idle and never used seats, longest without activity first, at most 500.
    {_IDLE} {_NEVER} Units: days, US dollars a month. May be empty: then every seat is used.""",
    f"""{_NEWEST}, unused AS MATERIALIZED (
  SELECT scope_id, user_login, team, plan_type, is_idle, last_active_day, day, editor, created_day,
    price
  FROM held WHERE is_idle OR is_never_used
  ORDER BY last_active_day NULLS FIRST, user_login LIMIT 500
)
SELECT user_login AS "User", scope.label AS "Scope", team AS "Team", plan_type AS "Plan",
  CASE WHEN is_idle THEN 'idle' ELSE 'never used' END AS "State",
  last_active_day AS "Last activity", day - last_active_day AS "Days idle",
  nullif(split_part(editor, '/', 1), '') AS "Last editor", created_day AS "Held since",
  price::float AS "Price"
FROM unused JOIN copilot_scopes AS scope ON scope.id = scope_id
ORDER BY last_active_day NULLS FIRST, 1""",
    overrides={
        "User": panels.width(140),
        "Team": panels.width(150),
        "Last activity": panels.DAY,
        "Held since": panels.DAY,
        "Price": {"unit": panels.DOLLARS, "decimals": 0},
        "State": {
            "mappings": [
                {
                    "type": "value",
                    "options": {
                        "idle": {"color": "orange", "index": 0, "text": "idle"},
                        "never used": {"color": "red", "index": 1, "text": "never used"},
                    },
                }
            ],
            "custom.cellOptions": {"type": "color-text"},
        },
    },
)
