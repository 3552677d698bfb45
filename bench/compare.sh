#!/usr/bin/env bash
# Runs Millrace and Kafka Streams in turn over the same records and prints what each costs.
set -euo pipefail

HERE=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
ROOT=$(cd -- "$HERE/.." && pwd)
readonly HERE ROOT
readonly KAFKA=$ROOT/apps/kafka/local_kafka.sh
readonly PEER=$HERE/peer
readonly ENGINES=(millrace kafka-streams)
readonly JOBS=(aggregate_job restore_job failover_job query_job limits_job)
readonly PROGRAMS=(crm_materializer crm_workload)
readonly BUILD_TIMEOUT_S=3600
readonly TOPIC_TIMEOUT_S=120
readonly READ_TIMEOUT_S=600
# The heap and its young part are what the peer runs best with; see README.md.
readonly PEER_JVM=(-Xms1g -Xmx1g -Xmn700m -XX:+UseParallelGC)
# Half of 1 M rows in the record cache: with 1 GB, the old generation is always full.
readonly PEER_QUERY_JVM=(-Xms2g -Xmx2g -Xmn1g -XX:+UseParallelGC)
# The record cache has 1 GiB; every slice of records leaves many short-lived objects.
readonly PEER_CRM_JVM=(-Xms3g -Xmx3g -Xmn1g -XX:+UseParallelGC)
readonly TOOL_JVM=(-Xmx1g -XX:+UseSerialGC)

# shellcheck source=bench/compare/aggregate.sh
source "$HERE/compare/aggregate.sh"
# shellcheck source=bench/compare/restore.sh
source "$HERE/compare/restore.sh"
# shellcheck source=bench/compare/failover.sh
source "$HERE/compare/failover.sh"
# shellcheck source=bench/compare/query.sh
source "$HERE/compare/query.sh"
# shellcheck source=bench/compare/crm.sh
source "$HERE/compare/crm.sh"

records=
keys=
accounts=
crm_phases=(backfill steady)
runs=
port=
run_timeout_s=900
# The peer's default, which decides how long a stopped instance keeps its place in the group.
peer_session_ms=45000
standby_cases=(0 1)
# Of queries: a figure's time, and before it the time for the JIT compiler, which is not measured.
load_s=10
warm_s=20
is_smoke=false
build_dir=

is_taken() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

# Sets port, which this comparison then has alone: another one may start at the same moment.
take_port() {
  local candidate
  mkdir -p "$ROOT/.local"
  for candidate in ${port:-$(seq 29600 100 30500)}; do
    exec {port_lock}>"$ROOT/.local/compare-$candidate.lock"
    # On a port that was asked for, a Kafka of a run that was killed may still answer.
    if flock -n "$port_lock" && { [[ -n $port ]] || ! is_taken "$candidate"; }; then
      port=$candidate
      return 0
    fi
    exec {port_lock}>&-
  done
  die "no free port for the local Kafka${port:+: another comparison uses $port}"
}

usage() {
  cat <<TEXT
Usage: bench/compare.sh aggregate|restore|failover|query|crm [--records N] [--keys K]
                        [--accounts N] [--runs R] [--smoke] [--port P] [--build-dir DIR]

Runs Millrace and Kafka Streams in turn, exactly once, on a local Kafka of their own.

  aggregate  counts and sums 2 M records of 200 B over 200 k keys into a changelog-backed store and
             a compacted table, with uniform and with skewed keys
  restore    starts on a changelog of 5 M records over 500 k keys: without local state (cold), with
             state that lacks the last fifth (warm), and after a clean stop (restart)
  failover   kills one of two instances under load, with a state of 5 M changelog records over 500 k
             keys, without and with a standby
  query      looks up rows of a table of 1 M keys in two instances: own rows, the other's, and own
             ones while both work on a backlog of 3 M records
  crm        materializes the synthetic CRM of 20000 accounts: its backfill, then its steady phase

Prints every run as a JSON line, the medians, and at the end one line a figure:

  ratio NAME VALUE target T met|missed     (VALUE: Millrace / Kafka Streams, less is better;
                                            README.md says where it is another)

Exit code 0: all ran and every result is the right one, whether or not a target is met.

  --records N      instead of the numbers above (query: of the backlog; crm: of the limits' input)
  --keys K         likewise
  --accounts N     of crm
  --runs R         of each engine and case, default 3 (failover, crm: 1)
  --smoke          20000 records, 2000 keys (query: 20000), 200 accounts, 1 run, failover with a
                   standby only:
                   shows that it works, its figures mean nothing
  --port P         of the local Kafka, default: the first free of 29600, 29700 ... 30500
  --build-dir DIR  where Millrace's side is built; default: builds the preset release
TEXT
}

say() { echo "compare: $*"; }

die() {
  echo "compare: $*" >&2
  exit 1
}

# Sets peer_command to the peer's program in this mode.
set_peer_command() {
  local -a jvm=("${TOOL_JVM[@]}")
  case $1 in
    run | restore | failover) jvm=("${PEER_JVM[@]}") ;;
    query) jvm=("${PEER_QUERY_JVM[@]}") ;;
    crm) jvm=("${PEER_CRM_JVM[@]}") ;;
  esac
  # Few arenas: RocksDB's allocations from many threads would spread over one each.
  peer_command=(
    env MALLOC_ARENA_MAX=2 java "${jvm[@]}" -Dorg.slf4j.simpleLogger.defaultLogLevel=error
    -cp "$work/peer/classes:$work/peer/lib/*" millrace.bench.Main "$@"
    --bootstrap "127.0.0.1:$port"
  )
}

peer() {
  local timeout_s=$1
  shift
  set_peer_command "$@"
  local result=0
  timeout "$timeout_s" "${peer_command[@]}" || result=$?
  if ((result == 124)); then say "no end of the peer's $1 after $timeout_s s" >&2; fi
  return "$result"
}

# One of the peer's tools whose answer nobody reads.
tool() { peer "$@" >/dev/null; }

# Runs from a copy: Maven writes all classes again at every build, also beneath a comparison that
# runs already.
build_peer() {
  timeout "$BUILD_TIMEOUT_S" mvn -q -B -f "$PEER/pom.xml" \
    -Dmaven.wagon.http.retryHandler.count=3 \
    -Dflatbuffers.version="$(flatc --version | grep -oE '[0-9.]+$')" process-classes \
    >"$work/mvn.log" 2>&1 ||
    die "building the peer failed: $(tail -n 20 "$work/mvn.log")"
  mkdir -p "$work/peer"
  cp -r "$PEER/target/classes" "$PEER/target/lib" "$work/peer/"
}

build() {
  say "building"
  (
    flock -w "$BUILD_TIMEOUT_S" 9 || die "somebody else has built the peer for too long"
    build_peer
  ) 9>"$ROOT/.local/compare-build.lock"
  if [[ -z $build_dir ]]; then
    (cd "$ROOT" && timeout "$BUILD_TIMEOUT_S" cmake --preset release >"$work/cmake.log" 2>&1 &&
      timeout "$BUILD_TIMEOUT_S" cmake --build --preset release --target "${JOBS[@]}" \
        "${PROGRAMS[@]}" >>"$work/cmake.log" 2>&1) ||
      die "building failed: $(tail -n 20 "$work/cmake.log")"
    build_dir=$ROOT/.build/release
  fi
  local job
  for job in "${JOBS[@]}"; do
    [[ -x $build_dir/bench/$job ]] || die "no $build_dir/bench/$job"
  done
  for job in "${PROGRAMS[@]}"; do
    [[ -x $build_dir/apps/$job ]] || die "no $build_dir/apps/$job"
  done
}

# Common parts of the reports: medians, and the ratio of the two engines' medians. Less is better.
readonly JQ_REPORT='
  def median: sort | if length % 2 == 1 then .[(length - 1) / 2]
                     else (.[length / 2 - 1] + .[length / 2]) / 2 end;
  def round_to(digits): . * pow(10; digits) | round / pow(10; digits);
  def line(name; value; target):
    "ratio \(name) \(value | round_to(3)) target \(target) " +
    (if value <= target then "met" else "missed" end);
  def of(engine; field): map(select(.engine == engine) | field) | median;
  def ratio(field): of("millrace"; field) / of("kafka-streams"; field);'

# Prints what the parts cost alone over the records of a topic.
limits() {
  local topic=$1 result
  tool "$TOPIC_TIMEOUT_S" create-topic --topic limits-output
  result=$(timeout "$((run_timeout_s + 60))" "$build_dir/bench/limits_job" \
    --bootstrap "127.0.0.1:$port" --application-id limits --input "$topic" --output limits-output \
    --state-dir "$work/limits" --timeout-s "$run_timeout_s") || die "limits_job failed"
  rm -rf -- "$work/limits"
  tool "$TOPIC_TIMEOUT_S" delete-topics --prefix limits-
  jq -r '"limits over \(.records) records, CPU µs each: consume \(.consume), " +
    "produce \(.produce), RocksDB put \(.put), get \(.get), copy \(.copy)"' <<<"$result"
}

clean_up() {
  local child
  for child in $(jobs -p); do kill -KILL "$child" 2>/dev/null || true; done
  "$KAFKA" wipe --port "$port" --dir "$work/kafka" >&2 || true
  rm -rf -- "$work"
}

# Runs what was asked for on a fresh Kafka.
compare() {
  take_port
  work=$ROOT/.local/compare-$port
  trap clean_up EXIT
  trap 'exit 130' INT TERM HUP
  "$KAFKA" wipe --port "$port" --dir "$work/kafka" >&2  # of a run that was killed
  rm -rf -- "$work"
  mkdir -p "$work"
  build
  "$KAFKA" start --port "$port" --dir "$work/kafka"
  "$1"
}

# The numbers of a comparison where the command line says nothing.
set_defaults() {
  if $is_smoke; then
    : "${records:=20000}" "${runs:=1}" "${accounts:=200}"
    if [[ $1 == query ]]; then : "${keys:=20000}"; else : "${keys:=2000}"; fi
  fi
  case $1 in
    aggregate) : "${records:=2000000}" "${keys:=200000}" "${runs:=3}" ;;
    restore) : "${records:=5000000}" "${keys:=500000}" "${runs:=3}" ;;
    failover) : "${records:=5000000}" "${keys:=500000}" "${runs:=1}" ;;
    query) : "${records:=3000000}" "${keys:=1000000}" "${runs:=3}" ;;
    crm) : "${records:=500000}" "${accounts:=20000}" "${runs:=1}" ;;
  esac
}

number() {
  [[ $2 =~ ^[1-9][0-9]{0,8}$ ]] || die "$1 needs a positive number"
  echo "$2"
}

main() {
  local command=
  while (($#)); do
    case $1 in
      aggregate | restore | failover | query | crm) command=$1 ;;
      --smoke)
        is_smoke=true run_timeout_s=400 peer_session_ms=6000 standby_cases=(1) load_s=1 warm_s=1
        ;;
      --records) records=$(number "$1" "${2:-}") && shift ;;
      --accounts) accounts=$(number "$1" "${2:-}") && shift ;;
      --keys) keys=$(number "$1" "${2:-}") && shift ;;
      --runs) runs=$(number "$1" "${2:-}") && shift ;;
      --port) port=$(number "$1" "${2:-}") && shift ;;
      --build-dir)
        build_dir=$(realpath -- "${2:?--build-dir needs a folder}")
        shift
        ;;
      -h | --help)
        usage
        return 0
        ;;
      *) die "unknown argument: $1 (try --help)" ;;
    esac
    shift
  done
  [[ -n $command ]] || die "say what to compare: aggregate, restore, failover, query or crm"
  local needed
  for needed in java mvn flatc jq kcat curl h2load; do
    command -v "$needed" >/dev/null || die "there is no $needed: run apps/setup.sh"
  done
  set_defaults "$command"
  compare "$command"
  exit  # bash reads a script as it goes: it must not see what was edited meanwhile
}

main "$@"
