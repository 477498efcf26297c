"""The variables, annotations and SQL fragments that the dashboards share."""

from __future__ import annotations

from collections.abc import Mapping

from grafana.source.model import annotation, query_variable

# Charts of people show one line for each scope, because people of two scopes cannot be added.
MAX_SCOPES = 5

# An array, because an empty list would be a syntax error if there is no scope yet.
OF_SCOPE = "ANY (ARRAY[${scope:sqlstring}]::bigint[])"
IN_SCOPES = f"scope_id = {OF_SCOPE}"

# The chosen scopes with the most users, with a prefix for their lines if there are several.
CHOSEN = f"""WITH chosen AS (
  SELECT id, label, is_removed,
    CASE WHEN count(*) OVER () > 1 THEN label || ': ' ELSE '' END AS prefix
  FROM copilot_scopes AS scope
  WHERE id = {OF_SCOPE}
  ORDER BY (
    SELECT max(total_active_users) FROM _tool_copilot_org_metrics
    WHERE scope_id = scope.id AND $__timeFilter(day)
  ) DESC NULLS LAST, label
  LIMIT {MAX_SCOPES}
)"""

# Every day of the range, so that a line breaks at a missing day. Timestamps have no time zone,
# because in some time zones a day can begin at one o'clock.
CALENDAR = (
    "generate_series($__timeFrom()::date::timestamp, $__timeTo()::date::timestamp, '1 day') "
    "AS calendar(day)"
)


def days_of_chosen(table: str, condition: str = "true") -> str:
    """Return SQL for the rows of the chosen scopes, as `days`, on every day of the range."""
    return f"""FROM chosen CROSS JOIN {CALENDAR}
LEFT JOIN {table} AS days
  ON days.scope_id = chosen.id AND days.day = calendar.day::date AND {condition}"""


def series_of_chosen(values: Mapping[str, str], table: str, condition: str = "true") -> str:
    """Return SQL for lines of the chosen scopes. `values` maps names to SQL expressions."""
    rows = ", ".join(f"('{name}', {value})" for name, value in values.items())
    return f"""{CHOSEN}
SELECT calendar.day::date AS time, prefix || lines.name AS metric, lines.value
{days_of_chosen(table, condition)}
CROSS JOIN LATERAL (VALUES {rows}) AS lines(name, value)
ORDER BY 1, 2"""


PER_SCOPE = f"Each chosen scope has its own value; at most the {MAX_SCOPES} largest are shown."
SUMMED = (
    "Summed over the chosen scopes with data for the day. The activity of a person counts in each "
    "of their organizations."
)

LEVEL = query_variable(
    "level",
    "Level",
    "Enterprises or organizations. They are not mixed because GitHub counts a person in both.",
    "SELECT initcap(kind) AS __text, kind AS __value FROM copilot_scopes GROUP BY kind ORDER BY 2",
    multi=False,
)

SCOPE = query_variable(
    "scope",
    "Scope",
    "The scopes to show. A removed scope keeps its history.",
    "SELECT label || CASE WHEN is_removed THEN ' (removed)' ELSE '' END AS __text, id AS __value "
    "FROM copilot_scopes WHERE kind IN (${level:sqlstring}) ORDER BY is_removed, label",
)


def _marks(kind: str) -> str:
    return f"""SELECT first_day AS time, last_day AS timeend, text FROM copilot_marks
WHERE kind = '{kind}'
AND (scope_id IS NULL OR {IN_SCOPES})
AND last_day >= $__timeFrom()::date AND first_day <= $__timeTo()::date
ORDER BY 1"""


ANNOTATIONS = (
    annotation("Definition changes", "purple", _marks("definition")),
    annotation("Rollout", "green", _marks("rollout")),
    annotation("Provisional days", "orange", _marks("provisional")),
)


def trailing_week(ratios: Mapping[str, tuple[str, str]], table: str) -> str:
    """Return SQL for ratios of sums over the seven days that end on each day.

    `ratios` maps names to (numerator, denominator). The sums of the first days of the range include
    the six days before it.
    """
    sums = ",\n    ".join(
        f"sum(sum({above}) FILTER (WHERE {below} IS NOT NULL)) OVER week / nullif("
        f'sum(sum({below}) FILTER (WHERE {above} IS NOT NULL)) OVER week, 0)::float AS "{name}"'
        for name, (above, below) in ratios.items()
    )
    names = ", ".join(f'days."{name}"' for name in ratios)
    return f"""SELECT calendar.day::date AS time, {names}
FROM {CALENDAR} LEFT JOIN (
  SELECT day,
    {sums}
  FROM {table}
  WHERE {IN_SCOPES}
    AND day BETWEEN $__timeFrom()::date - 6 AND $__timeTo()::date
  GROUP BY day
  WINDOW week AS (ORDER BY day RANGE '6 days' PRECEDING)
) AS days ON days.day = calendar.day::date
ORDER BY 1"""
