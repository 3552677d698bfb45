#!/usr/bin/env bash
# Installs the Debian 12 packages that Millrace is built, tested and run with.
set -euo pipefail

readonly BUILD=(
  g++ cmake ninja-build ccache mold pkg-config git
  librdkafka-dev librocksdb-dev flatbuffers-compiler libflatbuffers-dev libtbb-dev
  libboost-dev libspdlog-dev libfmt-dev libxxhash-dev
  libsimdjson-dev libcli11-dev libtomlplusplus-dev prometheus-cpp-dev
  nlohmann-json3-dev zlib1g-dev
  libhowardhinnant-date-dev tzdata libicu-dev libssl-dev
)
readonly TEST=(
  libgtest-dev libgmock-dev librapidcheck-dev libbenchmark-dev
  clang-format-14 clang-tidy-14 shellcheck
)
# util-linux and coreutils (flock, setsid, timeout) are essential in Debian.
readonly RUN=(
  openjdk-17-jdk-headless maven ca-certificates curl jq python3 kcat procps
)
readonly APT_TIMEOUT_S=1500

usage() {
  cat <<TEXT
Usage: apps/setup.sh [--check] [--help]

Installs what Millrace needs on Debian 12: the compiler and libraries, the test and lint tools, and
what the local Kafka runs on (a Java runtime, Maven, kcat). Installs only what is missing and
changes nothing else, so it is quick to run again. Needs root, or sudo, when something is missing.

  --check  install nothing; list what is missing and exit 1 if anything is
TEXT
}

die() {
  echo "setup: $*" >&2
  exit 2
}

# Prints those of the packages that are not installed, one a line.
missing() {
  local installed
  # dpkg-query fails when it does not know a name; what it knows it has printed.
  installed=$(dpkg-query -W -f='${db:Status-Status} ${Package}\n' "$@" 2>/dev/null || true)
  local package
  for package in "$@"; do
    grep -qxF "installed $package" <<<"$installed" || echo "$package"
  done
}

main() {
  local check=false
  case "${1:-}" in
    '') ;;
    --check) check=true ;;
    -h | --help)
      usage
      return 0
      ;;
    *)
      usage >&2
      die "unknown argument: $1"
      ;;
  esac
  if ! command -v dpkg-query >/dev/null || ! command -v apt-get >/dev/null; then
    die "this is not a Debian system: install what $0 lists under BUILD, TEST and RUN by hand"
  fi

  local all=("${BUILD[@]}" "${TEST[@]}" "${RUN[@]}") wanted
  mapfile -t wanted < <(missing "${all[@]}")
  if ((${#wanted[@]} == 0)); then
    echo "setup: all ${#all[@]} packages are installed"
    return 0
  fi
  echo "setup: ${#wanted[@]} of ${#all[@]} packages are missing: ${wanted[*]}"
  if $check; then exit 1; fi

  local as_root=()
  if ((EUID != 0)); then
    command -v sudo >/dev/null || die "run this as root (there is no sudo) to install them"
    as_root=(sudo)
  fi
  as_root+=(env DEBIAN_FRONTEND=noninteractive timeout "$APT_TIMEOUT_S" apt-get -qq
    -o DPkg::Lock::Timeout=120 -o Acquire::Retries=3)
  echo "setup: apt-get update"
  "${as_root[@]}" update || die "apt-get update failed"
  echo "setup: apt-get install of the missing packages"
  "${as_root[@]}" install -y --no-install-recommends "${wanted[@]}" >/dev/null ||
    die "apt-get install failed"
  echo "setup: done"
}

main "$@"
