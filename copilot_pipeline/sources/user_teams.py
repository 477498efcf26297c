"""`user-teams-1-day`: the memberships of users in teams on a day.

GitHub leaves out teams with fewer than five seats. Source: GitHub's REST documentation of the usage
metrics reports.
"""

from collections.abc import Iterator
from datetime import date
from typing import Any

from sqlalchemy import Table

from copilot_pipeline.github.kinds import ScopeKind
from copilot_pipeline.schema import (
    day,
    index_days,
    key_id,
    metadata,
    scope_id,
    split_by_month,
)
from copilot_pipeline.sources.raw import RAW_METRICS
from copilot_pipeline.sources.reading import read_many
from copilot_pipeline.sources.reports import (
    HEADER,
    METRICS_STEP,
    REPORT_NEEDS,
    REPORT_REACH_DAYS,
)
from copilot_pipeline.sources.shape import Field, FieldType, Record, columns, texts, values_of
from copilot_pipeline.sources.source import (
    PeriodKind,
    ReportRequest,
    Row,
    Served,
    Source,
    ToolTable,
)

_TEXTS = texts(
    {
        "user_login": "Login on the day",
        "slug": "The team's name in GitHub's URLs",
        "organization_id": "GitHub's id of the organization, if reported",
    }
)

_KEY = ("user_id", "team_id")

RECORD = Record(
    "a membership",
    *HEADER,
    Field("user_id", FieldType.COUNTER),
    Field("team_id", FieldType.COUNTER),
    *_TEXTS,
)

user_teams = Table(
    "_tool_copilot_user_teams",
    metadata,
    scope_id(),
    day(),
    key_id("user_id", "GitHub's id of the user"),
    key_id("team_id", "GitHub's id of the team"),
    *columns(_TEXTS),
    comment=(
        "One row is a user's membership in a team on one day. Teams with fewer than five seats are "
        "not reported."
    ),
)
index_days(user_teams)
split_by_month(user_teams)

_text_values = values_of(_TEXTS)


def _rows(record: Any) -> Iterator[Row]:
    yield (record.user_id, record.team_id, *_text_values(record))


USER_TEAMS = Source(
    name="user-teams-1-day",
    title="a membership on a day",
    endpoint="reports",
    step=METRICS_STEP,
    period=PeriodKind.DAY,
    reach_days=REPORT_REACH_DAYS,
    request=ReportRequest(latest={kind: f"{kind}-28-day" for kind in ScopeKind}),
    served={kind: Served(REPORT_NEEDS[kind], date(2026, 5, 14)) for kind in ScopeKind},
    record=RECORD,
    read=read_many(RECORD, *_KEY),
    key=_KEY,
    raw=RAW_METRICS,
    tables=(ToolTable(user_teams, "user_teams", _rows),),
)
