#!/bin/bash
# Installs the Debian packages of the named groups, as deploy/packages.txt lists them.
#
#   deploy/install-packages.sh build test
#
# What is there already stays as it is: with nothing missing, nothing is run, no network is
# used and no root is needed. Otherwise root or sudo is. Exits 0 once all are installed.
set -euo pipefail

list=$(dirname "$(readlink -f "$0")")/packages.txt

die() {
  echo "install-packages: $*" >&2
  exit 1
}

# The packages of the group $1.
group() {
  awk -v group="$1" '$1 == group { print $2 }' "$list"
}

# Whether the package $1 is there: this machine's, or that of the architecture after its colon.
is_installed() {
  local architecture=$native
  [[ $1 != *:* ]] || architecture=${1##*:}
  dpkg-query --show --showformat='${db:Status-Status} ${Architecture}\n' "$1" 2>/dev/null \
    | grep -xE "installed ($architecture|all)" >/dev/null
}

# Runs apt-get quietly, as root; shows what it said only if it failed.
apt() {
  local log
  log=$(mktemp)
  if ! "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -q -y \
      -o Acquire::Retries=3 -o DPkg::Lock::Timeout=300 -o Dpkg::Use-Pty=0 "$@" >"$log" 2>&1; then
    cat "$log" >&2
    rm -f "$log"
    die "apt-get $1 failed; what it said is above"
  fi
  rm -f "$log"
}

(($# > 0)) || die "name at least one group of $list"
command -v apt-get dpkg-query >/dev/null || die "no apt-get here: Debian 12 is needed"
native=$(dpkg --print-architecture)

missing=()
for name in "$@"; do
  packages=$(group "$name")
  [[ -n $packages ]] || die "no group '$name' in $list; there are: $(
      awk '/^[a-z]/ && !seen[$1]++ { printf "%s ", $1 }' "$list")"
  for package in $packages; do
    is_installed "$package" || missing+=("$package")
  done
done

if ((${#missing[@]} == 0)); then
  echo "Packages ($*): all there."
  exit 0
fi

as_root=()
if ((EUID != 0)); then
  command -v sudo >/dev/null || die "packages are missing, and this is neither root nor is there sudo." \
      "As root, run: deploy/install-packages.sh $*"
  as_root=(sudo)
fi

echo "Packages ($*): installing ${missing[*]} and what they depend on (a few minutes)."
# A package may be one of another architecture, such as libhwy-dev:arm64.
for package in "${missing[@]}"; do
  [[ $package != *:* ]] || "${as_root[@]}" dpkg --add-architecture "${package##*:}"
done
apt update
apt install --no-install-recommends "${missing[@]}"
for package in "${missing[@]}"; do
  is_installed "$package" || die "$package is still not installed, though apt-get reported success"
done
echo "Packages ($*): installed."
