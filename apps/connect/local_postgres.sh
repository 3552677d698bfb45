#!/usr/bin/env bash
# Runs a PostgreSQL with logical decoding on loopback, for the tests of change data capture.
set -euo pipefail

HERE=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
readonly HERE
readonly SUPERUSER=millrace
readonly service=postgres marker=.millrace-local-postgres
# shellcheck source=apps/local_service.sh
source "$HERE/../local_service.sh"

port=5432
dir=
extra_settings=()

usage() {
  cat <<TEXT
Usage: apps/connect/local_postgres.sh start|stop|kill|status|wipe [--port PORT] [--dir DIR]
                                      [--set NAME=VALUE]...

A PostgreSQL (the newest that is installed) on 127.0.0.1 with wal_level = logical, as change data
capture needs it. The superuser $SUPERUSER connects without a password, from this machine only; it
has a database of its own name.

  start   make the data folder if it is not there, start the server, wait until it answers, print
          its address
  stop    end it in order; its data stay
  kill    end it at once, as a crash does; its data stay
  status  exit code 0 when it answers, 3 when it does not
  wipe    stop it and delete its data folder

  --port PORT       default 5432
  --dir DIR         the data folder; default /var/tmp/millrace-postgres-PORT
  --set NAME=VALUE  a setting of the server, for instance max_replication_slots=20

PostgreSQL refuses to run as root. Started by root, it runs as the user postgres, which must be able
to reach DIR. Needs the Debian package postgresql.
TEXT
}

programs() {
  local found
  found=$(compgen -G '/usr/lib/postgresql/*/bin' | sort -V | tail -n 1) || true
  [[ -n $found ]] || die "there is no PostgreSQL: apt-get install postgresql"
  echo "$found"
}

# Runs a command as the user that the server runs as.
as_owner() {
  if ((EUID == 0)); then
    (cd / && exec setpriv --reuid postgres --regid postgres --clear-groups -- "$@")
  else
    "$@"
  fi
}

answers() { "$bin/pg_isready" -q -h 127.0.0.1 -p "$port" -t 3; }

running_pid() {
  local pid
  pid=$(head -n 1 "$dir/data/postmaster.pid" 2>/dev/null) && [[ -n $pid ]] && is_alive "$pid" &&
    [[ $(readlink -f "/proc/$pid/cwd") == "$dir/data" ]] && echo "$pid"
}

make_data() {
  [[ -e $dir/data/PG_VERSION ]] && return 0
  if ((EUID == 0)); then chown postgres:postgres "$dir"; fi
  as_owner "$bin/initdb" -D "$dir/data" -U "$SUPERUSER" --auth=trust --encoding=UTF8 --no-locale \
    >"$dir/initdb.log" 2>&1 || die "initdb failed: $(tail -n 3 "$dir/initdb.log")"
}

start() {
  local setting options=(-c listen_addresses=127.0.0.1 -c port="$port" -c wal_level=logical
    -c unix_socket_directories="")
  make_dir
  if ! running_pid >/dev/null; then
    require_free_port
    make_data
    for setting in "${extra_settings[@]}"; do options+=(-c "$setting"); done
    (
      close_descriptors
      as_owner setsid "$bin/postgres" -D "$dir/data" "${options[@]}" </dev/null \
        >>"$dir/server.log" 2>&1
    ) &
    wait_until_it_answers $! "$dir/server.log"
  fi
  as_owner "$bin/createdb" -h 127.0.0.1 -p "$port" -U "$SUPERUSER" "$SUPERUSER" 2>/dev/null || true
  echo "postgresql://$SUPERUSER@127.0.0.1:$port/$SUPERUSER"
}

more_options() { false; }

parse_service "$@"
bin=$(programs)
readonly bin
dir=$(realpath -m -- "${dir:-/var/tmp/millrace-postgres-$port}")
case $service_command in
  stop) end_by INT ;;   # in order, without waiting for clients
  kill) end_by QUIT ;;  # as in a crash: recovery at the next start
  *) "$service_command" ;;
esac
