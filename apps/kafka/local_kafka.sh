#!/usr/bin/env bash
# Runs a stock Kafka of one or more nodes on loopback, for the quickstart, the tests and the
# benchmarks.
set -euo pipefail

HERE=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
LOCAL=$(cd -- "$HERE/../.." && pwd)/.local
DEFAULT_VERSION=$(sed -n 's|.*<kafka.version>\(.*\)</kafka.version>.*|\1|p' "$HERE/pom.xml")
VERSION=${MILLRACE_KAFKA_VERSION:-$DEFAULT_VERSION}
JARS=$(realpath -m -- "${MILLRACE_KAFKA_JARS:-$LOCAL/kafka-jars-$VERSION}")
HEAP=${MILLRACE_KAFKA_HEAP:-1g}
readonly HERE LOCAL DEFAULT_VERSION VERSION JARS HEAP
readonly service=kafka marker=.millrace-local-kafka
readonly DOWNLOAD_TIMEOUT_S=600
readonly START_TIMEOUT_S=240  # on a busy machine
readonly STOP_TIMEOUT_S=30
readonly NODES_MAX=9
# shellcheck source=apps/local_service.sh
source "$HERE/../local_service.sh"

port=9092
dir=
nodes=1
node=  # the only one that is meant; empty: all
extra_listeners=()
extra_settings=()

usage() {
  cat <<TEXT
Usage: apps/kafka/local_kafka.sh start|stop|kill|status|wipe [--port PORT] [--dir DIR]
                                  [--nodes N] [--node K] [--listener PORT:ADVERTISED]...
                                  [--set KEY=VALUE]...

A Kafka $VERSION (KRaft) of one or more nodes on 127.0.0.1. Several run side by side on different
ports. Node K listens on PORT + K - 1. Node 1 is the controller too.

  start   fetch the server's jars if they are not here yet, start the nodes 1 to N that do not run,
          wait until each answers, print their bootstrap addresses; the others are left alone
  stop    stop it in order, after $STOP_TIMEOUT_S s by force; its data stay
  kill    end it at once, as a crash does; its data stay
  status  exit code 0 when it runs and answers, 3 when it does not
  wipe    stop it and delete its data folder

  --port PORT  default 9092
  --dir DIR    the data folder; default $LOCAL/kafka-PORT
  --nodes N    how many nodes start, 1 to $NODES_MAX (default 1); may be more than before
  --node K     stop, kill, status and wipe: that node alone; node 1 cannot be wiped alone
  --listener PORT:ADVERTISED
               one more listener on PORT, which sends its clients to ADVERTISED on
               127.0.0.1, where a proxy of the caller's hands them on to PORT. Node K has both
               K - 1 higher

  --set KEY=VALUE
               a property of every node's broker, beside those of a stock one

Environment:
  MILLRACE_KAFKA_VERSION  version of the server (default $DEFAULT_VERSION, e.g. 3.9.2)
  MILLRACE_KAFKA_JARS     folder of the server's jars, shared by all brokers
                          (default $LOCAL/kafka-jars-VERSION)
  MILLRACE_KAFKA_HEAP     the heap of a node (default 1g)
TEXT
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

# Of a node. The first one's folder holds those of the others.
home_of() { if (($1 == 1)); then echo "$dir"; else echo "$dir/node-$1"; fi; }
port_of() { echo $((port + $1 - 1)); }

# Numbers of the nodes that were ever started here, the controller last: the others need it to stop.
known_nodes() {
  local k
  for ((k = NODES_MAX; k > 1; k--)); do
    if [[ -d $(home_of "$k") ]]; then echo "$k"; fi
  done
  echo 1
}

chosen_nodes() { if [[ -n $node ]]; then echo "$node"; else known_nodes; fi; }

# A node's process id; fails when there is none. A recycled id does not count.
node_pid() {
  local pid home
  home=$(home_of "$1")
  pid=$(cat "$home/kafka.pid" 2>/dev/null) && [[ -n $pid ]] &&
    tr '\0' '\n' 2>/dev/null <"/proc/$pid/cmdline" | grep -qxF "$home/server.properties" &&
    echo "$pid"
}

# Whether a Kafka at the port answers a metadata request with itself, node $1, as a broker.
node_answers() {
  listens "$2" &&
    timeout 5 kcat -L -b "127.0.0.1:$2" -m 3 2>/dev/null | grep -q "^  broker $1 at 127.0.0.1:$2"
}

# The port that a node in `dir` was started with.
recorded_port() {
  sed -n 's|^advertised.listeners=PLAINTEXT://127.0.0.1:\([0-9]*\).*|\1|p' \
    "$(home_of "$1")/server.properties" 2>/dev/null
}

# The controller listens on the next port of another loopback address, where only controllers are:
# different ones have different ports, whatever ports they were given. (Kafka refuses the same port
# on two addresses.)
#
# The broker is a stock one: what works here works with Kafka's defaults. So no setting about
# retention, timestamps, sizes or the cleaner belongs here; a topic may have its own.
write_properties() {
  local k=$1 home own_port replicas roles=broker
  home=$(home_of "$k")
  own_port=$(port_of "$k")
  replicas=$((nodes < 3 ? nodes : 3))
  local protocols=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
  local listeners=PLAINTEXT://127.0.0.1:$own_port
  local advertised=PLAINTEXT://127.0.0.1:$own_port
  local pair name settings=
  if ((k == 1)); then
    roles+=,controller
    listeners+=,CONTROLLER://127.0.0.2:$((port + 1))
  fi
  for pair in "${extra_listeners[@]}"; do
    name=PORT${pair%:*}
    protocols+=,$name:PLAINTEXT
    listeners+=,$name://127.0.0.1:$((${pair%:*} + k - 1))
    advertised+=,$name://127.0.0.1:$((${pair#*:} + k - 1))
    settings+=listener.name.${name,,}.num.network.threads=1$'\n'
  done
  for pair in "${extra_settings[@]}"; do settings+=$pair$'\n'; done
  cat >"$home/server.properties" <<TEXT
process.roles=$roles
node.id=$k
controller.quorum.voters=1@127.0.0.2:$((port + 1))
controller.listener.names=CONTROLLER
listener.security.protocol.map=$protocols
listeners=$listeners
advertised.listeners=$advertised
inter.broker.listener.name=PLAINTEXT
${settings}log.dirs=$home/data

# As many nodes as there are carry Kafka's internal topics, and one is enough.
offsets.topic.replication.factor=$replicas
transaction.state.log.replication.factor=$replicas
transaction.state.log.min.isr=1
share.coordinator.state.topic.replication.factor=$replicas
share.coordinator.state.topic.min.isr=1

# Groups form at once, and tests may let members die quickly.
group.initial.rebalance.delay.ms=0
group.min.session.timeout.ms=1000
TEXT
}

# Replaces this (sub)shell by a JVM of a node that holds nothing of the caller: no descriptor, no
# terminal.
exec_java() {
  local home=$1 out=$2
  shift 2
  close_descriptors
  exec setsid java -Djava.io.tmpdir="$home/tmp" -Djava.awt.headless=true \
    -Dlog4j2.configurationFile="$HERE/log4j2.properties" -Dmillrace.kafka.dir="$home" \
    -cp "$JARS/*" "$@" </dev/null >"$out" 2>&1
}

new_cluster_id() { head -c 16 /dev/urandom | base64 | tr -d '=' | tr '+/' 'aA'; }

format_data() {
  local home cluster_id
  home=$(home_of "$1")
  [[ -e $home/data/meta.properties ]] && return 0
  cluster_id=$(sed -n 's/^cluster\.id=//p' "$dir/data/meta.properties" 2>/dev/null) ||
    cluster_id=$(new_cluster_id)
  (exec_java "$home" "$home/format.out" -Xmx256m -XX:TieredStopAtLevel=1 \
    kafka.tools.StorageTool format -t "$cluster_id" -c "$home/server.properties") &
  wait $! || die "formatting $home/data failed: $(head -n 3 "$home/format.out")"
}

start() {
  local k addresses=()
  make_dir
  for ((k = 1; k <= nodes; k++)); do start_node "$k"; done
  for ((k = 1; k <= nodes; k++)); do
    wait_for_node "$k"
    addresses+=("127.0.0.1:$(port_of "$k")")
  done
  (
    IFS=,
    echo "${addresses[*]}"
  )
}

start_node() {
  local k=$1 home own_port
  home=$(home_of "$k")
  own_port=$(port_of "$k")
  if node_pid "$k" >/dev/null; then
    [[ $(recorded_port "$k") == "$own_port" ]] ||
      die "node $k in $dir runs on port $(recorded_port "$k")"
    return 0
  fi
  if listens "$own_port"; then die "port $own_port is taken by another program"; fi
  fetch_jars
  mkdir -p "$home/tmp"
  write_properties "$k"
  format_data "$k"
  (exec_java "$home" "$home/server.out" "-Xmx$HEAP" -XX:+ExitOnOutOfMemoryError kafka.Kafka \
    "$home/server.properties") &
  echo $! >"$home/kafka.pid"
}

wait_for_node() {
  local k=$1 deadline=$((SECONDS + START_TIMEOUT_S)) pid home own_port
  home=$(home_of "$k")
  own_port=$(port_of "$k")
  pid=$(cat "$home/kafka.pid")
  until node_answers "$k" "$own_port"; do
    is_alive "$pid" ||
      die "node $k ended: $(tail -n 5 "$home/server.out" "$home/server.log" 2>/dev/null)"
    if ((SECONDS >= deadline)); then
      end_node "$k"
      die "no answer on port $own_port after $START_TIMEOUT_S s: see $home/server.log"
    fi
    sleep 0.1
  done
}

stop() {
  local k
  [[ -d $dir ]] || return 0
  require_own_dir
  lock_dir
  for k in $(chosen_nodes); do end_node "$k"; done
}

end_node() {
  local k=$1 pid deadline
  if pid=$(node_pid "$k"); then
    kill -TERM "$pid" 2>/dev/null || true
    deadline=$((SECONDS + STOP_TIMEOUT_S))
    while node_pid "$k" >/dev/null; do
      if ((SECONDS >= deadline)); then
        say "node $k did not stop within $STOP_TIMEOUT_S s: killing it"
        kill_process "$k"
        break
      fi
      sleep 0.1
    done
    say "node $k stopped"
  fi
  rm -f "$(home_of "$k")/kafka.pid"
}

# Returns when it is gone and its port is free.
kill_process() {
  local k=$1 deadline=$((SECONDS + STOP_TIMEOUT_S)) pid own_port
  if pid=$(node_pid "$k"); then
    own_port=$(recorded_port "$k")
    kill -KILL "$pid" 2>/dev/null || true
    while is_alive "$pid" || listens "$own_port"; do
      ((SECONDS < deadline)) || die "node $k was killed and is still there, process $pid"
      sleep 0.05
    done
  fi
  rm -f "$(home_of "$k")/kafka.pid"
}

kill_nodes() {
  local k
  [[ -d $dir ]] || return 0
  require_own_dir
  lock_dir
  for k in $(chosen_nodes); do kill_process "$k"; done
}

status() {
  local k pid code=0
  for k in $(chosen_nodes); do
    if pid=$(node_pid "$k") && node_answers "$k" "$(recorded_port "$k")"; then
      say "node $k: running on 127.0.0.1:$(recorded_port "$k"), process $pid," \
        "data in $(home_of "$k")"
    else
      say "node $k: not running (data folder $(home_of "$k"))"
      code=3
    fi
  done
  return "$code"
}

wipe() {
  local k
  [[ -d $dir ]] || return 0
  require_own_dir
  [[ $node != 1 ]] || die "node 1 knows what the others hold: wipe all of them, without --node"
  lock_dir
  for k in $(chosen_nodes); do end_node "$k"; done
  rm -rf -- "$(home_of "${node:-1}")"
}

main() {
  local command=
  while (($#)); do
    case $1 in
      start | stop | status | wipe) command=$1 ;;
      kill) command=kill_nodes ;;
      --port | --dir)
        (($# > 1)) || die "$1 needs a value"
        if [[ $1 == --port ]]; then port=$2; else dir=$2; fi
        shift
        ;;
      --nodes | --node)
        [[ ${2:-} =~ ^[1-$NODES_MAX]$ ]] || die "$1 needs a number from 1 to $NODES_MAX"
        if [[ $1 == --nodes ]]; then nodes=$2; else node=$2; fi
        shift
        ;;
      --set)
        [[ ${2:-} =~ ^[a-z.]+=.+$ ]] || die "--set needs KEY=VALUE"
        extra_settings+=("$2")
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
  [[ -n $command ]] || die "say start, stop, kill, status or wipe (try --help)"
  [[ $command != start || -z $node ]] || die "start takes --nodes, and starts those that do not run"
  require_port
  [[ $VERSION =~ ^[0-9]+\.[0-9]+\.[0-9]+$ ]] || die "not a version of Kafka: $VERSION"
  command -v java kcat >/dev/null || die "there is no java or kcat: run apps/setup.sh first"
  dir=$(realpath -m -- "${dir:-$LOCAL/kafka-$port}")
  "$command"
}

main "$@"
