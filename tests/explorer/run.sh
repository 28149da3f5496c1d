#!/bin/bash
# The explorer's page in a browser: its figures must be those of `boltzmann describe`.
#
#   tests/explorer/run.sh SERVER BOLTZMANN [SCREENSHOT.png]
#
# SERVER and BOLTZMANN are the two programs. Loads the page in headless Chromium at three settings,
# once a large row, once with a bad parameter. Exits 77 (skipped) if there is no Chromium, which
# deploy/install-packages.sh browser installs.
set -euo pipefail

readonly SERVER=$1 BOLTZMANN=$2 SCREENSHOT=${3:-}
if ! command -v chromium >/dev/null; then
  echo "skipped: chromium is missing (deploy/install-packages.sh browser)"
  exit 77
fi

work=$(mktemp -d)
trap 'kill "$server" 2>/dev/null; rm -rf "$work"' EXIT
touch "$work/log"
"$SERVER" --listen="unix:$work/socket" --admin_listen=127.0.0.1:0 >"$work/log" 2>&1 &
server=$!
until url=$(grep -o 'http://[^ ]*' "$work/log") && [[ -n $url ]]; do
  kill -0 "$server" && sleep .05
done

browse() {
  timeout 60 chromium --headless --no-sandbox --disable-gpu --user-data-dir="$work/profile" \
    --window-size=1200,760 --virtual-time-budget=5000 "$@" 2>/dev/null
}

# The value of the element whose id is $1 in the page $work/page.
shown() {
  grep -o "id=\"$1\"[^>]*data-value=\"[^\"]*\"" "$work/page" | sed 's/.*data-value="//; s/"$//'
}

# The value of the first field $1 of what describe printed.
described() {
  sed -n "s/^ *\"$1\": \"\{0,1\}\([^\",]*\)\"\{0,1\},\{0,1\}$/\1/p" "$work/described" | head -n 1
}

# Compares every figure of the row $1 at the flags that follow (name=value).
check() {
  local logits=$1 hash="logits=$1&draws=0&seed=1" flags=()
  shift
  for setting in "$@"; do
    hash+="&$setting"
    flags+=("--$setting")
  done
  browse --dump-dom "$url#$hash" >"$work/page"
  tr ',' ' ' <<<"$logits" | "$BOLTZMANN" describe --server "unix:$work/socket" --logits - --seed 1 \
    --format json --all_tokens "${flags[@]}" >"$work/described"
  grep -q 'data-ready="true"' "$work/page" || { echo "$*: the page shows nothing" >&2; exit 1; }
  local name
  for name in model_entropy sampled_entropy kept_count kept_mass; do
    if [[ $(shown $name) != "$(described $name)" || -z $(shown $name) ]]; then
      echo "$*: $name: the page shows $(shown $name), describe $(described $name)" >&2
      exit 1
    fi
  done
  # Every token's probabilities, by id, in both: of describe's lists, the last.
  grep -o '<tr[^>]*data-token="[0-9]*".*' "$work/page" | sed 's/<\/tr>/\n/g' \
    | sed -n 's/.*data-token="\([0-9]*\)".*data-value="\([^"]*\)".*data-value="\([^"]*\)".*data-value="[^"]*".*/\1 \2 \3/p' \
    | sort -n >"$work/shown_tokens"
  awk '/"model_probabilities"/ { list = "m"; n = 0 } /"sampled_probabilities"/ { list = "s"; k = 0 }
       /^ *[0-9.e-]+,?$/ { gsub(/[ ,]/, ""); if (list == "m") m[++n] = $0; if (list == "s") s[++k] = $0 }
       /\]/ { list = "" }
       END { for (i = 1; i <= n; ++i) print i - 1, m[i], s[i] }' "$work/described" >"$work/described_tokens"
  diff "$work/shown_tokens" "$work/described_tokens" >&2 || { echo "$*: other probabilities" >&2; exit 1; }
  echo "same figures: $*"
}

EIGHT=3,2.5,2,1.5,1,0.5,-0.5,-1
check "$EIGHT" temperature=0.7 top_p=0.9
check "$EIGHT" temperature=1.5 top_k=5 min_p=0.05
check "1000,1001,1002,999,1000" temperature=1

browse --dump-dom "$url#logits=$EIGHT&top_p=2" >"$work/page"
grep -q 'params\[0\].top_p: 2 is outside (0, 1\]' "$work/page" || { echo "the error is not shown" >&2; exit 1; }
echo "the service's error is shown"

if [[ -n $SCREENSHOT ]]; then
  browse --screenshot="$SCREENSHOT" "$url#temperature=0.7&top_p=0.9&draws=1000"
fi
