#!/bin/bash
# The Kubernetes manifests: that they agree with themselves, with the image and with the programs.
#
#   tests/deploy/kubernetes.sh SERVER BOLTZMANN
#
# SERVER and BOLTZMANN are the two programs, which are started as the manifests say, on loopback.
# Exits 77 (skipped) without python3-yaml or openssl, which deploy/install-packages.sh test
# installs. kubectl, of which Debian 12 has none that is new enough, renders them if it is there.
set -euo pipefail

cd "$(dirname "$(readlink -f "$0")")/../.."
if ! /usr/bin/python3 -c 'import yaml' 2>/dev/null || ! command -v openssl >/dev/null; then
  echo "skipped: python3-yaml or openssl is missing (deploy/install-packages.sh test)"
  exit 77
fi
timeout 120 /usr/bin/python3 tests/deploy/manifests_test.py "$@"
