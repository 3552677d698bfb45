# shellcheck shell=bash
# Shared by the scripts of local services: a data folder of their own, one command at a time, and
# only processes that they started. Sourced; the caller sets `service` (its name), `marker` (the
# file that makes a folder its own), `dir` (the data folder) and `port`, and defines `running_pid`
# (prints the service's process; fails when there is none) and `answers` (whether it does).

: "${service:?}" "${marker:?}"
readonly SERVICE_LOCK_TIMEOUT_S=180
readonly SERVICE_START_TIMEOUT_S=240  # on a busy machine
readonly SERVICE_STOP_TIMEOUT_S=60

say() { echo "$service: $*"; }

die() {
  echo "$service: $*" >&2
  exit 1
}

# One command at a time per data folder. The lock is the folder itself: no file is left behind.
lock_dir() {
  exec {dir_lock}<"${dir:?}"
  flock -w "$SERVICE_LOCK_TIMEOUT_S" "$dir_lock" || die "another command has held $dir for too long"
  [[ /proc/self/fd/$dir_lock -ef $dir ]] || die "$dir was wiped meanwhile: try again"
}

require_own_dir() {
  [[ -e $dir/$marker ]] || die "$dir is not the data folder of a local $service (no $marker in it)"
}

make_dir() {
  mkdir -p "$dir"
  lock_dir
  [[ -e $dir/$marker ]] && return 0
  [[ -z $(ls -A "$dir") ]] || die "$dir is not empty and not the data folder of a local $service"
  touch "$dir/$marker"
}

# Not a zombie either. The command line would not tell: it is empty for a moment while a process
# becomes another program.
is_alive() { grep -q '^State:[[:space:]]*[^ZX]' "/proc/$1/status" 2>/dev/null; }

listens() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

require_free_port() {
  if listens "$port"; then die "port $port is taken by another program"; fi
}

require_port() {
  if ! [[ $port =~ ^[1-9][0-9]{0,4}$ ]] || ((port > 65534)); then die "not a port: $port"; fi
}

# Closes the caller's descriptors, which a service must not hold.
close_descriptors() {
  local fd
  for fd in /proc/self/fd/*; do
    fd=${fd##*/}
    if ((fd > 2)); then eval "exec $fd>&-"; fi
  done
}

# Waits for the process $1, which writes the log $2.
wait_until_it_answers() {
  local deadline=$((SECONDS + SERVICE_START_TIMEOUT_S))
  until answers; do
    is_alive "$1" || die "it ended: $(tail -n 3 "$2")"
    ((SECONDS < deadline)) || die "no answer after $SERVICE_START_TIMEOUT_S s: see $2"
    sleep 0.1
  done
}

# Ends the service by the signal $1, and by force when it does not end.
end_process() {
  local pid deadline=$((SECONDS + SERVICE_STOP_TIMEOUT_S))
  pid=$(running_pid) || return 0
  kill "-$1" "$pid" 2>/dev/null || true
  while is_alive "$pid"; do
    if ((SECONDS >= deadline)); then
      say "it did not end within $SERVICE_STOP_TIMEOUT_S s: killing it"
      kill -KILL "$pid" 2>/dev/null || true
      deadline=$((SECONDS + SERVICE_STOP_TIMEOUT_S))
    fi
    sleep 0.1
  done
}

# Ends it by the signal $1, under the lock of its folder; nothing to do without a folder.
end_by() {
  [[ -d $dir ]] || return 0
  require_own_dir
  lock_dir
  end_process "$1"
}

status() {
  if answers; then
    say "running on 127.0.0.1:$port, folder $dir"
  else
    say "not running (folder $dir)"
    return 3
  fi
}

wipe() {
  end_by TERM
  if [[ -d $dir ]]; then rm -rf --one-file-system -- "$dir"; fi
}

# Reads the arguments that every service has: a command, --port, --dir, --set, --help. Hands others
# to `more_options`, which returns how many it took, 0 for none.
parse_service() {
  while (($#)); do
    case $1 in
      start | stop | kill | status | wipe) service_command=$1 ;;
      --port | --dir | --set)
        (($# > 1)) || die "$1 needs a value"
        case $1 in
          --port) port=$2 ;;
          --dir) dir=$2 ;;
          --set) extra_settings+=("$2") ;;
        esac
        shift
        ;;
      -h | --help)
        usage
        exit 0
        ;;
      *)
        more_options "$@" || die "unknown argument: $1 (try --help)"
        shift
        ;;
    esac
    shift
  done
  [[ -n ${service_command:-} ]] || die "say start, stop, kill, status or wipe (try --help)"
  require_port
}
