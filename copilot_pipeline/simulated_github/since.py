"""The days from which GitHub's usage metrics reports have their newer fields.

Dates: GitHub's changelog. Records of earlier days lack the fields.
"""

from __future__ import annotations

from datetime import date

CODE_REVIEW = date(2026, 4, 1)
PHASES = date(2026, 5, 29)
AI_CREDITS = date(2026, 6, 19)
APP = date(2026, 7, 1)
THIRD_PARTY_AGENTS = date(2026, 8, 7)
VSCODE_AGENT = date(2026, 9, 11)
CUSTOMIZATIONS = date(2026, 9, 17)
ENGAGEMENT = date(2026, 9, 17)
REVIEW_TIMES = date(2026, 9, 25)

USER_TEAMS_REPORT = date(2026, 5, 14)
REPOSITORIES_REPORT = date(2026, 7, 17)
