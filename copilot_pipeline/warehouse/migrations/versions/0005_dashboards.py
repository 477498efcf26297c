"""What the dashboards read: seats counted by day, and the views that define each number once.

Revision ID: 0005
Revises: 0004
"""

from dataclasses import dataclass

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


@dataclass(frozen=True)
class Words:
    """What the two databases say differently."""

    today: str
    utc_day: str
    days_before: str
    days_after: str
    later_of: str
    false: str

    def __call__(self, sql: str) -> str:
        """The SQL with these words in the place of `{…}`."""
        return sql.format(
            today=self.today,
            active=active("usage."),
            feature_name=FEATURE_NAME,
            false=self.false,
            created_day=self.utc_day.format("seat.created_at"),
            last_active_day=self.later_of.format(
                self.utc_day.format("seat.last_activity_at"), "seat.last_used_day"
            ),
            month_before=self.days_before.format("active.day", 28),
            idle_before=self.days_before.format("active.day", 30),
            yesterday=self.days_before.format(self.today, 1),
            provisional_from=self.days_before.format(self.today, 3),
            next_day=self.days_after.format("calendar.day", 1),
            reports_end=self.days_after.format("expected.day", 366),
            legacy_end=self.days_after.format("expected.day", 101),
        )


WORDS = {
    "postgresql": Words(
        today="(now() AT TIME ZONE 'UTC')::date",
        utc_day="({0} AT TIME ZONE 'UTC')::date",
        days_before="({0} - {1})",
        days_after="({0} + {1})",
        later_of="greatest({0}, {1})",
        false="false",
    ),
    # SQLite keeps days as text, and instants as text in UTC.
    "sqlite": Words(
        today="date('now')",
        utc_day="date({0})",
        days_before="date({0}, '-{1} days')",
        days_after="date({0}, '+{1} days')",
        later_of="coalesce(max({0}, {1}), {0}, {1})",
        false="0",
    ),
}

# A user's row shows activity: a counter, sessions of a client, or a flag.
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


def active(prefix: str = "") -> str:
    counted = [f"{prefix}{name} > 0" for name in ACTIVE_COUNTERS]
    return " OR ".join([*counted, *(prefix + name for name in ACTIVE_FLAGS)])


FEATURE_NAMES = {
    "code_completion": "Code completion",
    "chat_inline": "Inline chat",
    "chat_panel_ask_mode": "Chat: ask",
    "chat_panel_edit_mode": "Chat: edit",
    "chat_panel_agent_mode": "Chat: agent",
    "chat_panel_plan_mode": "Chat: plan",
    "chat_panel_custom_mode": "Chat: custom",
    "chat_panel_unknown_mode": "Chat: unknown",
    "agent_edit": "Agent edits",
    "copilot_cli": "Copilot CLI",
    "copilot_app": "Copilot app",
}
_CASES = " ".join(f"WHEN '{key}' THEN '{name}'" for key, name in FEATURE_NAMES.items())
FEATURE_NAME = f"CASE feature {_CASES} ELSE feature END"

# Names that two scopes share are told apart by the id.
SCOPES = """
CREATE VIEW copilot_scopes AS
SELECT
    id, kind, slug,
    CASE
        WHEN count(*) OVER (PARTITION BY kind, label) > 1 THEN label || ' #' || id
        ELSE label
    END AS label,
    metrics_api, reports, implementation_date, is_removed, account_login, token_expires_at,
    created_at
FROM (
    SELECT
        scope.id, scope.kind, scope.slug, coalesce(nullif(scope.name, ''), scope.slug) AS label,
        scope.metrics_api, scope.reports, scope.implementation_date, {false} AS is_removed,
        account.login AS account_login, account.token_expires_at, scope.created_at
    FROM _tool_copilot_scopes AS scope
    JOIN copilot_github_accounts AS account ON account.id = scope.account_id
    UNION ALL
    SELECT
        id, kind, slug, coalesce(nullif(name, ''), slug), metrics_api, reports,
        implementation_date, NOT {false}, NULL, NULL, NULL
    FROM _tool_copilot_removed_scopes
) AS known
"""

# Whether somebody was active is NULL, not false, where GitHub left a counter or flag out and the
# others say nothing: ask for those who were. (The indexes below know the condition as it is.)
USER_DAYS = """
CREATE VIEW copilot_user_days AS
SELECT
    usage.scope_id, usage.day, usage.user_id, usage.user_login,
    {active} AS is_active,
    usage.ai_adoption_phase_number, usage.ai_adoption_phase,
    usage.user_initiated_interaction_count AS prompts,
    usage.loc_added_sum AS lines_added,
    usage.loc_deleted_sum AS lines_deleted,
    usage.ai_credits_used,
    completion.code_generation_activity_count AS completion_suggestions,
    completion.code_acceptance_activity_count AS completion_acceptances
FROM _tool_copilot_user_metrics AS usage
LEFT JOIN _tool_copilot_user_metrics_by_feature AS completion
    ON completion.scope_id = usage.scope_id AND completion.day = usage.day
    AND completion.user_id = usage.user_id AND completion.feature = 'code_completion'
"""

# From the memberships, so that members without any use count. It is not known whether somebody was
# active where the users report of the day is not loaded.
TEAM_DAYS = """
CREATE VIEW copilot_team_member_days AS
SELECT
    member.scope_id, member.day, member.team_id,
    coalesce(nullif(member.slug, ''), 'team ' || member.team_id) AS team,
    member.user_id, coalesce(member.user_login, usage.user_login) AS user_login,
    status.day IS NOT NULL AS is_known,
    usage.user_id IS NOT NULL AS is_active,
    usage.prompts, usage.lines_added, usage.completion_suggestions, usage.completion_acceptances
FROM _tool_copilot_user_teams AS member
LEFT JOIN copilot_user_days AS usage
    ON usage.scope_id = member.scope_id AND usage.day = member.day
    AND usage.user_id = member.user_id AND usage.is_active
LEFT JOIN _tool_copilot_collection_status AS status
    ON status.scope_id = member.scope_id AND status.day = member.day
    AND status.report = 'users-1-day' AND status.state = 'loaded'
"""

# One row per person, who may hold several seats of an enterprise: the highest plan, the earliest
# assignment, the latest activity, with the editor and the team of that seat. A cancellation is
# pending if all of them are cancelled. Windows of n days end on the day of the snapshot.
SEAT_PEOPLE = """
CREATE VIEW copilot_seat_people AS
SELECT
    active.scope_id, active.day, active.user_id, active.user_login, active.plan_type,
    active.team, active.editor, active.created_at, active.created_day, active.last_activity_at,
    active.last_used_day, active.last_active_day, active.pending_cancellation_date,
    coalesce(active.last_active_day > {month_before}, {false}) AS is_active,
    coalesce(
        active.pending_cancellation_date IS NULL
        AND active.created_day <= {idle_before} AND active.last_active_day <= {idle_before},
        {false}
    ) AS is_idle,
    coalesce(
        active.pending_cancellation_date IS NULL
        AND active.created_day <= {idle_before} AND active.last_active_day IS NULL,
        {false}
    ) AS is_never_used,
    coalesce(active.created_day > {idle_before}, {false}) AS is_new,
    active.pending_cancellation_date IS NOT NULL AS is_pending
FROM (
    SELECT
        seat.scope_id, seat.day, seat.user_id, seat.user_login, seat.team, seat.editor,
        CASE seat.plan_rank WHEN 2 THEN 'enterprise' WHEN 1 THEN 'business' ELSE 'unknown' END
            AS plan_type,
        seat.created_at, {created_day} AS created_day, seat.last_activity_at, seat.last_used_day,
        {last_active_day} AS last_active_day,
        CASE WHEN seat.cancelled_seats = seat.held_seats THEN seat.cancelled_on END
            AS pending_cancellation_date
    FROM (
        SELECT
            held.scope_id, held.day, held.user_id, held.user_login,
            held.assigning_team_slug AS team, held.last_activity_editor AS editor,
            max(CASE held.plan_type WHEN 'enterprise' THEN 2 WHEN 'business' THEN 1 ELSE 0 END)
                OVER person AS plan_rank,
            min(held.created_at) OVER person AS created_at,
            held.last_activity_at,
            count(*) OVER person AS held_seats,
            count(held.pending_cancellation_date) OVER person AS cancelled_seats,
            max(held.pending_cancellation_date) OVER person AS cancelled_on,
            row_number() OVER (
                PARTITION BY held.scope_id, held.day, held.user_id
                ORDER BY held.last_activity_at DESC NULLS LAST, held.organization
            ) AS position,
            (
                SELECT usage.day FROM _tool_copilot_user_metrics AS usage
                WHERE usage.scope_id = held.scope_id AND usage.user_id = held.user_id
                AND usage.day <= held.day AND ({active})
                ORDER BY usage.day DESC LIMIT 1
            ) AS last_used_day
        FROM _tool_copilot_seats AS held
        WINDOW person AS (PARTITION BY held.scope_id, held.day, held.user_id)
    ) AS seat
    WHERE seat.position = 1
) AS active
"""

FEATURE_DAYS = """
CREATE VIEW copilot_feature_days AS
SELECT
    scope_id, day, feature, {feature_name} AS name,
    feature = 'chat_inline' OR feature LIKE 'chat\\_panel\\_%' ESCAPE '\\' AS is_chat,
    user_initiated_interaction_count AS prompts,
    code_generation_activity_count AS outputs,
    code_acceptance_activity_count AS acceptances,
    loc_added_sum AS lines_added,
    loc_deleted_sum AS lines_deleted
FROM _tool_copilot_metrics_by_feature
"""

# A report that its scope collects is expected until yesterday, another one as long as it was.
REPORT_SPANS = """
CREATE VIEW copilot_report_spans AS
SELECT
    asked.scope_id, asked.report, asked.first_day,
    CASE
        WHEN scope.is_removed THEN asked.last_day
        WHEN (asked.report = 'legacy') <> (scope.metrics_api = 'legacy') THEN asked.last_day
        WHEN asked.report = 'legacy' OR scope.reports IS NULL THEN {yesterday}
        WHEN ',' || scope.reports || ',' LIKE '%,' || asked.report || ',%' THEN {yesterday}
        ELSE asked.last_day
    END AS last_day
FROM (
    SELECT scope_id, report, min(day) AS first_day, max(day) AS last_day
    FROM _tool_copilot_collection_status
    GROUP BY scope_id, report
) AS asked
JOIN copilot_scopes AS scope ON scope.id = asked.scope_id
"""

# Every expected day; one without a row in the status is missing. GitHub serves the 365 (legacy:
# 100) newest complete days.
REPORT_DAYS = """
CREATE VIEW copilot_report_days AS
WITH RECURSIVE spans AS (
    SELECT scope_id, report, first_day, last_day FROM copilot_report_spans
), calendar(day) AS (
    SELECT min(first_day) FROM spans
    UNION ALL
    SELECT {next_day} FROM calendar WHERE calendar.day < {yesterday}
), expected AS (
    SELECT spans.scope_id, spans.report, calendar.day
    FROM spans
    JOIN calendar ON calendar.day BETWEEN spans.first_day AND spans.last_day
)
SELECT
    expected.scope_id, expected.report, expected.day,
    coalesce(status.state, 'missing') AS state,
    coalesce(status.state, 'missing') IN ('loaded', 'no_data') AS is_settled,
    expected.day >= {provisional_from} AS is_provisional,
    CASE WHEN expected.report = 'legacy' THEN {legacy_end} ELSE {reports_end} END
        AS out_of_reach_on,
    status.row_count, status.first_loaded_at, status.last_fetched_at, status.changed_at,
    status.change_count, status.http_status, status.message
FROM expected
LEFT JOIN _tool_copilot_collection_status AS status
    ON status.scope_id = expected.scope_id AND status.report = expected.report
    AND status.day = expected.day
"""

# What charts are marked with. Without a scope: all of them.
MARKS = """
CREATE VIEW copilot_marks AS
SELECT 'definition' AS kind, CAST(NULL AS bigint) AS scope_id, day AS first_day, day AS last_day,
    what_changed AS text
FROM _tool_copilot_definition_changes
WHERE kind NOT IN ('status', 'transport')
UNION ALL
SELECT 'definition', scope_id, day, day,
    'From here on the numbers come from the reports, not from the old metrics API'
FROM (
    SELECT scope_id, day, source,
        lag(source) OVER (PARTITION BY scope_id ORDER BY day) AS source_before
    FROM _tool_copilot_org_metrics
) AS days
WHERE source = 'reports' AND source_before = 'legacy'
UNION ALL
SELECT 'rollout', id, implementation_date, implementation_date, label || ': the roll-out begins'
FROM copilot_scopes
WHERE implementation_date IS NOT NULL
UNION ALL
SELECT 'provisional', NULL, {provisional_from}, {today},
    'Provisional: GitHub may still revise these days, or not have them yet'
"""

VIEWS = (SCOPES, USER_DAYS, TEAM_DAYS, SEAT_PEOPLE, FEATURE_DAYS, REPORT_SPANS, REPORT_DAYS, MARKS)

# Who was active, and what people ask for most, without reading the wide rows.
PARTIAL_INDEXES = {
    "ix__tool_copilot_user_metrics_active_user": (
        "_tool_copilot_user_metrics",
        ["scope_id", "user_id", "day"],
        [],
        active(),
    ),
    "ix__tool_copilot_user_metrics_active_day": (
        "_tool_copilot_user_metrics",
        ["scope_id", "day", "user_id"],
        ["user_initiated_interaction_count", "loc_added_sum"],
        active(),
    ),
    "ix__tool_copilot_user_metrics_by_feature_completions": (
        "_tool_copilot_user_metrics_by_feature",
        ["scope_id", "day", "user_id"],
        ["code_generation_activity_count", "code_acceptance_activity_count"],
        "feature = 'code_completion'",
    ),
}

# Rows come in the order of their days, so that the days of a chart lie together: an index that
# costs next to nothing finds them, where the key would collect them scope by scope.
LARGE_TABLES = (
    "_tool_copilot_language_metrics",
    "_tool_copilot_metrics_by_feature",
    "_tool_copilot_metrics_by_ide",
    "_tool_copilot_metrics_by_language_feature",
    "_tool_copilot_metrics_by_language_model",
    "_tool_copilot_metrics_by_model_feature",
    "_tool_copilot_seats",
    "_tool_copilot_user_metrics",
    "_tool_copilot_user_metrics_by_feature",
    "_tool_copilot_user_teams",
)

COUNTS = {
    "seats": "People who hold a seat",
    "seats_enterprise": "Of these, with the plan Copilot Enterprise",
    "active_users": (
        "People with a seat and activity in the users report of the 28 days; NULL where those "
        "reports do not cover the 28 days"
    ),
    "active_seats": "People with activity in the 28 days, in the seat list or the users report",
    "idle_seats": (
        "People whose last activity is 30 days ago or more, with a seat for 30 days, not cancelled"
    ),
    "never_used_seats": "People without any activity, with a seat for 30 days, not cancelled",
    "unused_seats_enterprise": (
        "Of the idle and the never used, those with the plan Copilot Enterprise"
    ),
    "new_seats": "People whose seat was assigned in the 30 days",
    "pending_seats": "People whose seat is cancelled and ends with the billing cycle",
}


def upgrade() -> None:
    words = WORDS[op.get_bind().dialect.name]
    op.create_table(
        "_tool_copilot_seat_days",
        sa.Column(
            "scope_id", sa.BigInteger(), autoincrement=False, nullable=False, comment="The scope"
        ),
        sa.Column(
            "day",
            sa.Date(),
            nullable=False,
            comment="The newest complete UTC day when the snapshot was taken",
        ),
        *(sa.Column(name, sa.BigInteger(), comment=comment) for name, comment in COUNTS.items()),
        sa.Column(
            "is_stale",
            sa.Boolean(),
            nullable=False,
            comment="A users report came since; it is counted again at the end of the run",
        ),
        sa.PrimaryKeyConstraint("scope_id", "day", name="pk__tool_copilot_seat_days"),
        comment="One row is a scope's seats on one day, counted by person.",
    )
    for name, (table, columns, included, condition) in PARTIAL_INDEXES.items():
        op.create_index(
            name,
            table,
            columns,
            postgresql_include=included,
            postgresql_where=sa.text(condition),
            sqlite_where=sa.text(condition),
        )
    if op.get_bind().dialect.name == "postgresql":
        for table in LARGE_TABLES:
            op.create_index(
                f"ix_{table}_day",
                table,
                ["day"],
                postgresql_using="brin",
                postgresql_with={"pages_per_range": 32},
            )
    for view in VIEWS:
        op.execute(words(view))
