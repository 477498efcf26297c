#!/bin/sh
# Makes the role that Grafana reads as, grants it what is new, and sets its password, as the
# superuser: the service `reader` of compose.yaml runs it after every upgrade of the warehouse.
set -eu

PGPASSWORD=$(cat /run/secrets/postgres-password)
export PGPASSWORD

exec psql --no-psqlrc --quiet --set=ON_ERROR_STOP=1 --file=/etc/copilot/reader.sql --file=- << 'SQL'
\set password `cat /run/secrets/reader-password`
ALTER ROLE copilot_reader PASSWORD :'password';
SQL
