"""The demo's past mornings: the snapshots that the schedule would have taken on each of them.

GitHub shows seats and billing only as they are now. So the simulated one goes back to each day, and
the loaders of snapshots are told that the day is the newest.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta

from tqdm import tqdm

from copilot_pipeline.collect.loader import load
from copilot_pipeline.collect.outcomes import Outcome, OutcomeState, describe_errors
from copilot_pipeline.collect.plan import LoadRequest
from copilot_pipeline.collect.selection import select_scopes
from copilot_pipeline.days import Today
from copilot_pipeline.github.client import GitHubClient
from copilot_pipeline.github.credentials import PersonalAccessToken
from copilot_pipeline.github.transport import ConnectionSettings
from copilot_pipeline.simulated_github import SimulatedGitHub
from copilot_pipeline.sources import SEAT_BILLING, SEATS
from copilot_pipeline.warehouse.accounts import Account
from copilot_pipeline.warehouse.database import Database


def take_snapshots(database: Database, github: SimulatedGitHub, days: Sequence[date]) -> list[str]:
    """Takes the snapshots of all scopes as of each day, and returns a line for each failure."""
    scopes = select_scopes(database)

    def open_client(_: Database, account: Account) -> GitHubClient:
        # Opening the sealed token takes a tenth of a second, twice for each day.
        return GitHubClient(
            ConnectionSettings(github.url, PersonalAccessToken(github.token)), account.login
        )

    outcomes: list[Outcome] = []
    for day in tqdm(days, unit="day", disable=None, desc="Seats"):
        with github.as_of(day):
            next_morning = datetime.combine(day + timedelta(days=1), time(6), UTC)
            request = LoadRequest(Today(next_morning), [day])
            for source in (SEATS, SEAT_BILLING):
                outcomes += load(database, open_client, scopes, source.step, request)
    return describe_errors(outcomes, OutcomeState.FAILED)
