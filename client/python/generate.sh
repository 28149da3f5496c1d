#!/bin/bash
# Generates the Python modules of the API, which are not kept under version control.
#
#   client/python/generate.sh
#
# Writes boltzmann/v1/sampler_pb2.py, sampler_pb2_grpc.py and boltzmann/rpc/v1/error_pb2.py, with
# their types (.pyi), beside this script, unless they are newer than the .proto files. Needs protoc
# and grpc_python_plugin (deploy/install-packages.sh python). Several may run at once.
set -euo pipefail

here=$(dirname "$(readlink -f "$0")")
proto=$here/../../proto
readonly SOURCES=(boltzmann/v1/sampler.proto boltzmann/rpc/v1/error.proto)
readonly OUTPUTS=(boltzmann/v1/sampler_pb2.py boltzmann/v1/sampler_pb2.pyi
                  boltzmann/v1/sampler_pb2_grpc.py
                  boltzmann/rpc/v1/error_pb2.py boltzmann/rpc/v1/error_pb2.pyi)

is_current() {
  local output source
  for output in "${OUTPUTS[@]}"; do
    for source in "${SOURCES[@]}"; do
      [[ $here/$output -nt $proto/$source ]] || return 1
    done
  done
}

if is_current; then exit 0; fi
for tool in protoc grpc_python_plugin; do
  if ! command -v $tool >/dev/null; then
    echo "generate.sh: $tool is missing: deploy/install-packages.sh python" >&2
    exit 1
  fi
done

work=$(mktemp -d -p "$here" .generated.XXXXXX)  # the same file system: files are moved whole
trap 'rm -rf "$work"' EXIT
protoc -I "$proto" --python_out="$work" --pyi_out="$work" --grpc_out="$work" \
  --plugin=protoc-gen-grpc="$(command -v grpc_python_plugin)" "${SOURCES[@]}"
for output in "${OUTPUTS[@]}"; do
  mv "$work/$output" "$here/$output"
done
