"""Snapshots: billing and seats as GitHub shows them now, labelled with the newest complete day."""

import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import date
from functools import partial

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from copilot_pipeline.collect.outcomes import Outcome, State, failed
from copilot_pipeline.collect.scopes import OpenClient, Task, collect
from copilot_pipeline.days import DayOutOfReachError, newest_complete_day
from copilot_pipeline.errors import CopilotPipelineError
from copilot_pipeline.github.client import GitHubClient
from copilot_pipeline.transform import billing, seats
from copilot_pipeline.transform.values import TransformError
from copilot_pipeline.warehouse import tables
from copilot_pipeline.warehouse.database import Database
from copilot_pipeline.warehouse.rows import frame_rows, lock_scope, replace_slice
from copilot_pipeline.warehouse.scopes import Scope
from copilot_pipeline.warehouse.seat_days import count_seat_day
from copilot_pipeline.warehouse.snapshots import (
    add_seats,
    clear_seats,
    count_seats,
    has_snapshot,
    read_billing,
    read_seat_pages,
    replace_billing,
    stage_seats,
)

logger = logging.getLogger(__name__)

BILLING, SEATS = "billing", "seats"

Take = Callable[[GitHubClient, Scope, date], Outcome]
Derive = Callable[[Connection, Scope, date], Outcome]


def load_billing(
    database: Database,
    open_client: OpenClient,
    scopes: Sequence[Scope],
    days: Sequence[date],
    *,
    newest: date | None = None,
) -> Iterator[Outcome]:
    """Takes the billing snapshot of every organization, and derives its row from it.

    Enterprises have no such endpoint. `newest` is the day that GitHub's answers are of: the newest
    complete one, unless the clock of a simulated GitHub stands elsewhere.
    """

    def take(client: GitHubClient, scope: Scope, day: date) -> Outcome:
        answer = client.billing(scope.kind, scope.slug)
        with database.write() as connection:
            raw_rows = replace_billing(
                connection,
                scope.id,
                day,
                url=answer.url,
                payload=answer.text,
                fetched_at=answer.fetched_at,
            )
            # In the same transaction: an answer that makes no sense undoes all of it.
            derived = _derive_billing(connection, scope, day)
        rows = {tables.raw_billing.name: raw_rows, **derived.rows}
        return replace(derived, rows=rows)

    tasks = _tasks(database, tables.raw_billing, BILLING, days, newest, take)
    return collect(database, open_client, _organizations(scopes), days, tasks, lambda _: [BILLING])


def load_seats(
    database: Database,
    open_client: OpenClient,
    scopes: Sequence[Scope],
    days: Sequence[date],
    *,
    newest: date | None = None,
) -> Iterator[Outcome]:
    """Takes the seat snapshot of every scope, page by page, and derives the seat rows from it.

    `newest` is that of `load_billing`.
    """

    def take(client: GitHubClient, scope: Scope, day: date) -> Outcome:
        with stage_seats(database) as staging:
            for page in client.seats(scope.kind, scope.slug):
                staging.add(url=page.url, payload=page.text, fetched_at=page.fetched_at)
            if staging.pages == 0:
                return Outcome(str(scope), SEATS, day, State.NOT_READY)
            # Derived in the same transaction: a page that makes no sense undoes all of it.
            with staging.publish(scope.id, day) as connection:
                derived = _derive_seats(connection, scope, day)
        rows = {tables.raw_seats.name: staging.pages, **derived.rows}
        return replace(derived, rows=rows)

    tasks = _tasks(database, tables.raw_seats, SEATS, days, newest, take)
    return collect(database, open_client, scopes, days, tasks, lambda _: [SEATS])


def rebuild_billing(
    database: Database, scopes: Sequence[Scope], days: Sequence[date]
) -> Iterator[Outcome]:
    """Derives the billing rows of those days from the stored answers, without GitHub."""
    return _rebuild(
        database, tables.raw_billing, BILLING, _organizations(scopes), days, _derive_billing
    )


def rebuild_seats(
    database: Database, scopes: Sequence[Scope], days: Sequence[date]
) -> Iterator[Outcome]:
    """Derives the seat rows of those days from the stored pages, without GitHub."""
    return _rebuild(database, tables.raw_seats, SEATS, scopes, days, _derive_seats)


def _rebuild(
    database: Database,
    raw_table: sa.Table,
    what: str,
    scopes: Sequence[Scope],
    days: Sequence[date],
    derive: Derive,
) -> Iterator[Outcome]:
    for scope in scopes:
        for day in days:
            try:
                with database.write() as connection:
                    if not has_snapshot(connection, raw_table, scope.id, day):
                        raise DayOutOfReachError(f"no snapshot of {day} is stored.")
                    outcome = derive(connection, scope, day)
            except CopilotPipelineError as error:
                yield from failed(str(scope), what, [day], error)
            else:
                yield outcome


def _tasks(
    database: Database,
    raw_table: sa.Table,
    what: str,
    days: Sequence[date],
    newest: date | None,
    take: Take,
) -> Callable[[GitHubClient, Scope], list[Task]]:
    """For each day: take the snapshot if it is the newest, keep the stored one if it is past."""
    newest = newest or newest_complete_day()

    def load(client: GitHubClient, scope: Scope, day: date) -> list[Outcome]:
        try:
            if day == newest:
                return [take(client, scope, day)]
            with database.read() as connection:
                if has_snapshot(connection, raw_table, scope.id, day):
                    return [Outcome(str(scope), what, day, State.KEPT)]
            raise DayOutOfReachError(
                f"GitHub shows billing and seats only as they are now, and no snapshot of {day} "
                f"is stored. Only {newest}, the newest complete UTC day, can be taken."
            )
        except TransformError as error:
            refused = TransformError(f"{error}. The snapshot of the day was not changed.")
            return failed(str(scope), what, [day], refused)
        except CopilotPipelineError as error:
            return failed(str(scope), what, [day], error)

    def tasks(client: GitHubClient, scope: Scope) -> list[Task]:
        return [partial(load, client, scope, day) for day in days]

    return tasks


def _organizations(scopes: Sequence[Scope]) -> list[Scope]:
    return [scope for scope in scopes if scope.kind == "organization"]


def _derive_billing(connection: Connection, scope: Scope, day: date) -> Outcome:
    """Replaces the day's billing row by what the stored answer says."""
    try:
        frame = billing.from_answer(read_billing(connection, scope.id, day))
    except TransformError as error:
        raise TransformError(f"the billing of {scope}: {error}") from error
    lock_scope(connection, scope.id)
    key = {"scope_id": scope.id, "day": day}
    count = replace_slice(connection, tables.billing, key, frame_rows(frame, **key))
    return Outcome(str(scope), BILLING, day, State.LOADED, {tables.billing.name: count})


def _derive_seats(connection: Connection, scope: Scope, day: date) -> Outcome:
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
    count_seat_day(connection, scope.id, day)
    notes = {"seats_without_assignee": unassigned}
    if total_seats is not None:
        notes["total_seats_by_github"] = total_seats
        if listed < total_seats:
            logger.warning("%s: GitHub counts %d seats and listed %d.", scope, total_seats, listed)
    return Outcome(str(scope), SEATS, day, State.LOADED, {tables.seats.name: count}, notes)
