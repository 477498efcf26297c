-- An enterprise of 20,000 people beside the warehouse of `bench_dashboards.sql`: with its 200
-- organizations, 5 million rows of users. For `bench_large.py`.

INSERT INTO _tool_copilot_scopes (id, account_id, kind, slug, metrics_api, created_at, updated_at)
VALUES (1000, 1, 'enterprise', 'bench-enterprise', 'reports', now(), now());

-- Three of five people are active on a day.
INSERT INTO _tool_copilot_user_metrics (
    scope_id, day, user_id, user_login, user_initiated_interaction_count,
    code_generation_activity_count, code_acceptance_activity_count, loc_suggested_to_add_sum,
    loc_added_sum, loc_deleted_sum, used_chat, used_agent, ai_adoption_phase,
    ai_adoption_phase_number, ai_credits_used
)
SELECT
    1000, day, number, 'bench-user-' || number, 12, 60, 17, 80, 150, 20, true, false,
    'Phase ' || number % 4, number % 4, 10
FROM generate_series(365, 1, -1) AS ago,
    LATERAL (SELECT ((now() AT TIME ZONE 'UTC')::date - ago)::date AS day) AS days,
    generate_series(1, 20000) AS number
WHERE abs(hashint8(number * 1000 + ago)) % 5 < 3;

INSERT INTO _tool_copilot_user_metrics_by_feature
SELECT scope_id, day, user_id, 'code_completion', 3, 12, 4, 20, 0, 30, 4
FROM _tool_copilot_user_metrics WHERE scope_id = 1000;

INSERT INTO _tool_copilot_collection_status (
    scope_id, day, report, state, http_status, row_count, first_loaded_at, last_fetched_at,
    change_count
)
SELECT 1000, day, 'users-1-day', 'loaded', 200, 12000, day + interval '30 hours',
    day + interval '80 hours', 0
FROM (SELECT DISTINCT day FROM _tool_copilot_user_metrics WHERE scope_id = 1000) AS days;
