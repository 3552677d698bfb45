#!/usr/bin/env bash
# Builds Millrace and runs its tests.
set -euo pipefail

HERE=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
ROOT=$(cd -- "$HERE/.." && pwd)
readonly HERE ROOT
readonly KAFKA=$ROOT/apps/kafka/local_kafka.sh
readonly KAFKA_DIR=$ROOT/.local/kafka-tests
readonly OTHER_RUN_TIMEOUT_S=3600
readonly CONFIGURE_TIMEOUT_S=300
readonly BUILD_TIMEOUT_S=3600
readonly UNIT_TIMEOUT_S=600
readonly SANITIZERS_TIMEOUT_S=1500
readonly LINT_TIMEOUT_S=3900
readonly BROKER_TIMEOUT_S=2400
readonly CDC_TIMEOUT_S=1800
readonly BROWSER_TIMEOUT_S=900
readonly FAULTS_TIMEOUT_S=1500
readonly SIMULATION_TIMEOUT_S=900
readonly PEER_TIMEOUT_S=1000
readonly MEMORY_FOLDER=/dev/shm
readonly MEMORY_FOLDER_KIB_MIN=$((2 << 20))

usage() {
  cat <<TEXT
Usage: tests/run.sh [--all] [--unit] [--lint] [--tidy] [--broker] [--install]
                    [--simulation] [--peer] [--cdc] [--browser] [--faults]
                    [--sanitizers]
                    [--kafka VERSION]

Installs what is missing (apps/setup.sh), builds everything with the preset "release" into
.build/release, and runs the tests that carry the labels asked for; ctest's own summary is the last
thing printed for each. One run at a time in a work tree: a second one waits. Without an argument:
--all.

  --unit        no broker; under two minutes after the build
  --lint        layers, style, READMEs, shape, prose, duplicates, clang-format
  --tidy        clang-tidy over what changed since it passed; not part of --all, as it takes
                longer than all of that when everything is new
  --broker      against a local Kafka of its own, started with an empty data folder and wiped at
                the end
  --install     installs into a prefix and builds an outside project against it; no broker
  --simulation  20,000 faults in simulated worlds (tests/simulation); no broker; about a minute
  --peer        2,000 random topologies on Millrace and on Kafka Streams, step by step (tests/peer);
                no broker; Maven fetches Kafka Streams' test driver; not part of --all
  --cdc         the CRM job fed by Debezium from a real PostgreSQL and a real MariaDB, side by
                side, and the sink into a PostgreSQL; it installs them, and Maven fetches Debezium;
                about two minutes; not part of --all
  --browser     the console of two instances in headless Chromium, with axe-core; it installs
                Chromium and Node.js, and npm fetches the packages; not part of --all
  --faults      kills, cuts and damage under load, against a Kafka of its own; about five minutes;
                not part of --all
  --all         --lint, --unit, --simulation, --install, --broker, in this order
  --sanitizers  the unit tests under the presets "asan" (with undefined behaviour) and "tsan" (of
                parts that have threads); not part of --all, as both are builds of their own
  --kafka VERSION
                of the Kafka of --broker, --cdc, --browser and --faults, for instance 3.9.2 or
                4.1.2; default: the one that apps/kafka/pom.xml names

Environment:
  MILLRACE_TEST_PORT    port of the local Kafka (default: the first free of 29092, 29192 ... 29992)
  MILLRACE_FAULTS_SECONDS  how long faults keep coming (default 75)
  MILLRACE_TEST_FILTER  only tests whose ctest names match this regular expression; unit tests are
                        one ctest test a program, and GTEST_FILTER chooses among a program's own

The tests see MILLRACE_TEST_BOOTSTRAP, the Kafka's address, and under tsan MILLRACE_SERIAL=1,
which keeps the scheduler on the loop's thread: oneTBB is not instrumented, so tsan would report
its hand-over of tasks. Single tests: .build/release/tests/unit/PART/PROGRAM --gtest_filter='*NAME*'
TEXT
}

say() { printf '\n== %s\n' "$*"; }

die() {
  echo "tests/run.sh: $*" >&2
  exit 2
}

# Runs a command for at most so many seconds. In the background, so that a signal to this script
# ends it at once, with everything that it started.
bounded() {
  local result=0
  timeout --kill-after=20 "$@" {run_lock}>&- &
  child=$!
  wait "$child" || result=$?
  child=
  if ((result == 124)); then echo "tests/run.sh: no end after $1 s: ${*:2}" >&2; fi
  return "$result"
}

build() {
  local preset=$1
  say "building the preset $preset"
  cd "$ROOT"
  bounded "$CONFIGURE_TIMEOUT_S" cmake --preset "$preset" >".build/configure-$preset.log" ||
    die "configuring failed: see .build/configure-$preset.log"
  bounded "$BUILD_TIMEOUT_S" "${wrapper[@]}" cmake --build --preset "$preset" -j "$(nproc)" ||
    die "building the preset $preset failed"
}

# Sets the folder for temporary files of a label's tests. Unit tests sync thousands of small files,
# and wait for a disk for longer than they compute.
choose_scratch() {
  local free_kib
  free_kib=$(df --output=avail -k "$MEMORY_FOLDER" 2>/dev/null | tail -n 1) || free_kib=0
  if [[ $1 != unit ]] || ((free_kib < MEMORY_FOLDER_KIB_MIN)) || [[ ! -w $MEMORY_FOLDER ]]; then
    scratch=${TMPDIR:-/tmp}
    return 0
  fi
  if [[ -z $in_memory ]]; then in_memory=$(mktemp -d "$MEMORY_FOLDER/millrace-tests.XXXXXX"); fi
  scratch=$in_memory
}

# Runs the tests of one label; remembers a failure and continues.
run_label() {
  local preset=$1 label=$2 timeout_s=$3 scratch
  say "tests labelled $label ($preset)"
  choose_scratch "$label"
  TMPDIR=$scratch bounded "$timeout_s" "${wrapper[@]}" \
    ctest --test-dir "$ROOT/.build/$preset" -L "^$label\$" -R "${MILLRACE_TEST_FILTER:-.}" \
    -j "$(jobs_of "$label")" --output-on-failure ||
    failed+=("$label ($preset)")
}

# Tests with a broker wait for half of their time. Unit tests have the machine.
jobs_of() {
  case $1 in
    install | faults | simulation | peer | browser) echo 1 ;;
    broker | cdc) echo 2 ;;
    *) nproc ;;
  esac
}

has_tests() {
  ctest --test-dir "$ROOT/.build/release" -N -L "^$1\$" -R "${MILLRACE_TEST_FILTER:-.}" |
    grep 'Test *#' >/dev/null
}

start_kafka() {
  has_tests broker || return 0
  say "local Kafka for the tests"
  "$KAFKA" wipe --dir "$KAFKA_DIR"  # of a run that was killed
  local port
  port=$(free_port)
  kafka_started=1
  "$KAFKA" start --port "$port" --dir "$KAFKA_DIR" || die "the local Kafka did not start"
  export MILLRACE_TEST_BOOTSTRAP=127.0.0.1:$port
}

free_port() {
  local port
  for port in ${MILLRACE_TEST_PORT:-$(seq 29092 100 29992)}; do
    if ! (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; then
      echo "$port"
      return 0
    fi
  done
  die "no free port for the local Kafka: set MILLRACE_TEST_PORT"
}

end_child() {
  if [[ -n $child ]] && kill -TERM "$child" 2>/dev/null; then wait "$child" || true; fi
}

clean_up() {
  end_child
  if [[ -n $builder ]] && kill -TERM "$builder" 2>/dev/null; then wait "$builder" || true; fi
  if [[ -n $kafka_started ]]; then "$KAFKA" wipe --dir "$KAFKA_DIR" >&2; fi
  if [[ -n $in_memory ]]; then rm -rf --one-file-system -- "$in_memory"; fi
}

# Builds what the sanitizers need while tests with a broker wait for half of their time. Only idle
# cores take part, so the tests keep their speed.
build_sanitizers_meanwhile() {
  local log=$ROOT/.build/sanitizers.log
  say "building asan and tsan on idle cores, beside the tests: see .build/sanitizers.log"
  (
    trap - EXIT
    trap 'end_child; exit 143' INT TERM HUP
    exec {run_lock}>&-
    wrapper=(chrt --idle 0)
    build asan
    wrapper+=("${without_randomizing[@]}")
    build tsan
  ) >"$log" 2>&1 &
  builder=$!
}

run_sanitizers() {
  if [[ -n $builder ]]; then
    wait "$builder" || say "the build beside the tests failed: building again"
    builder=
  fi
  build asan
  ASAN_OPTIONS=detect_leaks=1:strict_string_checks=1 UBSAN_OPTIONS=print_stacktrace=1 \
    run_label asan unit "$SANITIZERS_TIMEOUT_S"
  wrapper=("${without_randomizing[@]}")
  build tsan
  MILLRACE_SERIAL=1 TSAN_OPTIONS=halt_on_error=1:second_deadlock_stack=1 \
    run_label tsan unit "$SANITIZERS_TIMEOUT_S"
  wrapper=()
}

take_turns() {
  exec {run_lock}>"$ROOT/.build/run.lock"
  flock -n "$run_lock" && return 0
  echo "tests/run.sh: waiting for another run in this work tree"
  flock -w "$OTHER_RUN_TIMEOUT_S" "$run_lock" || die "the other run has not ended"
}

main() {
  local -A want=()
  (($#)) || set -- --all
  while (($#)); do
    case $1 in
      --unit | --lint | --tidy | --broker | --install | --simulation | --peer | --cdc | \
        --browser | --faults | --sanitizers)
        want[${1#--}]=1
        ;;
      --kafka)
        [[ ${2:-} =~ ^[0-9]+\.[0-9]+\.[0-9]+$ ]] || die "--kafka needs a version, like 3.9.2"
        export MILLRACE_KAFKA_VERSION=$2
        shift
        ;;
      --all) want+=([lint]=1 [unit]=1 [simulation]=1 [install]=1 [broker]=1) ;;
      -h | --help)
        usage
        return 0
        ;;
      *) die "unknown argument: $1 (try --help)" ;;
    esac
    shift
  done
  ((${#want[@]})) || die "name the tests that are to run (try --help)"

  failed=()
  wrapper=()
  child=
  builder=
  kafka_started=
  in_memory=
  mkdir -p "$ROOT/.build"
  take_turns
  trap clean_up EXIT
  trap 'exit 130' INT TERM HUP
  "$ROOT/apps/setup.sh" ${want[cdc]:+--sources} ${want[browser]:+--browser}
  # The thread sanitizer of g++ 12 cannot start where the kernel randomises addresses by 32 bits.
  # Later ones were not tried: do so when Debian 12 is no platform any more.
  without_randomizing=()
  if setarch --addr-no-randomize true 2>/dev/null; then
    without_randomizing=(setarch --addr-no-randomize)
  fi
  local label
  for label in lint unit simulation peer install broker cdc browser faults tidy; do
    if [[ -n ${want[$label]:-} ]]; then
      build release
      break
    fi
  done
  if [[ -n ${want[lint]:-} ]]; then run_label release lint "$LINT_TIMEOUT_S"; fi
  if [[ -n ${want[unit]:-} ]]; then run_label release unit "$UNIT_TIMEOUT_S"; fi
  if [[ -n ${want[simulation]:-} ]]; then
    run_label release simulation "$SIMULATION_TIMEOUT_S"
  fi
  if [[ -n ${want[peer]:-} ]]; then run_label release peer "$PEER_TIMEOUT_S"; fi
  if [[ -n ${want[install]:-} ]]; then run_label release install "$BROKER_TIMEOUT_S"; fi
  if [[ -n ${want[sanitizers]:-} && -n ${want[broker]:-} ]]; then build_sanitizers_meanwhile; fi
  if [[ -n ${want[broker]:-} ]]; then
    start_kafka
    run_label release broker "$BROKER_TIMEOUT_S"
  fi
  if [[ -n ${want[cdc]:-} ]]; then run_label release cdc "$CDC_TIMEOUT_S"; fi
  if [[ -n ${want[browser]:-} ]]; then run_label release browser "$BROWSER_TIMEOUT_S"; fi
  if [[ -n ${want[faults]:-} ]]; then run_label release faults "$FAULTS_TIMEOUT_S"; fi
  if [[ -n ${want[tidy]:-} ]]; then run_label release tidy "$LINT_TIMEOUT_S"; fi
  if [[ -n ${want[sanitizers]:-} ]]; then run_sanitizers; fi

  if ((${#failed[@]})); then
    say "failed: ${failed[*]}"
    return 1
  fi
  say "all passed: ${!want[*]}"
}

main "$@"
