#!/usr/bin/env bash
# Installs the Debian packages and lint tools that Millrace is built, tested and run with.
set -euo pipefail

ROOT=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd)
readonly ROOT
# Every name is in Debian 12 and 13. Where their versions differ, the metapackage without a version
# stands here: g++ is 12 or 14, default-jdk-headless is Java 17 or 21.
readonly BUILD=(
  g++ cmake ninja-build ccache mold pkg-config git
  librdkafka-dev librocksdb-dev flatbuffers-compiler libflatbuffers-dev libtbb-dev
  libboost-dev libspdlog-dev libfmt-dev libxxhash-dev
  libsimdjson-dev libcli11-dev libtomlplusplus-dev prometheus-cpp-dev
  nlohmann-json3-dev zlib1g-dev
  libhowardhinnant-date-dev tzdata libicu-dev libssl-dev libpq-dev
)
readonly TEST=(
  libgtest-dev libgmock-dev librapidcheck-dev libbenchmark-dev
  shellcheck python3-venv
  dpkg-dev  # dpkg-shlibdeps, for the package in apps/deploy
  groff-base zsh  # read the manual pages and completions that the package has
  nghttp2-client  # h2load, which asks both engines in bench/compare.sh query
)
# util-linux and coreutils (flock, setsid, timeout) are essential in Debian.
readonly RUN=(
  default-jdk-headless maven ca-certificates curl jq python3 kcat procps
)
# The databases of apps/connect. MariaDB's core has no service that starts by itself.
readonly SOURCES=(
  postgresql mariadb-server-core mariadb-client-core
)
readonly CLUSTERS=/etc/postgresql-common/createcluster.conf
readonly APT_TIMEOUT_S=1500
readonly LINT=$ROOT/.local/lint
readonly LINT_WHEELS=$ROOT/tests/lint/requirements.txt
readonly LINT_TIMEOUT_S=600
# Checks and tests the alerts of apps/monitoring. Debian has it in the package "prometheus" only,
# whose installation would also start a server, now and at every boot: this one file is enough.
readonly PROMTOOL=$ROOT/.local/promtool/promtool
readonly PROMTOOL_TIMEOUT_S=300

usage() {
  cat <<TEXT
Usage: apps/setup.sh [--sources] [--browser] [--check] [--help]

Installs what Millrace needs on Debian 12 or 13: the compiler and libraries, the test tools, and
what the local Kafka runs on (a Java runtime, Maven, kcat). Installs only what is missing and
changes nothing else, so it is quick to run again. Needs root, or sudo, when a package is missing.

The lint tools (clang-format, clang-tidy) come as pinned wheels from PyPI into .local/lint, so every
release has the same version. promtool, which checks alerts, comes out of Debian's package of
Prometheus into .local/promtool, unless there is one; nothing else of the package is installed.
Where any of these cannot be fetched, setup says so and succeeds: the checks that need it are then
skipped.

  --sources  the databases of apps/connect too, for the tests of change data capture
  --browser  Chromium and Node.js, for the test of the console
  --check    install nothing; list what is missing and exit 1 if anything is
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

has_lint() { cmp -s "$LINT_WHEELS" "$LINT/requirements.txt"; }

# All or nothing: the copy of the requirements, made last, says that the folder is complete.
install_lint() {
  local lock
  mkdir -p "$ROOT/.local"
  exec {lock}>"$LINT.lock"
  flock -w "$LINT_TIMEOUT_S" "$lock" || die "another process has held $LINT.lock for too long"
  if ! has_lint; then
    echo "setup: fetching the lint tools into .local/lint"
    rm -rf -- "$LINT"
    if /usr/bin/python3 -m venv "$LINT" >"$LINT.log" 2>&1 &&
      timeout "$LINT_TIMEOUT_S" "$LINT/bin/pip" install --quiet --require-hashes \
        --only-binary :all: -r "$LINT_WHEELS" >>"$LINT.log" 2>&1; then
      cp "$LINT_WHEELS" "$LINT/requirements.txt"
    else
      echo "setup: no lint tools, so their checks will be skipped: $(tail -n 1 "$LINT.log")" >&2
    fi
  fi
  exec {lock}>&-
}

has_promtool() { [[ -x $PROMTOOL ]] || command -v promtool >/dev/null; }

fetch_promtool() {
  local folder
  echo "setup: fetching promtool into .local/promtool"
  mkdir -p "$ROOT/.local"
  folder=$(mktemp -d)
  if (cd "$folder" && unpack_promtool) >"$ROOT/.local/promtool.log" 2>&1; then
    mkdir -p "${PROMTOOL%/*}"
    mv "$folder/promtool" "$PROMTOOL"
  else
    echo "setup: no promtool, so the check of alerts will be skipped:" \
      "$(tail -n 1 "$ROOT/.local/promtool.log")" >&2
  fi
  rm -rf -- "$folder"
}

# Into the present folder. A machine whose packages were all there may have no lists of packages.
unpack_promtool() {
  local download=(timeout "$PROMTOOL_TIMEOUT_S" apt-get -o Acquire::Retries=3 download prometheus)
  "${download[@]}" || { update_lists && "${download[@]}"; } || return
  dpkg-deb --fsys-tarfile ./*.deb | tar --extract --strip-components 3 ./usr/bin/promtool
}

# Sets `as_root` and `apt_get`.
choose_apt_get() {
  as_root=()
  if ((EUID != 0)); then
    command -v sudo >/dev/null || die "run this as root (there is no sudo) to install packages"
    as_root=(sudo)
  fi
  apt_get=("${as_root[@]}" env DEBIAN_FRONTEND=noninteractive timeout "$APT_TIMEOUT_S"
    apt-get -qq -o DPkg::Lock::Timeout=120 -o Acquire::Retries=3)
}

update_lists() {
  local as_root apt_get
  choose_apt_get
  echo "setup: apt-get update"
  "${apt_get[@]}" update
}

install_packages() {
  local as_root apt_get
  choose_apt_get
  update_lists || die "apt-get update failed"
  echo "setup: apt-get install of the missing packages"
  if [[ " $* " == *" postgresql "* ]]; then
    install_by postgresql-common
    # Else the server's package makes a cluster, and starts it now and at every boot.
    # An earlier run that was interrupted has left the original there.
    [[ -e $CLUSTERS.millrace ]] || "${as_root[@]}" cp -a "$CLUSTERS" "$CLUSTERS.millrace"
    echo "create_main_cluster = false" | "${as_root[@]}" tee -a "$CLUSTERS" >/dev/null
    install_by postgresql
    "${as_root[@]}" mv "$CLUSTERS.millrace" "$CLUSTERS"
  fi
  install_by "$@"
}

# With `apt_get` of the caller.
install_by() {
  "${apt_get[@]}" install -y --no-install-recommends "$@" >/dev/null || die "apt-get install failed"
}

main() {
  local check=false all=("${BUILD[@]}" "${TEST[@]}" "${RUN[@]}")
  while (($#)); do
    case $1 in
      --check) check=true ;;
      --sources) all+=("${SOURCES[@]}") ;;
      --browser)
        all+=(chromium)
        # A Node.js from elsewhere has an npm of its own, beside which Debian's cannot be.
        command -v npm >/dev/null || all+=(nodejs npm)
        ;;
      -h | --help)
        usage
        return 0
        ;;
      *)
        usage >&2
        die "unknown argument: $1"
        ;;
    esac
    shift
  done
  if ! command -v dpkg-query >/dev/null || ! command -v apt-get >/dev/null; then
    die "this is not a Debian system: install what $0 lists under BUILD, TEST and RUN by hand"
  fi

  local wanted
  mapfile -t wanted < <(missing "${all[@]}")
  if ((${#wanted[@]})); then
    echo "setup: ${#wanted[@]} of ${#all[@]} packages are missing: ${wanted[*]}"
  elif has_lint && has_promtool; then
    echo "setup: all ${#all[@]} packages, the lint tools and promtool are there"
    return 0
  fi
  if $check; then
    has_lint || echo "setup: the lint tools are missing"
    has_promtool || echo "setup: promtool is missing"
    exit 1
  fi
  if ((${#wanted[@]})); then install_packages "${wanted[@]}"; fi
  has_lint || install_lint
  has_promtool || fetch_promtool
  echo "setup: done"
}

main "$@"
