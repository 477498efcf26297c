"""Snapshots: billing and seats as GitHub shows them now, labelled with the newest complete day."""

import logging
from collections.abc import Callable, Iterator, Sequence
from datetime import date
from functools import partial

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from copilot_pipeline.collect.outcomes import Outcome, State, failed
from copilot_pipeline.collect.scopes import OpenClient, Task, collect
from copilot_pipeline.days import DayOutOfReachError, newest_complete_day
from copilot_pipeline.errors import CopilotPipelineError
from copilot_pipeline.github.client import GitHubClient
from copilot_pipeline.transform import seats
from copilot_pipeline.transform.values import TransformError, json_object, parse_json
from copilot_pipeline.warehouse import tables
from copilot_pipeline.warehouse.database import Database
from copilot_pipeline.warehouse.scopes import Scope
from copilot_pipeline.warehouse.snapshots import (
    add_seats,
    clear_seats,
    count_seats,
    has_snapshot,
    read_seat_pages,
    replace_billing,
    stage_seats,
)

logger = logging.getLogger(__name__)

Take = Callable[[GitHubClient, Scope, date], Outcome]


def load_billing(
    database: Database, open_client: OpenClient, scopes: Sequence[Scope], days: Sequence[date]
) -> Iterator[Outcome]:
    """Takes the billing snapshot of every organization; enterprises have no such endpoint."""

    def take(client: GitHubClient, scope: Scope, day: date) -> Outcome:
        answer = client.billing(scope.kind, scope.slug)
        try:
            json_object(parse_json(answer.text), "the answer")
        except TransformError as error:
            raise TransformError(f"the billing of {scope}: {error}") from error
        with database.write() as connection:
            count = replace_billing(
                connection,
                scope.id,
                day,
                url=answer.url,
                payload=answer.text,
                fetched_at=answer.fetched_at,
            )
        return Outcome(str(scope), day, State.LOADED, {tables.raw_billing.name: count})

    organizations = [scope for scope in scopes if scope.kind == "organization"]
    tasks = _tasks(database, tables.raw_billing, days, take)
    return collect(database, open_client, organizations, days, tasks)


def load_seats(
    database: Database,
    open_client: OpenClient,
    scopes: Sequence[Scope],
    days: Sequence[date],
) -> Iterator[Outcome]:
    """Takes the seat snapshot of every scope, page by page, and derives the seat rows from it."""

    def take(client: GitHubClient, scope: Scope, day: date) -> Outcome:
        with stage_seats(database) as staging:
            for page in client.seats(scope.kind, scope.slug):
                staging.add(url=page.url, payload=page.text, fetched_at=page.fetched_at)
            if staging.pages == 0:
                return Outcome(str(scope), day, State.NO_REPORT)
            # Derived in the same transaction: a page that makes no sense undoes all of it.
            with staging.publish(scope.id, day) as connection:
                derived = _derive(connection, scope, day)
        rows = {tables.raw_seats.name: staging.pages, **derived.rows}
        return Outcome(str(scope), day, State.LOADED, rows, notes=derived.notes)

    tasks = _tasks(database, tables.raw_seats, days, take)
    return collect(database, open_client, scopes, days, tasks)


def rebuild_seats(
    database: Database, scopes: Sequence[Scope], days: Sequence[date]
) -> Iterator[Outcome]:
    """Derives the seat rows of those days from the stored pages, without GitHub."""
    for scope in scopes:
        for day in days:
            try:
                with database.write() as connection:
                    if not has_snapshot(connection, tables.raw_seats, scope.id, day):
                        raise DayOutOfReachError(f"no snapshot of {day} is stored.")
                    outcome = _derive(connection, scope, day)
            except CopilotPipelineError as error:
                yield from failed(str(scope), [day], error)
            else:
                yield outcome


def _tasks(
    database: Database, raw_table: sa.Table, days: Sequence[date], take: Take
) -> Callable[[GitHubClient, Scope], list[Task]]:
    """For each day: take the snapshot if it is the newest, keep the stored one if it is past."""
    newest = newest_complete_day()

    def load(client: GitHubClient, scope: Scope, day: date) -> list[Outcome]:
        try:
            if day == newest:
                return [take(client, scope, day)]
            with database.read() as connection:
                if has_snapshot(connection, raw_table, scope.id, day):
                    return [Outcome(str(scope), day, State.KEPT)]
            raise DayOutOfReachError(
                f"GitHub shows billing and seats only as they are now, and no snapshot of {day} "
                f"is stored. Only {newest}, the newest complete UTC day, can be taken."
            )
        except TransformError as error:
            refused = TransformError(f"{error}. The snapshot of the day was not changed.")
            return failed(str(scope), [day], refused)
        except CopilotPipelineError as error:
            return failed(str(scope), [day], error)

    def tasks(client: GitHubClient, scope: Scope) -> list[Task]:
        return [partial(load, client, scope, day) for day in days]

    return tasks


def _derive(connection: Connection, scope: Scope, day: date) -> Outcome:
    """Replaces the day's seat rows by what the stored pages say."""
    clear_seats(connection, scope.id, day)
    default_organization = scope.slug if scope.kind == "organization" else ""
    listed, unassigned, total_seats = 0, 0, None
    for number, text in enumerate(read_seat_pages(connection, scope.id, day), 1):
        try:
            page = seats.from_page(text, default_organization)
        except TransformError as error:
            raise TransformError(f"page {number} of the seat list: {error}") from error
        add_seats(connection, scope.id, day, page.seats)
        listed += len(page.seats) + page.unassigned
        unassigned += page.unassigned
        total_seats = page.total_seats
    count = count_seats(connection, scope.id, day)
    notes = {"seats_without_assignee": unassigned}
    if total_seats is not None:
        notes["total_seats_by_github"] = total_seats
        if listed < total_seats:
            logger.warning("%s: GitHub counts %d seats and listed %d.", scope, total_seats, listed)
    return Outcome(str(scope), day, State.LOADED, {tables.seats.name: count}, notes)
