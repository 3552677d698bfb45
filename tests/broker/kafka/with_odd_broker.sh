#!/usr/bin/env bash
# Runs a program of tests against a Kafka of its own: with an authorizer, which lets everybody do
# everything that no rule is about, and with defaults of topics that lose records and their times.
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
  --set log.cleanup.policy=delete \
  --set log.retention.ms=1000 --set log.retention.bytes=1000 \
  --set log.retention.check.interval.ms=500 --set log.initial.task.delay.ms=500 | tail -n 1)
export MILLRACE_TEST_BOOTSTRAP
"$@"
