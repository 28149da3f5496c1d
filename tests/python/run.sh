#!/bin/bash
# The Python package against a server, its examples included.
#
#   tests/python/run.sh SERVER [ARGUMENT OF PYTEST...]
#
# SERVER is the program boltzmann-server. Exits 77 (skipped) if Debian's packages for Python are
# missing, which deploy/install-packages.sh python installs. Tests of torch are skipped where there
# is no torch, tests of TLS where the server or `openssl` has none. Ends within ten minutes.
set -euo pipefail

here=$(dirname "$(readlink -f "$0")")
readonly PYTHON=/usr/bin/python3
BOLTZMANN_SERVER=$(readlink -f "$1")
shift

for module in grpc google.protobuf numpy pytest; do
  if ! "$PYTHON" -c "import $module" 2>/dev/null; then
    echo "skipped: Python's $module is missing (deploy/install-packages.sh python)"
    exit 77
  fi
done
for tool in protoc grpc_python_plugin; do
  if ! command -v $tool >/dev/null; then
    echo "skipped: $tool is missing (deploy/install-packages.sh python)"
    exit 77
  fi
done

"$here/../../client/python/generate.sh"
export BOLTZMANN_SERVER PYTHONDONTWRITEBYTECODE=1
export PYTHONPATH=$here/../../client/python
unset http_proxy https_proxy grpc_proxy
exec timeout 600 "$PYTHON" -m pytest -q -rs -p no:cacheprovider --rootdir "$here" "$@" "$here"
