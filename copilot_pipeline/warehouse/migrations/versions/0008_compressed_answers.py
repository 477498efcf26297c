"""Compress the stored answers of GitHub with gzip.

Revision ID: 0008
Revises: 0007
"""

import base64
import zlib
from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

KEYS = {
    "_raw_copilot_metrics": ["scope_id", "day", "report", "part"],
    "_raw_copilot_seats": ["scope_id", "day", "page"],
    "_raw_copilot_billing": ["scope_id", "day"],
}


def upgrade() -> None:
    if op.get_bind().dialect.name == "sqlite":
        upgrade_sqlite()
    else:
        require_unused()
        for table, key in KEYS.items():
            upgrade_postgresql(table, key)


def compress(payload: str) -> bytes:
    compressor = zlib.compressobj(6, wbits=zlib.MAX_WBITS + 16)
    return compressor.compress(payload.encode()) + compressor.flush()


def upgrade_sqlite() -> None:
    driver: Any = op.get_bind().connection.driver_connection
    driver.create_function("copilot_compress", 1, compress, deterministic=True)
    # A changed type needs a new table. Without this, SQLite refuses to rename it while views use it.
    op.execute("PRAGMA legacy_alter_table = ON")
    for name in KEYS:
        op.execute(f"UPDATE {name} SET payload = copilot_compress(payload)")  # noqa: S608
        with op.batch_alter_table(name, recreate="always") as batch:
            batch.alter_column("payload", type_=sa.LargeBinary(), existing_nullable=False)
    op.execute("PRAGMA legacy_alter_table = OFF")


def require_unused() -> None:
    """Refuses other people's views on the column, before the work rather than after it.

    Raises:
        InvalidRequestError: PostgreSQL would not change the type of a column that views use.
    """
    query = sa.text(
        """
        SELECT DISTINCT view.oid::regclass::text
        FROM pg_depend
        JOIN pg_rewrite AS rule ON classid = 'pg_rewrite'::regclass AND rule.oid = objid
        JOIN pg_class AS view ON view.oid = rule.ev_class
        JOIN pg_attribute ON refclassid = 'pg_class'::regclass
            AND attrelid = refobjid AND attnum = refobjsubid
        WHERE attname = 'payload' AND attrelid = ANY (CAST(:tables AS regclass[]))
        ORDER BY 1
        """
    )
    views = op.get_bind().execute(query, {"tables": list(KEYS)}).scalars().all()
    if views:
        raise sa.exc.InvalidRequestError(
            f"the answers in the column payload become compressed, and views use it: "
            f"{', '.join(views)}. Drop them, and start copilot_pipeline again."
        )


def upgrade_postgresql(name: str, key: Sequence[str]) -> None:
    """Compresses one row at a time.

    The column stays text until the end. The change of its type then writes the table again without
    the old versions of its rows, so that their disk space is freed.
    """
    # Another process must not add a row that is not compressed.
    op.execute(f"LOCK TABLE {name} IN EXCLUSIVE MODE")
    connection = op.get_bind()
    table = sa.table(name, *(sa.column(column) for column in (*key, "payload")))
    is_row = [table.c[column] == sa.bindparam(f"of_{column}") for column in key]
    select = sa.select(table.c.payload).where(*is_row)
    update = sa.update(table).where(*is_row).values(payload=sa.bindparam("compressed"))
    # Read with a cursor on the server, because there may be millions of rows.
    rows = connection.execute(
        sa.select(*(table.c[column].label(f"of_{column}") for column in key)),
        execution_options={"yield_per": 1000},
    )
    with rows:
        for row in rows.mappings():
            payload = connection.execute(select, dict(row)).scalar_one()
            text = base64.b64encode(compress(payload)).decode()
            connection.execute(update, {**row, "compressed": text})
    op.execute(
        f"ALTER TABLE {name} ALTER COLUMN payload TYPE bytea USING decode(payload, 'base64')"
    )
