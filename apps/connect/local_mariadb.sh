#!/usr/bin/env bash
# Runs a MariaDB with a binary log on loopback, for the tests of change data capture.
set -euo pipefail

HERE=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
readonly HERE
readonly USER_NAME=millrace
readonly service=mariadb marker=.millrace-local-mariadb
# shellcheck source=apps/local_service.sh
source "$HERE/../local_service.sh"

port=3306
dir=
extra_settings=()

usage() {
  cat <<TEXT
Usage: apps/connect/local_mariadb.sh start|stop|kill|status|wipe [--port PORT] [--dir DIR]
                                     [--set NAME=VALUE]...

A MariaDB on 127.0.0.1 with binlog_format = ROW and full row images, as change data capture needs
it. The user $USER_NAME has all rights and the password $USER_NAME, from this machine only; it has a
database of its own name.

  start   make the data folder if it is not there, start the server, wait until it answers, print
          its address
  stop    end it in order; its data stay
  kill    end it at once, as a crash does; its data stay
  status  exit code 0 when it answers, 3 when it does not
  wipe    stop it and delete its data folder

  --port PORT       default 3306
  --dir DIR         the data folder; default /var/tmp/millrace-mariadb-PORT
  --set NAME=VALUE  a setting of the server, for instance binlog_row_image=MINIMAL

Needs the Debian packages mariadb-server-core and mariadb-client-core.
TEXT
}

client() {
  mariadb --no-defaults -h 127.0.0.1 -P "$port" -u "$USER_NAME" "-p$USER_NAME" "$@"
}

answers() { client -e 'SELECT 1' >/dev/null 2>&1; }

running_pid() {
  local pid
  pid=$(cat "$dir/mariadb.pid" 2>/dev/null) && [[ -n $pid ]] &&
    tr '\0' '\n' 2>/dev/null <"/proc/$pid/cmdline" | grep -qxF -- "--datadir=$dir/data" &&
    echo "$pid"
}

make_data() {
  [[ -d $dir/data/mysql ]] && return 0
  mariadb-install-db --no-defaults "--datadir=$dir/data" --auth-root-authentication-method=normal \
    --skip-test-db >"$dir/install.log" 2>&1 ||
    die "mariadb-install-db failed: $(tail -n 3 "$dir/install.log")"
  cat >"$dir/first.sql" <<TEXT
CREATE DATABASE IF NOT EXISTS $USER_NAME;
CREATE USER IF NOT EXISTS '$USER_NAME'@'127.0.0.1' IDENTIFIED BY '$USER_NAME';
GRANT ALL PRIVILEGES ON *.* TO '$USER_NAME'@'127.0.0.1' WITH GRANT OPTION;
TEXT
}

start() {
  local setting options=(--no-defaults "--datadir=$dir/data" "--socket=$dir/mariadb.sock"
    "--pid-file=$dir/server.pid" "--init-file=$dir/first.sql" --bind-address=127.0.0.1
    "--port=$port" --server-id=1 --log-bin --binlog-format=ROW --binlog-row-image=FULL
    --skip-name-resolve --loose-binlog-legacy-event-pos)
  if ((EUID == 0)); then options+=(--user=root); fi
  make_dir
  if ! running_pid >/dev/null; then
    require_free_port
    make_data
    for setting in "${extra_settings[@]}"; do options+=("--$setting"); done
    (
      close_descriptors
      exec setsid mariadbd "${options[@]}" </dev/null >>"$dir/server.log" 2>&1
    ) &
    echo $! >"$dir/mariadb.pid"
    wait_until_it_answers $! "$dir/server.log"
  fi
  echo "mysql://$USER_NAME@127.0.0.1:$port/$USER_NAME"
}

more_options() { false; }

parse_service "$@"
PATH+=:/usr/sbin  # where Debian has the server, and users who are not root do not look
for program in mariadbd mariadb-install-db mariadb; do
  command -v "$program" >/dev/null ||
    die "there is no $program: apt-get install mariadb-server-core mariadb-client-core"
done
dir=$(realpath -m -- "${dir:-/var/tmp/millrace-mariadb-$port}")
case $service_command in
  stop) end_by TERM ;;
  kill) end_by KILL ;;
  *) "$service_command" ;;
esac
