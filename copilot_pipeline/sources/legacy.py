"""The legacy endpoint `/copilot/metrics`: days of a scope by editor, model and language.

GitHub closed it on 2026-04-02. Archives and other servers still provide it. Source: GitHub's
REST documentation of the Copilot metrics, version 2022-11-28.
"""

import json
from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import date
from typing import Any

from copilot_pipeline.github.kinds import ScopeKind
from copilot_pipeline.github.permissions import Needs
from copilot_pipeline.sources.aggregate import (
    HEADLINES,
    LANGUAGE_METRICS,
    ORG_METRICS,
    language_rows,
    org_row,
)
from copilot_pipeline.sources.breakdowns import cleaned, total
from copilot_pipeline.sources.names import normalized
from copilot_pipeline.sources.raw import RAW_METRICS
from copilot_pipeline.sources.reports import METRICS_STEP
from copilot_pipeline.sources.shape import Array, Field, FieldType, Object, Record, counters
from copilot_pipeline.sources.source import (
    Answer,
    PagesRequest,
    PeriodKind,
    Reading,
    Row,
    Served,
    Source,
    ToolTable,
)
from copilot_pipeline.sources.values import RecordError, parse_json

_NAME = Field("name", FieldType.TEXT, column="name")
_ENGAGED = counters({"total_engaged_users": ""})
_CHATS = counters(
    {"total_chats": "", "total_chat_copy_events": "", "total_chat_insertion_events": ""}
)
_COMPLETIONS = counters(
    {
        "total_code_suggestions": "",
        "total_code_acceptances": "",
        "total_code_lines_suggested": "",
        "total_code_lines_accepted": "",
    }
)

RECORD = Record(
    "a day of the legacy metrics",
    Field("date", FieldType.DATE),
    *counters({"total_active_users": "", "total_engaged_users": ""}),
    Object(
        "copilot_ide_code_completions",
        (
            Array(
                "editors",
                (
                    _NAME,
                    Array("models", (Array("languages", (_NAME, *_ENGAGED, *_COMPLETIONS)),)),
                ),
            ),
        ),
    ),
    Object(
        "copilot_ide_chat",
        (*_ENGAGED, Array("editors", (Array("models", _CHATS),))),
    ),
    Object(
        "copilot_dotcom_chat",
        (*_ENGAGED, Array("models", counters({"total_chats": ""}))),
    ),
    Object(
        "copilot_dotcom_pull_requests",
        (
            *_ENGAGED,
            Array(
                "repositories",
                (Array("models", counters({"total_pr_summaries_created": ""})),),
            ),
        ),
    ),
    # The endpoint is closed, so no new fields are expected.
    notices_unknown=False,
)

# Only the date is read to split a page, so that an invalid day fails alone.
_DATED = Record("a day of the legacy metrics", Field("date", FieldType.DATE), notices_unknown=False)


def _read(answers: Iterable[Answer], reading: Reading) -> Iterator[Any]:
    """Yield the record of a stored day."""
    for answer in answers:
        record = RECORD.convert(parse_json(answer.content()), Counter())
        if record.date != reading.day:
            raise RecordError(f"the day is {record.date or 'not stated'}, not {reading.day}")
        yield record


def split_days(page: bytes) -> dict[date, bytes]:
    """Split a page into days, each as JSON text.

    Raises:
        RecordError: the page is not an array of days.
    """
    value = parse_json(page) if page.strip() else None
    if value is None or value == "":
        return {}
    if not isinstance(value, list):
        raise RecordError("the answer is not an array of days")
    days: dict[date, Any] = {}
    for entry in value:
        day = _DATED.convert(entry, Counter()).date
        if day is None:
            raise RecordError("a day has no date")
        if days.setdefault(day, entry) != entry:
            raise RecordError(f"the answer holds two different records of {day}")
    # ASCII text can be stored in every database.
    return {day: json.dumps(entry, separators=(",", ":")).encode() for day, entry in days.items()}


def _leaves(section: Any, *levels: str) -> list[Any] | None:
    """Return the innermost objects of nested lists, or None if the section or a list is absent."""
    if section is None:
        return None
    nodes = [section]
    for level in levels:
        lists = [found for node in nodes if (found := getattr(node, level)) is not None]
        if nodes and not lists:
            return None
        nodes = [entry for found in lists for entry in found]
    return nodes


def _sum_over(leaves: list[Any] | None, name: str) -> int | None:
    """Return the sum over the leaves: 0 for an empty list, None if no value is known."""
    if leaves == []:
        return 0
    return total(getattr(leaf, name) for leaf in leaves or [])


def _engaged(section: Any) -> int | None:
    return None if section is None else section.total_engaged_users


def _org_rows(record: Any) -> Iterator[Row]:
    chat, dotcom = record.copilot_ide_chat, record.copilot_dotcom_chat
    pull_requests = record.copilot_dotcom_pull_requests
    languages = _leaves(record.copilot_ide_code_completions, "editors", "models", "languages")
    chats = _leaves(chat, "editors", "models")
    yield org_row(
        "legacy",
        {
            "total_active_users": record.total_active_users,
            "total_engaged_users": record.total_engaged_users,
            "completion_suggestions": _sum_over(languages, "total_code_suggestions"),
            "completion_acceptances": _sum_over(languages, "total_code_acceptances"),
            "completion_lines_suggested": _sum_over(languages, "total_code_lines_suggested"),
            "completion_lines_accepted": _sum_over(languages, "total_code_lines_accepted"),
            "ide_chats": _sum_over(chats, "total_chats"),
            "ide_chat_copy_events": _sum_over(chats, "total_chat_copy_events"),
            "ide_chat_insertion_events": _sum_over(chats, "total_chat_insertion_events"),
            "ide_chat_engaged_users": _engaged(chat),
            "dotcom_chats": _sum_over(_leaves(dotcom, "models"), "total_chats"),
            "dotcom_chat_engaged_users": _engaged(dotcom),
            "pr_summaries_created": _sum_over(
                _leaves(pull_requests, "repositories", "models"), "total_pr_summaries_created"
            ),
            "pr_engaged_users": _engaged(pull_requests),
        },
    )


def _language_rows(record: Any) -> Iterator[Row]:
    completions = record.copilot_ide_code_completions
    return language_rows(
        (
            normalized("ide", cleaned(editor.name)),
            normalized("language", cleaned(language.name)),
            language.total_engaged_users,
            language.total_code_suggestions,
            language.total_code_acceptances,
            language.total_code_lines_suggested,
            language.total_code_lines_accepted,
        )
        for editor in (completions and completions.editors) or ()
        for model in editor.models or ()
        for language in model.languages or ()
    )


_NEEDS = {
    ScopeKind.ORGANIZATION: Needs(
        ("manage_billing:copilot", "read:org"), "GitHub Copilot Business"
    ),
    ScopeKind.ENTERPRISE: Needs(("manage_billing:copilot", "read:enterprise"), None),
}

LEGACY = Source(
    name="legacy",
    title="a scope's day",
    endpoint="legacy metrics",
    step=METRICS_STEP,
    period=PeriodKind.DAY,
    reach_days=100,
    request=PagesRequest("/copilot/metrics", per_page=100, by_day=True),
    served={kind: Served(needs) for kind, needs in _NEEDS.items()},
    record=RECORD,
    read=_read,
    key=(),
    raw=RAW_METRICS,
    tables=(
        ToolTable(ORG_METRICS.table, ORG_METRICS.asset, _org_rows),
        ToolTable(LANGUAGE_METRICS.table, LANGUAGE_METRICS.asset, _language_rows),
    ),
    headlines=[field.name for field in HEADLINES],
)
