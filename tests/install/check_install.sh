#!/usr/bin/env bash
# Usage: check_install.sh BUILD_DIR RUN_DIR [CMAKE_ARGUMENT...]
#
# Installs the finished build in BUILD_DIR into a prefix in RUN_DIR, looks at what is there, and
# builds, tests and runs a copy of `project` against it with the CMAKE_ARGUMENTs. RUN_DIR is emptied
# first.
set -euo pipefail

HERE=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
ROOT=$(cd -- "$HERE/../.." && pwd)
BUILD_DIR=$1
RUN_DIR=$2
shift 2
PREFIX=$RUN_DIR/prefix

die() {
  echo "check_install.sh: $*" >&2
  exit 1
}

# Public headers of the sources below a folder named `include`, as a user spells them.
public_headers() {
  local part
  for part in engine engine/core engine/testing operators state; do
    (cd "$ROOT/$part/include" && find . -name '*.h')
  done
}

check_headers() {
  diff <(public_headers | sort) \
    <(cd "$PREFIX/include" && find . -name '*.h' ! -path './millrace/schemas/*' | sort) ||
    die "public headers (<) and installed headers (>) differ"
  diff <(cd "$ROOT/schemas" && find . -name '*.fbs' | sed 's/\.fbs$/_generated.h/' | sort) \
    <(cd "$PREFIX/include/millrace/schemas" && find . -name '*.h' | sort) ||
    die "schemas (<) and their installed headers (>) differ"
}

# A prefix that names the sources or the build works only on the machine that built it.
check_no_paths_of_the_build() {
  if grep -rlF --include='*.cmake' -e "$ROOT/" -e "$BUILD_DIR/" "$PREFIX"; then
    die "these package files name folders of the build"
  fi
}

# Two sources that include every installed header, so that most are once before what they need.
write_every_header() {
  local headers
  headers=$(cd "$PREFIX/include" && find . -name '*.h' | sort | sed 's|^\./\(.*\)$|#include "\1"|')
  printf '%s\n\nint main() {}\n' "$headers" >"$RUN_DIR/project/every_header.cc"
  tac <<<"$headers" >"$RUN_DIR/project/every_header_reversed.cc"
}

check_description() {
  local description
  description=$("$RUN_DIR/build/activity_summaries" --describe)
  local word
  for word in crm.activities crm.activity-accounts activity-totals crm.activity-summaries; do
    [[ $description == *"$word"* ]] || die "--describe does not tell of $word: $description"
  done
}

rm -rf -- "$RUN_DIR"
mkdir -p "$RUN_DIR"
cmake --install "$BUILD_DIR" --prefix "$PREFIX" >"$RUN_DIR/install.log"
check_headers
check_no_paths_of_the_build

cp -R "$HERE/project" "$RUN_DIR/project"
write_every_header
cmake -S "$RUN_DIR/project" -B "$RUN_DIR/build" -DCMAKE_PREFIX_PATH="$PREFIX" "$@"
cmake --build "$RUN_DIR/build" --parallel 2
ctest --test-dir "$RUN_DIR/build" --output-on-failure --no-tests=error
check_description
# The debug information of the libraries takes more room than all else.
rm -rf -- "$PREFIX" "$RUN_DIR/build"
