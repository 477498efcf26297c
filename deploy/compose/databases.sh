#!/bin/sh
# Makes the databases copilot and dagster with an owner each, as the superuser postgres. The service
# `databases` of compose.yaml runs it at every start, on new and on existing volumes.
set -eu

query() {
  psql --no-psqlrc --quiet --set=ON_ERROR_STOP=1 "$@"
}

PGPASSWORD=$(cat /run/secrets/postgres-password)
export PGPASSWORD

# The first version had no role postgres: copilot was the superuser, with the same password.
if ! query --command='SELECT 1' > /dev/null; then
  PGUSER=copilot query --file=/etc/copilot/rename-superuser.sql
fi

query --file=/etc/copilot/databases.sql
for database in copilot dagster; do
  query --dbname="$database" --file=/etc/copilot/owner.sql
done
