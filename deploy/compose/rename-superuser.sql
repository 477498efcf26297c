-- Names the superuser of the first version, copilot, postgres; its password stays.
--
-- It owns the server's own objects and cannot lose its rights, so the name copilot has to become
-- free. No role can rename the one that is logged in: another superuser does, for this transaction.
BEGIN;
CREATE ROLE copilot_rename SUPERUSER;
SET SESSION AUTHORIZATION copilot_rename;
ALTER ROLE copilot RENAME TO postgres;
RESET SESSION AUTHORIZATION;
DROP ROLE copilot_rename;
COMMIT;
