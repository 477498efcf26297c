"""Number the attempts of a day, to order them independently of clocks.

Revision ID: 0006
Revises: 0005
"""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "_tool_copilot_collection_status",
        sa.Column(
            "attempt",
            sa.BigInteger(),
            nullable=False,
            server_default="0",
            comment="The number of attempts; orders them independently of clocks",
        ),
    )
