"""Pull requests of an organization on a day, and what its reports count of them.

Shapes: GitHub's documentation page "Data available in Copilot usage metrics".
"""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from datetime import date
from functools import lru_cache
from random import Random

from copilot_pipeline.simulated_github import since
from copilot_pipeline.simulated_github.chance import seeded
from copilot_pipeline.simulated_github.company import Record, Staff, active_people
from copilot_pipeline.simulated_github.people import Person

REPOSITORIES = (
    *("storefront", "checkout-service", "mobile-app", "design-system", "data-platform"),
    *("deployment-tools", "customer-portal", "search-index", "billing-engine", "status-page"),
)
_VISIBILITIES = ("PRIVATE", "INTERNAL", "PRIVATE", "PUBLIC")
_COMMENT_TYPES = ("maintainability", "bug_risk", "security", "performance")
# The parts of a pull request's life from when it is ready.
_STAGES = {
    "ready_to_first_review": 0.3,
    "first_to_final_review": 0.45,
    "final_review_to_merge": 0.2,
}
_COUNTERS = (
    *("total_created", "total_reviewed", "total_merged"),
    *("total_suggestions", "total_applied_suggestions"),
    *("total_created_by_copilot", "total_reviewed_by_copilot"),
    *("total_merged_created_by_copilot", "total_merged_reviewed_by_copilot"),
    *("total_copilot_suggestions", "total_copilot_applied_suggestions"),
)
_MEDIANS = {
    "median_minutes_to_merge": "total_merged",
    "median_minutes_to_merge_copilot_authored": "total_merged_created_by_copilot",
    "median_minutes_to_merge_copilot_reviewed": "total_merged_reviewed_by_copilot",
}


@lru_cache(maxsize=512)
def _pulls(staff: Staff, day: date) -> list[Record]:
    pulls = []
    for number, person in active_people(staff, day).items():
        rng = seeded(staff.slug.lower(), number, day, "pulls")
        pulls += [_pull(person, day, rng) for _ in range(rng.choice((0, 0, 1, 1, 2)))]
    return pulls


def _pull(person: Person, day: date, rng: Random) -> Record:
    """Returns what happened to a pull request on the day, in the counters of the reports."""
    created, reviewed, merged = (rng.random() < part for part in (0.6, 0.65, 0.5))
    by_copilot = rng.random() < (0.5 if person.is_heavy else 0.14)
    copilot_reviewed = reviewed and rng.random() < 0.3 + 0.3 * person.progress(day)
    proposed = rng.randint(1, 5) if copilot_reviewed else 0
    suggested = rng.randint(0, 3) if reviewed else 0
    copilot_applied, applied = rng.randint(0, proposed), rng.randint(0, suggested)
    counts = (
        *(created, reviewed, merged, suggested + proposed, applied + copilot_applied),
        *(created and by_copilot, copilot_reviewed, merged and by_copilot),
        *(merged and copilot_reviewed, proposed, copilot_applied),
    )
    return {
        **{name: int(count) for name, count in zip(_COUNTERS, counts, strict=True)},
        "author": person.number,
        # Most of the work is done in few repositories.
        "repository": int(len(REPOSITORIES) * rng.random() ** 1.7),
        "minutes": round(rng.lognormvariate(6.2, 0.9) * (0.7 if by_copilot else 1), 1),
        "comment_types": rng.choices(_COMMENT_TYPES, (42, 31, 17, 10), k=proposed),
    }


def pulls_of(staffs: Sequence[Staff], day: date) -> list[Record]:
    """Returns the pull requests of the day in all repositories of these organizations."""
    return [pull for staff in staffs for pull in _pulls(staff, day)]


def pull_requests(pulls: Sequence[Record]) -> Record:
    """Returns what a report counts of these pull requests."""
    proposed = [kind for pull in pulls for kind in pull["comment_types"]]
    applied = [
        kind
        for pull in pulls
        for kind in pull["comment_types"][: pull["total_copilot_applied_suggestions"]]
    ]
    return {
        **{name: sum(pull[name] for pull in pulls) for name in _COUNTERS},
        **{name: median_minutes(pulls, merged) for name, merged in _MEDIANS.items()},
        "copilot_suggestions_by_comment_type": [
            {
                "comment_type": kind,
                "total_copilot_suggestions": proposed.count(kind),
                "total_copilot_applied_suggestions": applied.count(kind),
            }
            for kind in _COMMENT_TYPES
            if kind in proposed
        ],
    }


def median_minutes(pulls: Sequence[Record], merged: str = "total_merged") -> float | None:
    """Returns the median time to merge of those that the counter counts; None without any."""
    minutes = [pull["minutes"] for pull in pulls if pull[merged]]
    return round(statistics.median(minutes), 1) if minutes else None


def repository_days(staffs: Sequence[Staff], day: date) -> list[Record]:
    """Returns one record for each repository in which something happened."""
    records = []
    for staff in staffs:
        for position, name in enumerate(REPOSITORIES):
            pulls = [pull for pull in _pulls(staff, day) if pull["repository"] == position]
            counted = pull_requests(pulls)
            if not any(counted[counter] for counter in _COUNTERS):
                continue
            record: Record = {
                "day": day.isoformat(),
                **staff.ids,
                "repo_id": staff.organization_id * 100 + position,
                "repo_owner_name": staff.slug,
                "repo_name": name,
                "repo_visibility": _VISIBILITIES[position % len(_VISIBILITIES)],
                # GitHub leaves the types of comments out of a repository's record.
                "pull_requests": {**counted, "copilot_suggestions_by_comment_type": []},
            }
            if day >= since.REVIEW_TIMES:
                record["pull_request_review_times"] = _review_times(pulls)
            records.append(record)
    return records


def _review_times(pulls: Sequence[Record]) -> list[Record]:
    """Returns the stages of the merged pull requests that people wrote and people reviewed."""
    by_people = [pull for pull in pulls if not pull["total_merged_created_by_copilot"]]
    minutes = sorted(pull["minutes"] for pull in by_people if pull["total_merged"])
    if not minutes:
        return []
    median, p90 = statistics.median(minutes), minutes[int(len(minutes) * 0.9)]
    return [
        {
            **{"authored_by": "human", "reviewed_by": "human", "total_merged": len(minutes)},
            **{f"median_minutes_{name}": round(median * part, 1) for name, part in _STAGES.items()},
            **{f"p90_minutes_{name}": round(p90 * part, 1) for name, part in _STAGES.items()},
        }
    ]
