"""How far the history can be trusted: status, restatements, unknown names, changed definitions.

Revision ID: 0004
Revises: 0003
"""

from datetime import date
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

# Day, what it is about, kind, what changed, and GitHub's names of what it changed. A later revision
# adds what GitHub changes next. Sources: GitHub's changelog and documentation of the usage metrics.
CHANGES = [
    (
        "2025-03-01",
        "legacy",
        "closed",
        "The first usage endpoint, /copilot/usage, was switched off",
        "the usage fields of 2023 and 2024",
    ),
    ("2025-10-10", "enterprise", "history_start", "GitHub's reports of enterprises begin", "all"),
    (
        "2025-12-12",
        "organization",
        "history_start",
        "GitHub's reports of organizations begin",
        "all",
    ),
    (
        "2026-02-19",
        "enterprise",
        "new_field",
        "Pull requests and their time to merge are reported; for organizations from 2026-02-25",
        "pull_requests",
    ),
    ("2026-02-27", "all", "status", "The reports left their preview; no number changed", ""),
    (
        "2026-03-02",
        "all",
        "new_value",
        "Plan mode counts as a feature of its own, no longer within another chat mode",
        "totals_by_feature",
    ),
    (
        "2026-04-02",
        "legacy",
        "closed",
        "The old metrics endpoint, /copilot/metrics, was switched off",
        (
            "total_active_users, total_engaged_users, copilot_ide_code_completions, "
            "copilot_ide_chat, copilot_dotcom_chat, copilot_dotcom_pull_requests"
        ),
    ),
    (
        "2026-04-06",
        "all",
        "new_field",
        "People reviewed by Copilot are told apart: those who asked for it, and those who did not",
        (
            "daily_active_copilot_code_review_users, daily_passive_copilot_code_review_users, "
            "used_copilot_code_review_active, used_copilot_code_review_passive"
        ),
    ),
    (
        "2026-04-10",
        "all",
        "definition",
        "The totals and the features include Copilot CLI; the editors do not",
        (
            "user_initiated_interaction_count, code_generation_activity_count, "
            "code_acceptance_activity_count, loc_suggested_to_add_sum, "
            "loc_suggested_to_delete_sum, loc_added_sum, loc_deleted_sum, totals_by_feature"
        ),
    ),
    (
        "2026-05-08",
        "all",
        "new_field",
        "Review suggestions by Copilot are told apart by the type of comment",
        "pull_requests.copilot_suggestions_by_comment_type",
    ),
    (
        "2026-05-14",
        "all",
        "new_report",
        "Team memberships are reported; teams with fewer than five seats are not in them",
        "user-teams-1-day",
    ),
    (
        "2026-05-20",
        "all",
        "transport",
        "Report files come from another host; no number changed",
        "",
    ),
    (
        "2026-05-29",
        "all",
        "new_field",
        "Adoption phases are reported; those of an organization hold averages per person, not sums",
        "ai_adoption_phase, totals_by_ai_adoption_phase",
    ),
    (
        "2026-06-01",
        "billing",
        "definition",
        "AI credits take the place of premium requests; the allowance is higher until August",
        "ai_credits_used",
    ),
    (
        "2026-06-15",
        "all",
        "definition",
        "Active users include people of whom only GitHub's servers know; they have no breakdowns",
        "daily_active_users, weekly_active_users, monthly_active_users",
    ),
    (
        "2026-06-19",
        "users",
        "new_field",
        "AI credits are reported by person and day",
        "ai_credits_used",
    ),
    (
        "2026-07-02",
        "all",
        "restatement",
        "GitHub corrected earlier days; it did not say how far back",
        "all",
    ),
    ("2026-07-17", "all", "new_report", "Pull requests are reported by repository", "repos-1-day"),
    (
        "2026-07-17",
        "all",
        "new_field",
        "Use of the Copilot app is reported (within days of this one)",
        (
            "used_copilot_app, totals_by_copilot_app, daily_active_copilot_app_users, "
            "totals_by_feature"
        ),
    ),
    (
        "2026-07-28",
        "all",
        "definition",
        "Active users include people who used nothing but the Copilot app",
        "daily_active_users, weekly_active_users, monthly_active_users",
    ),
    (
        "2026-08-07",
        "users",
        "new_field",
        "Use of agents by third parties is reported",
        "totals_by_3rd_party_agent",
    ),
    (
        "2026-09-11",
        "all",
        "new_field",
        "Use of VS Code's agents window is reported",
        "used_vscode_agent, totals_by_vscode_agent, daily_active_vscode_agent_users",
    ),
    (
        "2026-09-17",
        "all",
        "new_field",
        (
            "Skills, custom agents, MCP servers, slash commands and plugins are reported, and "
            "the people of a phase in 28 days"
        ),
        (
            "totals_by_skill, totals_by_custom_agent, totals_by_mcp, totals_by_slash_cmd, "
            "totals_by_plugin, distinct_skill_use_count, distinct_custom_agent_use_count, "
            "distinct_mcp_use_count, distinct_slash_cmd_use_count, distinct_plugin_use_count, "
            "users_in_phase_28d"
        ),
    ),
    (
        "2026-09-25",
        "repos",
        "new_field",
        "The stages of reviews are reported, for new merges only",
        "pull_request_review_times",
    ),
]


def key(name: str, comment: str, type_: Any) -> Any:
    number: dict[str, Any] = {"autoincrement": False} if isinstance(type_, sa.BigInteger) else {}
    return sa.Column(name, type_, nullable=False, comment=comment, **number)


def create(
    name: str,
    day: str,
    more: list[Any],
    others: list[Any],
    comment: str,
) -> None:
    keys = [
        key("scope_id", "The scope", sa.BigInteger()),
        key("day", day, sa.Date()),
        key("report", "GitHub's name of the report, or legacy", sa.Text()),
        *more,
    ]
    op.create_table(
        name,
        *keys,
        *others,
        sa.PrimaryKeyConstraint(*(column.name for column in keys), name=f"pk_{name}"),
        comment=comment,
    )


def upgrade() -> None:
    instant = sa.DateTime(timezone=True)
    create(
        "_tool_copilot_collection_status",
        "The UTC day that the report is about",
        [],
        [
            sa.Column(
                "state",
                sa.Text(),
                nullable=False,
                comment=(
                    "loaded: its rows are there. not_ready: not yet, the day is provisional. "
                    "no_data: GitHub has no report of the day. no_access: the token may not read "
                    "it. failed"
                ),
            ),
            sa.Column("http_status", sa.Integer(), comment="Of the last answer; NULL: none came"),
            sa.Column("row_count", sa.BigInteger(), comment="Records in the report, each once"),
            sa.Column(
                "sha256",
                sa.Text(),
                comment=(
                    "SHA-256 of the report's records, in any order, without GitHub's housekeeping"
                ),
            ),
            sa.Column("first_loaded_at", instant, comment="When the day was loaded first"),
            sa.Column(
                "last_fetched_at", instant, nullable=False, comment="When it was asked for last"
            ),
            sa.Column("changed_at", instant, comment="When other content came last"),
            sa.Column(
                "change_count",
                sa.Integer(),
                nullable=False,
                comment="How often other content came than before",
            ),
            sa.Column(
                "message",
                sa.Text(),
                comment="Why the last attempt failed; a loaded day keeps its rows",
            ),
        ],
        "One row is what became of one report of one scope and day.",
    )
    create(
        "_tool_copilot_restatements",
        "The UTC day whose numbers changed",
        [
            key("metric", "The headline value that changed", sa.Text()),
            key("seen_at", "When the new value was loaded", instant),
        ],
        [
            sa.Column("old", sa.Double(), comment="The value before"),
            sa.Column("new", sa.Double(), comment="The value that replaced it"),
        ],
        "One row is a headline value that GitHub changed after it had been loaded.",
    )
    create(
        "_tool_copilot_unknown_names",
        "The UTC day of the report",
        [
            key("kind", "field, feature, ide, language or model", sa.Text()),
            key("name", "As GitHub writes it; of a field, with the fields around it", sa.Text()),
        ],
        [
            sa.Column(
                "occurrences", sa.BigInteger(), nullable=False, comment="In the day's report"
            ),
        ],
        "One row is a name in a report that this version does not know; raw keeps it all.",
    )
    op.create_table(
        "_tool_copilot_shown_names",
        key("kind", "field, feature, ide, language or model", sa.Text()),
        key("name", "As in _tool_copilot_unknown_names", sa.Text()),
        sa.Column("shown_at", instant, nullable=False, comment="When a check warned of it"),
        sa.PrimaryKeyConstraint("kind", "name", name="pk__tool_copilot_shown_names"),
        comment="One row is an unknown name of which a check has warned; it does so once.",
    )
    # What an earlier version loaded is loaded; it is asked for again, for the sake of the tables
    # that the earlier version did not have.
    op.execute(
        """
        INSERT INTO _tool_copilot_collection_status (
            scope_id, day, report, state, http_status, first_loaded_at, last_fetched_at,
            change_count, message
        )
        SELECT
            scope_id, day, report, 'loaded', 200, min(fetched_at), max(fetched_at), 0,
            'Loaded by an earlier version. Collect the day again, or derive its tool assets again.'
        FROM _raw_copilot_metrics
        GROUP BY scope_id, day, report
        """
    )
    changes = op.create_table(
        "_tool_copilot_definition_changes",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column(
            "day",
            sa.Date(),
            nullable=False,
            comment="Announced; the data may switch days around it",
        ),
        sa.Column(
            "scope",
            sa.Text(),
            nullable=False,
            comment=(
                "What it is about: all, organization, enterprise, users, repos, legacy or billing"
            ),
        ),
        sa.Column(
            "kind",
            sa.Text(),
            nullable=False,
            comment=(
                "definition, new_field, new_value, new_report, restatement, history_start, "
                "closed, status or transport"
            ),
        ),
        sa.Column("what_changed", sa.Text(), nullable=False, comment="In a sentence, for a chart"),
        sa.Column(
            "metrics_affected", sa.Text(), nullable=False, comment="GitHub's names, after commas"
        ),
        sa.PrimaryKeyConstraint("id", name="pk__tool_copilot_definition_changes"),
        comment="One row is a day on which GitHub changed what its numbers mean, or which exist.",
    )
    names = ("day", "scope", "kind", "what_changed", "metrics_affected")
    op.bulk_insert(
        changes,
        [
            {"id": number, **dict(zip(names, (date.fromisoformat(day), *rest), strict=True))}
            for number, (day, *rest) in enumerate(CHANGES, 1)
        ],
    )
