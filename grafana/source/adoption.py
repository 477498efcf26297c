"""The main dashboard: how many people use Copilot, for what, and with which acceptance rates."""

from __future__ import annotations

from grafana.source import panels
from grafana.source.model import Json, Section, dashboard
from grafana.source.shared import (
    ANNOTATIONS,
    CHOSEN,
    IN_SCOPES,
    LEVEL,
    OF_SCOPE,
    PER_SCOPE,
    SCOPE,
    SUMMED,
    days_of_chosen,
    series_of_chosen,
    trailing_week,
)

_COMPLETIONS_ONLY = "Code completions only: a rate over all features would be meaningless."

_MODE_COLORS = {
    "Chat: ask": panels.color("blue"),
    "Chat: agent": panels.color("purple"),
    "Chat: edit": panels.color("light-blue"),
    "Chat: plan": panels.color("green"),
    "Inline chat": panels.color("yellow"),
    "Chat: custom": panels.color("orange"),
    "Chat: unknown": panels.color("#8e939d"),
}
_FEATURE_COLORS = {
    **_MODE_COLORS,
    "Code completion": panels.color("dark-blue"),
    "Agent edits": panels.color("dark-purple"),
    "Copilot CLI": panels.color("dark-green"),
    "Copilot app": panels.color("dark-orange"),
    "others": panels.color("#8e939d"),
}


def build() -> Json:
    return dashboard(
        "copilot-adoption",
        "Copilot adoption",
        "How many people use GitHub Copilot, for what, and with which acceptance rates.",
        time_from="now-90d",
        variables=[LEVEL, SCOPE],
        annotations=ANNOTATIONS,
        sections=[
            Section(
                1,
                "Overview",
                [
                    (
                        5,
                        [
                            (4, _people(2, "Monthly active users", "monthly_active_users", 28)),
                            (4, _people(3, "Weekly active users", "weekly_active_users", 7)),
                            (4, _people(4, "Daily active users", "total_active_users", 1)),
                            (4, _ADOPTION),
                            (4, _RATE_BY_COUNT),
                            (4, _RATE_BY_LINES),
                        ],
                    )
                ],
            ),
            Section(
                10,
                "People",
                [
                    (9, [(12, _ACTIVE_USERS), (12, _ADOPTION_OVER_TIME)]),
                    (9, [(12, _ADOPTERS), (12, _ADOPTER_SHARES)]),
                ],
            ),
            Section(
                20,
                "Code completions",
                [
                    (9, [(12, _ACCEPTANCE), (12, _SUGGESTIONS)]),
                    (9, [(12, _COMPLETION_LINES), (12, _ALL_LINES)]),
                ],
            ),
            Section(
                30,
                "Chat and agents",
                [
                    (9, [(8, _CHAT_RATE), (16, _CHAT_MODES)]),
                    (9, [(24, _FEATURES)]),
                ],
            ),
            Section(40, "Scopes and the legacy metrics API", [(9, [(15, _SCOPES), (9, _LEGACY)])]),
        ],
    )


def _people(id_: int, title: str, column: str, days: int) -> Json:
    window = "on the day" if days == 1 else f"in the {days} days that end on the day"
    return panels.stat(
        id_,
        title,
        f"""People who used Copilot {window}, as GitHub counts them, on the newest day of the
        range. Unit: people. {PER_SCOPE}""",
        f"""{CHOSEN}
SELECT day AS time, label AS metric, {column} AS value
FROM _tool_copilot_org_metrics JOIN chosen ON chosen.id = scope_id
WHERE $__timeFilter(day) AND {column} IS NOT NULL
ORDER BY 1, 2""",
    )


_ADOPTION_SQL = f"""{CHOSEN}
SELECT calendar.day::date AS time, label AS metric, active_users::float / nullif(seats, 0) AS value
{days_of_chosen("_tool_copilot_seat_days")}
ORDER BY 1, 2"""

_ADOPTION_MEANS = f"""People who hold a seat on the day and were active in the 28 days that end on
it (users report), divided by the people who hold a seat on that day (the daily snapshot).
Unknown without a snapshot, and until the users reports reach back 28 days. Unit: percent.
{PER_SCOPE}"""

_ADOPTION = panels.stat(
    5,
    "Adoption",
    f"On the newest day of the range with a snapshot: {_ADOPTION_MEANS}",
    _ADOPTION_SQL,
    unit="percentunit",
    decimals=0,
    steps=[(None, "orange"), (0.5, "yellow"), (0.7, "green")],
)

_RATE_BY_COUNT = panels.stat(
    6,
    "Acceptance by count",
    f"""Accepted code completions divided by suggested ones, each summed over the range.
    {_COMPLETIONS_ONLY} Unit: percent. {SUMMED}""",
    f"""SELECT sum(completion_acceptances)::float / nullif(sum(completion_suggestions), 0) AS rate
FROM _tool_copilot_org_metrics
WHERE {IN_SCOPES} AND $__timeFilter(day)""",
    unit="percentunit",
    decimals=1,
    color="green",
    sparkline=False,
)

_RATE_BY_LINES = panels.stat(
    7,
    "Acceptance by lines",
    f"""Lines added by accepted code completions divided by lines suggested in them, each summed
    over the range. May exceed 100 %: more lines may be added than were shown. {_COMPLETIONS_ONLY}
    Unit: percent. {SUMMED}""",
    f"""SELECT sum(completion_lines_accepted)::float / nullif(sum(completion_lines_suggested), 0)
  AS rate
FROM _tool_copilot_org_metrics
WHERE {IN_SCOPES} AND $__timeFilter(day)""",
    unit="percentunit",
    decimals=1,
    color="green",
    sparkline=False,
)

_ACTIVE_USERS = panels.lines(
    11,
    "Active users",
    f"""People who used Copilot on the day, in the 7 and in the 28 days that end on it, as GitHub
    counts them. Days from the legacy metrics API have daily users only, with another definition:
    see the annotations. Unit: people. {PER_SCOPE}""",
    series_of_chosen(
        {
            "monthly": "monthly_active_users",
            "weekly": "weekly_active_users",
            "daily": "total_active_users",
        },
        "_tool_copilot_org_metrics",
    ),
    overrides={
        "monthly": panels.color("blue"),
        "weekly": panels.color("light-blue"),
        "daily": panels.color("green"),
    },
)

_ADOPTION_OVER_TIME = panels.lines(
    12,
    "Adoption over time",
    _ADOPTION_MEANS,
    _ADOPTION_SQL,
    unit="percentunit",
    most=1,
    fill=12,
)

_ADOPTER_COLUMNS = {
    "chat": "monthly_active_chat_users",
    "agent mode": "monthly_active_agent_users",
    "CLI": "monthly_active_cli_users",
    "code review": "monthly_active_copilot_code_review_users",
    "cloud agent": "monthly_active_copilot_cloud_agent_users",
    "app": "monthly_active_copilot_app_users",
}
_ADOPTER_MEANS = """Chat and agent mode are those in the IDE; code review counts those who asked for
a review or applied a suggestion, not those who were only reviewed."""
_ADOPTER_COLORS = {
    name: panels.color(shade)
    for name, shade in zip(
        _ADOPTER_COLUMNS, ("blue", "purple", "green", "orange", "red", "yellow"), strict=True
    )
}


def _adopters(suffix: str = "") -> str:
    columns = {name: column + suffix for name, column in _ADOPTER_COLUMNS.items()}
    return series_of_chosen(columns, "_tool_copilot_org_metrics")


_ADOPTERS = panels.lines(
    13,
    "Adopters",
    f"""People who used each in the 28 days that end on the day, as GitHub counts them.
    {_ADOPTER_MEANS} Unit: people. {PER_SCOPE}""",
    _adopters(),
    fill=0,
    overrides=_ADOPTER_COLORS,
)

_ADOPTER_SHARES = panels.lines(
    14,
    "Adopters as a share of monthly active users",
    f"""People who used each in the 28 days that end on the day, divided by all active users of
    these 28 days. {_ADOPTER_MEANS} Unit: percent. {PER_SCOPE}""",
    _adopters("::float / nullif(monthly_active_users, 0)"),
    unit="percentunit",
    most=1,
    fill=0,
    overrides=_ADOPTER_COLORS,
)

_ACCEPTANCE = panels.lines(
    21,
    "Acceptance rate, seven days",
    f"""By count: accepted code completions divided by suggested ones. By lines: lines added by
    accepted completions divided by lines suggested. Each summed over the seven days that end on the
    day. {_COMPLETIONS_ONLY} Unit: percent. {SUMMED}""",
    trailing_week(
        {
            "by count": ("completion_acceptances", "completion_suggestions"),
            "by lines": ("completion_lines_accepted", "completion_lines_suggested"),
        },
        "_tool_copilot_org_metrics",
    ),
    unit="percentunit",
    decimals=1,
    overrides={"by count": panels.color("green"), "by lines": panels.color("yellow")},
)

_SUGGESTIONS = panels.bars(
    22,
    "Suggestions and acceptances",
    f"""Code completions that were suggested, and those of them that were accepted, on each day.
    Unit: completions. {SUMMED}""",
    f"""SELECT day AS time, sum(completion_suggestions) AS suggested,
  sum(completion_acceptances) AS accepted
FROM _tool_copilot_org_metrics
WHERE {IN_SCOPES} AND $__timeFilter(day) AND completion_suggestions IS NOT NULL
GROUP BY day ORDER BY 1""",
    stacking="none",
    overrides={"suggested": panels.color("blue"), "accepted": panels.color("green")},
)

_COMPLETION_LINES = panels.bars(
    23,
    "Lines of completions",
    f"""Lines that code completions suggested, and lines that accepted ones added, on each day.
    Unit: lines. {SUMMED}""",
    f"""SELECT day AS time, sum(completion_lines_suggested) AS suggested,
  sum(completion_lines_accepted) AS added
FROM _tool_copilot_org_metrics
WHERE {IN_SCOPES} AND $__timeFilter(day) AND completion_lines_suggested IS NOT NULL
GROUP BY day ORDER BY 1""",
    stacking="none",
    overrides={"suggested": panels.color("blue"), "added": panels.color("green")},
)

_ALL_LINES = panels.bars(
    24,
    "Lines changed with Copilot",
    f"""Lines that were added and deleted with any feature, edits by agents included, on each
    day; the CLI counts from 2026-04-10 on. Not a share of the code base. Unit: lines. {SUMMED}""",
    f"""SELECT day AS time, sum(loc_added_sum) AS added, sum(loc_deleted_sum) AS deleted
FROM _tool_copilot_org_metrics
WHERE {IN_SCOPES} AND $__timeFilter(day) AND loc_added_sum IS NOT NULL
GROUP BY day ORDER BY 1""",
    overrides={"added": panels.color("green"), "deleted": panels.color("red")},
)

_CHAT_RATE = panels.lines(
    31,
    "Chat requests per active user, seven days",
    f"""Prompts that people sent in the IDE's chat divided by daily active users, each summed over
    the seven days that end on the day. Unit: prompts per user and day. {SUMMED}""",
    trailing_week(
        {"chat requests": ("ide_chats", "total_active_users")}, "_tool_copilot_org_metrics"
    ),
    decimals=1,
    overrides={"chat requests": panels.color("purple")},
)

_CHAT_MODES = panels.bars(
    32,
    "Chat requests by mode",
    f"""Prompts that people sent in the IDE's chat, by the mode of the chat, on each day. Reports
    only; plan mode counts from 2026-03-02 on. Unit: prompts. {SUMMED}""",
    f"""SELECT day AS time, name AS metric, sum(prompts) AS value
FROM copilot_feature_days
WHERE {IN_SCOPES} AND $__timeFilter(day) AND is_chat
GROUP BY day, name ORDER BY 1, 2""",
    overrides=_MODE_COLORS,
)

_FEATURES = panels.bars(
    33,
    "Features",
    f"""Output events of each feature on each day: every code block, completion or edit that Copilot
    made counts. Reports only. Unit: output events. {SUMMED}""",
    f"""SELECT day AS time, name AS metric, sum(outputs) AS value
FROM copilot_feature_days
WHERE {IN_SCOPES} AND $__timeFilter(day)
GROUP BY day, name ORDER BY 1, 2""",
    overrides=_FEATURE_COLORS,
)

_SCOPES = panels.table(
    41,
    "Scopes",
    """Every chosen scope on its newest day of the range with numbers: active users of 1, 7 and 28
    days, seats and adoption of its newest snapshot, and the acceptance rate by count over the
    range. Units: people, percent.""",
    f"""SELECT scope.label AS "Scope", newest.day AS "Newest day",
  newest.total_active_users AS "Daily", newest.weekly_active_users AS "Weekly",
  newest.monthly_active_users AS "Monthly", held.seats AS "Seats",
  held.active_users::float / nullif(held.seats, 0) AS "Adoption",
  rate.accepted::float / nullif(rate.suggested, 0) AS "Acceptance"
FROM copilot_scopes AS scope
CROSS JOIN LATERAL (
  SELECT day, total_active_users, weekly_active_users, monthly_active_users
  FROM _tool_copilot_org_metrics WHERE scope_id = scope.id AND $__timeFilter(day)
  ORDER BY day DESC LIMIT 1
) AS newest
CROSS JOIN LATERAL (
  SELECT sum(completion_acceptances) AS accepted, sum(completion_suggestions) AS suggested
  FROM _tool_copilot_org_metrics WHERE scope_id = scope.id AND $__timeFilter(day)
) AS rate
LEFT JOIN LATERAL (
  SELECT seats, active_users FROM _tool_copilot_seat_days
  WHERE scope_id = scope.id AND $__timeFilter(day) ORDER BY day DESC LIMIT 1
) AS held ON true
WHERE scope.id = {OF_SCOPE}
ORDER BY newest.monthly_active_users DESC NULLS LAST, 1""",
    overrides={
        "Newest day": panels.DAY,
        "Adoption": panels.share_cell("blue"),
        "Acceptance": panels.percent(1),
    },
)

_LEGACY = panels.lines(
    42,
    "Active and engaged users, legacy metrics API",
    f"""People of the days that were collected from the metrics API that GitHub closed on
    2026-04-02: active users, and engaged users who accepted a completion or wrote in a chat. The
    reports have no engaged users. Unit: people. {PER_SCOPE} May be empty: a warehouse that began
    with the reports has no such days.""",
    series_of_chosen(
        {"active": "total_active_users", "engaged": "total_engaged_users"},
        "_tool_copilot_org_metrics",
        "days.source = 'legacy'",
    ),
    overrides={"active": panels.color("green"), "engaged": panels.color("yellow")},
)
