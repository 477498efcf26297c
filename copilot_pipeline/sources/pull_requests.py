"""The object `pull_requests` of aggregates and repositories.

Source: GitHub's documentation page "Data available in Copilot usage metrics".
"""

from copilot_pipeline.sources.shape import Array, Object, counters, numbers, only_raw

_COUNTERS = {
    "total_created": "Pull requests created",
    "total_reviewed": "Pull requests reviewed; one may count on several days",
    "total_merged": "Pull requests merged",
    "total_suggestions": "Review suggestions by anyone",
    "total_applied_suggestions": "Review suggestions applied",
    "total_created_by_copilot": "Pull requests created by Copilot",
    "total_reviewed_by_copilot": "Pull requests reviewed by Copilot; one may count on several days",
    "total_merged_created_by_copilot": "Merged pull requests that Copilot created",
    "total_merged_reviewed_by_copilot": "Merged pull requests that Copilot reviewed",
    "total_copilot_suggestions": "Review suggestions by Copilot",
    "total_copilot_applied_suggestions": "Review suggestions by Copilot that were applied",
}
_MEDIANS = {
    "median_minutes_to_merge": "Median minutes to merge; cannot be averaged",
    "median_minutes_to_merge_copilot_authored": "The same for pull requests by Copilot",
    "median_minutes_to_merge_copilot_reviewed": "The same for pull requests that Copilot reviewed",
}
PULL_REQUEST_COUNTERS = tuple(_COUNTERS)


def pull_requests(prefix: str = "") -> Object:
    """Return the shape of the object. The names of its columns begin with the prefix."""
    return Object(
        "pull_requests",
        (
            *counters(_COUNTERS, prefix),
            *numbers(_MEDIANS, prefix),
            Array(
                "copilot_suggestions_by_comment_type",
                only_raw(
                    "comment_type",
                    "total_copilot_suggestions",
                    "total_copilot_applied_suggestions",
                ),
            ),
        ),
    )
