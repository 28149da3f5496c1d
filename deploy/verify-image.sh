#!/bin/bash
# Builds the image of deploy/Dockerfile, without a Docker engine, and tries it: one line a check.
#
#   deploy/verify-image.sh           builds, tries, and leaves the bill of materials in build/image
#   deploy/verify-image.sh --keep    leaves the image in build/image/store too
#   deploy/verify-image.sh --reuse   tries the image that --keep left, and leaves it there
#
# On Debian 12, as root; installs the group `image` of deploy/packages.txt. Containers share the
# host's network, on loopback and free ports; systemd is not needed. Exits 0 if every check passed.
# Leaves no container, mount, control group or temporary file, however it ends.
set -euo pipefail

cd "$(dirname "$(readlink -f "$0")")/.."
readonly PLACE=$PWD/build/image
readonly IMAGE=localhost/boltzmann
readonly BASE=docker.io/library/debian:bookworm-slim
readonly USER_ID=65532
readonly MAX_BYTES=40000000
readonly GROUP=boltzmann-verify-$$
readonly BILL=$PLACE/boltzmann.spdx.json

fail() {
  echo "verify-image: $*" >&2
  exit 1
}

ok() {
  echo "ok  $*"
}

building= server=  # what to show the log of, if a step fails
keep= reuse=
case "$*" in
  "") ;;
  --keep) keep=yes ;;
  --reuse) keep=yes reuse=yes ;;
  *) fail "unknown arguments '$*': usage: deploy/verify-image.sh [--keep | --reuse]" ;;
esac
((EUID == 0)) || fail "this is user $EUID: run it as root"
[[ -z $reuse || -d $PLACE/store ]] || fail "--reuse: no image is in $PLACE/store: run --keep first"

work=$(mktemp -d /tmp/boltzmann.XXXXXX)  # short: a socket's path is at most 107 bytes
readonly LOCATION=(--root "$PLACE/store" --runroot "$work/run" --storage-driver vfs)
export CONTAINERS_CONF=$work/containers.conf

buildah() {
  timeout 5400 buildah "${LOCATION[@]}" "$@"
}

podman() {
  timeout 90 podman "${LOCATION[@]}" --tmpdir "$work/tmp" --runtime runc --cgroup-manager cgroupfs \
    --events-backend none "$@"
}

clean_up() {
  local status=$?
  trap - EXIT
  if ((status != 0)) && [[ -n $building ]]; then
    { echo "The end of $PLACE/build.log:"; tail -n 30 "$PLACE/build.log"; } >&2
  fi
  if ((status != 0)) && [[ -n $server ]]; then
    { echo "The log of the server:"; podman logs "$server" | tail -n 20; } >&2 || true
  fi
  {
    podman rm --all --force --time 0
    podman image unmount --all
    buildah rm --all
    awk '{ print $5 }' /proc/self/mountinfo | grep -E "^($PLACE|$work)/" | sort -r | xargs -r umount
    find /sys/fs/cgroup -depth -type d -path "*/$GROUP*" -exec rmdir {} +
  } >/dev/null 2>&1 || true
  rm -rf --one-file-system "$work" "$PLACE/store/libpod"
  [[ -n $keep ]] || rm -rf --one-file-system "$PLACE/store"
  ((status == 0)) || echo "verify-image FAILED" >&2
  exit "$status"
}
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# What stands for the base image: Debian 12 from this system's own mirror, by way of its proxy.
make_base() {
  local sources=() file container
  for file in /etc/apt/sources.list /etc/apt/sources.list.d/debian.sources; do
    [[ ! -s $file ]] || sources+=("$file")
  done
  ((${#sources[@]} > 0)) || fail "/etc/apt has neither sources.list nor debian.sources"
  apt-config dump Acquire \
    | grep -E '^Acquire::(http|https|Check-|Retries|ForceIP|Languages)' >"$work/apt.conf" || true
  timeout 900 mmdebstrap --quiet --variant=minbase --include=ca-certificates \
    --aptopt="$work/apt.conf" bookworm "$work/base.tar" "${sources[@]}"
  container=$(buildah from scratch)
  buildah add --quiet "$container" "$work/base.tar" / >/dev/null
  buildah commit --quiet "$container" "$BASE" >/dev/null
  buildah rm "$container" >/dev/null
  rm "$work/base.tar"
}

build() {
  rm -rf --one-file-system "$PLACE/store"
  mkdir -p "$PLACE"
  echo "Building: log in $PLACE/build.log (some 10 minutes)."
  building=yes
  (
    make_base
    buildah bud --isolation chroot --pull-never --format docker -f deploy/Dockerfile -t "$IMAGE" .
  ) >"$PLACE/build.log" 2>&1
  building=
}

# A field of the image, as Go's templates name it.
image() {
  podman image inspect --format "{{$1}}" "$IMAGE"
}

# Runs the image as it should be run: nothing to write to, no capabilities.
run() {
  podman run --no-healthcheck --cgroup-parent "/$GROUP" --network host \
    --read-only --read-only-tmpfs=false --cap-drop all --security-opt no-new-privileges \
    --volume "$work/socket:/run/boltzmann" --volume "$work/logits:/logits" "$@"
}

# The command, in a container of its own, with the server's volumes.
client() {
  run --rm --interactive --entrypoint /usr/bin/boltzmann "$IMAGE" "$@"
}

# Waits until the command does not fail, for up to 30 seconds.
await() {
  local what=$1 tries
  shift
  for ((tries = 0; tries < 150; tries++)); do
    "$@" >/dev/null 2>&1 && return
    sleep .2
  done
  fail "not within 30 seconds: $what"
}

# The HOST:PORT that the server's log names after the words $1.
logged() {
  podman logs "$server" 2>&1 | grep -oP "$1\K127\.0\.0\.1:[0-9]+" | head -n 1
}

start_server() {
  server=$(run --detach \
    --env BOLTZMANN_LISTEN=127.0.0.1:0,unix:/run/boltzmann/boltzmann.sock \
    --env BOLTZMANN_HEALTH_LISTEN=127.0.0.1:0 --env BOLTZMANN_ADMIN_LISTEN=127.0.0.1:0 \
    --env BOLTZMANN_SHARED_MEMORY_DIR=/logits "$IMAGE")
  await "the server listens" logged 'listening on '
  address=$(logged 'listening on ')
  admin=$(logged 'http://') || fail "the server's log names no address for metrics and health"
  pid=$(podman inspect --format '{{.State.Pid}}' "$server")
}

check_size() {
  local bytes
  bytes=$(image .Size)
  ((bytes < MAX_BYTES)) || fail "the image has $bytes bytes: fewer than $MAX_BYTES are allowed"
  ok "size: $((bytes / 1000000)).$((bytes / 100000 % 10)) MB, under $((MAX_BYTES / 1000000))"
}

# The image's label $1 (title, version).
label() {
  image "index .Labels \"org.opencontainers.image.$1\""
}

check_labels() {
  local label version
  label=$(label version)
  version=$(sed -n 's/^project(boltzmann VERSION \([0-9.]*\) .*/\1/p' CMakeLists.txt)
  [[ $label == "$version" ]] || fail "the label says version '$label', CMakeLists.txt $version"
  ok "labels: $(label title) $label"
}

# Without credentials nobody beyond the container is served, unless that is asked for.
check_defaults() {
  image .Config.Env | grep -qF 'BOLTZMANN_LISTEN=127.0.0.1:50051' \
    || fail "the image does not listen on loopback by default"
  local said
  said=$(run --rm --env BOLTZMANN_LISTEN=0.0.0.0:0 "$IMAGE" 2>&1) \
    && fail "the server listens on 0.0.0.0 without credentials"
  grep -qF allow_insecure <<<"$said" || fail "the refusal of 0.0.0.0 names no way out: $said"
  ok "defaults: loopback; 0.0.0.0 without credentials is refused"
}

# A field of the server's /proc/PID/status.
of_process() {
  awk -v field="$1:" '$1 == field { $1 = ""; print substr($0, 2) }' "/proc/$pid/status"
}

check_privileges() {
  local id field
  for id in Uid Gid; do
    [[ $(of_process $id) == "$USER_ID $USER_ID $USER_ID $USER_ID" ]] \
      || fail "the server runs with $id $(of_process $id), not $USER_ID"
  done
  for field in CapInh CapPrm CapEff CapBnd CapAmb; do
    [[ $(of_process $field) =~ ^0+$ ]] \
      || fail "the server has capabilities: $field $(of_process $field)"
  done
  [[ $(of_process NoNewPrivs) == 1 ]] || fail "the server may gain privileges"
  ok "privileges: user and group $USER_ID, no capabilities, none to be gained"
}

# Even root, in the server's mount namespace, cannot write.
check_read_only() {
  local folder
  for folder in / /usr/bin /tmp /etc; do
    touch "/proc/$pid/root$folder/probe" 2>"$work/said" && fail "$folder can be written to"
    grep -q 'Read-only file system' "$work/said" || fail "$folder: $(cat "$work/said")"
  done
  ok "file system: read-only, /tmp too"
}

check_samples() {
  local flags=(generate "--prompt=The program" --temperature=.8 --top_p=.95 --seed=7 --tokens=40)
  client "${flags[@]}" --server="$address" >"$work/tcp.txt" 2>/dev/null
  grep -q '[[:alnum:]]' "$work/tcp.txt" || fail "no text came back over TCP"
  ok "TCP, from a second container: $(head -c 60 "$work/tcp.txt" | tr '\n' ' ')..."
  client "${flags[@]}" --server=unix:/run/boltzmann/boltzmann.sock >"$work/socket.txt" 2>/dev/null
  cmp "$work/tcp.txt" "$work/socket.txt" || fail "the same seed gave another text over the socket"
  ok "Unix socket in a shared volume: the same text, byte for byte"
  client "${flags[@]}" --server=unix:/run/boltzmann/boltzmann.sock --shared_memory_dir=/logits \
    >"$work/shared.txt" 2>/dev/null
  cmp "$work/tcp.txt" "$work/shared.txt" || fail "the same seed gave another text by shared memory"
  ok "shared memory in a shared volume: the same text"
  [[ $(echo 1 9 2 | client sample --logits - --temperature 0 --server="$address" --format json) \
      =~ \"token_ids\":[^0-9]*1[^0-9] ]] || fail "greedy sampling of 1 9 2 did not draw token 1"
  ok "sample: what standard input says"
}

# The image's own health check, with the port that this server has.
check_health() {
  local check
  readarray -t check < <(podman image inspect "$IMAGE" | jq -r '.[0].Healthcheck.Test[]')
  [[ ${check[0]:-} == CMD ]] || fail "the image has no health check"
  podman exec "$server" "${check[@]:1:2}" --server=127.0.0.1:1 --timeout=1s >/dev/null 2>&1 \
    && fail "the health check passes where no server listens"
  check=("${check[@]/127.0.0.1:50051/$address}")
  podman exec "$server" "${check[@]:1}" >/dev/null || fail "the health check fails"
  ok "health: ${check[*]:1}"
}

# What HTTP answers at the path $1.
answer() {
  /usr/bin/python3 -c 'import sys, urllib.request
print(urllib.request.urlopen(sys.argv[1], timeout=10).read().decode())' "http://$admin$1"
}

check_http() {
  local path
  for path in /healthz /readyz /metrics; do
    answer $path >"$work/answer" || fail "http://$admin$path is not answered"
  done
  grep -q '^boltzmann_queue_depth ' "$work/answer" || fail "/metrics has no boltzmann_queue_depth"
  ok "HTTP: /healthz, /readyz, /metrics ($(grep -c '^boltzmann_' "$work/answer") values of its own)"
}

# SIGTERM in the midst of calls: every call that the server has taken is answered.
check_drain() {
  local load status report=$work/socket/load.json  # the folder that containers may write to
  client load --server="$address" --concurrency=4 --rows=16 --warmup=0s --duration=1m \
    --json=/run/boltzmann/load.json >/dev/null 2>&1 &
  load=$!
  await "the load test calls" calling
  podman kill --signal TERM "$server" >/dev/null
  status=$(podman wait "$server") || fail "the server did not end within 90 s of SIGTERM"
  [[ $status == 0 ]] || fail "the server ended with status $status after SIGTERM"
  wait "$load" || true  # it fails, as it should, once nobody answers
  jq -e '.steps[0] | .call_count > 0 and (.errors | keys - ["UNAVAILABLE"] == [])' \
    "$report" >/dev/null || fail "calls were lost: $(jq -c '.steps[0].errors' "$report")"
  podman logs "$server" 2>&1 | grep -E 'status=(CANCELLED|INTERNAL|DEADLINE)' \
    && fail "calls that the server had taken were not answered"
  ok "SIGTERM: $(jq '.steps[0].call_count' "$report") calls answered, later ones refused, status 0"
}

# Whether the load test's calls are answered: far more than were before it.
calling() {
  (($(client info --server="$address" --format=json | jq -r .counters.answered_count) > 500))
}

write_bill() {
  local root
  root=$(podman image mount "$IMAGE")
  deploy/bill_of_materials.py write "$root" --version "$(label version)" \
    --created "$(image '.Created.UTC.Format "2006-01-02T15:04:05Z"')" \
    --architecture "$(image .Architecture)" >"$BILL"
  deploy/bill_of_materials.py check "$BILL" "$root" || fail "$BILL has faults"
  ok "bill of materials: $(jq '.packages | length - 1' "$BILL") Debian packages," \
    "$(jq '.files | length' "$BILL") files: $BILL"
}

deploy/install-packages.sh image
mkdir -p "$work/socket" "$work/logits"
chown "$USER_ID:$USER_ID" "$work/socket" "$work/logits"
chmod 0700 "$work/socket" "$work/logits"
chmod 0711 "$work"
# As many files and processes as this system grants: the defaults may be more.
cat >"$CONTAINERS_CONF" <<'END'
[containers]
default_ulimits = ["nofile=4096:4096", "nproc=1024:1024"]
END
rm -rf "$PLACE/store/libpod"  # names the folders of the run before
[[ -n $reuse ]] || build

check_size
check_labels
check_defaults
start_server
check_privileges
check_read_only
check_samples
check_health
check_http
check_drain
server=
write_bill
echo "Verified: $(image .Id), in $SECONDS s"
