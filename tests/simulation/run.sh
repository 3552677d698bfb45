#!/usr/bin/env bash
# Runs the simulator that was built (tests/run.sh builds), with seeds of this commit.
set -euo pipefail

HERE=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
ROOT=$(cd -- "$HERE/../.." && pwd)
readonly HERE ROOT
readonly PROGRAM=${MILLRACE_SIMULATE:-$ROOT/.build/release/tests/simulation/simulate}

usage() {
  cat <<TEXT
Usage: tests/simulation/run.sh [--seed N] [--minutes N] [option of simulate …]

Runs worlds on all cores, from seed N on, for so many minutes, and ends with the line
"faults=… records=… failures=…". Exits with 1 when a world failed.

  --seed N      the first seed; default: from the commit's id, so that every commit tries others
  --minutes N   how long; default: until 2,000 faults have struck

The rest goes to the program:

TEXT
  if [[ -x $PROGRAM ]]; then "$PROGRAM" --help; fi
}

# Far apart, so that the runs of two commits rarely share a seed.
seed_of_commit() {
  local commit
  commit=$(git -C "$ROOT" rev-parse HEAD 2>/dev/null || echo 1)
  echo $((16#${commit:0:8} * 10000))
}

main() {
  local has_seed='' argument
  for argument in "$@"; do
    case $argument in
      -h | --help)
        usage
        return 0
        ;;
      --seed) has_seed=1 ;;
    esac
  done
  if [[ ! -x $PROGRAM ]]; then
    echo "tests/simulation/run.sh: $PROGRAM is not built: call tests/run.sh --simulation" >&2
    return 2
  fi
  if [[ -z $has_seed ]]; then set -- --seed "$(seed_of_commit)" "$@"; fi
  exec "$PROGRAM" "$@"
}

main "$@"
