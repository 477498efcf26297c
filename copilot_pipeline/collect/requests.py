"""Counts the requests that a load needs, and says how long GitHub's limits let it take."""

from collections import Counter
from collections.abc import Sequence
from math import ceil

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from copilot_pipeline.collect.plan import LoadRequest, Plan, plan, statuses_of
from copilot_pipeline.rules import REQUESTS_PER_HOUR
from copilot_pipeline.sources.source import PagesRequest, Source
from copilot_pipeline.warehouse.database import Database
from copilot_pipeline.warehouse.history import read_statuses
from copilot_pipeline.warehouse.scopes import Scope
from copilot_pipeline.warehouse.seat_days import seat_days

# Nobody waits for fewer requests.
MIN_TOLD = 100


def count_requests(
    database: Database, scopes: Sequence[Scope], request: LoadRequest
) -> Counter[int]:
    """Return the number of requests to GitHub's API that a load needs, by id of the account.

    The files of a report are downloaded from other hosts and do not count. The pages of seats are
    those of the newest stored day, and one if there is none.
    """
    needed: Counter[int] = Counter()
    with database.read() as connection:
        seats = _newest_seats(connection)
        for scope in scopes:
            statuses = read_statuses(connection, scope.id)
            for source in scope.sources:
                planned = plan(request, source, statuses_of(statuses, source))
                needed[scope.account_id] += _requests(source, planned, seats.get(scope.id, 0))
    return needed


def describe_requests(needed: Counter[int]) -> str | None:
    """Return a sentence about the requests, and how long the account with the most takes.

    None if they are so few that it does not matter.
    """
    total, most = needed.total(), max(needed.values(), default=0)
    if total < MIN_TOLD:
        return None
    text = f"{total:,} requests to GitHub"
    if len(needed) > 1:
        text += f" with {len(needed)} accounts, up to {most:,} of one"
    if most <= REQUESTS_PER_HOUR:
        return f"This load needs about {text}."
    hours = ceil(most / REQUESTS_PER_HOUR)
    time = f"{hours} hours" if hours < 48 else f"{hours} hours ({hours / 24:.0f} days)"
    return (
        f"This load needs about {text}. GitHub allows {REQUESTS_PER_HOUR:,} an hour for a token, "
        f"so it takes about {time}. You can interrupt it: the same command goes on from there."
    )


def _requests(source: Source, planned: Plan, seats: int) -> int:
    periods = len(planned.fetch) + len(planned.gaps)
    if not periods or not isinstance(source.request, PagesRequest):
        return periods
    entries = periods if source.request.by_day else seats
    return max(1, ceil(entries / source.request.per_page))


def _newest_seats(connection: Connection) -> dict[int, int]:
    """Returns the number of seats on the newest stored day by id of the scope."""
    newest = (
        sa.select(seat_days.c.scope_id, sa.func.max(seat_days.c.day).label("day"))
        .group_by(seat_days.c.scope_id)
        .subquery()
    )
    query = sa.select(seat_days.c.scope_id, seat_days.c.seats).join(
        newest,
        sa.and_(seat_days.c.scope_id == newest.c.scope_id, seat_days.c.day == newest.c.day),
    )
    return {row.scope_id: row.seats or 0 for row in connection.execute(query)}
