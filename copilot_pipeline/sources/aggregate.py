"""`organization-1-day` and `enterprise-1-day`: one record for each scope and day.

Source: GitHub's REST documentation of the usage metrics reports, and its documentation page "Data
available in Copilot usage metrics".
"""

from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from typing import Any

from sqlalchemy import Column, Table, Text

from copilot_pipeline.github.kinds import ScopeKind
from copilot_pipeline.schema import day, index_days, key_text, metadata, scope_id
from copilot_pipeline.sources.activity import ACTIVITY, CLIENT_USE
from copilot_pipeline.sources.breakdowns import (
    BREAKDOWNS,
    breakdown_tables,
    cleaned,
    largest,
    total,
)
from copilot_pipeline.sources.names import normalized
from copilot_pipeline.sources.pull_requests import pull_requests
from copilot_pipeline.sources.raw import RAW_METRICS
from copilot_pipeline.sources.reading import read_one
from copilot_pipeline.sources.reports import (
    HEADER,
    METRICS_STEP,
    ORGANIZATION_ID,
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
    counters,
    numbers,
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

_PEOPLE = counters(
    {
        "weekly_active_users": "People active in the 7 days that end on the day",
        "monthly_active_users": "People active in the 28 days that end on the day",
        "monthly_active_chat_users": "People who used IDE chat in the 28 days",
        "monthly_active_agent_users": "People who used IDE agent mode in the 28 days",
        "daily_active_cli_users": "People who used Copilot CLI on the day",
        "weekly_active_cli_users": "The same in 7 days",
        "monthly_active_cli_users": "The same in 28 days",
        "daily_active_copilot_app_users": "People who used the Copilot app on the day",
        "weekly_active_copilot_app_users": "The same in 7 days",
        "monthly_active_copilot_app_users": "The same in 28 days",
        "daily_active_vscode_agent_users": "People who used VS Code's agents window on the day",
        "weekly_active_vscode_agent_users": "The same in 7 days",
        "monthly_active_vscode_agent_users": "The same in 28 days",
        "daily_active_copilot_cloud_agent_users": "People who used the cloud agent on the day",
        "weekly_active_copilot_cloud_agent_users": "The same in 7 days",
        "monthly_active_copilot_cloud_agent_users": "The same in 28 days",
        "daily_active_copilot_code_review_users": (
            "People who asked for or used a review on the day"
        ),
        "weekly_active_copilot_code_review_users": "The same in 7 days",
        "monthly_active_copilot_code_review_users": "The same in 28 days",
        "daily_passive_copilot_code_review_users": "People reviewed without a request on the day",
        "weekly_passive_copilot_code_review_users": "The same in 7 days",
        "monthly_passive_copilot_code_review_users": "The same in 28 days",
    }
)

# The totals of the day. Their comments differ from those of a breakdown.
_TOTALS = tuple(
    replace(each, meaning=meaning)
    for each, meaning in zip(
        ACTIVITY,
        (
            "Prompts sent, all features",
            "Output events, all features",
            "Accept actions, all features",
            *(each.meaning for each in ACTIVITY[3:]),
        ),
        strict=True,
    )
)

_PHASE = (
    *counters(
        {
            "total_engaged_users": "People in the phase who were engaged on the day",
            "users_in_phase_28d": "People in the phase in the 28 days; NULL: not reported",
        }
    ),
    *numbers(
        {
            name: f"{what}, average per user: multiply by total_engaged_users before adding"
            for name, what in {
                "avg_user_initiated_interactions": "Prompts",
                "avg_code_generation_activities": "Output events",
                "avg_code_acceptance_activities": "Accept actions",
                "avg_loc_added": "Lines added",
                "avg_loc_deleted": "Lines deleted",
                "avg_pull_requests_reviewed": "Pull requests reviewed",
                "avg_pull_requests_created": "Pull requests created",
                "avg_pull_requests_merged": "Pull requests merged",
                "avg_pull_requests_median_minutes_to_merge": "Median minutes to the merge",
            }.items()
        }
    ),
)

# The parts that are columns of the organization table under GitHub's name.
_NAMED: tuple[Part, ...] = (*_PEOPLE, *_TOTALS, *CLIENT_USE, pull_requests("pull_requests_"))

RECORD = Record(
    "a scope's day",
    *HEADER,
    *ORGANIZATION_ID,
    Field("daily_active_users", FieldType.COUNTER),
    *_NAMED,
    *(breakdown.array for breakdown in BREAKDOWNS),
    Array(
        "totals_by_ai_adoption_phase",
        (
            Field("phase", FieldType.TEXT, "", "phase"),
            Field("phase_number", FieldType.COUNTER, "", "phase_number"),
            Field("version", FieldType.TEXT, "", "version"),
            *_PHASE,
        ),
    ),
)

# Columns that both metrics APIs or only the legacy one fill.
HEADLINES = counters(
    {
        "total_active_users": "People active on the day (reports: daily_active_users)",
        "total_engaged_users": "People engaged on the day (legacy only)",
        "completion_suggestions": "Code completions suggested",
        "completion_acceptances": "Code completions accepted",
        "completion_lines_suggested": "Lines in suggested completions",
        "completion_lines_accepted": (
            "Lines of accepted completions (reports: lines added by them)"
        ),
        "ide_chats": "Chat prompts in the IDE",
        "ide_chat_copy_events": "Copies from the IDE's chat (legacy only)",
        "ide_chat_insertion_events": "Insertions from the IDE's chat (legacy only)",
        "ide_chat_engaged_users": "People who used the IDE's chat (legacy only)",
        "dotcom_chats": "Chat prompts on github.com (legacy only)",
        "dotcom_chat_engaged_users": "People who used the chat on github.com (legacy only)",
        "pr_summaries_created": "Pull request summaries written (legacy only)",
        "pr_engaged_users": "People who used the summaries (legacy only)",
    }
)

org_metrics = Table(
    "_tool_copilot_org_metrics",
    metadata,
    scope_id(),
    day(),
    Column("source", Text, nullable=False, comment="reports or legacy: different definitions"),
    *columns(HEADLINES),
    *columns(_NAMED),
    comment="One row is a scope's use of Copilot on one day. NULL: not reported by GitHub.",
)

_LANGUAGE_COUNTS = counters(
    {
        "engaged_users": "People; the largest value of the models (legacy only)",
        "suggestions": "Code completions suggested",
        "acceptances": "Code completions accepted",
        "lines_suggested": "Lines in suggested completions",
        "lines_accepted": "Lines of accepted completions (reports: lines added by them)",
    }
)

language_metrics = Table(
    "_tool_copilot_language_metrics",
    metadata,
    scope_id(),
    day(),
    key_text("editor", "'all' for reports, which do not report editors"),
    key_text("language", "GitHub's name; 'unknown' if empty"),
    *columns(_LANGUAGE_COUNTS),
    comment="One row is a scope's code completions in one editor and language on one day.",
)

adoption_phases = Table(
    "_tool_copilot_adoption_phases",
    metadata,
    scope_id(),
    day(),
    key_text("phase", "No Cohort, Phase 1, …"),
    *columns((Field("phase_number", FieldType.COUNTER, "0 to 3", "phase_number"),)),
    Column("version", Text, comment="The version of GitHub's rule for phases, if reported"),
    *columns(_PHASE),
    comment="One row is an adoption phase of a scope's people on one day.",
)

_named_values = values_of(_NAMED)
_named_count = len(columns(_NAMED))
_phase_values = values_of(_PHASE)

_COMPLETION = "code_completion"


def org_row(source: str, headlines: dict[str, int | None], named: Row | None = None) -> Row:
    """Return a row of `org_metrics`. Missing headlines and missing `named` values are NULL."""
    known = (headlines.get(field.name) for field in HEADLINES)
    return (source, *known, *(named or (None,) * _named_count))


def language_rows(rows: Iterator[Row]) -> Iterator[Row]:
    """Merge rows for each model into rows of `language_metrics` for each editor and language.

    `engaged_users` is the largest value, because people cannot be added.
    """
    merged: dict[Row, list[Row]] = {}
    for editor, language, *counts in rows:
        merged.setdefault((editor, language), []).append(tuple(counts))
    for names, group in merged.items():
        people, *sums = zip(*group, strict=True)
        yield (*names, largest(people), *(total(values) for values in sums))


def _org_rows(record: Any) -> Iterator[Row]:
    features = record.totals_by_feature or []
    completions = [each for each in features if cleaned(each.feature) == _COMPLETION]
    chats = [each for each in features if cleaned(each.feature).startswith("chat_")]

    def summed(name: str) -> int | None:
        return total(getattr(each, name) for each in completions)

    headlines = {
        "total_active_users": record.daily_active_users,
        "completion_suggestions": summed("code_generation_activity_count"),
        "completion_acceptances": summed("code_acceptance_activity_count"),
        "completion_lines_suggested": summed("loc_suggested_to_add_sum"),
        "completion_lines_accepted": summed("loc_added_sum"),
        # If features are reported but no chat, nobody used chat.
        "ide_chats": (
            0
            if features and not chats
            else total(each.user_initiated_interaction_count for each in chats)
        ),
    }
    yield org_row("reports", headlines, _named_values(record))


def _language_rows(record: Any) -> Iterator[Row]:
    return language_rows(
        (
            "all",
            normalized("language", cleaned(entry.language)),
            None,
            entry.code_generation_activity_count,
            entry.code_acceptance_activity_count,
            entry.loc_suggested_to_add_sum,
            entry.loc_added_sum,
        )
        for entry in record.totals_by_language_feature or ()
        if cleaned(entry.feature) == _COMPLETION
    )


def _phase_rows(record: Any) -> Iterator[Row]:
    """Yield a row for each phase. Of repeated phases, the larger values are kept."""
    merged: dict[str, list[Row]] = {}
    for entry in record.totals_by_ai_adoption_phase or ():
        row = (entry.phase_number, entry.version, *_phase_values(entry))
        merged.setdefault(_phase(entry), []).append(row)
    for phase, rows in merged.items():
        yield (phase, *(largest(values) for values in zip(*rows, strict=True)))


def _phase(entry: Any) -> str:
    """Return GitHub's name of the phase, or the name for its number if it has none."""
    if entry.phase or entry.phase_number is None:
        return cleaned(entry.phase)
    return f"Phase {entry.phase_number}" if entry.phase_number else "No Cohort"


scope_breakdowns = breakdown_tables(
    "_tool_copilot_metrics",
    "metrics_breakdowns",
    key=lambda record: (),
    keys=list,
    of="a scope's use of Copilot",
)
index_days(language_metrics, *(each.table for each in scope_breakdowns.values()))

ORG_METRICS = ToolTable(org_metrics, "org_metrics", _org_rows)
LANGUAGE_METRICS = ToolTable(language_metrics, "language_metrics", _language_rows)


def _aggregate(kind: ScopeKind, since: date) -> Source:
    return Source(
        name=f"{kind}-1-day",
        title="a scope's day",
        endpoint="reports",
        step=METRICS_STEP,
        period=PeriodKind.DAY,
        reach_days=REPORT_REACH_DAYS,
        request=ReportRequest(latest={kind: f"{kind}-28-day"}),
        served={kind: Served(REPORT_NEEDS[kind], since)},
        record=RECORD,
        read=read_one(RECORD),
        key=(),
        raw=RAW_METRICS,
        tables=(
            ORG_METRICS,
            LANGUAGE_METRICS,
            *scope_breakdowns.values(),
            ToolTable(adoption_phases, "metrics_breakdowns", _phase_rows),
        ),
        headlines=[column.name for column in (*columns(HEADLINES), *columns(_NAMED))],
    )


ORGANIZATION_DAY = _aggregate(ScopeKind.ORGANIZATION, date(2025, 12, 12))
ENTERPRISE_DAY = _aggregate(ScopeKind.ENTERPRISE, date(2025, 10, 10))
