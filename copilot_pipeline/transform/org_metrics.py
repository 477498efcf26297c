"""One row per scope and day: the headline numbers of a report or of a legacy day.

What a source does not say is NULL. Sums run over what is there: editors x models x languages of the
legacy endpoint, features of a report; people are never summed.
"""

from typing import Any

import pandas as pd

from copilot_pipeline.transform.activity import clients, pull_requests
from copilot_pipeline.transform.rows import frame
from copilot_pipeline.transform.values import (
    Json,
    counter,
    name,
    optional_list,
    optional_object,
    total,
)
from copilot_pipeline.warehouse.tables import REPORT_COUNTERS, org_metrics

COLUMNS = [column.name for column in org_metrics.c if column.name not in ("scope_id", "day")]


def from_report(record: Json) -> pd.DataFrame:
    """One row from an aggregate record (`organization-1-day`, `enterprise-1-day`)."""
    features = optional_list(record, "totals_by_feature") or []
    completions = [f for f in features if name(f, "feature") == "code_completion"] or None
    chats = [f for f in features if name(f, "feature").startswith("chat_")]
    return _one_row(
        {
            "source": "reports",
            "total_active_users": counter(record, "daily_active_users"),
            "completion_suggestions": _sum_over(completions, "code_generation_activity_count"),
            "completion_acceptances": _sum_over(completions, "code_acceptance_activity_count"),
            "completion_lines_suggested": _sum_over(completions, "loc_suggested_to_add_sum"),
            "completion_lines_accepted": _sum_over(completions, "loc_added_sum"),
            "ide_chats": _sum_over(chats if features else None, "user_initiated_interaction_count"),
            **{each: counter(record, each) for each in REPORT_COUNTERS},
            **clients(record),
            **pull_requests(record, "pull_requests_"),
        }
    )


def from_legacy(day: Json) -> pd.DataFrame:
    """One row from a day of the closed `/copilot/metrics` endpoint."""
    completions = optional_object(day, "copilot_ide_code_completions")
    ide_chat = optional_object(day, "copilot_ide_chat")
    dotcom_chat = optional_object(day, "copilot_dotcom_chat")
    pull_requests = optional_object(day, "copilot_dotcom_pull_requests")
    languages = _leaves(completions, "editors", "models", "languages")
    ide_models = _leaves(ide_chat, "editors", "models")
    return _one_row(
        {
            "source": "legacy",
            "total_active_users": counter(day, "total_active_users"),
            "total_engaged_users": counter(day, "total_engaged_users"),
            "completion_suggestions": _sum_over(languages, "total_code_suggestions"),
            "completion_acceptances": _sum_over(languages, "total_code_acceptances"),
            "completion_lines_suggested": _sum_over(languages, "total_code_lines_suggested"),
            "completion_lines_accepted": _sum_over(languages, "total_code_lines_accepted"),
            "ide_chats": _sum_over(ide_models, "total_chats"),
            "ide_chat_copy_events": _sum_over(ide_models, "total_chat_copy_events"),
            "ide_chat_insertion_events": _sum_over(ide_models, "total_chat_insertion_events"),
            "ide_chat_engaged_users": counter(ide_chat, "total_engaged_users"),
            "dotcom_chats": _sum_over(_leaves(dotcom_chat, "models"), "total_chats"),
            "dotcom_chat_engaged_users": counter(dotcom_chat, "total_engaged_users"),
            "pr_summaries_created": _sum_over(
                _leaves(pull_requests, "repositories", "models"), "total_pr_summaries_created"
            ),
            "pr_engaged_users": counter(pull_requests, "total_engaged_users"),
        }
    )


def _one_row(values: dict[str, Any]) -> pd.DataFrame:
    return frame([values], COLUMNS)


def _leaves(section: Json | None, *levels: str) -> list[Json] | None:
    """The objects at the end of nested lists; None where the section or the lists are absent."""
    if section is None:
        return None
    nodes = [section]
    for level in levels:
        lists = [found for node in nodes if (found := optional_list(node, level)) is not None]
        if nodes and not lists:
            return None
        nodes = [entry for found in lists for entry in found]
    return nodes


def _sum_over(leaves: list[Json] | None, key: str) -> int | None:
    """The sum over the leaves: 0 if there are none, None if they are absent or do not say."""
    if leaves == []:
        return 0
    return total(counter(leaf, key) for leaf in leaves or [])
