#!/bin/sh
# Passwords for deploy/compose.yaml, new at each run: deploy/passwords.sh >deploy/.env
set -eu

word() { head -c 24 /dev/urandom | base64 | tr -d '+/=\n'; }

umask 077
for name in RABBITMQ_PASSWORD REDIS_PASSWORD S3_ACCESS_KEY S3_SECRET_KEY WEBHOOK_SECRET GRAFANA_PASSWORD; do
    printf '%s=%s\n' "$name" "$(word)"
done
# It has 32 characters or more.
printf 'SEAL_KEY=%s%s\n' "$(word)" "$(word)"
