"""`users-1-day`: the activity of each user on a day.

Source: GitHub's REST documentation of the usage metrics reports, and its documentation page "Data
available in Copilot usage metrics".
"""

from collections.abc import Iterator
from datetime import date
from typing import Any

from sqlalchemy import Index, Table, or_

from copilot_pipeline.github.kinds import ScopeKind
from copilot_pipeline.schema import (
    day,
    index_days,
    key_id,
    metadata,
    scope_id,
    split_by_month,
)
from copilot_pipeline.sources.activity import ACTIVITY, ACTIVITY_NAMES, CLIENT_USE, CLIENTS
from copilot_pipeline.sources.breakdowns import BREAKDOWNS, BY_FEATURE, breakdown_tables
from copilot_pipeline.sources.raw import RAW_METRICS
from copilot_pipeline.sources.reading import read_many
from copilot_pipeline.sources.reports import (
    HEADER,
    METRICS_STEP,
    ORGANIZATION_ID,
    REPORT_NEEDS,
    REPORT_REACH_DAYS,
)
from copilot_pipeline.sources.shape import (
    Field,
    FieldType,
    Object,
    Part,
    Record,
    columns,
    flags,
    numbers,
    texts,
    values_of,
)
from copilot_pipeline.sources.source import (
    PeriodKind,
    ReportRequest,
    Row,
    Served,
    Source,
    ToolTable,
)

# A flag is NULL if it did not exist on the day, and for reviews without a signal.
_FLAGS = flags(
    {
        "used_agent": "Used agent mode in the IDE",
        "used_chat": "Used chat in the IDE",
        "used_cli": "Used Copilot CLI",
        "used_copilot_cloud_agent": "Used the cloud agent (formerly used_copilot_coding_agent)",
        "used_copilot_app": "Used the Copilot app",
        "used_vscode_agent": "Used VS Code's agents window",
        "used_copilot_code_review_active": "Asked for a review, or applied a suggestion",
        "used_copilot_code_review_passive": "Was reviewed without a request",
    }
)

_NAMED: tuple[Part, ...] = (
    *texts({"user_login": "Login on the day"}),
    *ACTIVITY,
    *numbers({"ai_credits_used": "AI credits used; indicates use, not billing"}),
    *_FLAGS,
    Object(
        "ai_adoption_phase",
        (
            Field(
                "phase_number",
                FieldType.COUNTER,
                "GitHub's adoption phase, 0 to 3",
                "ai_adoption_phase_number",
            ),
            Field("phase", FieldType.TEXT, "The phase's name", "ai_adoption_phase"),
            Field(
                "version",
                FieldType.TEXT,
                "The version of GitHub's rule for phases",
                "ai_adoption_phase_version",
            ),
        ),
    ),
    *CLIENT_USE,
)

_KEY = ("user_id",)

RECORD = Record(
    "a user's day",
    *HEADER,
    *ORGANIZATION_ID,
    Field("user_id", FieldType.COUNTER),
    *_NAMED,
    Field("used_copilot_coding_agent", FieldType.FLAG),
    *(breakdown.array for breakdown in BREAKDOWNS),
)

user_metrics = Table(
    "_tool_copilot_user_metrics",
    metadata,
    scope_id(),
    day(),
    key_id("user_id", "GitHub's id of the user"),
    *columns(_NAMED),
    comment="One row is a user's use of Copilot on one day in a scope. NULL: not reported.",
)

user_breakdowns = breakdown_tables(
    "_tool_copilot_user_metrics",
    "user_metrics",
    key=lambda record: (record.user_id,),
    keys=lambda: [key_id("user_id", "GitHub's id of the user")],
    of="a user's use of Copilot",
)

was_active = or_(
    *(
        user_metrics.c[name] > 0
        for name in (
            *ACTIVITY_NAMES,
            *(f"{client}_session_count" for client in CLIENTS),
            "vscode_agent_session_count",
        )
    ),
    *(user_metrics.c[each.name] for each in _FLAGS),
)
"""Whether a user's row has activity. GitHub also reports users without activity."""

# For queries of active users and their main counters, without reading the wide rows.
Index(
    "ix__tool_copilot_user_metrics_active_user",
    user_metrics.c.scope_id,
    user_metrics.c.user_id,
    user_metrics.c.day,
    postgresql_where=was_active,
    sqlite_where=was_active,
)
Index(
    "ix__tool_copilot_user_metrics_active_day",
    user_metrics.c.scope_id,
    user_metrics.c.day,
    user_metrics.c.user_id,
    postgresql_include=["user_initiated_interaction_count", "loc_added_sum"],
    postgresql_where=was_active,
    sqlite_where=was_active,
)
_by_feature = user_breakdowns[BY_FEATURE].table
_is_completion = _by_feature.c.feature == "code_completion"
Index(
    "ix__tool_copilot_user_metrics_by_feature_completions",
    _by_feature.c.scope_id,
    _by_feature.c.day,
    _by_feature.c.user_id,
    postgresql_include=["code_generation_activity_count", "code_acceptance_activity_count"],
    postgresql_where=_is_completion,
    sqlite_where=_is_completion,
)
index_days(user_metrics, _by_feature)
split_by_month(user_metrics, *(breakdown.table for breakdown in user_breakdowns.values()))

_named_values = values_of(_NAMED)


def _user_rows(record: Any) -> Iterator[Row]:
    if record.used_copilot_cloud_agent is None:
        # The former name of the flag. If both are present, they are equal.
        record.used_copilot_cloud_agent = record.used_copilot_coding_agent
    yield (record.user_id, *_named_values(record))


USERS = Source(
    name="users-1-day",
    title="a user's day",
    endpoint="reports",
    step=METRICS_STEP,
    period=PeriodKind.DAY,
    reach_days=REPORT_REACH_DAYS,
    request=ReportRequest(latest=dict.fromkeys(ScopeKind, "users-28-day")),
    served={
        ScopeKind.ORGANIZATION: Served(REPORT_NEEDS[ScopeKind.ORGANIZATION], date(2025, 12, 12)),
        ScopeKind.ENTERPRISE: Served(REPORT_NEEDS[ScopeKind.ENTERPRISE], date(2025, 10, 10)),
    },
    record=RECORD,
    read=read_many(RECORD, *_KEY),
    key=_KEY,
    raw=RAW_METRICS,
    tables=(ToolTable(user_metrics, "user_metrics", _user_rows), *user_breakdowns.values()),
    headlines=(*ACTIVITY_NAMES, "ai_credits_used"),
)
