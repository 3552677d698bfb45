#!/usr/bin/env bash
# From a bare Debian 12 to the account state of a merged organisation.
set -euo pipefail

HERE=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
ROOT=$(cd -- "$HERE/.." && pwd)
WORK=$ROOT/.local/quickstart
BUILD=$ROOT/.build/release
readonly HERE ROOT WORK BUILD
readonly KAFKA_PORT=${MILLRACE_QUICKSTART_KAFKA_PORT:-19092}
readonly QUERY_PORT=${MILLRACE_QUICKSTART_QUERY_PORT:-18090}
readonly BOOTSTRAP=127.0.0.1:$KAFKA_PORT
readonly URL=http://127.0.0.1:$QUERY_PORT
readonly BUILD_TIMEOUT_S=3600
readonly READY_TIMEOUT_S=120
# Counsyl (United States), merged into Myriad Genetics.
readonly ASKED=ror:000c7nc82

changes=$HERE/data/registry.jsonl.gz
merges=$HERE/data/registry_merges.csv

usage() {
  cat <<TEXT
Usage: apps/quickstart.sh [--data DIR] [--stop]

Installs what is missing, builds the programs, starts a local Kafka on port $KAFKA_PORT, loads a
part of the history of a public organisation registry, runs crm_materializer on it, and prints the
account state of an organisation that was merged away, asked for by its old id. Safe to run again.

  --data DIR  load the history in DIR: one *.jsonl.gz (snapshots), one *merges.csv (the ledger)
  --stop      stop the program and the Kafka, and delete their data

Environment: MILLRACE_QUICKSTART_KAFKA_PORT, MILLRACE_QUICKSTART_QUERY_PORT
TEXT
}

say() { printf '\n== %s\n' "$*"; }

die() {
  echo "quickstart: $*" >&2
  exit 1
}

# Only a process that is really ours: ids of processes are used again.
running_pid() {
  local pid
  pid=$(cat "$WORK/materializer.pid" 2>/dev/null) || return 1
  [[ $pid =~ ^[0-9]+$ ]] || return 1
  [[ $(readlink "/proc/$pid/exe") == "$BUILD/apps/crm_materializer" ]] || return 1
  echo "$pid"
}

stop_materializer() {
  local pid
  pid=$(running_pid) || return 0
  kill -TERM "$pid"
  for _ in {1..100}; do
    running_pid >/dev/null || return 0
    sleep 0.2
  done
  kill -KILL "$pid" 2>/dev/null || true
}

stop_all() {
  stop_materializer
  if [[ -d $WORK/kafka ]]; then "$HERE/kafka/local_kafka.sh" wipe --dir "$WORK/kafka"; fi
  rm -rf -- "$WORK"
  echo "quickstart: stopped, its data are deleted"
}

build() {
  say "building the programs (some minutes the first time)"
  cmake -S "$ROOT" --preset release >"$WORK/configure.log" ||
    die "configuring failed, see $WORK/configure.log"
  timeout "$BUILD_TIMEOUT_S" cmake --build "$BUILD" --target crm_materializer crm_workload \
    millrace_cli || die "the build failed"
}

load() {
  if [[ -e $WORK/loaded ]]; then
    echo "the data are loaded already (--stop deletes them)"
    return 0
  fi
  "$BUILD/apps/crm_workload" registry --bootstrap.servers "$BOOTSTRAP" \
    --changes "$changes" --merges "$merges"
  touch "$WORK/loaded"
}

start_materializer() {
  running_pid >/dev/null && return 0
  setsid "$BUILD/apps/crm_materializer" --create.topics=true --bootstrap.servers "$BOOTSTRAP" \
    --query.port "$QUERY_PORT" --state.dir "$WORK/state" \
    >>"$WORK/materializer.log" 2>&1 </dev/null &
  echo $! >"$WORK/materializer.pid"
}

wait_caught_up() {
  local calm=0 health end=$((SECONDS + READY_TIMEOUT_S))
  while ((calm < 3)); do
    ((SECONDS < end)) || die "crm_materializer did not catch up, see $WORK/materializer.log"
    running_pid >/dev/null || die "crm_materializer ended, see $WORK/materializer.log"
    sleep 0.5
    health=$(curl -s --max-time 5 "$URL/v1/health") || continue
    if jq -e '.caught_up and .lag_records == 0' <<<"$health" >/dev/null; then
      calm=$((calm + 1))
    else
      calm=0
      jq -r '"state=\(.state) lag_records=\(.lag_records)"' <<<"$health"
    fi
  done
}

show() {
  say "account $ASKED, as it is now: GET $URL/v1/accounts/$ASKED"
  curl -sf --max-time 10 "$URL/v1/accounts/$ASKED" | jq .
  cat <<TEXT

That id was merged away: "root" is the organisation that it is part of now, and "members" are all
the ids that lead to it. How to go on:

  curl -s $URL/v1/accounts/ror:03czfpz43 | jq .
  curl -s $URL/v1/health | jq .
  curl -s $URL/v1/metrics
  .build/release/apps/millrace topology --url $URL
  .build/release/apps/millrace topic dump --bootstrap.servers $BOOTSTRAP \\
    --topic crm.redirects --latest --limit 5
  kill -9 \$(cat .local/quickstart/materializer.pid); apps/quickstart.sh     # nothing is lost
  apps/quickstart.sh --stop                                                 # clean up

README.md tells what Millrace is; apps/README.md what the programs do.
TEXT
}

main() {
  while (($#)); do
    case $1 in
      --data)
        [[ $# -ge 2 ]] || die "--data needs a folder"
        changes=$(compgen -G "$2/*.jsonl.gz" | head -n 1) || die "no *.jsonl.gz in $2"
        merges=$(compgen -G "$2/*merges.csv" | head -n 1) || die "no *merges.csv in $2"
        shift
        ;;
      --stop)
        stop_all
        return 0
        ;;
      -h | --help)
        usage
        return 0
        ;;
      *) die "unknown argument: $1 (try --help)" ;;
    esac
    shift
  done
  "$HERE/setup.sh"
  mkdir -p "$WORK"
  build
  say "starting a local Kafka on $BOOTSTRAP"
  "$HERE/kafka/local_kafka.sh" start --port "$KAFKA_PORT" --dir "$WORK/kafka"
  say "loading the registry's history"
  load
  say "running crm_materializer"
  start_materializer
  wait_caught_up
  show
}

main "$@"
