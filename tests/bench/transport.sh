#!/bin/bash
# Builds the transport benchmark, runs it, and prints what moving the logits costs.
#
#   tests/bench/transport.sh           every size and way: about 5 minutes
#   tests/bench/transport.sh --quick   a look in one minute
#
# Any other flag goes to the program (--filter, --turn_seconds). Writes build/bench/transport.json and
# build/bench/transport.md (what is printed). Needs the packages that deploy/install-packages.sh
# build test bench installs; without numpy, its line is left out. Exits non-zero if an answer is
# wrong; never because a target is missed.
set -euo pipefail

cd "$(dirname "$(readlink -f "$0")")/../.."
readonly OUT=build/bench

mkdir -p "$OUT"
echo "Building (in build/release) ..."
{
  cmake --preset release -DBOLTZMANN_BUILD_TESTS=ON
  cmake --build --preset release --target boltzmann_transport_bench
} >"$OUT/build.log" 2>&1 || {
  tail -n 40 "$OUT/build.log" >&2
  echo "tests/bench/transport.sh: the build failed; $OUT/build.log has all of it" >&2
  exit 1
}
echo "Measuring; do nothing else on this machine meanwhile ..."
build/release/bin/boltzmann_transport_bench --json="$OUT/transport.json" \
  --numpy=tests/bench/transport/numpy_sampling.py "$@" | tee "$OUT/transport.md"
echo "Written: $OUT/transport.json, $OUT/transport.md"
