#!/usr/bin/env bash
# From a bare Debian 12 or 13 to the state of an account before and after a merge.
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
# BAE Systems Electronic Systems, merged into BAE Systems (United States) by release v1.39.
readonly VICTIM=ror:01rhba952 SURVIVOR=ror:02fctgp09 MERGED_IN=v1.39

changes=$HERE/data/registry.jsonl.gz
merges=$HERE/data/registry_merges.csv

usage() {
  cat <<TEXT
Usage: apps/quickstart.sh [--data DIR] [--stop]

Installs missing packages, builds the programs, starts a local Kafka on port $KAFKA_PORT, loads a
part of the history of a public organisation registry, with sales territories and licences beside
it, runs crm_materializer on it, and prints the state of two organisations before and after one of
them is merged into the other, with territories and entitlements. Safe to run again.

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

# Territories, rules, products and licences, in the topics that files are named after.
load_topics() {
  local file topic
  for file in "$HERE"/data/topics/*.jsonl; do
    topic=$(basename "$file" .jsonl)
    printf '%s ' "$topic"
    "$BUILD/apps/millrace" topic load --bootstrap.servers "$BOOTSTRAP" --topic "$topic" <"$file"
  done
}

# Options choose a part; what was loaded before changes nothing.
load_history() {
  "$BUILD/apps/crm_workload" registry --bootstrap.servers "$BOOTSTRAP" \
    --changes "$changes" --merges "$merges" "$@" 2>>"$WORK/workload.log"
}

# How many snapshots there are before the release with the merge.
snapshots_before_merge() {
  gzip -dc "$changes" | awk -v mark="\"release\":\"$MERGED_IN\"" \
    'index($0, mark) && !first { first = NR } END { print (first ? first : NR + 1) - 1 }'
}

start_materializer() {
  running_pid >/dev/null && return 0
  setsid "$BUILD/apps/crm_materializer" --create.topics=true --bootstrap.servers "$BOOTSTRAP" \
    --query.port "$QUERY_PORT" --state.dir "$WORK/state" --crm.mapping "$HERE/data/mapping.json" \
    >>"$WORK/materializer.log" 2>&1 </dev/null &
  echo $! >"$WORK/materializer.pid"
}

# Until then its topics may not be there.
wait_running() {
  local end=$((SECONDS + READY_TIMEOUT_S))
  until curl -sf --max-time 5 "$URL/v1/health" >/dev/null; do
    ((SECONDS < end)) || die "crm_materializer does not run, see $WORK/materializer.log"
    running_pid >/dev/null || die "crm_materializer ended, see $WORK/materializer.log"
    sleep 0.5
  done
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

# The answer for a salesperson.
view() {
  curl -sf --max-time 10 "$URL/v1/accounts/$1" | jq '{
    asked: .id, root, name: .fields.name, status, members: [.members[].id],
    territories: [.territories[].territory],
    entitlements: ((.entitlements // {}) | map_values({
      now: (.current | if . then (.text // .amount) else null end),
      until: (.current.until_ms | if . then (. / 1000 | todate) else null end),
      from: [.sources[] | "\(.source) of \(.via)"]
    }))
  }'
}

load_and_show_before() {
  if [[ -e $WORK/before.json ]]; then
    echo "the data are loaded already (--stop deletes them)"
    return 0
  fi
  load_topics
  load_history --limit "$(snapshots_before_merge)"
  wait_caught_up
  { view "$SURVIVOR" && view "$VICTIM"; } >"$WORK/before.part"
  mv "$WORK/before.part" "$WORK/before.json"
}

show_after() {
  say "after the merge: GET $URL/v1/accounts/$VICTIM"
  view "$VICTIM"
  cat <<TEXT

The old id now leads to the survivor, which has the seats of both, the better support, and the
territory of its own address. Next steps:

  curl -s $URL/v1/accounts/$VICTIM | jq .
  curl -s $URL/v1/health | jq .
  curl -s $URL/v1/metrics
  .build/release/apps/millrace topology --url $URL
  .build/release/apps/millrace topic dump --bootstrap.servers $BOOTSTRAP \\
    --topic crm.account-territories --latest --limit 5
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
  say "running crm_materializer"
  start_materializer
  wait_running
  say "loading territories, licences, and the registry's history before release $MERGED_IN"
  load_and_show_before
  say "before the merge: GET $URL/v1/accounts/$SURVIVOR and $VICTIM"
  cat "$WORK/before.json"
  say "loading the whole history"
  if [[ ! -e $WORK/loaded ]]; then
    load_history
    touch "$WORK/loaded"
  fi
  wait_caught_up
  show_after
}

main "$@"
