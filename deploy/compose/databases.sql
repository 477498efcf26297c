-- The databases of the warehouse and of Dagster, each with an owner that may do nothing elsewhere.
SET search_path = pg_catalog;
\set copilot_password `cat /run/secrets/copilot-password`
\set dagster_password `cat /run/secrets/dagster-password`

SELECT format('CREATE ROLE %I', name)
FROM unnest(ARRAY['copilot', 'dagster']) AS name
WHERE name NOT IN (SELECT rolname FROM pg_roles) \gexec

ALTER ROLE copilot LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS
    PASSWORD :'copilot_password';
ALTER ROLE dagster LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS
    PASSWORD :'dagster_password';

SELECT format('CREATE DATABASE %I OWNER %I', name, name)
FROM unnest(ARRAY['copilot', 'dagster']) AS name
WHERE name NOT IN (SELECT datname FROM pg_database) \gexec

ALTER DATABASE copilot OWNER TO copilot;
ALTER DATABASE dagster OWNER TO dagster;

-- Who is not granted it expressly connects to none of them.
REVOKE ALL ON DATABASE copilot, dagster, postgres, template1 FROM PUBLIC;
