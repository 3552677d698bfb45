#!/usr/bin/env bash
# Runs a Kafka Connect worker with Debezium's connectors on loopback, for the tests of change data
# capture.
set -euo pipefail

HERE=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
LOCAL=$(cd -- "$HERE/../.." && pwd)/.local
property() { sed -n "s|.*<$1>\(.*\)</$1>.*|\1|p" "$HERE/pom.xml"; }
CONNECT_VERSION=$(property connect.version)
DEBEZIUM_VERSION=$(property debezium.version)
JARS=$LOCAL/connect-jars-$CONNECT_VERSION
PLUGINS=$LOCAL/debezium-$DEBEZIUM_VERSION
readonly HERE LOCAL CONNECT_VERSION DEBEZIUM_VERSION JARS PLUGINS
readonly CONNECTORS=(postgres mysql)
readonly DOWNLOAD_TIMEOUT_S=900
readonly service=connect marker=.millrace-local-connect
# shellcheck source=apps/local_service.sh
source "$HERE/../local_service.sh"

port=8083
dir=
bootstrap=127.0.0.1:9092
extra_settings=()

usage() {
  cat <<TEXT
Usage: apps/connect/local_connect.sh start|stop|kill|status|wipe [--port PORT] [--dir DIR]
                                     [--bootstrap HOST:PORT] [--set KEY=VALUE]...

A Kafka Connect $CONNECT_VERSION worker with Debezium $DEBEZIUM_VERSION for PostgreSQL and MySQL,
answering REST on 127.0.0.1. It keeps its connectors and their offsets in topics of the Kafka.

  start   fetch the jars if they are not here yet, start the worker, wait until it answers, print
          its address; register a connector with
          curl -X PUT -H 'Content-Type: application/json' -d @FILE ADDRESS/connectors/NAME/config
  stop    stop it in order
  kill    end it at once, as a crash does
  status  exit code 0 when it answers, 3 when it does not
  wipe    stop it and delete its folder; connectors and offsets stay in Kafka

  --port PORT            default 8083
  --dir DIR              the folder of its log and settings; default $LOCAL/connect-PORT
  --bootstrap HOST:PORT  the Kafka; default 127.0.0.1:9092
  --set KEY=VALUE        a property of the worker
TEXT
}

fetch() {
  mvn -q -B -f "$HERE/pom.xml" "$@" >"$LOCAL/connect-maven.log" 2>&1 ||
    die "Maven could not fetch the jars: $(tail -n 3 "$LOCAL/connect-maven.log")"
}

# Each folder comes whole or not at all; whoever comes second waits for the first.
fetch_jars() {
  local lock part name
  mkdir -p "$LOCAL"
  exec {lock}>"$LOCAL/connect-jars.lock"
  flock -w "$DOWNLOAD_TIMEOUT_S" "$lock" || die "somebody else has held the jars for too long"
  if [[ ! -d $JARS ]]; then
    say "fetching the worker's jars ($CONNECT_VERSION) by Maven"
    fetch dependency:copy-dependencies -DincludeScope=runtime "-DoutputDirectory=$JARS.part"
    mv -T "$JARS.part" "$JARS"
  fi
  if [[ ! -d $PLUGINS ]]; then
    say "fetching Debezium $DEBEZIUM_VERSION by Maven"
    part=$PLUGINS.part
    mkdir -p "$part"
    for name in "${CONNECTORS[@]}"; do
      fetch dependency:copy "-DoutputDirectory=$part" \
        "-Dartifact=io.debezium:debezium-connector-$name:$DEBEZIUM_VERSION:tar.gz:plugin"
      tar -C "$part" -xzf "$part/debezium-connector-$name-$DEBEZIUM_VERSION-plugin.tar.gz"
      rm "$part/debezium-connector-$name-$DEBEZIUM_VERSION-plugin.tar.gz"
    done
    mv -T "$part" "$PLUGINS"
  fi
  exec {lock}>&-
}

running_pid() {
  local pid
  pid=$(cat "$dir/connect.pid" 2>/dev/null) && [[ -n $pid ]] &&
    tr '\0' '\n' 2>/dev/null <"/proc/$pid/cmdline" | grep -qxF "$dir/worker.properties" &&
    echo "$pid"
}

answers() { curl -sf -m 5 "http://127.0.0.1:$port/connectors" >/dev/null; }

write_properties() {
  local setting
  {
    cat <<TEXT
bootstrap.servers=$bootstrap
group.id=millrace-connect-$port
listeners=http://127.0.0.1:$port
rest.advertised.host.name=127.0.0.1
plugin.path=$PLUGINS
plugin.discovery=service_load
key.converter=org.apache.kafka.connect.json.JsonConverter
value.converter=org.apache.kafka.connect.json.JsonConverter
config.storage.topic=connect-configs-$port
offset.storage.topic=connect-offsets-$port
status.storage.topic=connect-status-$port
config.storage.replication.factor=1
offset.storage.replication.factor=1
status.storage.replication.factor=1
offset.storage.partitions=1
status.storage.partitions=1
offset.flush.interval.ms=1000
scheduled.rebalance.max.delay.ms=0
session.timeout.ms=6000
heartbeat.interval.ms=2000
TEXT
    for setting in "${extra_settings[@]}"; do echo "$setting"; done
  } >"$dir/worker.properties"
}

start() {
  make_dir
  if ! running_pid >/dev/null; then
    require_free_port
    fetch_jars
    write_properties
    (
      close_descriptors
      # A worker of tests lives for seconds: a quick start counts, not quick code.
      exec setsid java -Xmx512m -XX:+UseSerialGC -XX:TieredStopAtLevel=1 -Djava.awt.headless=true \
        -Dlog4j2.configurationFile="$HERE/../kafka/log4j2.properties" \
        -Dmillrace.kafka.dir="$dir" -cp "$JARS/*" \
        org.apache.kafka.connect.cli.ConnectDistributed "$dir/worker.properties" \
        </dev/null >"$dir/server.out" 2>&1
    ) &
    echo $! >"$dir/connect.pid"
    wait_until_it_answers $! "$dir/server.out"
  fi
  echo "http://127.0.0.1:$port"
}

more_options() {
  [[ $1 == --bootstrap ]] && (($# > 1)) && bootstrap=$2
}

parse_service "$@"
command -v java mvn curl >/dev/null || die "there is no java, mvn or curl: run apps/setup.sh first"
dir=$(realpath -m -- "${dir:-$LOCAL/connect-$port}")
case $service_command in
  stop) end_by TERM ;;
  kill) end_by KILL ;;
  *) "$service_command" ;;
esac
