#!/usr/bin/env bash
# The whole set of benches, side by side with the floor and the bounds, as one Markdown file: benches/run.sh [FILE].
#
# Takes most of an hour. `cargo bench` does the same with fewer contacts, pairs and rounds, in some minutes. Loopback only.
set -euo pipefail
cd "$(dirname "$0")/.."

report="${1:-target/benchmarks.md}"
mkdir -p "$(dirname "$report")"
WANE_BENCH_REPORT="$(realpath "$report")"
export WANE_BENCH_REPORT
printf 'benches/run.sh, %s, %s processors, commit %s\n' "$(date -u +%F)" "$(nproc)" "$(git rev-parse --short HEAD)" >"$report"
for bench in ingest burst scale outage; do
    cargo bench --package wane --bench "$bench" -- --full
done
cargo bench --package wane --bench micro
echo "The tables are in $report; criterion's are above."
