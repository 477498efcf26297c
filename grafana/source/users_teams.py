"""The dashboard of people and teams: the most active, the new and the lapsed users."""

from __future__ import annotations

from copilot_pipeline.rules import ACTIVE_DAYS, MIN_TEAM_MEMBERS
from grafana.source import panels
from grafana.source.model import Json, Section, dashboard, query_variable
from grafana.source.shared import ANNOTATIONS, CALENDAR, IN_SCOPES, LEVEL, SCOPE

MAX_USERS = 50
MAX_TEAMS = 8

# The newest day of the range of which each scope's memberships are loaded.
_NEWEST_MEMBERSHIPS = f"""SELECT scope_id, max(day) FROM _tool_copilot_collection_status
    WHERE report = 'user-teams-1-day' AND state = 'loaded' AND {IN_SCOPES} AND $__timeFilter(day)
    GROUP BY scope_id"""

# Leaves out days with memberships but without a users report. There are few of them, so this query
# is faster than one for the days with a report. NOT IN would run it for each month of the table.
_IS_REPORTED = f"""NOT EXISTS (
    SELECT 1 FROM (
      SELECT scope_id, day FROM _tool_copilot_collection_status
      WHERE {IN_SCOPES} AND $__timeFilter(day) AND report IN ('users-1-day', 'user-teams-1-day')
      GROUP BY scope_id, day
      HAVING NOT bool_or(report = 'users-1-day' AND state = 'loaded')
    ) AS unreported
    WHERE unreported.scope_id = copilot_team_member_days.scope_id
      AND unreported.day = copilot_team_member_days.day
  )"""

_TEAM = query_variable(
    "team",
    "Team",
    "Teams with members in the range; filters the panels of teams",
    "SELECT DISTINCT coalesce(nullif(slug, ''), 'team ' || team_id) FROM _tool_copilot_user_teams "
    f"WHERE {IN_SCOPES} AND $__timeFilter(day) ORDER BY 1",
)

_ACTIVE = "Active: any activity in the users report of a day."
_DISTINCT = f"{_ACTIVE} A person with several scopes or days counts once."

# Teams of two organizations of an enterprise may have the same name.
_TEAM_NAME = """team || CASE
    WHEN count(*) OVER (PARTITION BY scope_id, team) > 1 THEN ' #' || team_id ELSE ''
  END"""

# The first and the last day with a loaded users report of each scope, and the newest of all.
_LAST = f"""reports AS MATERIALIZED (
  SELECT scope_id, min(day) AS first_day, max(day) FILTER (WHERE $__timeFilter(day)) AS last_day
  FROM _tool_copilot_collection_status
  WHERE report = 'users-1-day' AND state = 'loaded' AND {IN_SCOPES}
  GROUP BY scope_id
), last AS (SELECT max(last_day) AS day FROM reports)"""

# The people with activity in the 56 days that end on that day: whether they were active in the
# older and in the newer half, and their first active day. Scopes whose users reports do not cover
# the 56 days are left out, because their new and lapsed users are not known.
_COMINGS = f"""WITH {_LAST}, covered AS (
  SELECT scope_id FROM reports
  WHERE first_day <= (SELECT day FROM last) - {2 * ACTIVE_DAYS - 1}
    AND last_day > (SELECT day FROM last) - 7
), people AS (
  SELECT scope_id, user_id, max(user_login) AS user_login, max(day) AS last_day,
    bool_or(day <= (SELECT day FROM last) - {ACTIVE_DAYS}) AS was_active,
    bool_or(day > (SELECT day FROM last) - {ACTIVE_DAYS}) AS is_active
  FROM copilot_user_days
  WHERE scope_id IN (SELECT scope_id FROM covered) AND is_active
    AND day BETWEEN (SELECT day FROM last) - {2 * ACTIVE_DAYS - 1} AND (SELECT day FROM last)
  GROUP BY scope_id, user_id
), users AS (
  SELECT user_id, max(user_login) AS user_login, max(last_day) AS last_day,
    bool_or(was_active) AS was_active, bool_or(is_active) AS is_active,
    min((
      SELECT min(usage.day) FROM copilot_user_days AS usage
      WHERE usage.scope_id = people.scope_id AND usage.user_id = people.user_id AND usage.is_active
    )) AS first_day
  FROM people GROUP BY user_id
), known AS (SELECT EXISTS (SELECT 1 FROM covered) AS reaches_back)"""
_REACH = """Only scopes whose users reports cover the 56 days that end then; unknown without one."""


def build() -> Json:
    return dashboard(
        "copilot-users-teams",
        "Copilot users and teams",
        "The most active teams and people, new users and lapsed users.",
        time_from="now-28d",
        variables=[LEVEL, SCOPE, _TEAM],
        annotations=ANNOTATIONS,
        sections=[
            Section(
                1,
                "New, returning and lapsed users",
                [
                    (
                        4,
                        [
                            (6, _ACTIVE_PEOPLE),
                            (6, _coming(3, "New users", "is_new", "purple", _NEW)),
                            (
                                6,
                                _coming(
                                    4,
                                    "Returning users",
                                    "is_active AND NOT was_active AND NOT is_new",
                                    "blue",
                                    "People active in the 28 days and not in the 28 before them, "
                                    "but earlier.",
                                ),
                            ),
                            (
                                6,
                                _coming(
                                    5,
                                    "Lapsed users",
                                    "was_active AND NOT is_active",
                                    "orange",
                                    "People active in the 28 days before the newest 28, and not "
                                    "in these.",
                                ),
                            ),
                        ],
                    )
                ],
            ),
            Section(
                10,
                "Teams",
                [(10, [(24, _LEAGUE)]), (9, [(24, _TEAMS_OVER_TIME)])],
            ),
            Section(
                20,
                "Adoption phases",
                [(10, [(12, _PHASES), (12, _FLOW)])],
            ),
            Section(30, "Users", [(12, [(15, _TOP_USERS), (9, _LAPSED)])]),
        ],
    )


_NEW = """People whose first stored activity is within the 28 days."""

_ACTIVE_PEOPLE = panels.stat(
    2,
    "People active in the range",
    f"""People with activity on any day of the range. {_DISTINCT} GitHub's own counts of active
    users are by scope and differ. Unknown without a users report. Unit: people.""",
    f"""WITH {_LAST}, people AS (
  SELECT user_id FROM copilot_user_days
  WHERE {IN_SCOPES} AND $__timeFilter(day) AND is_active
  GROUP BY user_id
)
SELECT CASE WHEN (SELECT day FROM last) IS NOT NULL THEN (SELECT count(*) FROM people) END
  AS people""",
    color="green",
    sparkline=False,
)


def _coming(id_: int, title: str, condition: str, shade: str, means: str) -> Json:
    wanted = condition.replace("is_new", f"first_day > (SELECT day FROM last) - {ACTIVE_DAYS}")
    return panels.stat(
        id_,
        title,
        f"""{means} The 28 days end on the newest day of the range with a users report. {_DISTINCT}
        {_REACH} Unit: people.""",
        f"""{_COMINGS}
SELECT CASE WHEN reaches_back THEN (SELECT count(*) FROM users WHERE {wanted}) END AS people
FROM known""",
        color=shade,
        sparkline=False,
    )


# PostgreSQL has no statistics of the names of teams, and would expect that few rows have a chosen
# one. It expects that most values are not NULL.
_LEAGUE = panels.table(
    11,
    "Teams",
    f"""Each team in the range: its members on any day of it with a users report, those of them
    active while they were members (also as a share), and what they did as members: prompts by
    active member and day, code completions suggested and accepted, the acceptance rate by count,
    lines added. Members without activity are included. Teams with fewer than {MIN_TEAM_MEMBERS}
    members are hidden; people in two teams count in both, so teams do not add up. {_ACTIVE} Units:
    people, prompts, completions, lines, percent.""",
    f"""WITH members AS MATERIALIZED (
  SELECT scope_id, team_id, user_id, max(day) AS last_day, max(team) AS team,
    count(*) FILTER (WHERE is_active) AS active_days, sum(prompts) AS prompts,
    sum(completion_suggestions) AS suggested, sum(completion_acceptances) AS accepted,
    sum(lines_added) AS lines_added
  FROM copilot_team_member_days
  WHERE {IN_SCOPES} AND $__timeFilter(day)
    AND {_IS_REPORTED}
    AND nullif(team = ANY (ARRAY[${{team:sqlstring}}]::text[]), false) IS NOT NULL
  GROUP BY scope_id, team_id, user_id
), teams AS MATERIALIZED (
  SELECT scope_id, team_id, (array_agg(team ORDER BY last_day DESC))[1] AS team,
    count(*) AS members, count(*) FILTER (WHERE active_days > 0) AS active,
    sum(active_days) AS active_days, sum(prompts) AS prompts, sum(suggested) AS suggested,
    sum(accepted) AS accepted, sum(lines_added) AS lines_added
  FROM members GROUP BY scope_id, team_id HAVING count(*) >= {MIN_TEAM_MEMBERS}
)
SELECT scope.label AS "Scope", {_TEAM_NAME} AS "Team", members AS "Members", active AS "Active",
  active::float / members AS "Adoption", prompts::float / nullif(active_days, 0) AS "Prompts a day",
  suggested AS "Suggested", accepted AS "Accepted",
  accepted::float / nullif(suggested, 0) AS "Acceptance", lines_added AS "Lines added"
FROM teams JOIN copilot_scopes AS scope ON scope.id = scope_id
ORDER BY 5 DESC, 3 DESC, 1, 2""",
    overrides={
        "Team": panels.width(190),
        "Adoption": panels.share_cell("green"),
        "Acceptance": panels.percent(1),
        "Prompts a day": {"decimals": 1},
    },
)

_TEAMS_OVER_TIME = panels.lines(
    12,
    "Active members of teams",
    f"""Members who were active on the day, divided by the members of that day; of the
    {MAX_TEAMS} teams with the most members on the newest day of the range. Teams with fewer than
    {MIN_TEAM_MEMBERS} members are hidden. {_ACTIVE} Unit: percent.""",
    f"""WITH largest AS MATERIALIZED (
  SELECT scope_id, team_id, max(team) AS team FROM copilot_team_member_days
  WHERE (scope_id, day) IN ({_NEWEST_MEMBERSHIPS})
    AND team = ANY (ARRAY[${{team:sqlstring}}]::text[])
  GROUP BY scope_id, team_id HAVING count(*) >= {MIN_TEAM_MEMBERS}
  ORDER BY count(*) DESC, 1, 2 LIMIT {MAX_TEAMS}
), shown AS MATERIALIZED (
  SELECT scope_id, team_id, label || ': ' || {_TEAM_NAME} AS name
  FROM largest JOIN copilot_scopes ON id = scope_id
)
SELECT calendar.day::date AS time, name AS metric, days.value
FROM shown CROSS JOIN {CALENDAR} LEFT JOIN (
  SELECT scope_id, team_id, day,
    count(*) FILTER (WHERE is_active)::float / count(*) AS value
  FROM shown JOIN copilot_team_member_days USING (scope_id, team_id)
  WHERE $__timeFilter(day) AND {_IS_REPORTED}
  GROUP BY scope_id, team_id, day HAVING count(*) >= {MIN_TEAM_MEMBERS}
) AS days ON days.scope_id = shown.scope_id AND days.team_id = shown.team_id
  AND days.day = calendar.day::date
ORDER BY 1, 2""",
    unit="percentunit",
    most=1,
    fill=0,
)

_LARGEST = f"""WITH largest AS (
  SELECT scope_id FROM _tool_copilot_org_metrics
  WHERE {IN_SCOPES} AND $__timeFilter(day)
  GROUP BY scope_id ORDER BY max(total_active_users) DESC NULLS LAST, scope_id LIMIT 1
)"""
_OF_THE_LARGEST = "Only the largest of the chosen scopes."
_PHASE_COLORS = {
    "No Cohort": panels.color("#8e939d"),
    "Phase 1": panels.color("light-blue"),
    "Phase 2": panels.color("blue"),
    "Phase 3": panels.color("purple"),
}

_PHASES = panels.bars(
    21,
    "People by adoption phase",
    f"""People in each of GitHub's adoption phases in the 28 days that end on the day. GitHub
    defines the phases. {_OF_THE_LARGEST} Unit: people. May be empty: GitHub reports these
    numbers from 2026-09-17 on.""",
    f"""{_LARGEST}
SELECT day AS time, phase AS metric, sum(users_in_phase_28d) AS value
FROM _tool_copilot_adoption_phases
WHERE scope_id = (SELECT scope_id FROM largest) AND $__timeFilter(day)
  AND users_in_phase_28d IS NOT NULL
GROUP BY day, phase ORDER BY 1, 2""",
    overrides=_PHASE_COLORS,
)

_FLOW = panels.table(
    22,
    "Flow between phases in a week",
    f"""The last phase of each person in the seven days before the newest seven, and in the newest
    seven, which end on the newest day of the range with a users report. "Not seen": no record in
    those days. {_OF_THE_LARGEST} Unit: people. May be empty: GitHub reports phases from 2026-05-29
    on.""",
    f"""{_LARGEST}, last AS (
  SELECT max(day) AS day FROM copilot_user_days
  WHERE scope_id = (SELECT scope_id FROM largest) AND $__timeFilter(day)
), phases AS (
  SELECT DISTINCT ON (user_id, day > (SELECT day FROM last) - 7)
    user_id, day > (SELECT day FROM last) - 7 AS is_now, ai_adoption_phase AS phase
  FROM copilot_user_days
  WHERE scope_id = (SELECT scope_id FROM largest) AND ai_adoption_phase IS NOT NULL
    AND day BETWEEN (SELECT day FROM last) - 13 AND (SELECT day FROM last)
  ORDER BY user_id, day > (SELECT day FROM last) - 7, day DESC
), flow AS (
  SELECT user_id, coalesce(max(phase) FILTER (WHERE NOT is_now), 'Not seen') AS before,
    coalesce(max(phase) FILTER (WHERE is_now), 'Not seen') AS now
  FROM phases GROUP BY user_id
)
SELECT before AS "Week before", now AS "Newest week", count(*) AS "People",
  count(*)::float / sum(count(*)) OVER (PARTITION BY before) AS "Share"
FROM flow
GROUP BY before, now
ORDER BY 1, 2""",
    overrides={"Share": panels.share_cell("blue")},
)

_TOP_USERS = panels.table(
    31,
    "Top users",
    f"""The {MAX_USERS} people with the most active days in the range, then the most prompts: days
    with activity, prompts, code completions accepted and their acceptance rate by count, lines
    added, AI credits used (a signal of use, not a bill), and the newest phase. A person in
    two organizations has two rows. {_ACTIVE} Units: days, prompts, completions, percent, lines,
    credits.""",
    f"""WITH users AS MATERIALIZED (
  SELECT scope_id, user_id, count(*) AS active_days, sum(prompts) AS prompts
  FROM copilot_user_days
  WHERE {IN_SCOPES} AND $__timeFilter(day) AND is_active
  GROUP BY scope_id, user_id
  ORDER BY count(*) DESC, sum(prompts) DESC NULLS LAST, user_id LIMIT {MAX_USERS}
)
SELECT used.login AS "User", scope.label AS "Scope", users.active_days AS "Active days",
  users.prompts AS "Prompts", used.accepted AS "Accepted",
  used.accepted::float / nullif(used.suggested, 0) AS "Acceptance",
  used.lines_added AS "Lines added", used.credits AS "Credits", used.phase AS "Phase"
FROM users
JOIN copilot_scopes AS scope ON scope.id = users.scope_id
CROSS JOIN LATERAL (
  SELECT (array_agg(user_login ORDER BY day DESC))[1] AS login,
    (array_agg(ai_adoption_phase ORDER BY day DESC))[1] AS phase,
    sum(completion_acceptances) AS accepted, sum(completion_suggestions) AS suggested,
    sum(lines_added) AS lines_added, sum(ai_credits_used) AS credits
  FROM copilot_user_days
  WHERE scope_id = users.scope_id AND user_id = users.user_id AND $__timeFilter(day)
) AS used
ORDER BY 3 DESC, 4 DESC NULLS LAST, 1""",
    overrides={
        "User": panels.width(140),
        "Acceptance": panels.percent(1),
        "Credits": {"decimals": 0},
    },
)

_LAPSED = panels.table(
    32,
    "Lapsed users",
    f"""The lapsed users with their last active day, at most 200.
    {_REACH} May be empty: then there are no lapsed users. Unit: days.""",
    f"""{_COMINGS}
SELECT user_login AS "User", last_day AS "Last active day",
  (SELECT day FROM last) - last_day AS "Days ago"
FROM users
WHERE was_active AND NOT is_active AND (SELECT reaches_back FROM known)
ORDER BY 2, 1 LIMIT 200""",
    overrides={"Last active day": panels.DAY},
)
