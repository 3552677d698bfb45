#!/usr/bin/env bash
# Compares Millrace with Kafka Streams on random cases: builds the Kafka Streams side and runs both.
set -euo pipefail

HERE=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
ROOT=$(cd -- "$HERE/../.." && pwd)
readonly HERE ROOT
readonly PROGRAM=${MILLRACE_PEER_STEPS:-$ROOT/.build/release/tests/peer/peer_steps}
readonly BUILD_TIMEOUT_S=600
readonly JVM=(-Xms512m -Xmx1g -XX:+UseSerialGC)
readonly MEMORY_FOLDER=/dev/shm

usage() {
  cat <<TEXT
Usage: tests/peer/run.sh [--seed N] [--cases N] [--findings N] [--line CASE …]

Runs random cases on Millrace and on Kafka Streams' TopologyTestDriver, and compares the outputs
after every input. Prints a difference that no row of operators/README.md explains with the smallest
case that shows it. The last line is "cases=… records=… explained=… unexplained=…".

  --seed N      of the first case, default 1; the case of a seed is always the same
  --cases N     how many, default 2000
  --findings N  stop after so many unexplained differences, default 5
  --line CASE   runs this case and prints all steps; may be repeated

Exit code 0: no unexplained difference. MILLRACE_PEER_STEPS names Millrace's program; default:
that of the preset release.
TEXT
}

die() {
  echo "tests/peer/run.sh: $*" >&2
  exit 2
}

# Runs from a copy: Maven writes all classes again at every build, also beneath a comparison that
# runs already.
build_theirs() {
  timeout "$BUILD_TIMEOUT_S" mvn -q -B -f "$HERE/java/pom.xml" \
    -Dmaven.wagon.http.retryHandler.count=3 process-classes >"$work/mvn.log" 2>&1 ||
    die "building the Kafka Streams side failed: $(tail -n 20 "$work/mvn.log")"
  cp -r "$HERE/java/target/classes" "$HERE/java/target/lib" "$work/"
}

clean_up() { rm -rf --one-file-system -- "$work"; }

main() {
  case ${1:-} in
    -h | --help)
      usage
      return 0
      ;;
  esac
  [[ -x $PROGRAM ]] || die "$PROGRAM is not built: call tests/run.sh --peer"
  local needed
  for needed in java mvn python3; do
    command -v "$needed" >/dev/null || die "there is no $needed: run apps/setup.sh"
  done
  # A few stores of Kafka Streams are on a disk whatever the settings; memory is faster.
  local folder=${TMPDIR:-/tmp}
  if [[ -w $MEMORY_FOLDER ]]; then folder=$MEMORY_FOLDER; fi
  work=$(mktemp -d "$folder/millrace-peer.XXXXXX")
  trap clean_up EXIT
  trap 'exit 130' INT TERM HUP
  mkdir -p "$ROOT/.local"
  (
    flock -w "$BUILD_TIMEOUT_S" 9 || die "somebody else has built it for too long"
    build_theirs
  ) 9>"$ROOT/.local/peer-build.lock"
  local -a theirs=(
    java "${JVM[@]}" -Dorg.slf4j.simpleLogger.defaultLogLevel=off
    -cp "$work/classes:$work/lib/*" millrace.peer.Main "$work/state"
  )
  python3 -B "$HERE/compare.py" --ours "$PROGRAM" --theirs "$(printf '%q ' "${theirs[@]}")" "$@"
  exit  # bash reads a script as it goes: it must not see what was edited meanwhile
}

main "$@"
