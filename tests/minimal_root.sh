# Minimal roots of Debian releases, for platforms.sh and package.sh, which source this file.
#
# Whoever sources it sets `release` (12 or 13), PLATFORMS (a folder), and `root`, `child`, `lock`
# and `fresh` empty, defines die and say, and traps the end with clean_up. Everything runs in
# namespaces of mounts and processes of its own. They end with the script, however it ends, and with
# them all that was mounted or started. Only then is the root deleted, and only if nothing is
# mounted below it.
# shellcheck shell=bash disable=SC2034,SC2154

readonly -A CODENAMES=([12]=bookworm [13]=trixie)
readonly BOOTSTRAP_TIMEOUT_S=1200
readonly LOCK_TIMEOUT_S=1800
readonly END_TIMEOUT_S=60

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
