#!/usr/bin/env bash
# Runs a program of tests against a Kafka of its own: with an authorizer, which lets everybody do
# everything that no rule is about, and with defaults of topics that lose records and their times.
# The program finds kafka-configs.sh in its PATH.
# with_odd_broker.sh LOCAL_KAFKA DATA_FOLDER PORT PROGRAM [ARGUMENT]...
set -euo pipefail

readonly KAFKA=$1 DIR=$2 PORT=$3
shift 3

"$KAFKA" wipe --dir "$DIR" >/dev/null  # of a run that was killed
trap '"$KAFKA" wipe --dir "$DIR" >/dev/null' EXIT
MILLRACE_TEST_BOOTSTRAP=$("$KAFKA" start --port "$PORT" --dir "$DIR" \
  --set authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer \
  --set allow.everyone.if.no.acl.found=true \
  --set log.message.timestamp.type=LogAppendTime \
  --set log.message.timestamp.before.max.ms=3600000 \
  --set log.cleanup.policy=delete \
  --set log.segment.bytes=1048576 \
  --set log.retention.ms=1000 --set log.retention.bytes=1000 \
  --set log.retention.check.interval.ms=500 --set log.initial.task.delay.ms=500 | tail -n 1)
export MILLRACE_TEST_BOOTSTRAP

# Kafka's own tool, from the jars of the server that runs.
JARS=$(tr '\0' '\n' <"/proc/$(cat "$DIR/kafka.pid")/cmdline" | sed -n '/^-cp$/{n;s|/\*$||p}')
TOOL=kafka.admin.ConfigCommand
if grep -q org/apache/kafka/tools/ConfigCommand.class "$JARS"/kafka-tools-*.jar; then
  TOOL=org.apache.kafka.tools.ConfigCommand
fi
mkdir "$DIR/bin"
cat >"$DIR/bin/kafka-configs.sh" <<TEXT
#!/bin/sh
exec java -XX:TieredStopAtLevel=1 -cp "$JARS/*" $TOOL "\$@"
TEXT
chmod +x "$DIR/bin/kafka-configs.sh"
PATH=$DIR/bin:$PATH "$@"
