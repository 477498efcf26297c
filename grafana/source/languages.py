"""The dashboard of languages, editors and models: their use and acceptance rates."""

from __future__ import annotations

from grafana.source import panels
from grafana.source.model import Json, Section, dashboard, query_variable
from grafana.source.shared import ANNOTATIONS, CALENDAR, IN_SCOPES, LEVEL, SCOPE, SUMMED

MAX_NAMES = 8
FEWEST_OUTPUTS = 100

# GitHub's placeholders for missing names. They are not added to names or to each other.
COLLECTIVE = "('others', 'other', 'unknown', 'auto', 'custom')"
_COLLECTIVE_COLORS = {
    "others": panels.color("#b8bcc4"),
    "unknown": panels.color("#8e939d"),
    "auto": panels.color("#6e737d"),
    "all the rest": panels.color("#555b66"),
}
_APART = f"""Names are normalized (csharp is c#). The {MAX_NAMES} most used names are shown.
"all the rest" combines the other names. GitHub's own others, unknown and auto are separate."""

_LANGUAGE = query_variable(
    "language",
    "Language",
    "Languages with code completions in the range; filters the panels of languages",
    f"SELECT DISTINCT language FROM _tool_copilot_language_metrics WHERE {IN_SCOPES} "
    "AND $__timeFilter(day) ORDER BY 1",
)
_EDITOR = query_variable(
    "editor",
    "Editor",
    "Editors used in the range; filters the panels of editors",
    f"SELECT DISTINCT ide FROM _tool_copilot_metrics_by_ide WHERE {IN_SCOPES} "
    "AND $__timeFilter(day) ORDER BY 1",
)
_IN_LANGUAGES = "language = ANY (ARRAY[${language:sqlstring}]::text[])"
_IN_EDITORS = "ide = ANY (ARRAY[${editor:sqlstring}]::text[])"


def build() -> Json:
    return dashboard(
        "copilot-languages",
        "Copilot languages, editors and models",
        "The languages, editors and models that Copilot is used with, and acceptance rates.",
        time_from="now-90d",
        variables=[LEVEL, SCOPE, _LANGUAGE, _EDITOR],
        annotations=ANNOTATIONS,
        sections=[
            Section(
                1,
                "Languages",
                [
                    (10, [(12, _LANGUAGE_MIX), (12, _LANGUAGES)]),
                    (9, [(24, _LANGUAGE_ACCEPTANCE)]),
                ],
            ),
            Section(10, "Editors", [(10, [(12, _EDITOR_MIX), (12, _EDITORS)])]),
            Section(20, "Models", [(10, [(12, _MODEL_MIX), (12, _MODELS)])]),
            Section(
                30,
                "Unknown names and the legacy metrics API",
                [(9, [(14, _UNNAMED), (10, _LEGACY_EDITORS)])],
            ),
        ],
    )


def _mix(name: str, value: str, source: str, condition: str = "true") -> str:
    """Return SQL for the use of each name by day: the most used names, the rest, placeholders."""
    return f"""WITH usage AS (
  SELECT day, {name} AS name, sum({value}) AS value
  FROM {source}
  WHERE {IN_SCOPES} AND $__timeFilter(day) AND {condition}
  GROUP BY day, {name}
), shown AS (
  SELECT name FROM usage WHERE name NOT IN {COLLECTIVE}
  GROUP BY name ORDER BY sum(value) DESC NULLS LAST, name LIMIT {MAX_NAMES}
)
SELECT day AS time, CASE
    WHEN name IN {COLLECTIVE} OR name IN (SELECT name FROM shown) THEN name ELSE 'all the rest'
  END AS metric, sum(value) AS value
FROM usage
GROUP BY 1, 2 HAVING sum(value) > 0
ORDER BY 1, 2"""


_LANGUAGE_MIX = panels.bars(
    2,
    "Languages of code completions",
    f"""Share of each language in the code completions suggested on the day. {_APART} Unit: percent
    of the suggestions shown; in the tooltip suggestions. {SUMMED}""",
    _mix("language", "suggestions", "_tool_copilot_language_metrics", _IN_LANGUAGES),
    stacking="percent",
    overrides=_COLLECTIVE_COLORS,
)

_LANGUAGES = panels.table(
    3,
    "Acceptance by language",
    f"""Code completions of the range by language: suggested and accepted, the share of all
    suggestions, and the acceptance rate by count (accepted divided by suggested) and by lines
    (lines added divided by lines suggested). Languages with fewer than {FEWEST_OUTPUTS} suggestions
    are left out. Units: completions, percent. {SUMMED}""",
    f"""WITH languages AS (
  SELECT language, sum(suggestions) AS suggested, sum(acceptances) AS accepted,
    sum(sum(suggestions)) OVER () AS everything,
    sum(lines_accepted)::float / nullif(sum(lines_suggested), 0) AS by_lines
  FROM _tool_copilot_language_metrics
  WHERE {IN_SCOPES} AND $__timeFilter(day)
  GROUP BY language
)
SELECT language AS "Language", suggested AS "Suggested",
  suggested::float / nullif(everything, 0) AS "Share", accepted AS "Accepted",
  accepted::float / nullif(suggested, 0) AS "By count", by_lines AS "By lines"
FROM languages
WHERE suggested >= {FEWEST_OUTPUTS} AND {_IN_LANGUAGES}
ORDER BY 2 DESC, 1""",
    overrides={
        "Share": panels.share_cell("blue", 1),
        "By count": panels.share_cell("green", 1),
        "By lines": panels.percent(1),
    },
)

_LANGUAGE_ACCEPTANCE = panels.lines(
    4,
    "Acceptance rate by language, seven days",
    f"""Accepted code completions divided by suggested ones, each summed over the seven days that
    end on the day, of the six languages with the most suggestions. Unit: percent. {SUMMED}""",
    f"""WITH shown AS (
  SELECT language FROM _tool_copilot_language_metrics
  WHERE {IN_SCOPES} AND $__timeFilter(day) AND {_IN_LANGUAGES} AND language NOT IN {COLLECTIVE}
  GROUP BY language ORDER BY sum(suggestions) DESC NULLS LAST, language LIMIT 6
)
SELECT calendar.day::date AS time, shown.language AS metric, days.value
FROM shown CROSS JOIN {CALENDAR} LEFT JOIN (
  SELECT day, language,
    sum(sum(acceptances)) OVER week / nullif(sum(sum(suggestions)) OVER week, 0)::float AS value
  FROM _tool_copilot_language_metrics
  WHERE {IN_SCOPES} AND language IN (SELECT language FROM shown)
    AND day BETWEEN $__timeFrom()::date - 6 AND $__timeTo()::date
  GROUP BY day, language
  WINDOW week AS (PARTITION BY language ORDER BY day RANGE '6 days' PRECEDING)
) AS days ON days.language = shown.language AND days.day = calendar.day::date
ORDER BY 1, 2""",
    unit="percentunit",
    fill=0,
)

_EDITOR_MIX = panels.bars(
    11,
    "Editors",
    f"""Share of each editor in the prompts and output events of the day, all features; the CLI
    and the app are not included. {_APART} Unit: percent; in the tooltip events. {SUMMED}""",
    _mix(
        "ide",
        "user_initiated_interaction_count + code_generation_activity_count",
        "_tool_copilot_metrics_by_ide",
        _IN_EDITORS,
    ),
    stacking="percent",
    overrides=_COLLECTIVE_COLORS,
)

_EDITORS = panels.table(
    12,
    "Use by editor, all features",
    f"""Prompts and output events of the range by editor, their share, and accept actions divided by
    output events over all features. This is not the acceptance rate of completions, which GitHub
    does not report by editor. Units: events, percent. {SUMMED}""",
    f"""WITH editors AS (
  SELECT ide, sum(user_initiated_interaction_count) AS prompts,
    sum(code_generation_activity_count) AS outputs,
    sum(user_initiated_interaction_count + code_generation_activity_count) AS events,
    sum(sum(user_initiated_interaction_count + code_generation_activity_count)) OVER ()
      AS everything,
    sum(code_acceptance_activity_count) AS accepted
  FROM _tool_copilot_metrics_by_ide
  WHERE {IN_SCOPES} AND $__timeFilter(day)
  GROUP BY ide
)
SELECT ide AS "Editor", prompts AS "Prompts", outputs AS "Outputs",
  events::float / nullif(everything, 0) AS "Share",
  accepted::float / nullif(outputs, 0) AS "Accepted, all features"
FROM editors
WHERE {_IN_EDITORS}
ORDER BY 4 DESC NULLS LAST, 1""",
    overrides={
        "Share": panels.share_cell("blue", 1),
        "Accepted, all features": {**panels.percent(1), **panels.width(170)},
    },
)

_MODEL_MIX = panels.bars(
    21,
    "Models of chat prompts",
    f"""Share of each model in the prompts of the day. GitHub reports models for chat and agents,
    not for completions. "auto" means that Copilot chose the model. {_APART} Unit: percent; in the
    tooltip prompts. {SUMMED}""",
    _mix("model", "user_initiated_interaction_count", "_tool_copilot_metrics_by_model_feature"),
    stacking="percent",
    overrides=_COLLECTIVE_COLORS,
)

_MODELS = panels.table(
    22,
    "Use by model, chat and agents",
    f"""Prompts and output events of the range by model, the share of prompts, and accept actions
    divided by output events, for chat and agents. Completions are not included. Units: events,
    percent. {SUMMED}""",
    f"""SELECT model AS "Model", sum(user_initiated_interaction_count) AS "Prompts",
  sum(user_initiated_interaction_count)::float
    / nullif(sum(sum(user_initiated_interaction_count)) OVER (), 0) AS "Share",
  sum(code_generation_activity_count) AS "Outputs",
  sum(code_acceptance_activity_count)::float / nullif(sum(code_generation_activity_count), 0)
    AS "Accepted, chat and agents"
FROM _tool_copilot_metrics_by_model_feature
WHERE {IN_SCOPES} AND $__timeFilter(day)
GROUP BY model
ORDER BY 2 DESC NULLS LAST, 1""",
    overrides={
        "Share": panels.share_cell("purple", 1),
        "Accepted, chat and agents": {**panels.percent(1), **panels.width(200)},
    },
)


def _unnamed(title: str, kind: str, name: str, value: str, source: str) -> str:
    def share(condition: str) -> str:
        return f"sum(CASE WHEN {condition} THEN value ELSE 0 END)::float / nullif(sum(value), 0)"

    new_names = (
        f"SELECT name FROM _tool_copilot_unknown_names WHERE kind = '{kind}' AND {IN_SCOPES} "
        "AND $__timeFilter(day)"
    )
    return f"""SELECT '{title}' AS "Of", {share("name IN ('others', 'other')")} AS "Others",
  {share("name = 'unknown'")} AS "Unknown", {share("name = 'auto'")} AS "Auto",
  {share(f"name IN ({new_names})")} AS "New names"
FROM (
  SELECT {name} AS name, sum({value}) AS value
  FROM {source} WHERE {IN_SCOPES} AND $__timeFilter(day)
  GROUP BY {name}
) AS names"""


_UNNAMED = panels.table(
    31,
    "Shares without a known name",
    f"""What GitHub calls others, unknown or auto, and names that this version of copilot_pipeline
    does not know yet, as a share of the range: of suggested completions by language, of prompts and
    outputs by editor, of prompts by model. Unit: percent. {SUMMED}""",
    "\nUNION ALL\n".join(
        [
            _unnamed(
                "Languages",
                "language",
                "language",
                "suggestions",
                "_tool_copilot_language_metrics",
            ),
            _unnamed(
                "Editors",
                "ide",
                "ide",
                "user_initiated_interaction_count + code_generation_activity_count",
                "_tool_copilot_metrics_by_ide",
            ),
            _unnamed(
                "Models",
                "model",
                "model",
                "user_initiated_interaction_count",
                "_tool_copilot_metrics_by_model_feature",
            ),
        ]
    )
    + "\nORDER BY 1",
    unit="percentunit",
)

_LEGACY_EDITORS = panels.table(
    32,
    "Acceptance by editor, legacy metrics API",
    f"""Code completions by editor on the days of the range that were collected from the metrics API
    that GitHub closed on 2026-04-02: the reports have no completions by editor. Units:
    completions, percent. {SUMMED} May be empty: a warehouse that began with the reports has no such
    days.""",
    f"""SELECT editor AS "Editor", sum(suggestions) AS "Suggested", sum(acceptances) AS "Accepted",
  sum(acceptances)::float / nullif(sum(suggestions), 0) AS "By count"
FROM _tool_copilot_language_metrics
WHERE {IN_SCOPES} AND $__timeFilter(day) AND editor <> 'all'
GROUP BY editor
ORDER BY 2 DESC NULLS LAST, 1""",
    overrides={"By count": panels.share_cell("green", 1)},
)
