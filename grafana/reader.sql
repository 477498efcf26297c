-- The role copilot_reader of Grafana's data source: it may read what dashboards show, and no more.
--
-- Plain SQL for the warehouse's PostgreSQL database, as a superuser, or as its owner with the right
-- to create roles (the functions named at the end then stay open to every role, with a warning). Run
-- it again after every upgrade of copilot_pipeline: new tables and views are granted then. It sets
-- no password; `\password copilot_reader` in psql does.
--
-- Granted: the tables _tool_copilot_* and the views copilot_*. Never: copilot_github_accounts
-- (sealed tokens), copilot_metrics (accounts' own payloads), _raw_* (answers as received), and
-- tables of others, such as Dagster's, in the same database.

DO $$
BEGIN
    CREATE ROLE copilot_reader LOGIN;
EXCEPTION
    WHEN duplicate_object OR unique_violation THEN NULL;
END
$$;

-- These settings are defaults that a session may change, so they stop accidents only. What holds are
-- the number of connections, and the grants below.
ALTER ROLE copilot_reader CONNECTION LIMIT 20;
ALTER ROLE copilot_reader SET default_transaction_read_only = on;
ALTER ROLE copilot_reader SET statement_timeout = '30s';
ALTER ROLE copilot_reader SET timezone = 'UTC';
-- Compiling a query takes longer than most of a dashboard's queries.
ALTER ROLE copilot_reader SET jit = off;
-- Enough to group a month of an enterprise's users without writing to disk.
ALTER ROLE copilot_reader SET work_mem = '32MB';
ALTER ROLE copilot_reader SET idle_in_transaction_session_timeout = '60s';
ALTER ROLE copilot_reader SET lock_timeout = '5s';

DO $$
DECLARE
    relation record;
    excess text;
BEGIN
    EXECUTE 'REVOKE ALL ON DATABASE ' || quote_ident(current_database()) || ' FROM copilot_reader';
    EXECUTE 'GRANT CONNECT ON DATABASE ' || quote_ident(current_database()) || ' TO copilot_reader';
    -- Every role could fill the disk with temporary tables. The owner still may.
    EXECUTE 'REVOKE TEMPORARY ON DATABASE ' || quote_ident(current_database()) || ' FROM PUBLIC';
    REVOKE ALL ON SCHEMA public FROM copilot_reader;
    GRANT USAGE ON SCHEMA public TO copilot_reader;

    -- In one transaction: no query of a dashboard fails in between.
    FOR relation IN
        SELECT oid::regclass AS name,
            relname ~ '^_tool_' OR (relname ~ '^copilot_' AND relkind IN ('v', 'm')) AS is_shown
        FROM pg_class
        WHERE relnamespace = 'public'::regnamespace
            AND relkind IN ('r', 'p', 'v', 'm')
            AND relname ~ '^(_tool_|_raw_|)copilot_'
    LOOP
        EXECUTE 'REVOKE ALL ON TABLE ' || relation.name || ' FROM copilot_reader';
        IF relation.is_shown THEN
            EXECUTE 'GRANT SELECT ON TABLE ' || relation.name || ' TO copilot_reader';
        END IF;
    END LOOP;

    -- What the role may do by another way (PUBLIC, a role it is a member of) is not taken away
    -- here: whoever gave it should know.
    SELECT string_agg(relname, ', ' ORDER BY relname) INTO excess
    FROM pg_class
    WHERE relnamespace = 'public'::regnamespace
        AND relkind IN ('r', 'p', 'v', 'm')
        AND relname ~ '^(_tool_|_raw_|)copilot_'
        AND (
            has_table_privilege('copilot_reader', oid, 'INSERT, UPDATE, DELETE, TRUNCATE')
            OR has_any_column_privilege('copilot_reader', oid, 'INSERT, UPDATE')
            OR (
                (relname ~ '^_raw_' OR (relname ~ '^copilot_' AND relkind IN ('r', 'p')))
                AND has_any_column_privilege('copilot_reader', oid, 'SELECT')
            )
        );
    IF excess IS NOT NULL THEN
        RAISE EXCEPTION USING
            MESSAGE = 'copilot_reader may still read or write what it must not: ' || excess,
            HINT = 'Look for grants to PUBLIC, and for roles that it is a member of.';
    END IF;
    IF has_schema_privilege('copilot_reader', 'public', 'CREATE') THEN
        RAISE WARNING 'copilot_reader may create tables in the schema public, as every role may.';
    END IF;
END
$$;

-- Functions with which every role could store data or hold locks that others wait for: they stay
-- with the database's owner. (Dagster's storage, in the same database, may use advisory locks.)
DO $$
DECLARE
    routine record;
    owner name;
    open_routines text;
BEGIN
    SELECT rolname INTO owner
    FROM pg_database JOIN pg_roles ON pg_roles.oid = datdba
    WHERE datname = current_database();
    FOR routine IN
        SELECT oid::regprocedure AS name
        FROM pg_proc
        WHERE pronamespace = 'pg_catalog'::regnamespace
            AND proname ~ '^(pg_(try_)?advisory_.*|lo_(creat|create|from_bytea|import|open|put|truncate|truncate64|unlink)|lowrite)$'
    LOOP
        BEGIN
            EXECUTE 'GRANT EXECUTE ON FUNCTION ' || routine.name || ' TO ' || quote_ident(owner);
            EXECUTE 'REVOKE EXECUTE ON FUNCTION ' || routine.name || ' FROM PUBLIC';
        EXCEPTION
            WHEN insufficient_privilege THEN NULL;
        END;
    END LOOP;
    SELECT string_agg(DISTINCT proname, ', ' ORDER BY proname) INTO open_routines
    FROM pg_proc
    WHERE pronamespace = 'pg_catalog'::regnamespace
        AND proname ~ '^(pg_(try_)?advisory_.*|lo_(creat|create|from_bytea|import|open|put|truncate|truncate64|unlink)|lowrite)$'
        AND has_function_privilege('copilot_reader', oid, 'EXECUTE');
    IF open_routines IS NOT NULL THEN
        RAISE WARNING USING
            MESSAGE = 'copilot_reader may still store large objects or take advisory locks: ' || open_routines,
            HINT = 'Only a superuser can revoke these functions: run this file as one.';
    END IF;
END
$$;
