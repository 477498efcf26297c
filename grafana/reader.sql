-- The role copilot_reader of Grafana's data source: it may read what dashboards show, and no more.
--
-- Plain SQL for the warehouse's PostgreSQL database, as its owner and with the right to create
-- roles. Run it again after every upgrade of copilot_pipeline: new tables and views are granted
-- then. It sets no password; `\password copilot_reader` in psql does.
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

-- Read-only is a default that a session could change: the grants below are what holds.
ALTER ROLE copilot_reader SET default_transaction_read_only = on;
ALTER ROLE copilot_reader SET statement_timeout = '30s';
ALTER ROLE copilot_reader SET timezone = 'UTC';
-- Compiling a query takes longer than most of a dashboard's queries.
ALTER ROLE copilot_reader SET jit = off;
-- Enough to group a month of an enterprise's users without writing to disk.
ALTER ROLE copilot_reader SET work_mem = '32MB';
-- Tables of people are joined month by month, which needs less memory.
ALTER ROLE copilot_reader SET enable_partitionwise_join = on;
ALTER ROLE copilot_reader SET idle_in_transaction_session_timeout = '60s';
ALTER ROLE copilot_reader SET lock_timeout = '10s';
-- A session may lift its own timeouts; it may not lift this.
ALTER ROLE copilot_reader CONNECTION LIMIT 20;

DO $$
BEGIN
    -- PostgreSQL 17 and later.
    IF current_setting('server_version_num')::int >= 170000 THEN
        ALTER ROLE copilot_reader SET transaction_timeout = '120s';
    END IF;
END
$$;

DO $$
DECLARE
    relation record;
    routine regprocedure;
    excess text;
BEGIN
    EXECUTE 'REVOKE ALL ON DATABASE ' || quote_ident(current_database()) || ' FROM copilot_reader';
    -- Every role may make temporary tables, which fill the disk. The database's owner still may.
    EXECUTE 'REVOKE TEMPORARY ON DATABASE ' || quote_ident(current_database()) || ' FROM PUBLIC';
    EXECUTE 'GRANT CONNECT ON DATABASE ' || quote_ident(current_database()) || ' TO copilot_reader';
    REVOKE ALL ON SCHEMA public FROM copilot_reader;
    GRANT USAGE ON SCHEMA public TO copilot_reader;

    -- In one transaction: no query of a dashboard fails in between.
    FOR relation IN
        SELECT oid::regclass AS name,
            -- Months of tables are read through their table.
            (relname ~ '^_tool_' AND NOT relispartition)
                OR (relname ~ '^copilot_' AND relkind IN ('v', 'm')) AS is_shown
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

    -- Functions that write large objects, take locks by number, or wait. They belong to whoever
    -- set the server up: another role may not take them away.
    FOR routine IN
        SELECT oid::regprocedure FROM pg_proc
        WHERE pronamespace = 'pg_catalog'::regnamespace
            AND (
                proname IN (
                    'lo_creat', 'lo_create', 'lo_from_bytea', 'lo_put', 'lo_import', 'lo_export',
                    'lo_open', 'lo_truncate', 'lo_truncate64', 'lo_unlink', 'lowrite'
                )
                OR proname ~ '^pg_(try_)?advisory_' OR proname ~ '^pg_sleep'
            )
    LOOP
        BEGIN
            -- The owner keeps them: Dagster's storage may be in the same database.
            EXECUTE 'GRANT EXECUTE ON FUNCTION ' || routine || ' TO ' || quote_ident(
                (SELECT pg_get_userbyid(datdba) FROM pg_database WHERE datname = current_database())
            );
            EXECUTE 'REVOKE EXECUTE ON FUNCTION ' || routine || ' FROM PUBLIC, copilot_reader';
        EXCEPTION
            WHEN insufficient_privilege THEN NULL;
        END;
        IF has_function_privilege('copilot_reader', routine, 'EXECUTE') THEN
            excess := concat_ws(', ', excess, routine::text);
        END IF;
    END LOOP;
    IF excess IS NOT NULL THEN
        RAISE WARNING USING
            MESSAGE = 'copilot_reader may still call: ' || excess,
            HINT = 'Run reader.sql as a superuser to take this away.';
    END IF;
    IF has_database_privilege('copilot_reader', current_database(), 'TEMPORARY') THEN
        RAISE WARNING 'copilot_reader may still make temporary tables in this database.';
    END IF;

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
