"""Scopes that were removed, so that their history is theirs again when they are imported anew.

Revision ID: 0002
Revises: 0001
"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "_tool_copilot_removed_scopes",
        sa.Column(
            "id",
            sa.BigInteger(),
            autoincrement=False,
            nullable=False,
            comment="The id that its rows in the other tables keep",
        ),
        sa.Column(
            "endpoint", sa.Text(), nullable=False, comment="Where its account's REST API was"
        ),
        sa.Column("kind", sa.Text(), nullable=False, comment="organization or enterprise"),
        sa.Column("slug", sa.Text(), nullable=False, comment="The name in GitHub's addresses"),
        sa.Column("name", sa.Text(), comment="A name for people"),
        sa.Column("metrics_api", sa.Text(), nullable=False, comment="reports or legacy"),
        sa.Column("implementation_date", sa.Date(), comment="When the roll-out began"),
        sa.Column("removed_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk__tool_copilot_removed_scopes"),
        comment="One row is a scope that is no longer collected; its rows are kept.",
    )
