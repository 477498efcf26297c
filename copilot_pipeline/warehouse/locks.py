"""Makes writers wait for each other on PostgreSQL. SQLite has one writer at a time anyway.

Rows and tables are locked, which a role with SELECT only cannot do. It could lock advisory numbers:
then a reader could hold up a load.
"""

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from copilot_pipeline.warehouse.tables import accounts, removed_scopes, scopes


def lock_scope(connection: Connection, scope_id: int) -> None:
    """Makes other writers of the scope wait for the end of this transaction.

    Two that replace the same day would both delete the old rows and then insert the same keys.
    """
    if connection.dialect.name == "postgresql":
        for table in (scopes, removed_scopes):
            query = sa.select(table.c.id).where(table.c.id == scope_id).with_for_update()
            connection.execute(query)


def lock_accounts(connection: Connection) -> None:
    """Makes others that change accounts wait for the end of this transaction.

    Without it, a rotation could write back a token that was replaced meanwhile, and two accounts
    could take the same scope.
    """
    lock_table(connection, accounts)


def lock_table(connection: Connection, table: sa.Table) -> None:
    """Makes others that write to the table wait for the end of this transaction."""
    if connection.dialect.name == "postgresql":
        name = connection.dialect.identifier_preparer.format_table(table)
        connection.exec_driver_sql(f"LOCK TABLE {name} IN SHARE ROW EXCLUSIVE MODE")
