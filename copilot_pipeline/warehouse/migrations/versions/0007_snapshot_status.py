"""Add the status of snapshots that were taken without one, and a table of fingerprints.

Revision ID: 0007
Revises: 0006
"""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

SNAPSHOTS = {"seats": "_raw_copilot_seats", "seat-billing": "_raw_copilot_billing"}

# The columns that show activity in a user's row: counters, sessions and flags.
ACTIVE_COUNTERS = (
    "user_initiated_interaction_count",
    "code_generation_activity_count",
    "code_acceptance_activity_count",
    "loc_suggested_to_add_sum",
    "loc_suggested_to_delete_sum",
    "loc_added_sum",
    "loc_deleted_sum",
    "cli_session_count",
    "copilot_app_session_count",
    "vscode_agent_session_count",
)
ACTIVE_FLAGS = (
    "used_agent",
    "used_chat",
    "used_cli",
    "used_copilot_cloud_agent",
    "used_copilot_app",
    "used_vscode_agent",
    "used_copilot_code_review_active",
    "used_copilot_code_review_passive",
)
ACTIVE_INDEXES = {
    "ix__tool_copilot_user_metrics_active_user": ["scope_id", "user_id", "day"],
    "ix__tool_copilot_user_metrics_active_day": ["scope_id", "day", "user_id"],
}


def upgrade() -> None:
    op.create_table(
        "_tool_copilot_definitions",
        sa.Column(
            "name",
            sa.Text(),
            nullable=False,
            comment="A view, the table _tool_copilot_definition_changes, or comments",
        ),
        sa.Column(
            "sha256", sa.Text(), nullable=False, comment="SHA-256 of its declaration in the code"
        ),
        sa.PrimaryKeyConstraint("name", name="pk__tool_copilot_definitions"),
        comment="One row is something that is written again when its declaration in the code changes.",
    )
    for report, table in SNAPSHOTS.items():
        # The number and the digest of the records stay NULL until the next load.
        op.execute(
            f"""
            INSERT INTO _tool_copilot_collection_status (
                scope_id, day, report, state, http_status, first_loaded_at, last_fetched_at,
                change_count
            )
            SELECT scope_id, day, '{report}', 'loaded', 200, min(fetched_at), max(fetched_at), 0
            FROM {table} AS raw
            WHERE NOT EXISTS (
                SELECT 1 FROM _tool_copilot_collection_status AS status
                WHERE status.scope_id = raw.scope_id AND status.day = raw.day
                AND status.report = '{report}'
            )
            GROUP BY scope_id, day
            """  # noqa: S608
        )
    if op.get_bind().dialect.name == "sqlite":
        # SQLite uses a partial index only if the condition is written in the same way, and
        # SQLAlchemy writes booleans with `= 1`.
        condition = " OR ".join(
            [f"{name} > 0" for name in ACTIVE_COUNTERS] + [f"{name} = 1" for name in ACTIVE_FLAGS]
        )
        for name, columns in ACTIVE_INDEXES.items():
            op.drop_index(name, "_tool_copilot_user_metrics")
            op.create_index(
                name, "_tool_copilot_user_metrics", columns, sqlite_where=sa.text(condition)
            )
