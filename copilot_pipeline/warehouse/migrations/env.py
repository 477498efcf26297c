"""Runs revisions on the connection and in the transaction of `Database`."""

from alembic import context

context.configure(**context.config.attributes["configure"])
context.run_migrations()
