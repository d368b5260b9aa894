#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# prometheus.sh SECONDS URL...: a Prometheus that scrapes the servers' /metrics every 2 seconds. At its end it prints what
# its own API says: the number of scrapes, then the number of those that worked.
set -eu
seconds=$1
shift
work=$(mktemp -d)
trap 'kill "$server" 2>/dev/null; wait; rm -rf "$work"' EXIT
trap 'exit 1' INT TERM
{
  printf 'global: {scrape_interval: 2s, scrape_timeout: 2s}\nscrape_configs:\n  - job_name: llm\n    static_configs:\n      - targets: ['
  for url in "$@"; do printf '"%s", ' "${url#http://}"; done
  printf ']\n'
} >"$work/prometheus.yml"
prometheus --config.file="$work/prometheus.yml" --storage.tsdb.path="$work/data" --web.listen-address=127.0.0.1:9090 \
  --log.level=error &
server=$!
sleep "$seconds"
# Both counts at one moment in the past, so that no scrape falls between them.
now=$(($(date +%s) - 3))
for count in 'sum(count_over_time(up[1h]))' 'sum(sum_over_time(up[1h]))'; do
  curl -sS -m 10 -G --data-urlencode "query=$count" --data-urlencode "time=$now" http://127.0.0.1:9090/api/v1/query
  echo
done
