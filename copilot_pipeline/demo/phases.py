"""How far people have come with AI, and what each of these phases does on average.

Shapes: GitHub's documentation page "Data available in Copilot usage metrics".
"""

from __future__ import annotations

from collections.abc import Sequence

from copilot_pipeline.demo.chance import split
from copilot_pipeline.demo.organization import Record
from copilot_pipeline.demo.usage import PROMPTS

PHASES = ("No Cohort", "Phase 1", "Phase 2", "Phase 3")


EFFORT = (0.4, 0.7, 1.1, 1.8)
"""How much a person of each phase does, compared to the others."""


def engaged_by_phase(daily: int) -> list[int]:
    """The day's active users of each phase."""
    return split(daily, [0.10, 0.38, 0.33, 0.19])


def adoption_phases(
    engaged: Sequence[int], monthly: int, totals: Record, pull_requests: Record
) -> list[Record]:
    """Averages per user that, weighted with the users of each phase, give back the totals."""
    enrolled = split(monthly, [0.14, 0.40, 0.30, 0.16])
    weight = sum(count * factor for count, factor in zip(engaged, EFFORT, strict=True))
    entries = []
    for number, phase in enumerate(PHASES):
        if not engaged[number]:
            continue
        share = EFFORT[number] / weight
        entries.append(
            {
                "phase": phase,
                "phase_number": number,
                "total_engaged_users": engaged[number],
                "users_in_phase_28d": enrolled[number],
                "avg_user_initiated_interactions": round(totals[PROMPTS] * share, 2),
                "avg_code_generation_activities": round(
                    totals["code_generation_activity_count"] * share, 2
                ),
                "avg_code_acceptance_activities": round(
                    totals["code_acceptance_activity_count"] * share, 2
                ),
                "avg_loc_added": round(totals["loc_added_sum"] * share, 2),
                "avg_loc_deleted": round(totals["loc_deleted_sum"] * share, 2),
                "avg_pull_requests_reviewed": round(pull_requests["total_reviewed"] * share, 2),
                "avg_pull_requests_created": round(pull_requests["total_created"] * share, 2),
                "avg_pull_requests_merged": round(pull_requests["total_merged"] * share, 2),
                "avg_pull_requests_median_minutes_to_merge": pull_requests[
                    "median_minutes_to_merge"
                ],
            }
        )
    return entries
