"""Locks for writers on PostgreSQL. SQLite has one writer at a time anyway.

Rows and tables are locked instead of advisory locks, because a role that may only read cannot take
them and block a load.
"""

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from copilot_pipeline.warehouse.tables import accounts, removed_scopes, scopes


def lock_scope(connection: Connection, scope_id: int) -> None:
    """Blocks other writers of the scope until the end of this transaction.

    Otherwise, two writers of the same day could both delete the old rows and insert the same keys.
    """
    if connection.dialect.name == "postgresql":
        for table in (scopes, removed_scopes):
            query = sa.select(table.c.id).where(table.c.id == scope_id).with_for_update()
            if connection.execute(query).first() is not None:
                # A scope is in one of the tables, and is not moved before this transaction ends.
                return


def lock_accounts(connection: Connection) -> None:
    """Blocks other changes of accounts until the end of this transaction.

    Otherwise, a rotation could overwrite a token that was replaced in the meantime, and two
    accounts could collect the same scope.
    """
    lock_table(connection, accounts)


def lock_table(connection: Connection, table: sa.Table) -> None:
    """Blocks other writers of the table until the end of this transaction."""
    if connection.dialect.name == "postgresql":
        name = connection.dialect.identifier_preparer.format_table(table)
        connection.exec_driver_sql(f"LOCK TABLE {name} IN SHARE ROW EXCLUSIVE MODE")
