#!/usr/bin/env bash
# Runs the commands of the README on a minimal Debian 12 or 13, in a root folder of its own.
set -euo pipefail

HERE=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
ROOT=$(cd -- "$HERE/.." && pwd)
PLATFORMS=$ROOT/.local/platforms
readonly HERE ROOT PLATFORMS
readonly -A CODENAMES=([12]=bookworm [13]=trixie)
readonly BOOTSTRAP_TIMEOUT_S=1200
readonly RUN_TIMEOUT_S=14400
readonly LOCK_TIMEOUT_S=1800
readonly END_TIMEOUT_S=60

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

say() { printf '\n== Debian %s: %s\n' "$release" "$*"; }

die() {
  echo "tests/platforms.sh: $*" >&2
  exit 2
}

# Runs a command in namespaces of its own, without input. In the background, so that a signal to
# this script ends it at once. The command's processes end with it, and with this script.
isolated() {
  local result=0
  setpriv --pdeathsig KILL unshare --mount-proc --propagation private --pid --fork \
    --kill-child=KILL -- "$@" </dev/null {lock}>&- &
  child=$!
  wait "$child" || result=$?
  child=
  return "$result"
}

is_alive() { grep -q '^State:[[:space:]]*[^ZX]' "/proc/$1/status" 2>/dev/null; }

# The first process of a namespace ends last: when it is gone, nobody writes into the root.
end_child() {
  [[ -n $child ]] || return 0
  local first end=$((SECONDS + END_TIMEOUT_S))
  first=$(ps -o pid= --ppid "$child" | tr -d ' ' || true)
  kill -KILL "$child" 2>/dev/null || true
  wait "$child" 2>/dev/null || true
  while [[ -n $first ]] && is_alive "$first"; do
    ((SECONDS < end)) || die "process $first does not end; $root is left"
    sleep 0.1
  done
}

mounted_below() {
  local where
  while read -r _ where _; do
    printf -v where '%b' "${where//\\/\\0}"  # a space is \040 there
    [[ $where/ != "$1"/* ]] || return 0
  done </proc/self/mounts
  return 1
}

delete() {
  if mounted_below "$1"; then die "something is mounted below $1: not deleting it"; fi
  rm -rf --one-file-system -- "$1"
}

clean_up() {
  trap '' INT TERM HUP  # a second signal must not leave the root behind
  end_child
  if [[ -n $root && -d $root ]]; then delete "$root"; fi
}

# The address from which apt has packages of Debian with this label; nothing when it has none.
mirror() {
  apt-cache policy 2>/dev/null | awk -v label=",l=$1," '
    $1 ~ /^[0-9]+$/ { url = $2 }
    $1 == "release" && index($0, ",o=Debian,") && index($0, label) && !found { found = url }
    END { print found }'
}

new_root() { root=$(mktemp -d "$PLATFORMS/root-$release.XXXXXX") && chmod 755 "$root"; }

# The minimal root as an archive, made once for each release.
bootstrap() {
  local archive=$PLATFORMS/debian-$release.tar log=$PLATFORMS/debian-$release.log main proxy
  exec {lock}>"$archive.lock"
  flock -w "$LOCK_TIMEOUT_S" "$lock" || die "another run has held $archive.lock for too long"
  if [[ -z $fresh && -e $archive ]]; then return 0; fi
  say "bootstrapping a minimal root"
  new_root
  main=$(mirror Debian)
  proxy=$(apt-config dump --format '%v' Acquire::http::Proxy)
  if [[ -n $proxy ]]; then export http_proxy=$proxy; fi
  isolated timeout "$BOOTSTRAP_TIMEOUT_S" debootstrap --variant=minbase \
    --include=ca-certificates,git "${CODENAMES[$release]}" "$root" ${main:+"$main"} \
    >"$log" 2>&1 || die "debootstrap failed: $(tail -n 3 "$log")"
  tar -C "$root" --numeric-owner --exclude './var/cache/apt/archives/*.deb' -cf "$archive.part" .
  mv "$archive.part" "$archive"
  delete "$root"
  root=
}

# How this machine reaches the package registries.
carry_over() {
  local main security settings file codename=${CODENAMES[$release]}
  main=$(mirror Debian)
  security=$(mirror Debian-Security)
  if [[ -n $main ]]; then
    printf 'deb %s %s main\n' "$main" "$codename" "$main" "$codename-updates" \
      ${security:+"$security" "$codename-security"} >"$root/etc/apt/sources.list"
  fi
  apt-config dump Acquire | grep -v '^Acquire::\(IndexTargets\|Changelogs\)' \
    >"$root/etc/apt/apt.conf.d/90platforms"
  for file in /etc/resolv.conf /etc/hosts /etc/pip.conf; do
    if [[ -e $file ]]; then cp -L "$file" "$root$file"; fi
  done
  for file in .config/pip/pip.conf .pip/pip.conf; do
    if [[ -e $HOME/$file ]]; then install -D -m 644 "$HOME/$file" "$root/root/$file"; fi
  done
  for settings in "$HOME/.m2/settings.xml" /etc/maven/settings.xml; do
    [[ -e $settings ]] || continue
    install -D -m 600 "$settings" "$root/root/.m2/settings.xml"
    break
  done
  if [[ -d /usr/local/share/ca-certificates ]]; then
    cp -RL /usr/local/share/ca-certificates/. "$root/usr/local/share/ca-certificates/"
    isolated chroot "$root" update-ca-certificates >/dev/null 2>&1 || die "no CA certificates"
  fi
}

carried_variables() {
  local name value
  variables=(HOME=/root LANG=C.UTF-8 "TERM=${TERM:-dumb}"
    PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin)
  while IFS='=' read -r -d '' name value; do
    case $name in
      *_proxy | *_PROXY | PIP_* | MAVEN_* | SSL_CERT_* | MILLRACE_QUICKSTART_* | MILLRACE_TEST_*)
        variables+=("$name=$value")
        ;;
    esac
  done < <(env -0)
}

# The first process of the namespaces: mounts what a system has, and runs the command.
# shellcheck disable=SC2317  # run by another shell, see run_in_root
enter() {
  local inside=$1 cache=$2
  shift 2
  mount -t proc proc "$inside/proc"
  mount -t devpts -o newinstance,ptmxmode=0666 devpts "$inside/dev/pts"
  mount -t tmpfs tmpfs "$inside/dev/shm"
  if [[ -n $cache ]]; then
    mkdir -p "$inside/root/.cache"
    mount --bind "$cache" "$inside/root/.cache"
  fi
  local result=0
  chroot "$inside" "$@" || result=$?  # no exec: this shell waits for the orphans of the command
  return "$result"
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
