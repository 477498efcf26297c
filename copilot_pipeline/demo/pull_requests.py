"""Pull requests of an organization on a day, as every report that has them counts them.

Shapes: GitHub's documentation page "Data available in Copilot usage metrics".
"""

from __future__ import annotations

from datetime import date

from copilot_pipeline.demo.chance import seeded, split
from copilot_pipeline.demo.organization import Organization, Record
from copilot_pipeline.demo.usage import active_users


def pull_requests(organization: Organization, day: date) -> Record:
    rng = seeded(organization.slug.lower(), day, "pull requests")
    users = active_users(organization, day)
    created = round(users.daily * rng.uniform(0.55, 0.75))
    merged = round(created * rng.uniform(0.75, 0.95))
    reviewed = round(created * rng.uniform(1.0, 1.3))
    by_copilot = round(created * 0.18)
    copilot_merged = round(by_copilot * 0.7)
    copilot_reviewed = round(reviewed * 0.55)
    comments = split(copilot_reviewed * 3, [0.42, 0.31, 0.17, 0.10])
    types = [
        {
            "comment_type": name,
            "total_copilot_suggestions": count,
            "total_copilot_applied_suggestions": round(count * 0.35),
        }
        for name, count in zip(
            ("maintainability", "bug_risk", "security", "performance"), comments, strict=True
        )
    ]
    applied = sum(round(count * 0.35) for count in comments)
    minutes = rng.uniform(300, 1100)
    return {
        "total_created": created,
        "total_reviewed": reviewed,
        "total_merged": merged,
        "total_suggestions": sum(comments) + reviewed,
        "total_applied_suggestions": applied + round(reviewed * 0.5),
        "total_created_by_copilot": by_copilot,
        "total_reviewed_by_copilot": copilot_reviewed,
        "total_merged_created_by_copilot": copilot_merged,
        "total_merged_reviewed_by_copilot": round(merged * 0.5),
        "total_copilot_suggestions": sum(comments),
        "total_copilot_applied_suggestions": applied,
        "median_minutes_to_merge": round(minutes, 1) if merged else None,
        "median_minutes_to_merge_copilot_authored": (
            round(minutes * 0.8, 1) if copilot_merged else None
        ),
        "median_minutes_to_merge_copilot_reviewed": round(minutes * 0.9, 1) if merged else None,
        "copilot_suggestions_by_comment_type": [
            entry for entry in types if entry["total_copilot_suggestions"]
        ],
    }
