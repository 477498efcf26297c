"""Billing and seat snapshots: raw answers, the staging of seat pages, and the seat rows."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime

import pandas as pd
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from copilot_pipeline.warehouse.database import Database
from copilot_pipeline.warehouse.rows import frame_rows, lock_scope, replace_slice, upsert_statement
from copilot_pipeline.warehouse.tables import raw_billing, raw_seats, seats
from copilot_pipeline.warehouse.types import UtcDateTime

# Pages wait here, in a table that only their connection sees, until the last one has come. No lock
# on the warehouse is held meanwhile, memory holds one page, and a crash leaves nothing behind.
_staged = sa.Table(
    "copilot_staged_seat_pages",
    sa.MetaData(),
    sa.Column("page", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("fetched_at", UtcDateTime, nullable=False),
    sa.Column("url", sa.Text, nullable=False),
    sa.Column("payload", sa.Text, nullable=False),
    prefixes=["TEMPORARY"],
)


def replace_billing(
    connection: Connection,
    scope_id: int,
    day: date,
    *,
    url: str,
    payload: str,
    fetched_at: datetime,
) -> int:
    lock_scope(connection, scope_id)
    key = {"scope_id": scope_id, "day": day}
    row = {**key, "url": url, "payload": payload, "fetched_at": fetched_at}
    return replace_slice(connection, raw_billing, key, [row])


def read_billing(connection: Connection, scope_id: int, day: date) -> str:
    """The stored answer of that day."""
    stored = raw_billing.c
    query = sa.select(stored.payload).where(stored.scope_id == scope_id, stored.day == day)
    return str(connection.execute(query).scalar_one())


def has_snapshot(connection: Connection, raw_table: sa.Table, scope_id: int, day: date) -> bool:
    """Whether a billing or seat snapshot of that day is stored."""
    slice_ = sa.and_(raw_table.c.scope_id == scope_id, raw_table.c.day == day)
    return bool(connection.execute(sa.select(sa.exists().where(slice_))).scalar())


class SeatStaging:
    """The pages of one snapshot while they are being read."""

    def __init__(self, database: Database, connection: Connection) -> None:
        self._database = database
        self._connection = connection
        self.pages = 0

    def add(self, *, url: str, payload: str, fetched_at: datetime) -> None:
        self.pages += 1
        row = {"page": self.pages, "url": url, "payload": payload, "fetched_at": fetched_at}
        with self._connection.begin():
            self._connection.execute(sa.insert(_staged), row)

    @contextmanager
    def publish(self, scope_id: int, day: date) -> Iterator[Connection]:
        """One transaction in which the staged pages take the place of the day's raw pages."""
        with self._database.write(self._connection) as connection:
            lock_scope(connection, scope_id)
            replace_slice(connection, raw_seats, {"scope_id": scope_id, "day": day}, [])
            columns = list(_staged.c)
            staged = sa.select(sa.literal(scope_id), sa.literal(day, sa.Date), *columns)
            names = ["scope_id", "day", *(column.name for column in columns)]
            connection.execute(sa.insert(raw_seats).from_select(names, staged))
            yield connection


@contextmanager
def stage_seats(database: Database) -> Iterator[SeatStaging]:
    """An empty staging table on a connection of its own; both are gone at the end."""
    with database.connect() as connection:
        with connection.begin():
            _staged.create(connection, checkfirst=False)
        try:
            yield SeatStaging(database, connection)
        finally:
            # A connection that broke takes the table with it, and is not asked again.
            if not connection.invalidated:
                with connection.begin():
                    _staged.drop(connection, checkfirst=False)


def read_seat_pages(connection: Connection, scope_id: int, day: date) -> Iterator[str]:
    """The payloads of the day's pages, one in memory at a time."""
    in_snapshot = (raw_seats.c.scope_id == scope_id, raw_seats.c.day == day)
    numbers = sa.select(raw_seats.c.page).where(*in_snapshot).order_by(raw_seats.c.page)
    for page in connection.execute(numbers).scalars().all():
        payload = sa.select(raw_seats.c.payload).where(*in_snapshot, raw_seats.c.page == page)
        yield connection.execute(payload).scalar_one()


def clear_seats(connection: Connection, scope_id: int, day: date) -> None:
    lock_scope(connection, scope_id)
    replace_slice(connection, seats, {"scope_id": scope_id, "day": day}, [])


def add_seats(connection: Connection, scope_id: int, day: date, frame: pd.DataFrame) -> None:
    """Inserts the seats of a page.

    A seat that came before (pages shift while they are read; one person in two teams) keeps the
    row with the latest activity.
    """
    rows = frame_rows(frame, scope_id=scope_id, day=day)
    if not rows:
        return
    statement = upsert_statement(connection, seats)
    newer = sa.or_(
        seats.c.last_activity_at.is_(None),
        statement.excluded.last_activity_at > seats.c.last_activity_at,
    )
    updated = {c.name: statement.excluded[c.name] for c in seats.c if not c.primary_key}
    connection.execute(
        statement.on_conflict_do_update(
            index_elements=list(seats.primary_key), set_=updated, where=newer
        ),
        rows,
    )


def count_seats(connection: Connection, scope_id: int, day: date) -> int:
    """How many seats the day's snapshot has."""
    count = sa.select(sa.func.count()).select_from(seats)
    in_snapshot = (seats.c.scope_id == scope_id, seats.c.day == day)
    return int(connection.execute(count.where(*in_snapshot)).scalar_one())
