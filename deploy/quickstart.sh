#!/bin/bash
# From a bare Debian 12 to text sampled by Boltzmann, in one command. Installs the packages that
# are missing (root or sudo), builds, starts a server on a Unix socket and on a free port, lets
# `boltzmann generate` write through it, and stops the server again.
#
#   deploy/quickstart.sh
#
# Works from any directory. The build stays in build/release, so a second run takes seconds.
set -euo pipefail

cd "$(dirname "$(readlink -f "$0")")/.."
export CMAKE_BUILD_PARALLEL_LEVEL=${CMAKE_BUILD_PARALLEL_LEVEL:-$(nproc)}
readonly BUILD=build/release
readonly SERVER=$BUILD/bin/boltzmann-server
readonly CLIENT=$BUILD/bin/boltzmann
readonly STEPS=5

work=$(mktemp -d /tmp/boltzmann.XXXXXX)  # short: a socket's path is at most 107 bytes
socket=$work/boltzmann.sock
log=$work/server.log
server_pid=

step_number=0
step() {
  step_number=$((step_number + 1))
  title=$1
  printf '\n[%d/%d] %s\n' "$step_number" "$STEPS" "$title"
}

fail() {
  echo "quickstart: $*" >&2
  exit 1
}

clean_up() {
  local status=$?
  trap - EXIT
  if [[ -n $server_pid ]]; then
    kill -KILL "$server_pid" 2>/dev/null || true
  fi
  if ((status != 0)); then
    if [[ -s $log ]]; then
      printf '\nThe log of the server:\n' >&2
      sed 's/^/  | /' "$log" >&2
    fi
    printf '\nquickstart FAILED in step %d: %s\n' "$step_number" "$title" >&2
  fi
  rm -rf "$work"
  exit "$status"
}
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

build() {
  # A build directory that tests/run.sh made keeps its tests; a new one has none.
  local options=()
  [[ -f $BUILD/build.ninja ]] || options=(-DBOLTZMANN_BUILD_TESTS=OFF)
  cmake --preset release "${options[@]}" >"$work/configure.log" 2>&1 || {
    cat "$work/configure.log" >&2
    fail "CMake could not configure the build"
  }
  cmake --build --preset release --target boltzmann-server boltzmann
}

# The port on which the server says it listens; nothing if it has not said so yet.
chosen_port() {
  sed -n 's/.*listening on 127\.0\.0\.1:\([0-9][0-9]*\).*/\1/p; T; q' "$log"
}

start_server() {
  "$SERVER" --listen="127.0.0.1:0,unix:$socket" >"$log" 2>&1 &
  server_pid=$!
  local tries
  for ((tries = 0; tries < 300; tries++)); do
    kill -0 "$server_pid" 2>/dev/null || fail "the server ended before it listened"
    port=$(chosen_port)
    [[ -n $port && -S $socket ]] && return
    sleep 0.1
  done
  fail "the server did not listen within 30 seconds"
}

# Writes text through the server at address $1, at temperature $2, into the file $3.
generate() {
  local command=("$CLIENT" generate --server="$1" --prompt="$PROMPT" --temperature="$2"
    --top_p=.95 --seed=7 --tokens=60)
  printf '  $%s\n' "$(printf ' %q' "${command[@]}")"
  "${command[@]}" >"$3"
  grep -q '[[:alnum:]]' "$3" || fail "no text came back"
}

stop_server() {
  local status=0
  kill -TERM "$server_pid"
  wait "$server_pid" || status=$?
  server_pid=
  ((status == 0)) || fail "the server ended with status $status after SIGTERM; it should with 0"
}

show() {
  echo
  echo "$1"
  fold -s -w 88 "$2" | sed 's/^/  | /'
}

step "Packages: what deploy/packages.txt lists under build"
deploy/install-packages.sh build

step "Build: the server and the command, in $BUILD"
build

step "Start: $SERVER on a Unix socket and a free port"
start_server
echo "  listening on unix:$socket and 127.0.0.1:$port"

step "Generate: a small n-gram model of this system's licence texts, sampled by the server"
readonly PROMPT="The program"
generate "unix:$socket" .8 "$work/socket.txt"
generate "127.0.0.1:$port" .8 "$work/port.txt"
cmp "$work/socket.txt" "$work/port.txt" || fail "the same seed gave another text over TCP"
echo "  The same seed gave the same text, byte for byte, over both."
generate "127.0.0.1:$port" 3 "$work/hot.txt"

step "Stop: SIGTERM"
stop_server
echo "  The server drained and ended with status 0."

cat <<END

How to go on, from $PWD:
  $SERVER --listen=127.0.0.1:50051
  $CLIENT info --server=127.0.0.1:50051
  $CLIENT generate --server=127.0.0.1:50051 --prompt="$PROMPT" --temperature=0
Each lists its flags with --help. README.md shows the API; tests/run.sh runs every test.
END
show "Sampled at temperature 3:" "$work/hot.txt"
show "Sampled at temperature 0.8:" "$work/socket.txt"
