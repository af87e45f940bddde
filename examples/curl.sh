#!/usr/bin/env bash
# The REST side with curl: signs in, lists users, looks one up, tries a change without doing it, then does it.
# usage: scripts/dev in one terminal, examples/curl.sh in another
#   GATEWAY_URL       the gateway; by default that of scripts/dev
#   GATEWAY_USER      who signs in, and GATEWAY_PASSWORD; by default the admin of scripts/dev
set -euo pipefail
url=${GATEWAY_URL:-http://127.0.0.1:8787}
user=${GATEWAY_USER:-admin@example.com}
password=${GATEWAY_PASSWORD:-Passw0rd!dev}

# A password with quotes or backslashes would need escaping here. It comes by standard input: nobody sees it in `ps`.
token=$(printf '{"username": "%s", "password": "%s"}' "$user" "$password" |
    curl --silent --show-error --fail-with-body --json @- "$url/auth/sign-in" |
    sed -n 's/.*"accessToken":"\([^"]*\)".*/\1/p')

# curl with the token; the header comes from a file descriptor for the same reason.
ask() { # METHOD PATH [CURL-ARGUMENTS]
    curl --silent --show-error --fail-with-body --request "$1" --header @<(echo "Authorization: Bearer $token") \
        "${@:3}" "$url$2"
    echo
}

echo "Three users, and the cursor of the next page:"
ask GET "/admin/users?limit=3"

echo "One, with its groups; a user name is percent-encoded:"
ask GET "/admin/users/user%40example.com?include=groups"

echo "May I disable it? Nothing is done:"
ask POST /admin/users/user%40example.com/disable --header "X-Gateway-Dry-Run: true"

echo "A change; with the key it is done once, however often it is sent:"
ask PATCH /admin/users/user%40example.com --json '{"attributes": {"nickname": "Ünï"}}' \
    --header "Idempotency-Key: $(date +%s)-$$"

echo "What a refusal looks like:"
ask GET /admin/users/nobody || true
