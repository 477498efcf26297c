"""The repositories of an organization and their share of its pull requests.

Shapes: GitHub's documentation page "Data available in Copilot usage metrics".
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from copilot_pipeline.demo import since
from copilot_pipeline.demo.chance import chance, seeded, split
from copilot_pipeline.demo.organization import Enterprise, Organization, Record
from copilot_pipeline.demo.pull_requests import pull_requests
from copilot_pipeline.demo.reports import organization_ids

_NAMES = (
    "storefront",
    "checkout-service",
    "mobile-app",
    "design-system",
    "data-platform",
    "deployment-tools",
    "customer-portal",
    "search-index",
    "billing-engine",
    "mail-gateway",
    "handbook",
    "status-page",
)
_FEWEST = 6
_VISIBILITIES = ("PRIVATE", "INTERNAL", "PRIVATE", "PUBLIC")
# Counts of pull requests among those of another count, and split like them: no repository has more
# of the part than of the whole.
_PART_OF = {
    "total_created_by_copilot": "total_created",
    "total_reviewed_by_copilot": "total_reviewed",
    "total_merged_created_by_copilot": "total_merged",
    "total_merged_reviewed_by_copilot": "total_merged",
    "total_copilot_suggestions": "total_reviewed_by_copilot",
    "total_copilot_applied_suggestions": "total_copilot_suggestions",
}
_STAGES = {"ready_to_first_review": 95, "first_to_final_review": 140, "final_review_to_merge": 45}


def repository_days(organization: Organization, day: date) -> list[Record]:
    """The lines of `repos-1-day`: one for each repository in which something happened."""
    slug = organization.slug.lower()
    names = _NAMES[: _FEWEST + int(chance(slug, "repositories") * (len(_NAMES) - _FEWEST + 1))]
    rng = seeded(slug, day, "repositories")
    weights = [rng.uniform(0.2, 1.0) / (1 + position) for position in range(len(names))]
    total = pull_requests(organization, day)
    counts = _counts(total, weights)
    records = []
    for position, name in enumerate(names):
        mine = {counter: parts[position] for counter, parts in counts.items()}
        if not any(mine.values()):
            continue
        record: Record = {
            "day": day.isoformat(),
            **organization_ids(organization),
            "repo_id": organization.id * 100 + position,
            "repo_owner_name": organization.slug,
            "repo_name": name,
            "repo_visibility": _VISIBILITIES[position % len(_VISIBILITIES)],
            "pull_requests": {
                **mine,
                **_medians(mine, total["median_minutes_to_merge"], rng.uniform(0.6, 1.5)),
                "copilot_suggestions_by_comment_type": [],
            },
        }
        if day >= since.REVIEW_TIMES:
            by_people = mine["total_merged"] - mine["total_merged_created_by_copilot"]
            record["pull_request_review_times"] = _review_times(by_people, rng.uniform(0.5, 1.8))
        records.append(record)
    return records


def enterprise_repository_days(enterprise: Enterprise, day: date) -> list[Record]:
    """The repositories of all organizations; a repository's organization stays in its record."""
    return [
        record
        for organization in enterprise.organizations
        if organization.has_day(day)
        for record in repository_days(organization, day)
    ]


def _counts(total: Record, weights: Sequence[float]) -> dict[str, list[int]]:
    counts = {
        name: split(total[name], weights)
        for name in ("total_created", "total_reviewed", "total_merged")
    }
    for part, whole in _PART_OF.items():
        counts[part] = split(total[part], counts[whole])
    people = split(
        total["total_suggestions"] - total["total_copilot_suggestions"], counts["total_reviewed"]
    )
    applied = split(
        total["total_applied_suggestions"] - total["total_copilot_applied_suggestions"], people
    )
    counts["total_suggestions"] = _sums(counts["total_copilot_suggestions"], people)
    counts["total_applied_suggestions"] = _sums(
        counts["total_copilot_applied_suggestions"], applied
    )
    return counts


def _sums(one: Sequence[int], other: Sequence[int]) -> list[int]:
    return [a + b for a, b in zip(one, other, strict=True)]


def _medians(counts: Record, minutes: float | None, pace: float) -> Record:
    """The minutes to merge, at this repository's pace; nothing merged has none."""

    def median(merged: str, factor: float) -> float | None:
        return round(minutes * pace * factor, 1) if minutes and counts[merged] else None

    return {
        "median_minutes_to_merge": median("total_merged", 1.0),
        "median_minutes_to_merge_copilot_authored": median("total_merged_created_by_copilot", 0.8),
        "median_minutes_to_merge_copilot_reviewed": median("total_merged_reviewed_by_copilot", 0.9),
    }


def _review_times(merged: int, pace: float) -> list[Record]:
    """The stages of the merged pull requests that people wrote and people reviewed."""
    if not merged:
        return []
    return [
        {
            "authored_by": "human",
            "reviewed_by": "human",
            "total_merged": merged,
            **{
                f"median_minutes_{stage}": round(usual * pace, 1)
                for stage, usual in _STAGES.items()
            },
            **{
                f"p90_minutes_{stage}": round(usual * pace * 4, 1)
                for stage, usual in _STAGES.items()
            },
        }
    ]
