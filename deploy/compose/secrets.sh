#!/bin/sh
# Makes the secrets of compose.yaml in the folder secrets/ of the working directory. What exists
# stays as it is; the values of an older version's .env are taken over.
#
# Only the owner can enter the folder. The files in it can be read by everybody, because Compose
# mounts them with their mode, and the users in the containers are not the owner.
set -eu
umask 022
mkdir -p secrets
chmod 700 secrets

# make_secret NAME [VARIABLE]: of VARIABLE's value in .env, else a random one.
make_secret() {
  if [ -s "secrets/$1" ]; then
    return
  fi
  value=
  if [ -n "${2:-}" ] && [ -f .env ]; then
    value=$(sed -n "s/^$2=//p" .env | tail -n 1 | tr -d "\"' \r")
  fi
  if [ -n "$value" ]; then
    echo "secrets/$1 holds what $2 in .env holds: delete that line there." >&2
  else
    value=$(od -An -N32 -tx1 /dev/urandom | tr -d ' \n') # 64 hexadecimal digits
  fi
  printf '%s\n' "$value" > "secrets/$1"
}

make_secret postgres-password POSTGRES_PASSWORD
make_secret copilot-password
make_secret dagster-password
make_secret reader-password COPILOT_READER_PASSWORD
make_secret grafana-admin-password GRAFANA_ADMIN_PASSWORD
make_secret grafana-secret-key
make_secret token-secret COPILOT_METRICS__TOKEN_SECRET

# What the services connect with: a URL, and an entry for libpq, Dagster's driver.
printf 'postgresql://copilot:%s@postgres:5432/copilot\n' "$(cat secrets/copilot-password)" \
  > secrets/database-url
printf '[dagster]\nhost=postgres\ndbname=dagster\nuser=dagster\npassword=%s\n' \
  "$(cat secrets/dagster-password)" > secrets/dagster-service
