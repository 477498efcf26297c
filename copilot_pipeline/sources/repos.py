"""`repos-1-day`: pull requests by repository on a day.

Source: GitHub's REST documentation of the usage metrics reports.
"""

from collections.abc import Iterator
from datetime import date
from typing import Any

from sqlalchemy import Table

from copilot_pipeline.github.kinds import ScopeKind
from copilot_pipeline.schema import day, key_id, metadata, scope_id
from copilot_pipeline.sources.pull_requests import PULL_REQUEST_COUNTERS, pull_requests
from copilot_pipeline.sources.raw import RAW_METRICS
from copilot_pipeline.sources.reading import read_many
from copilot_pipeline.sources.reports import (
    HEADER,
    METRICS_STEP,
    REPORT_NEEDS,
    REPORT_REACH_DAYS,
)
from copilot_pipeline.sources.shape import (
    Array,
    Field,
    FieldType,
    Part,
    Record,
    columns,
    only_raw,
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

_STAGES = ("ready_to_first_review", "first_to_final_review", "final_review_to_merge")

_NAMED: tuple[Part, ...] = (
    *texts(
        {
            "repo_owner_name": "The name of the owner on the day",
            "repo_name": "The repository's name on the day",
            "repo_visibility": "INTERNAL, PRIVATE, …",
            "organization_id": "GitHub's id of the organization, if reported",
        }
    ),
    pull_requests(),
)

_KEY = ("repo_id",)

RECORD = Record(
    "a repository's day",
    *HEADER,
    *only_raw("user_id", "user_login"),
    Field("repo_id", FieldType.COUNTER),
    *_NAMED,
    Array(
        "pull_request_review_times",
        only_raw(
            "authored_by",
            "reviewed_by",
            "total_merged",
            *(f"{value}_minutes_{stage}" for value in ("median", "p90") for stage in _STAGES),
        ),
    ),
)

repo_metrics = Table(
    "_tool_copilot_repo_metrics",
    metadata,
    scope_id(),
    day(),
    key_id("repo_id", "GitHub's id of the repository"),
    *columns(_NAMED),
    comment="One row is a repository's pull requests on one day on which it had any.",
)

_named_values = values_of(_NAMED)


def _rows(record: Any) -> Iterator[Row]:
    yield (record.repo_id, *_named_values(record))


REPOS = Source(
    name="repos-1-day",
    title="a repository's pull requests on a day",
    endpoint="reports",
    step=METRICS_STEP,
    period=PeriodKind.DAY,
    reach_days=REPORT_REACH_DAYS,
    request=ReportRequest(latest={kind: f"{kind}-28-day" for kind in ScopeKind}),
    served={kind: Served(REPORT_NEEDS[kind], date(2026, 7, 17)) for kind in ScopeKind},
    record=RECORD,
    read=read_many(RECORD, *_KEY),
    key=_KEY,
    raw=RAW_METRICS,
    tables=(ToolTable(repo_metrics, "repo_metrics", _rows),),
    headlines=PULL_REQUEST_COUNTERS,
)
