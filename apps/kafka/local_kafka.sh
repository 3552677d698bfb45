#!/usr/bin/env bash
# Runs a single-node Kafka on loopback, for the quickstart, the tests and the benchmarks.
set -euo pipefail

HERE=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
LOCAL=$(cd -- "$HERE/../.." && pwd)/.local
DEFAULT_VERSION=$(sed -n 's|.*<kafka.version>\(.*\)</kafka.version>.*|\1|p' "$HERE/pom.xml")
VERSION=${MILLRACE_KAFKA_VERSION:-$DEFAULT_VERSION}
JARS=$(realpath -m -- "${MILLRACE_KAFKA_JARS:-$LOCAL/kafka-jars-$VERSION}")
HEAP=${MILLRACE_KAFKA_HEAP:-1g}
readonly HERE LOCAL DEFAULT_VERSION VERSION JARS HEAP
readonly MARKER=.millrace-local-kafka
readonly DOWNLOAD_TIMEOUT_S=600
readonly START_TIMEOUT_S=240  # on a busy machine
readonly STOP_TIMEOUT_S=30
readonly LOCK_TIMEOUT_S=180

port=9092
dir=
extra_listeners=()

usage() {
  cat <<TEXT
Usage: apps/kafka/local_kafka.sh start|stop|status|wipe [--port PORT] [--dir DIR]
                                  [--listener PORT:ADVERTISED]...

A single-node Kafka $VERSION (KRaft) on 127.0.0.1. Several run side by side on different ports.

  start   fetch the server's jars if they are not here yet, start the broker, wait until it
          answers, print its bootstrap address; does nothing when it already runs
  stop    stop it in order, after $STOP_TIMEOUT_S s by force; its data stay
  status  exit code 0 when it runs and answers, 3 when it does not
  wipe    stop it and delete its data folder

  --port PORT  default 9092
  --dir DIR    its data folder; default $LOCAL/kafka-PORT
  --listener PORT:ADVERTISED
               one more listener on PORT, whose clients are told to connect to ADVERTISED on
               127.0.0.1, where a proxy of the caller's hands them on to PORT

Environment:
  MILLRACE_KAFKA_VERSION  version of the server (default $DEFAULT_VERSION, e.g. 3.9.2)
  MILLRACE_KAFKA_JARS     folder of the server's jars, shared by all brokers
                          (default $LOCAL/kafka-jars-VERSION)
  MILLRACE_KAFKA_HEAP     the broker's heap (default 1g)
TEXT
}

say() { echo "kafka: $*"; }

die() {
  echo "kafka: $*" >&2
  exit 1
}

# Puts the jars into JARS, all or nothing; whoever comes second waits for the first.
fetch_jars() {
  [[ -e $JARS/kafka_2.13-$VERSION.jar ]] && return 0
  local part="$JARS.part" lock
  mkdir -p "$(dirname "$JARS")"
  exec {lock}>"$JARS.lock"
  flock -w "$DOWNLOAD_TIMEOUT_S" "$lock" || die "somebody else has held $JARS.lock for too long"
  if [[ ! -e $JARS/kafka_2.13-$VERSION.jar ]]; then
    say "fetching the server's jars ($VERSION) by Maven"
    rm -rf "$part"
    timeout "$DOWNLOAD_TIMEOUT_S" mvn -q -B -f "$HERE/pom.xml" dependency:copy-dependencies \
      "-Dkafka.version=$VERSION" -Dmaven.wagon.http.retryHandler.count=3 -DincludeScope=runtime \
      -DoutputDirectory="$part" >"$JARS.log" 2>&1 ||
      die "Maven could not fetch the jars: $(tail -n 5 "$JARS.log")"
    mv -T "$part" "$JARS" || die "$JARS is in the way: not empty, and without Kafka $VERSION"
  fi
  exec {lock}>&-
}

# One command at a time per data folder. The lock is the folder itself: no file is left behind.
lock_dir() {
  exec {dir_lock}<"$dir"
  flock -w "$LOCK_TIMEOUT_S" "$dir_lock" || die "another command has held $dir for too long"
  [[ /proc/self/fd/$dir_lock -ef $dir ]] || die "$dir was wiped meanwhile: try again"
}

require_own_dir() {
  [[ -e $dir/$MARKER ]] || die "$dir is not the data folder of a local Kafka (no $MARKER in it)"
}

make_dir() {
  mkdir -p "$dir"
  lock_dir
  [[ -e $dir/$MARKER ]] && return 0
  [[ -z $(ls -A "$dir") ]] || die "$dir is not empty and not the data folder of a local Kafka"
  touch "$dir/$MARKER"
}

# The broker's process id; fails when there is none. A recycled id does not count.
running_pid() {
  local pid
  pid=$(cat "$dir/kafka.pid" 2>/dev/null) && [[ -n $pid ]] &&
    tr '\0' '\n' 2>/dev/null <"/proc/$pid/cmdline" | grep -qxF "$dir/server.properties" &&
    echo "$pid"
}

listens() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

# Whether a Kafka at the port answers a metadata request with itself as a broker.
answers() {
  listens "$1" &&
    timeout 5 kcat -L -b "127.0.0.1:$1" -m 3 2>/dev/null | grep -q "^  broker 1 at 127.0.0.1:$1"
}

# The port that the broker in `dir` was started with.
recorded_port() {
  sed -n 's|^advertised.listeners=PLAINTEXT://127.0.0.1:\([0-9]*\).*|\1|p' \
    "$dir/server.properties" 2>/dev/null
}

# The controller listens on the next port of another loopback address, where only controllers are:
# different brokers have different ones, whatever ports they were given. (Kafka refuses the same
# port on two addresses.)
write_properties() {
  local protocols=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
  local listeners=PLAINTEXT://127.0.0.1:$port,CONTROLLER://127.0.0.2:$((port + 1))
  local advertised=PLAINTEXT://127.0.0.1:$port
  local pair name settings=
  for pair in "${extra_listeners[@]}"; do
    name=PORT${pair%:*}
    protocols+=,$name:PLAINTEXT
    listeners+=,$name://127.0.0.1:${pair%:*}
    advertised+=,$name://127.0.0.1:${pair#*:}
    settings+=listener.name.${name,,}.num.network.threads=1$'\n'
  done
  cat >"$dir/server.properties" <<TEXT
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.2:$((port + 1))
controller.listener.names=CONTROLLER
listener.security.protocol.map=$protocols
listeners=$listeners
advertised.listeners=$advertised
inter.broker.listener.name=PLAINTEXT
${settings}log.dirs=$dir/data

# Topics are made on purpose, with the settings somebody chose.
auto.create.topics.enable=false
num.partitions=1
default.replication.factor=1

# One node carries every internal topic; few partitions, so that it is ready at once.
offsets.topic.replication.factor=1
offsets.topic.num.partitions=10
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=10
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
share.coordinator.state.topic.num.partitions=1

# Groups form at once, and tests may let members die quickly.
group.initial.rebalance.delay.ms=0
group.min.session.timeout.ms=1000
group.consumer.min.session.timeout.ms=1000
group.consumer.min.heartbeat.interval.ms=500
transaction.abort.timed.out.transaction.cleanup.interval.ms=1000

# History is loaded with the timestamps it had, and tests turn clocks by hand: neither retention
# nor the timestamp check may look at them. A topic may set its own retention.
log.retention.ms=-1
log.retention.bytes=-1
log.message.timestamp.before.max.ms=9223372036854775807
log.message.timestamp.after.max.ms=9223372036854775807

# Compaction soon, in little memory.
log.cleaner.dedupe.buffer.size=33554432
log.cleaner.backoff.ms=1000
TEXT
}

# Replaces this (sub)shell by a JVM that holds nothing of the caller: no descriptor, no terminal.
exec_java() {
  local out=$1 fd
  shift
  for fd in /proc/self/fd/*; do
    fd=${fd##*/}
    if ((fd > 2)); then eval "exec $fd>&-"; fi
  done
  exec setsid java -Djava.io.tmpdir="$dir/tmp" -Djava.awt.headless=true \
    -Dlog4j2.configurationFile="$HERE/log4j2.properties" -Dmillrace.kafka.dir="$dir" \
    -cp "$JARS/*" "$@" </dev/null >"$out" 2>&1
}

format_data() {
  [[ -e $dir/data/meta.properties ]] && return 0
  local cluster_id
  cluster_id=$(head -c 16 /dev/urandom | base64 | tr -d '=' | tr '+/' 'aA')
  (exec_java "$dir/format.out" -Xmx256m -XX:TieredStopAtLevel=1 kafka.tools.StorageTool format \
    -t "$cluster_id" -c "$dir/server.properties") &
  wait $! || die "formatting $dir/data failed: $(head -n 3 "$dir/format.out")"
}

start() {
  make_dir
  if running_pid >/dev/null; then
    [[ $(recorded_port) == "$port" ]] || die "the broker in $dir runs on port $(recorded_port)"
  else
    if listens "$port"; then die "port $port is taken by another program"; fi
    fetch_jars
    mkdir -p "$dir/tmp"
    write_properties
    format_data
    (exec_java "$dir/server.out" "-Xmx$HEAP" -XX:+ExitOnOutOfMemoryError kafka.Kafka \
      "$dir/server.properties") &
    echo $! >"$dir/kafka.pid"
  fi
  wait_until_it_answers
  echo "127.0.0.1:$port"
}

# Not a zombie either. The command line would not tell: it is empty for a moment while a process
# becomes another program.
is_alive() { grep -q '^State:[[:space:]]*[^ZX]' "/proc/$1/status" 2>/dev/null; }

wait_until_it_answers() {
  local deadline=$((SECONDS + START_TIMEOUT_S)) pid
  pid=$(cat "$dir/kafka.pid")
  until answers "$port"; do
    is_alive "$pid" ||
      die "the broker ended: $(tail -n 5 "$dir/server.out" "$dir/server.log" 2>/dev/null)"
    if ((SECONDS >= deadline)); then
      end_process
      die "no answer on port $port after $START_TIMEOUT_S s: see $dir/server.log"
    fi
    sleep 0.1
  done
}

stop() {
  [[ -d $dir ]] || return 0
  require_own_dir
  lock_dir
  end_process
}

end_process() {
  local pid deadline
  if pid=$(running_pid); then
    kill -TERM "$pid" 2>/dev/null || true
    deadline=$((SECONDS + STOP_TIMEOUT_S))
    while running_pid >/dev/null; do
      if ((SECONDS >= deadline)); then
        say "it did not stop within $STOP_TIMEOUT_S s: killing it"
        kill -KILL "$pid" 2>/dev/null || true
        sleep 0.5
        break
      fi
      sleep 0.1
    done
    say "stopped"
  fi
  rm -f "$dir/kafka.pid"
}

status() {
  local pid
  if pid=$(running_pid) && answers "$(recorded_port)"; then
    say "running on 127.0.0.1:$(recorded_port), process $pid, data in $dir"
  else
    say "not running (data folder $dir)"
    return 3
  fi
}

wipe() {
  [[ -d $dir ]] || return 0
  require_own_dir
  lock_dir
  end_process
  rm -rf -- "$dir"
}

main() {
  local command=
  while (($#)); do
    case $1 in
      start | stop | status | wipe) command=$1 ;;
      --port | --dir)
        (($# > 1)) || die "$1 needs a value"
        if [[ $1 == --port ]]; then port=$2; else dir=$2; fi
        shift
        ;;
      --listener)
        [[ ${2:-} =~ ^[1-9][0-9]{0,4}:[1-9][0-9]{0,4}$ ]] || die "--listener needs PORT:ADVERTISED"
        extra_listeners+=("$2")
        shift
        ;;
      -h | --help)
        usage
        return 0
        ;;
      *) die "unknown argument: $1 (try --help)" ;;
    esac
    shift
  done
  [[ -n $command ]] || die "say start, stop, status or wipe (try --help)"
  if ! [[ $port =~ ^[1-9][0-9]{0,4}$ ]] || ((port > 65534)); then die "not a port: $port"; fi
  [[ $VERSION =~ ^[0-9]+\.[0-9]+\.[0-9]+$ ]] || die "not a version of Kafka: $VERSION"
  command -v java kcat >/dev/null || die "there is no java or kcat: run apps/setup.sh first"
  dir=$(realpath -m -- "${dir:-$LOCAL/kafka-$port}")
  "$command"
}

main "$@"
