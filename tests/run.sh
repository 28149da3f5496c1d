#!/bin/bash
# Installs what is missing, builds, and runs every test.
#
#   tests/run.sh         the release build, as shipped
#   tests/run.sh --all   also the sanitizers (asan: address and undefined behaviour; tsan: threads),
#                        clang with its thread-safety analysis, and the core on 64-bit Arm, emulated
#
# Builds lie in build/<preset>; a second run redoes only what changed. Stops at the first
# failure, and exits non-zero on any. CMAKE_BUILD_PARALLEL_LEVEL and CTEST_PARALLEL_LEVEL
# set how many jobs run at once; the default is one a processor.
set -euo pipefail

cd "$(dirname "$(readlink -f "$0")")/.."
export CMAKE_BUILD_PARALLEL_LEVEL=${CMAKE_BUILD_PARALLEL_LEVEL:-$(nproc)}
export CTEST_PARALLEL_LEVEL=${CTEST_PARALLEL_LEVEL:-$(nproc)}
readonly ALL=(release asan tsan clang)

say() {
  printf '\n== %s\n' "$*"
}

step="reading the command line"
trap 'status=$?; ((status == 0)) || printf "\ntests/run.sh FAILED while %s\n" "$step" >&2' EXIT

# Runs a command that starts programs built with a sanitizer. These want their own part of the
# address space, and now and then fail to start where the kernel randomizes it widely
# (vm.mmap_rnd_bits above 28): so without randomization, where that is allowed.
with_fixed_addresses() {
  if setarch -R true 2>/dev/null; then
    setarch -R "$@"
  else
    "$@"
  fi
}

# Configures, builds and tests one preset.
run_preset() {
  local preset=$1
  step="configuring $preset"
  say "Configure: $preset"
  cmake --preset "$preset" -DBOLTZMANN_BUILD_TESTS=ON
  step="building $preset"
  say "Build: $preset (in build/$preset)"
  with_fixed_addresses cmake --build --preset "$preset"  # it lists the tests by starting them
  step="testing $preset"
  say "Test: $preset"
  with_fixed_addresses ctest --preset "$preset" --no-tests=error
}

case "$*" in
  "") presets=(release) groups=(build test python) ;;
  --all) presets=("${ALL[@]}") groups=(build test python clang) ;;
  *)
    echo "usage: tests/run.sh [--all]" >&2
    exit 2
    ;;
esac

step="installing packages"
say "Packages"
deploy/install-packages.sh "${groups[@]}"
for preset in "${presets[@]}"; do
  run_preset "$preset"
done
if [[ $* == --all && $(uname -m) == x86_64 ]]; then
  step="testing on aarch64"
  tests/aarch64.sh
fi
say "Passed: ${presets[*]} (in $SECONDS s)"
