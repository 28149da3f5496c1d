#!/bin/bash
# Builds the core for aarch64 and runs its tests under qemu-user. Among them are the golden ones:
# they pass only if every bit is what it is on x86-64.
#
#   tests/aarch64.sh
#
# On Debian 12 on x86-64; the first run installs what is missing (root or sudo), lets dpkg know
# of arm64 and may bring the C library up to date, as both architectures share one version. The
# build lies in build/aarch64. Exits non-zero on any failure. CMAKE_BUILD_PARALLEL_LEVEL and
# CTEST_PARALLEL_LEVEL set how many jobs run at once; the default is one a processor.
set -euo pipefail

cd "$(dirname "$(readlink -f "$0")")/.."
export CMAKE_BUILD_PARALLEL_LEVEL=${CMAKE_BUILD_PARALLEL_LEVEL:-$(nproc)}
export CTEST_PARALLEL_LEVEL=${CTEST_PARALLEL_LEVEL:-$(nproc)}
readonly PRESET=aarch64

if [[ $(uname -m) == aarch64 ]]; then
  echo "This machine is aarch64 itself: tests/run.sh runs these tests and all others."
  exec tests/run.sh
fi

say() {
  printf '\n== %s\n' "$*"
}

step="installing packages"
trap 'status=$?; ((status == 0)) || printf "\ntests/aarch64.sh FAILED while %s\n" "$step" >&2' EXIT

say "Packages"
deploy/install-packages.sh aarch64

step="configuring"
say "Configure: $PRESET"
cmake --preset "$PRESET" -DBOLTZMANN_BUILD_TESTS=ON

step="building"
say "Build: $PRESET (in build/$PRESET)"
cmake --build --preset "$PRESET"

step="testing"
say "Test: $PRESET, under $(qemu-aarch64 --version | head -n 1)"
ctest --preset "$PRESET" --no-tests=error
say "Passed: $PRESET (in $SECONDS s)"
