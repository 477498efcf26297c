"""From the SQL of a dashboard to the SQL that PostgreSQL receives."""

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from copilot_pipeline_tests.grafana import GrafanaError
from copilot_pipeline_tests.grafana.time_range import TimeRange

Value = str | Sequence[str]

# A literal, a quoted name, or a text between dollars.
LITERAL = r"'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\"|(?P<tag>\$\w*\$).*?(?P=tag)"

_VARIABLE = re.compile(
    r"\$(?P<bare>\w+)(?P<call>\(?)"
    r"|\[\[(?P<square>\w+)(?::\w+)?\]\]"
    r"|\$\{(?P<braced>[^}:]*)(?::(?P<format>[^}]*))?\}",
    re.ASCII,
)
_MACRO = re.compile(r"\$(\w+)\(([^)]*)\)", re.ASCII)
_COMMENT = r"--[^\n]*|/\*.*?\*/"
_LITERAL_OR_COMMENT = re.compile(rf"(?P<literal>{LITERAL})|{_COMMENT}", re.DOTALL)


def expand(sql: str, values: Mapping[str, Value], time_range: TimeRange) -> str:
    """The SQL with the variables' values and the range.

    The browser puts the variables in, then the data source removes comments and expands macros.
    So a value can hold a comment or a macro that takes effect, as it does in Grafana.
    """
    return _with_macros(without_comments(_with_variables(sql, values)), time_range)


def variable_names(text: str) -> set[str]:
    """The variables that a text names, without Grafana's own, which begin with `__`."""
    return {name for match in _VARIABLE.finditer(text) if (name := _name(match))[:2] != "__"}


def without_comments(sql: str) -> str:
    """The SQL without comments; what looks like one in a literal or a quoted name stays."""
    return _LITERAL_OR_COMMENT.sub(lambda match: match["literal"] or "", sql)


def _with_variables(sql: str, values: Mapping[str, Value]) -> str:
    def replacement(match: re.Match[str]) -> str:
        name = _name(match)
        if name.startswith("__") and match["call"]:
            return match[0]  # a macro, which the data source expands
        if name not in values:
            raise GrafanaError(f"unknown variable: {match[0]}")
        # Any other format trusts the value to hold no quote, or is of another language.
        if match["format"] != "sqlstring":
            raise GrafanaError(f"{match[0]} needs a format: ${{{name}:sqlstring}}")
        return _sqlstring(values[name])

    return _VARIABLE.sub(replacement, sql)


def _name(match: re.Match[str]) -> str:
    return match["bare"] or match["square"] or match["braced"] or ""


def _sqlstring(value: Value) -> str:
    """Quoted either way; the backslash is Grafana's, and PostgreSQL takes it for a character."""
    if isinstance(value, str):
        return "'" + value.replace("'", "''").replace('"', '\\"') + "'"
    return ",".join(map(_sqlstring, value))


def _with_macros(sql: str, time_range: TimeRange) -> str:
    start, end = _rfc3339(time_range.start), _rfc3339(time_range.end)

    def replacement(match: re.Match[str]) -> str:
        name, argument = match[1], match[2].strip()
        if name not in ("__timeFilter", "__timeFrom", "__timeTo"):
            raise GrafanaError(f"unknown macro: {match[0]}")
        # Grafana ends a macro at the first ")", and would split a call inside it into two halves.
        if bool(argument) != (name == "__timeFilter") or re.search(r"[(,]", argument):
            raise GrafanaError(f"an argument that the macro does not take: {match[0]}")
        if name == "__timeFilter":
            return f"{argument} BETWEEN '{start}' AND '{end}'"
        return f"'{start if name == '__timeFrom' else end}'"

    return _MACRO.sub(replacement, sql)


def _rfc3339(moment: datetime) -> str:
    """Go's RFC3339Nano: no zeros at the end of a fraction, and none at all for a whole second."""
    text = moment.astimezone(UTC).replace(tzinfo=None).isoformat()
    return (text.rstrip("0") if "." in text else text) + "Z"
