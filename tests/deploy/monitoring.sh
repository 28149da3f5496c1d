#!/bin/bash
# The dashboard and the alerts, with a Prometheus that scrapes a server under load.
#
#   tests/deploy/monitoring.sh SERVER BOLTZMANN
#
# Every expression must be one, and all but those of what did not happen must have a value. Exits 77
# (skipped) without Prometheus, which deploy/install-packages.sh monitoring installs.
set -euo pipefail

cd "$(dirname "$(readlink -f "$0")")/../.."
readonly SERVER=$1 BOLTZMANN=$2
if ! command -v prometheus promtool >/dev/null; then
  echo "skipped: Prometheus is missing (deploy/install-packages.sh monitoring)"
  exit 77
fi

work=$(mktemp -d)
pids=()
cleanup() {
  ((${#pids[@]} == 0)) || kill "${pids[@]}" 2>/dev/null || true
  wait
  rm -rf "$work"
}
trap cleanup EXIT

promtool check rules deploy/monitoring/alerts.yaml

"$SERVER" --listen="unix:$work/socket" --admin_listen=127.0.0.1:0 >"$work/server" 2>&1 &
pids+=($!)
for _ in {1..300}; do
  grep -qs 'serving' "$work/server" && break
  sleep .1
done
admin=$(grep -o 'http://127[^/]*' "$work/server")

cat >"$work/prometheus.yml" <<END
global: {scrape_interval: 1s, evaluation_interval: 1s}
rule_files: [$PWD/deploy/monitoring/alerts.yaml]
scrape_configs:
  - job_name: boltzmann
    static_configs: [{targets: ["${admin#http://}"]}]
END
port=$(/usr/bin/python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
prometheus --config.file="$work/prometheus.yml" --storage.tsdb.path="$work/data" \
  --web.listen-address="127.0.0.1:$port" >"$work/prometheus" 2>&1 &
pids+=($!)
"$BOLTZMANN" load --server="unix:$work/socket" --rows=4 --rate=200 --duration=20s >/dev/null

/usr/bin/python3 - "$port" <<'END'
import json
import sys
import urllib.parse
import urllib.request

port = sys.argv[1]
NONE = ("tls_certificate",)  # the server has none
panels = json.load(open("deploy/monitoring/dashboard.json"))["panels"]
expressions = [target["expr"] for panel in panels for target in panel.get("targets", [])]
failed = 0
for expression in expressions:
    query = expression.replace("$__rate_interval", "10s").replace("$job", ".*")
    query = query.replace("$instance", ".*")
    url = f"http://127.0.0.1:{port}/api/v1/query?" + urllib.parse.urlencode({"query": query})
    try:
        result = json.load(urllib.request.urlopen(url, timeout=10))["data"]["result"]
    except urllib.error.HTTPError as error:
        print("refused:", query, error.read().decode())
        failed += 1
        continue
    values = [float(sample["value"][1]) for sample in result]
    if not any(name in query for name in NONE) and not any(value == value for value in values):
        print("no value:", query)
        failed += 1
rules = json.load(urllib.request.urlopen(f"http://127.0.0.1:{port}/api/v1/rules", timeout=10))
for rule in rules["data"]["groups"][0]["rules"]:
    if rule["health"] != "ok" or rule["state"] == "firing":
        print("alert:", rule["name"], rule["health"], rule["state"], rule.get("lastError", ""))
        failed += 1
print(f"{len(expressions)} expressions, {failed} of them or of the alerts are wrong")
sys.exit(failed > 0)
END
