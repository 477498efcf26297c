-- Gives what the superuser owns in the schema public to the role with the database's name: before
-- the databases had owners of their own, everything was the superuser's.
SET search_path = pg_catalog;

DO $$
DECLARE
    relation record;
BEGIN
    FOR relation IN
        SELECT class.oid::regclass AS name
        FROM pg_class AS class
        WHERE class.relnamespace = 'public'::regnamespace
            AND class.relkind IN ('r', 'p', 'v', 'm', 'S')
            AND class.relowner <> current_database()::regrole
            -- The sequence of a column follows its table. A month does not follow its table.
            AND NOT (class.relkind = 'S' AND EXISTS (
                SELECT FROM pg_depend
                WHERE classid = 'pg_class'::regclass
                    AND objid = class.oid
                    AND refclassid = 'pg_class'::regclass
                    AND deptype IN ('a', 'i')
            ))
    LOOP
        EXECUTE format('ALTER TABLE %s OWNER TO %I', relation.name, current_database());
    END LOOP;
END
$$;
