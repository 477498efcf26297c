-- A warehouse of 200 organizations with 20 seats each over 365 days, for `bench_dashboards.py`.
-- Rows come day by day, as they do when the schedule collects them.

INSERT INTO copilot_github_accounts (
    id, login, github_user_id, endpoint, token_ciphertext, token_nonce, token_salt, token_kdf,
    token_expires_at, created_at, updated_at
) VALUES (
    1, 'bench-admin', 1, 'https://github.example', '', '', '', '',
    now() + interval '40 days', now(), now()
);

INSERT INTO _tool_copilot_scopes (id, account_id, kind, slug, metrics_api, created_at, updated_at)
SELECT number, 1, 'organization', 'bench-org-' || number, 'reports', now(), now()
FROM generate_series(1, 200) AS number;

CREATE TEMPORARY TABLE scope_days AS
SELECT scope.id AS scope_id, ((now() AT TIME ZONE 'UTC')::date - ago)::date AS day
FROM generate_series(365, 1, -1) AS ago, _tool_copilot_scopes AS scope
ORDER BY ago DESC, scope.id;

CREATE TEMPORARY TABLE people AS
SELECT id AS scope_id, id * 1000 + number AS user_id, number
FROM _tool_copilot_scopes, generate_series(1, 20) AS number;

INSERT INTO _tool_copilot_org_metrics (
    scope_id, day, source, total_active_users, weekly_active_users, monthly_active_users,
    monthly_active_chat_users, monthly_active_agent_users, monthly_active_cli_users,
    completion_suggestions, completion_acceptances, completion_lines_suggested,
    completion_lines_accepted, ide_chats, code_generation_activity_count, loc_added_sum,
    loc_deleted_sum
)
SELECT scope_id, day, 'reports', 12, 15, 16, 14, 9, 5, 800, 230, 1400, 380, 200, 1500, 4000, 900
FROM scope_days;

INSERT INTO _tool_copilot_metrics_by_feature
SELECT scope_id, day, feature, 50, 100, 30, 200, 0, 300, 50
FROM scope_days, unnest(ARRAY[
    'code_completion', 'chat_inline', 'chat_panel_ask_mode', 'chat_panel_edit_mode',
    'chat_panel_plan_mode', 'chat_panel_agent_mode', 'agent_edit', 'copilot_cli', 'copilot_app'
]) AS feature;

INSERT INTO _tool_copilot_metrics_by_ide
SELECT scope_id, day, ide, 50, 100, 30, 200, 0, 300, 50
FROM scope_days, unnest(ARRAY['vscode', 'intellij', 'visualstudio', 'neovim', 'xcode']) AS ide;

INSERT INTO _tool_copilot_metrics_by_model_feature
SELECT scope_id, day, model, feature, 50, 100, 30, 200, 0, 300, 50
FROM scope_days,
    unnest(ARRAY['claude-sonnet-4.6', 'gpt-5.4', 'auto', 'claude-haiku-4.5', 'others']) AS model,
    unnest(ARRAY[
        'chat_inline', 'chat_panel_ask_mode', 'chat_panel_edit_mode', 'chat_panel_plan_mode',
        'chat_panel_agent_mode', 'agent_edit'
    ]) AS feature;

INSERT INTO _tool_copilot_language_metrics
SELECT scope_id, day, 'all', language, NULL, 100, 28, 180, 50
FROM scope_days, unnest(ARRAY[
    'typescript', 'python', 'go', 'java', 'c#', 'rust', 'yaml', 'markdown', 'others'
]) AS language;

INSERT INTO _tool_copilot_adoption_phases (
    scope_id, day, phase, phase_number, total_engaged_users, users_in_phase_28d
)
SELECT scope_id, day, 'Phase ' || number, number, 5, 6
FROM scope_days, generate_series(0, 3) AS number;

-- Three of five people are active on a day.
INSERT INTO _tool_copilot_user_metrics (
    scope_id, day, user_id, user_login, user_initiated_interaction_count,
    code_generation_activity_count, code_acceptance_activity_count, loc_suggested_to_add_sum,
    loc_added_sum, loc_deleted_sum, used_chat, used_agent, ai_adoption_phase,
    ai_adoption_phase_number, ai_credits_used
)
SELECT
    scope_id, day, user_id, 'bench-user-' || user_id, 12, 60, 17, 80, 150, 20, true, false,
    'Phase ' || number % 4, number % 4, 10
FROM scope_days JOIN people USING (scope_id)
WHERE abs(hashint8(user_id * 1000 + (day - date '2020-01-01'))) % 5 < 3;

INSERT INTO _tool_copilot_user_metrics_by_feature
SELECT scope_id, day, user_id, feature, 3, 12, 4, 20, 0, 30, 4
FROM _tool_copilot_user_metrics, unnest(ARRAY[
    'code_completion', 'chat_inline', 'chat_panel_ask_mode', 'chat_panel_agent_mode', 'agent_edit'
]) AS feature;

INSERT INTO _tool_copilot_user_teams
SELECT
    scope_id, day, user_id, scope_id * 10 + number % 3, 'bench-user-' || user_id,
    'team-' || number % 3, NULL
FROM scope_days JOIN people USING (scope_id)
WHERE number % 5 <> 0;

INSERT INTO _tool_copilot_seats (
    scope_id, day, organization, user_id, user_login, plan_type, assigning_team_slug, created_at,
    last_activity_at, last_activity_editor
)
SELECT
    scope_id, day, 'bench-org-' || scope_id, user_id, 'bench-user-' || user_id, 'business',
    CASE WHEN number % 5 <> 0 THEN 'team-' || number % 3 END, '2025-01-01',
    day - number % 3 * interval '15 days', 'vscode/1.99.0/copilot/1.300.0'
FROM scope_days JOIN people USING (scope_id);

INSERT INTO _tool_copilot_seat_days
SELECT scope_id, day, 20, 0, 16, 17, 2, 1, 0, 1, 0, false FROM scope_days;

INSERT INTO _tool_copilot_collection_status (
    scope_id, day, report, state, http_status, row_count, first_loaded_at, last_fetched_at,
    change_count
)
SELECT
    scope_id, day, report, 'loaded', 200, 1, day + interval '30 hours', day + interval '80 hours', 0
FROM scope_days, unnest(ARRAY[
    'organization-1-day', 'users-1-day', 'user-teams-1-day', 'repos-1-day'
]) AS report;

INSERT INTO _tool_copilot_restatements
SELECT scope_id, day, 'organization-1-day', 'total_active_users', now(), 14, 15
FROM scope_days WHERE day > (now() AT TIME ZONE 'UTC')::date - 4;

INSERT INTO _tool_copilot_unknown_names
SELECT scope_id, day, 'organization-1-day', 'model', 'bench-model', 1
FROM scope_days WHERE day > (now() AT TIME ZONE 'UTC')::date - 4;
