#!/bin/bash
# README's section "In production": its commands, run as they stand there.
#
#   tests/deploy/operations.sh SERVER BOLTZMANN
#
# The ports are others, and so is the folder; nothing else is. Exits 77 (skipped) without openssl or
# curl, which deploy/install-packages.sh test installs.
set -euo pipefail

readme=$(dirname "$(readlink -f "$0")")/../../README.md
readonly readme SERVER=$1 BOLTZMANN=$2
if ! command -v openssl curl >/dev/null; then
  echo "skipped: openssl or curl is missing (deploy/install-packages.sh test)"
  exit 77
fi

free_port() {
  /usr/bin/python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}

work=$(mktemp -d)
cleanup() {
  jobs -p | xargs -r kill 2>/dev/null || true
  wait
  rm -rf "$work"
}
trap cleanup EXIT
cd "$work"
mkdir -p build/release/bin
ln -s "$SERVER" build/release/bin/boltzmann-server
ln -s "$BOLTZMANN" build/release/bin/boltzmann

port=$(free_port) admin=$(free_port)
# The commands of the section's block $1.
block() {
  sed -n '/^## In production/,/^## What it does/p' "$readme" \
    | awk -v wanted="$1" '/^```bash/ { ++block; inside = 1; next } /^```/ { inside = 0; next }
        inside && block == wanted' \
    | sed "s/50051/$port/g; s/8080/$admin/g; s|/tmp/boltzmann.sock|$work/socket|g"
}

source <(block 1) 2>server.log
for _ in {1..300}; do
  grep -qs '"serving"' server.log && break
  sleep .1
done
source <(block 2) >output
grep '^The program' output
grep '^boltzmann_build_info' output
kill %1
wait %1
