"""One row per editor and language: the code completions of a day."""

from typing import Any

import pandas as pd

from copilot_pipeline.transform.names import normalized
from copilot_pipeline.transform.rows import frame, grouped
from copilot_pipeline.transform.values import (
    Json,
    counter,
    largest,
    name,
    optional_list,
    optional_object,
    total,
)

SUMS = ["suggestions", "acceptances", "lines_suggested", "lines_accepted"]
COLUMNS = ["editor", "language", "engaged_users", *SUMS]


def from_report(record: Json) -> pd.DataFrame:
    """`totals_by_language_feature` where the feature is code completion; editors are not told."""
    entries = optional_list(record, "totals_by_language_feature") or []
    return _by_editor_and_language(
        [
            {
                "editor": "all",
                "language": normalized("language", name(entry, "language")),
                "engaged_users": None,
                "suggestions": counter(entry, "code_generation_activity_count"),
                "acceptances": counter(entry, "code_acceptance_activity_count"),
                "lines_suggested": counter(entry, "loc_suggested_to_add_sum"),
                "lines_accepted": counter(entry, "loc_added_sum"),
            }
            for entry in entries
            if name(entry, "feature") == "code_completion"
        ]
    )


def from_legacy(day: Json) -> pd.DataFrame:
    """Summed over models; `engaged_users` is the largest value, as people cannot be added."""
    completions = optional_object(day, "copilot_ide_code_completions")
    return _by_editor_and_language(
        [
            {
                "editor": normalized("ide", name(editor)),
                "language": normalized("language", name(language)),
                "engaged_users": counter(language, "total_engaged_users"),
                "suggestions": counter(language, "total_code_suggestions"),
                "acceptances": counter(language, "total_code_acceptances"),
                "lines_suggested": counter(language, "total_code_lines_suggested"),
                "lines_accepted": counter(language, "total_code_lines_accepted"),
            }
            for editor in optional_list(completions, "editors") or []
            for model in optional_list(editor, "models") or []
            for language in optional_list(model, "languages") or []
        ]
    )


def _by_editor_and_language(rows: list[dict[str, Any]]) -> pd.DataFrame:
    merged = [
        {
            "editor": editor,
            "language": language,
            "engaged_users": largest(row["engaged_users"] for row in group),
            **{column: total(row[column] for row in group) for column in SUMS},
        }
        for (editor, language), group in grouped(rows, ["editor", "language"])
    ]
    return frame(merged, COLUMNS)
