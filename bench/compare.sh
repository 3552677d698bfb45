#!/usr/bin/env bash
# Runs Millrace and Kafka Streams in turn over the same records and prints what each costs.
set -euo pipefail

HERE=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
ROOT=$(cd -- "$HERE/.." && pwd)
readonly HERE ROOT
readonly KAFKA=$ROOT/apps/kafka/local_kafka.sh
readonly PEER=$HERE/peer
readonly DISTRIBUTIONS=(uniform skewed)
readonly ENGINES=(millrace kafka-streams)
# Both commit this often at most while they are behind: a row is never staler than that.
readonly COMMIT_MS=2000
readonly BUILD_TIMEOUT_S=3600
readonly TOPIC_TIMEOUT_S=120
readonly READ_TIMEOUT_S=600
# The heap and its young part are what the peer runs best with; see README.md.
readonly PEER_JVM=(-Xms1g -Xmx1g -Xmn700m -XX:+UseParallelGC)
readonly TOOL_JVM=(-Xmx1g -XX:+UseSerialGC)

records=2000000
keys=200000
runs=3
port=29600
run_timeout_s=900
build_dir=

usage() {
  cat <<TEXT
Usage: bench/compare.sh aggregate [--records N] [--keys K] [--runs R] [--smoke] [--port P]
                                  [--build-dir DIR]

Counts and sums N records of 200 B by key, exactly once, into a changelog-backed store and a
compacted table, with uniform and with skewed keys: Millrace and Kafka Streams in turn, on a local
Kafka of their own. Prints every run as a JSON line, the medians, and at the end one line a figure:

  ratio NAME VALUE target T met|missed     (VALUE: Millrace / Kafka Streams, less is better)

Exit code 0: all ran and every final table is the right one, whether or not a target is met.

  --records N      default $records
  --keys K         accounts to choose from, default $keys
  --runs R         of each engine and distribution, default $runs
  --smoke          20000 records, 2000 keys, 1 run: shows that it works, its figures mean nothing
  --port P         of the local Kafka, default $port
  --build-dir DIR  where aggregate_job is built; default: builds the preset release
TEXT
}

say() { echo "compare: $*"; }

die() {
  echo "compare: $*" >&2
  exit 1
}

peer() {
  local timeout_s=$1
  shift
  local -a jvm=("${TOOL_JVM[@]}")
  if [[ $1 == run ]]; then jvm=("${PEER_JVM[@]}"); fi
  # Few arenas: RocksDB's allocations from many threads would spread over one each.
  MALLOC_ARENA_MAX=2 timeout "$timeout_s" java "${jvm[@]}" \
    -Dorg.slf4j.simpleLogger.defaultLogLevel=error \
    -cp "$PEER/target/classes:$PEER/target/lib/*" millrace.bench.Main "$@" \
    --bootstrap "127.0.0.1:$port"
}

build() {
  say "building"
  timeout "$BUILD_TIMEOUT_S" mvn -q -B -f "$PEER/pom.xml" \
    -Dmaven.wagon.http.retryHandler.count=3 process-classes >"$work/mvn.log" 2>&1 ||
    die "building the peer failed: $(tail -n 20 "$work/mvn.log")"
  if [[ -z $build_dir ]]; then
    (cd "$ROOT" && timeout "$BUILD_TIMEOUT_S" cmake --preset release >"$work/cmake.log" 2>&1 &&
      timeout "$BUILD_TIMEOUT_S" cmake --build --preset release --target aggregate_job \
        >>"$work/cmake.log" 2>&1) || die "building failed: $(tail -n 20 "$work/cmake.log")"
    build_dir=$ROOT/.build/release
  fi
  [[ -x $build_dir/bench/aggregate_job ]] || die "no $build_dir/bench/aggregate_job"
}

# Loads both inputs and computes the tables that they must give.
load() {
  local distribution loader
  for distribution in "${DISTRIBUTIONS[@]}"; do
    loader=$distribution
    if [[ $distribution == skewed ]]; then loader=zipf; fi
    say "loading $records records over $keys keys, $distribution"
    peer "$READ_TIMEOUT_S" load --topic "input-$distribution" --records "$records" --keys "$keys" \
      --distribution "$loader" >/dev/null
    peer "$READ_TIMEOUT_S" expect --topic "input-$distribution" >"$work/expect-$distribution"
  done
}

# One run of one engine: fresh application, empty state, a new output table.
run_engine() {
  local engine=$1 distribution=$2 turn=$3
  local application=aggregate-$distribution-$engine-$turn
  local state=$work/state-$application
  local -a arguments=(
    --application-id "$application" --input "input-$distribution" --output "$application-table"
    --records "$records" --commit-ms "$COMMIT_MS" --state-dir "$state" --timeout-s "$run_timeout_s"
  )
  peer "$TOPIC_TIMEOUT_S" create-topic --topic "$application-table" >/dev/null
  local result
  if [[ $engine == millrace ]]; then
    result=$(timeout "$((run_timeout_s + 60))" "$build_dir/bench/aggregate_job" \
      --bootstrap "127.0.0.1:$port" "${arguments[@]}") || die "$application failed"
  else
    result=$(peer "$((run_timeout_s + 60))" run "${arguments[@]}") || die "$application failed"
  fi
  check_table "$application" "$distribution"
  rm -rf -- "$state"
  peer "$TOPIC_TIMEOUT_S" delete-topics --prefix "$application-" >/dev/null
  jq -c --arg distribution "$distribution" --argjson turn "$turn" --argjson rows "$rows_written" \
    '{distribution: $distribution, run: $turn} + . + {rows_written: $rows}' <<<"$result" |
    tee -a "$work/results"
}

# Compares the table with the expected one; sets rows_written.
check_table() {
  local application=$1 distribution=$2 table
  table=$(peer "$READ_TIMEOUT_S" digest --topic "$application-table")
  rows_written=$(jq .records <<<"$table")
  local wanted have
  wanted=$(jq -c '[.keys, .digest]' "$work/expect-$distribution")
  have=$(jq -c '[.keys, .digest]' <<<"$table")
  [[ $have == "$wanted" ]] ||
    die "$application: the final table is $have, it must be $wanted (keys, digest)"
}

report() {
  jq -s -r '
    def median: sort | if length % 2 == 1 then .[(length - 1) / 2]
                       else (.[length / 2 - 1] + .[length / 2]) / 2 end;
    def round_to(digits): . * pow(10; digits) | round / pow(10; digits);
    group_by([.distribution, .engine])[] |
    "median \(.[0].distribution) \(.[0].engine): " +
    "\(map(.cpu_us_per_record) | median | round_to(2)) CPU µs/record, " +
    "\(map(.warm_cpu_us_per_record) | median | round_to(2)) in the second half, " +
    "\(map(.records_per_second) | median | round) records/s, " +
    "\(map(.peak_rss_mib) | median | round) MiB peak, " +
    "\(map(.rows_written) | median | round) rows written"' "$work/results"
  jq -s -r '
    def median: sort | if length % 2 == 1 then .[(length - 1) / 2]
                       else (.[length / 2 - 1] + .[length / 2]) / 2 end;
    def of(engine; field): map(select(.engine == engine) | .[field]) | median;
    def line(name; field; target):
      (of("millrace"; field) / of("kafka-streams"; field)) as $ratio |
      "ratio aggregate_\(.[0].distribution)_\(name) \($ratio * 1000 | round / 1000) " +
      "target \(target) \(if $ratio <= target then "met" else "missed" end)";
    [group_by(.distribution)[]] | sort_by(.[0].distribution) | reverse[] |
    line("cpu"; "cpu_us_per_record"; 0.25),
    line("cpu_second_half"; "warm_cpu_us_per_record"; 0.25),
    line("seconds"; "seconds"; 1),
    line("memory"; "peak_rss_mib"; 1)' "$work/results"
}

clean_up() {
  "$KAFKA" wipe --port "$port" --dir "$work/kafka" >&2 || true
  rm -rf -- "$work"
}

aggregate() {
  work=$ROOT/.local/compare-$port
  mkdir -p "$ROOT/.local"
  exec {lock}>"$ROOT/.local/compare-$port.lock"
  flock -n "$lock" || die "another comparison uses port $port"
  trap clean_up EXIT
  trap 'exit 130' INT TERM HUP
  "$KAFKA" wipe --port "$port" --dir "$work/kafka" >&2  # of a run that was killed
  rm -rf -- "$work"
  mkdir -p "$work"
  build
  "$KAFKA" start --port "$port" --dir "$work/kafka"
  load
  local distribution turn engine
  for distribution in "${DISTRIBUTIONS[@]}"; do
    for ((turn = 1; turn <= runs; turn++)); do
      for engine in "${ENGINES[@]}"; do run_engine "$engine" "$distribution" "$turn"; done
    done
  done
  report
}

number() {
  [[ $2 =~ ^[1-9][0-9]{0,8}$ ]] || die "$1 needs a positive number"
  echo "$2"
}

main() {
  local command=
  while (($#)); do
    case $1 in
      aggregate) command=$1 ;;
      --smoke) records=20000 keys=2000 runs=1 run_timeout_s=120 ;;
      --records) records=$(number "$1" "${2:-}") && shift ;;
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
  [[ -n $command ]] || die "say what to compare: aggregate (try --help)"
  command -v java mvn jq kcat >/dev/null ||
    die "there is no java, mvn, jq or kcat: run apps/setup.sh"
  "$command"
  exit  # bash reads a script as it goes: it must not see what was edited meanwhile
}

main "$@"
