#!/bin/bash
# A long run of mixed traffic, with callers killed at random: see README.md in tests/.
#
#   tests/soak/run.sh              ten minutes
#   tests/soak/run.sh --seconds=N  as long as you like
#
# Needs the packages that deploy/install-packages.sh build test installs. Exits non-zero, and says
# why, if an answer was wrong or missing, or if the server has grown or left something open.
set -euo pipefail

cd "$(dirname "$(readlink -f "$0")")/../.."
cmake --preset release -DBOLTZMANN_BUILD_TESTS=ON >/dev/null
cmake --build --preset release --target boltzmann_soak | tail -n 1
exec build/release/bin/boltzmann_soak "$@"
