#!/bin/bash
# Builds the benchmarks, runs them, and prints what a row costs beside reading it once.
#
#   tests/bench/run.sh           every benchmark, then the sweeps: about 7 minutes
#   tests/bench/run.sh --quick   a look at both in two minutes or so; leaves the plot as it is
#
# Writes build/bench/bench.json, build/bench/table.md (what is printed), build/bench/sweep.md and
# tests/bench/cost.svg. Needs the packages that deploy/install-packages.sh build test installs.
# Exits non-zero if a benchmark's answers are wrong; never because a target is missed.
set -euo pipefail

cd "$(dirname "$(readlink -f "$0")")/../.."
readonly OUT=build/bench

bench_flags=()
sweep_flags=(--svg=tests/bench/cost.svg)
case "$*" in
  "") ;;
  --quick)
    bench_flags=(--benchmark_repetitions=3 --benchmark_min_time=0.01)
    sweep_flags=(--quick "--svg=$OUT/cost.svg")
    ;;
  *)
    echo "usage: tests/bench/run.sh [--quick]" >&2
    exit 2
    ;;
esac

mkdir -p "$OUT"
echo "Building (in build/release) ..."
{
  cmake --preset release -DBOLTZMANN_BUILD_TESTS=ON
  cmake --build --preset release --target boltzmann_bench boltzmann_sweep
} >"$OUT/build.log" 2>&1 || {
  tail -n 40 "$OUT/build.log" >&2
  echo "tests/bench/run.sh: the build failed; $OUT/build.log has all of it" >&2
  exit 1
}
echo "Measuring; do nothing else on this machine meanwhile ..."
build/release/bin/boltzmann_bench "${bench_flags[@]}" \
  --benchmark_out="$OUT/bench.json" --benchmark_out_format=json | tee "$OUT/table.md"
build/release/bin/boltzmann_sweep "${sweep_flags[@]}" | tee "$OUT/sweep.md"
echo "Written: $OUT/bench.json, $OUT/table.md, $OUT/sweep.md, ${sweep_flags[-1]#--svg=}"
