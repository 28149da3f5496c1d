#!/bin/bash
# `boltzmann load` beside an independent generator, h2load, on the same unary call.
#
#   tests/client/h2load.sh [ROWS [IN_FLIGHT]]   64 rows of V = 128256 as bf16, 2 calls in flight
#
# Prints the calls a second of both, by turns, and the ratio of the medians. The rows lie in shared
# memory, so that the server's work is what is measured: a generator's own cost for a call (next to
# nothing for h2load, some 100 us for gRPC's C++ client) and how well it sends megabytes would else
# decide, on a machine that it shares with the server. Exits 0 and says why if h2load is missing.
set -euo pipefail

cd "$(dirname "$(readlink -f "$0")")/../.."
readonly ROWS=${1:-64} IN_FLIGHT=${2:-2} BIN=build/release/bin ROUNDS=3 SECONDS_EACH=5

if ! command -v h2load >/dev/null; then
  echo "skipped: h2load is missing (deploy/install-packages.sh bench)"
  exit 0
fi
cmake --preset release -DBOLTZMANN_BUILD_TESTS=ON >/dev/null
cmake --build --preset release --target boltzmann boltzmann-server boltzmann_print_load_request >/dev/null

work=$(mktemp -d)
trap 'kill "$server" 2>/dev/null; rm -rf "$work"' EXIT
touch "$work/log"
"$BIN/boltzmann-server" --listen=127.0.0.1:0 --shared_memory_dir="$work" >"$work/log" 2>&1 &
server=$!
until address=$(grep -o '127\.0\.0\.1:[0-9]*' "$work/log" | head -n 1) && [[ -n $address ]]; do sleep .05; done
coproc "$BIN/boltzmann_print_load_request" "$address" "$work" "$ROWS" "$work/body"
read -r _ <&"${COPROC[0]}"  # until the rows are there

ours=() theirs=()
for ((round = 0; round < ROUNDS; ++round)); do
  ours+=("$("$BIN/boltzmann" load --server "$address" --rows "$ROWS" --send_as bfloat16 \
    --transport shared_memory --shared_memory_dir "$work" --temperature .7 --top_p .9 \
    --concurrency "$IN_FLIGHT" --duration "${SECONDS_EACH}s" | awk '$1 == "calls" { print $3 }')")
  theirs+=("$(h2load --clients 1 --max-concurrent-streams "$IN_FLIGHT" --threads 1 \
    --duration "$SECONDS_EACH" --warm-up-time 1 --data "$work/body" \
    --header 'content-type: application/grpc' --header 'te: trailers' \
    "http://$address/boltzmann.v1.SamplerService/Sample" \
    | awk '/^finished in/ { print $4 }')")
done
median() { printf '%s\n' "$@" | sort -g | sed -n "$(((ROUNDS + 1) / 2))p"; }
awk -v ours="$(median "${ours[@]}")" -v theirs="$(median "${theirs[@]}")" -v rows="$ROWS" -v n="$IN_FLIGHT" \
  'BEGIN { printf "%d rows, %d in flight: boltzmann load %.1f calls/s, h2load %.1f, ratio %.3f\n", rows, n, ours, theirs, ours / theirs }'
