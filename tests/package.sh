#!/usr/bin/env bash
# Installs the Debian package on a minimal root, looks at it, and runs its service under systemd.
set -euo pipefail

HERE=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
ROOT=$(cd -- "$HERE/.." && pwd)
PLATFORMS=$ROOT/.local/platforms
readonly HERE ROOT PLATFORMS
readonly BUILD=$ROOT/.build/release
readonly KAFKA=$ROOT/apps/kafka/local_kafka.sh
readonly KAFKA_DIR=$ROOT/.local/kafka-package
readonly KAFKA_PORT=${MILLRACE_TEST_PORT:-29392}
readonly STEP_TIMEOUT_S=600

usage() {
  cat <<TEXT
Usage: tests/package.sh [--boot] [--fresh]
       tests/package.sh --schemas

Makes the package of the finished build in .build/release, installs it with apt on a minimal root
of this machine's Debian release, and there: runs the programs, looks at user, modes and pages, and
asks systemd what the unit exposes. Then removes and purges it.

  --boot   boot the root with systemd-nspawn as well, and start the service against a local Kafka
           (apps/kafka): it has to become ready, to be restarted by the watchdog when it is stopped
           with SIGSTOP, and to end in order
  --fresh  bootstrap again; without it the minimal root comes from the archive that the first run
           left in .local/platforms

  --schemas  only the image and the manifests of Kubernetes: fetches their checkers from PyPI into
             .local/schemas, and compares them with schemas and programs

Needs root, debootstrap, dpkg-dev, and for --boot systemd-container. MILLRACE_TEST_PORT is the port
of the local Kafka ($KAFKA_PORT). Roots are made and deleted as by tests/platforms.sh.
TEXT
}

say() { printf '\n== %s\n' "$*"; }

die() {
  echo "tests/package.sh: $*" >&2
  exit 2
}

# shellcheck source=tests/minimal_root.sh
source "$HERE/minimal_root.sh"

end() {
  clean_up
  if [[ -n $kafka_started ]]; then "$KAFKA" wipe --dir "$KAFKA_DIR" >&2; fi
}

# A shell script in the root, with the network of this machine.
in_root() {
  isolated bash -euc "$(declare -f enter); enter \"\$@\"" enter "$root" '' \
    env -i "${variables[@]}" DEBIAN_FRONTEND=noninteractive \
    timeout --kill-after=20 "$STEP_TIMEOUT_S" bash -euo pipefail -c "$1"
}

# As apps/setup.sh does with the lint tools: the copy of the requirements, made last, says that the
# folder is complete.
check_schemas() {
  local venv=$ROOT/.local/schemas wheels=$HERE/package/requirements.txt
  if ! cmp -s "$wheels" "$venv/requirements.txt"; then
    rm -rf -- "$venv"
    /usr/bin/python3 -m venv "$venv"
    timeout "$STEP_TIMEOUT_S" "$venv/bin/pip" install --quiet --require-hashes \
      --only-binary :all: -r "$wheels"
    cp "$wheels" "$venv/requirements.txt"
  fi
  "$venv/bin/python3" -B "$HERE/package/manifests_test.py" "$BUILD/apps" "$ROOT"
}

make_package() {
  say "making the package"
  (cd "$BUILD" && cpack --config CPackConfig.cmake -D CPACK_COMPONENTS_ALL=programs >package.log) ||
    die "cpack failed: see $BUILD/package.log"
  local found=("$BUILD"/package/millrace_*.deb)
  ((${#found[@]} == 1)) || die "not one package: ${found[*]}"
  package=${found[0]}
}

make_root() {
  bootstrap
  new_root
  tar -C "$root" --numeric-owner -xf "$PLATFORMS/debian-$release.tar"
  exec {lock}>&-
  carry_over
  cp "$package" "$root/root/millrace.deb"
}

# shellcheck disable=SC2016  # the shell in the root expands them
install_and_look() {
  say "installing $(basename "$package") on a minimal Debian $release"
  in_root 'apt-get -qq update
    apt-get -qq install -y --no-install-recommends /root/millrace.deb >/root/install.log 2>&1 ||
      { tail -20 /root/install.log; exit 1; }
    for program in crm_materializer crm_workload millrace; do
      "$program" --help >/dev/null
      test -s "/usr/share/man/man1/$program.1.gz" || echo "no pages: see dpkg path-exclude"
      bash -n "/usr/share/bash-completion/completions/$program"
    done
    crm_materializer --config /etc/millrace/crm.toml --describe >/dev/null
    getent passwd millrace
    stat -c "%a %U %n" /etc/millrace/crm.toml
    test "$(stat -c "%a %U" /etc/millrace/crm.toml)" = "600 root"
    systemd-analyze verify millrace@crm.service 2>&1 | grep -v "man crm_materializer" || true
    systemd-analyze security --offline=true --threshold=30 millrace@crm.service | tail -n 1
    dpkg -V millrace'
}

purge_and_look() {
  say "removing and purging it"
  in_root 'mkdir -p /var/lib/millrace/crm
    apt-get -qq purge -y millrace >/dev/null
    ! ls -d /var/lib/millrace /etc/millrace/crm.toml /usr/bin/crm_materializer 2>/dev/null'
}

# The first unit of the root that is booted runs this; its exit code is that of the boot.
# shellcheck disable=SC2016
write_check() {
  cat >"$root/root/check.sh" <<'CHECK'
#!/bin/bash
# Runs in the booted root.
set -euo pipefail
trap 'code=$?; systemctl --no-pager status millrace@crm | tail -n 15; systemctl exit "$code"' EXIT
property() { systemctl show --value -p "$1" millrace@crm; }
await() {
  for ((i = 0; i < 300; ++i)); do
    if [[ $(property "$1") == "$2" ]]; then return 0; fi
    sleep 0.2
  done
  echo "$1 is $(property "$1"), not $2"
  return 1
}
echo "systemctl start millrace@crm"
timeout 120 systemctl start millrace@crm  # returns when the service is ready
echo "ActiveState=$(property ActiveState) StatusText=$(property StatusText)"
millrace get ready --url http://127.0.0.1:18090
pid=$(property MainPID)
grep -E '^(Uid|CapEff|NoNewPrivs|Seccomp):' "/proc/$pid/status" | tr '\n\t' '  '
echo
echo "SIGSTOP: a hang; the watchdog restarts it"
kill -STOP "$pid"
await NRestarts 1
await ActiveState active
echo "NRestarts=$(property NRestarts) StatusText=$(property StatusText)"
echo "systemctl stop millrace@crm"
systemctl stop millrace@crm
echo "Result=$(property Result) ExecMainStatus=$(property ExecMainStatus)"
[[ $(property Result) == success && $(property ExecMainStatus) == 0 ]]
CHECK
  chmod 755 "$root/root/check.sh"
  local units=$root/etc/systemd/system
  mkdir -p "$units/millrace@crm.service.d"
  printf '[Service]\nWatchdogSec=5\nRestartSec=1\n' >"$units/millrace@crm.service.d/check.conf"
  printf '%s\n' '[Service]' 'Type=oneshot' 'ExecStart=/root/check.sh' \
    'StandardOutput=file:/root/check.log' 'StandardError=inherit' >"$units/check.service"
  printf '[Unit]\nWants=check.service\n' >"$units/check.target"
  cat >"$root/etc/millrace/crm.toml" <<TOML
bootstrap.servers = "127.0.0.1:$KAFKA_PORT"
create.topics = true
query.port = 18090
TOML
}

boot() {
  command -v systemd-nspawn >/dev/null ||
    die "there is no systemd-nspawn: apt-get install systemd-container"
  say "local Kafka on port $KAFKA_PORT"
  kafka_started=1
  "$KAFKA" start --port "$KAFKA_PORT" --dir "$KAFKA_DIR" || die "the local Kafka did not start"
  write_check
  say "booting the root"
  local result=0
  isolated timeout --kill-after=20 "$STEP_TIMEOUT_S" systemd-nspawn --quiet --register=no \
    --keep-unit --directory="$root" --boot --console=pipe -- --unit=check.target \
    >"$PLATFORMS/boot.log" 2>&1 || result=$?
  cat "$root/root/check.log" || true
  ((result == 0)) || die "the check in the booted root failed: $result; see $PLATFORMS/boot.log"
}

main() {
  release=$(. /etc/os-release && echo "$VERSION_ID") fresh='' root='' child='' lock=''
  kafka_started=''
  local with_boot=''
  while (($#)); do
    case $1 in
      --boot) with_boot=1 ;;
      --fresh) fresh=1 ;;
      --schemas)
        check_schemas
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
  ((EUID == 0)) || die "run this as root: it makes a root folder and namespaces"
  mkdir -p "$PLATFORMS"
  trap end EXIT
  trap 'exit 130' INT TERM HUP
  carried_variables
  make_package
  make_root
  install_and_look
  if [[ -n $with_boot ]]; then boot; fi
  purge_and_look
  delete "$root"
  root=
  say "done"
}

main "$@"
