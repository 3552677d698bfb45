#!/usr/bin/env bash
# Runs the same worlds twice, one after the other, and fails unless both runs print the same bytes:
# findings, how often each fault struck in which phase, turns and records.
# repeat.sh OPTION_OF_SIMULATE...
set -euo pipefail

readonly PROGRAM=${MILLRACE_SIMULATE:?the program}
OUT=$(mktemp -d)
readonly OUT
trap 'rm -rf "$OUT"' EXIT

for run in first second; do
  "$PROGRAM" "$@" --workers 1 >"$OUT/$run" || {
    cat "$OUT/$run"
    exit 1
  }
done
diff "$OUT/first" "$OUT/second"
tail -n 2 "$OUT/first"
