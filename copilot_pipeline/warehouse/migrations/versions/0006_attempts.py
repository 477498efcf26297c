"""Order the attempts of a day by a number, whatever the machines' clocks say.

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
            comment="How many attempts were written down; orders them whatever the clocks say",
        ),
    )
