#!/bin/sh
# usage: verify.sh SECRET ID TIMESTAMP SIGNATURES < body.json
set -eu
key=$(printf %s "${1#whsec_}" | base64 -d | od -An -v -tx1 | tr -d ' \n')
expected=v1,$({ printf '%s.%s.' "$2" "$3"; cat; } | openssl dgst -sha256 -mac HMAC -macopt "hexkey:$key" -binary | base64)
for signature in $4; do
    if [ "$signature" = "$expected" ]; then
        echo genuine
        exit 0
    fi
done
echo forged
exit 1
