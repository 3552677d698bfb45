#!/usr/bin/env bash
# Runs the commands of the README on a minimal Debian 12 or 13, in a root folder of its own.
set -euo pipefail

HERE=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
ROOT=$(cd -- "$HERE/.." && pwd)
PLATFORMS=$ROOT/.local/platforms
readonly HERE ROOT PLATFORMS
readonly RUN_TIMEOUT_S=14400

usage() {
  cat <<TEXT
Usage: tests/platforms.sh 12|13 [quickstart|tests] [--warm] [--fresh] [--keep] [-- ARGUMENT...]
       tests/platforms.sh --clean

Shows that a newcomer's commands work on a Debian release: makes a minimal root (debootstrap, with
git and ca-certificates added), clones the HEAD of this work tree into it, and runs there

  quickstart  ./apps/quickstart.sh, and then ./apps/quickstart.sh --stop
  tests       ./tests/run.sh

or, if neither is named, both, each in a root of its own. Arguments after -- go to the command:

  tests/platforms.sh 13 quickstart
  tests/platforms.sh 12 tests -- --lint --unit --install

Exit code: that of the command. Changes that are not committed are not tested.

  --warm   share the caches of ccache and pip with earlier runs on that release; without it
           everything is compiled, as on a newcomer's machine
  --fresh  bootstrap again; without it the minimal root comes from the archive that the first run
           left in .local/platforms
  --keep   when the command fails, leave its root in .local/platforms and print where it is
  --clean  delete all of .local/platforms

Needs root, and debootstrap from the Debian package of that name. The root gets this machine's way
to the package registries: apt's Acquire options (proxies among them) and mirror, pip.conf, Maven's
settings.xml, the local CA certificates, resolv.conf, hosts, and the variables *_proxy, PIP_*,
MAVEN_* and SSL_CERT_*. It shares the network of this machine, so the quickstart's ports must be
free, or others named: MILLRACE_QUICKSTART_* and MILLRACE_TEST_* reach the command too.

Everything runs in namespaces of mounts and processes of its own. They end with this script, however
it ends, and with them all that was mounted or started. Only then is the root deleted, and only if
nothing is mounted below it. A root that a killed run left behind goes with --clean.
TEXT
}

# shellcheck source=tests/minimal_root.sh
source "$HERE/minimal_root.sh"

say() { printf '\n== Debian %s: %s\n' "$release" "$*"; }

die() {
  echo "tests/platforms.sh: $*" >&2
  exit 2
}

# Runs a command line in the clone.
run_in_root() {
  local cache=
  if [[ -n $warm ]]; then
    cache=$PLATFORMS/cache-$release
    mkdir -p "$cache"
  fi
  isolated bash -euc "$(declare -f enter); enter \"\$@\"" enter "$root" "$cache" \
    env -i "${variables[@]}" timeout --kill-after=20 "$RUN_TIMEOUT_S" \
    bash -c "cd /root/millrace && $1"
}

# One of the two commands, in a root of its own; keeps its exit code in `failed`.
run_command() {
  local what=$1 line result=0 begin
  shift
  bootstrap
  new_root
  tar -C "$root" --numeric-owner -xf "$PLATFORMS/debian-$release.tar"
  exec {lock}>&-
  carry_over
  git clone --quiet --no-local "$ROOT" "$root/root/millrace"
  case $what in
    quickstart) line="./apps/quickstart.sh ${*@Q} && ./apps/quickstart.sh --stop" ;;
    tests) line="./tests/run.sh ${*@Q}" ;;
  esac
  say "$line, on commit $(git -C "$root/root/millrace" rev-parse --short HEAD)"
  begin=$SECONDS
  run_in_root "$line" || result=$?
  say "$what ended with exit code $result after $((SECONDS - begin)) s"
  if ((result != 0)) && [[ -n $keep ]]; then
    say "its root is left: $root (--clean deletes it)"
  else
    delete "$root"
  fi
  root=
  if ((result != 0)); then failed=$result; fi
}

parse() {
  while (($#)); do
    case $1 in
      12 | 13) release=$1 ;;
      quickstart | tests) commands+=("$1") ;;
      --warm) warm=1 ;;
      --fresh) fresh=1 ;;
      --keep) keep=1 ;;
      --clean) clean=1 ;;
      --)
        shift
        arguments=("$@")
        return 0
        ;;
      -h | --help)
        usage
        exit 0
        ;;
      *) die "unknown argument: $1 (try --help)" ;;
    esac
    shift
  done
}

main() {
  release='' warm='' fresh='' keep='' clean='' root='' child='' lock='' in_use=''
  failed=0
  commands=() arguments=() variables=()
  parse "$@"
  mkdir -p "$PLATFORMS"
  exec {in_use}<"$PLATFORMS"
  if [[ -n $clean ]]; then
    flock -n "$in_use" || die "another run is using $PLATFORMS"
    delete "$PLATFORMS"
    return 0
  fi
  flock --shared "$in_use"
  [[ -n $release ]] || die "say 12 or 13 (try --help)"
  ((${#commands[@]})) || commands=(quickstart tests)
  if ((${#arguments[@]})) && ((${#commands[@]} > 1)); then die "arguments for which command?"; fi
  ((EUID == 0)) || die "run this as root: it makes a root folder and namespaces"
  command -v debootstrap >/dev/null || die "there is no debootstrap: apt-get install debootstrap"
  if [[ -n $(git -C "$ROOT" status --porcelain) ]]; then
    echo "tests/platforms.sh: changes that are not committed are not tested" >&2
  fi
  trap clean_up EXIT
  trap 'exit 130' INT TERM HUP
  carried_variables
  local what
  for what in "${commands[@]}"; do run_command "$what" "${arguments[@]}"; done
  return "$failed"
}

main "$@"
