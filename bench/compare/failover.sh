#!/usr/bin/env bash
# shellcheck disable=SC2154  # records, keys, runs ... are compare.sh's
# `compare.sh failover`; sourced by ../compare.sh.

readonly LOAD_PER_SECOND=2000
readonly SETTLE_TIMEOUT_S=300

# Starts an instance in the background; its lines go to a file. Sets started to its process id.
start_in_background() {
  local engine=$1 standbys=$2 application=$3 name=$4
  local -a arguments=(
    --application-id "$application" --input "$application-input" --output "$application-table"
    --state-dir "$work/state-$application-$name" --timeout-s "$run_timeout_s"
    --standbys "$standbys"
  )
  if [[ $engine == millrace ]]; then
    "$build_dir/bench/failover_job" --bootstrap "127.0.0.1:$port" "${arguments[@]}" \
      >"$work/$name.out" &
  else
    set_peer_command failover "${arguments[@]}"
    "${peer_command[@]}" >"$work/$name.out" &
  fi
  started=$!
}

# Waits until each of the instances has said that it runs its half.
await_ready() {
  local end=$((SECONDS + SETTLE_TIMEOUT_S)) name
  for name in "$@"; do
    until grep -q ready "$work/$name.out"; do
      ((SECONDS < end)) || die "instance $name is not ready after $SETTLE_TIMEOUT_S s"
      sleep 0.1
    done
  done
}

# Two instances of a fresh application under load; one is killed.
run_failover() {
  local engine=$1 standbys=$2 turn=$3
  local application=failover-$engine-$standbys-$turn
  tool "$READ_TIMEOUT_S" load --topic "$application-input" --records "$LOAD_PER_SECOND" \
    --keys "$keys" --distribution uniform
  tool "$TOPIC_TIMEOUT_S" create-topic --topic "$application-table"
  tool "$TOPIC_TIMEOUT_S" commit-offsets --application-id "$application" \
    --input "$application-input"
  add_to_changelog "$application" 1 "$records"
  set_peer_command trickle --topic "$application-input" --rate "$LOAD_PER_SECOND" --keys "$keys" \
    --seconds "$run_timeout_s"
  "${peer_command[@]}" >/dev/null &
  local trickle=$! victim survivor killed_at_ms
  start_in_background "$engine" "$standbys" "$application" victim
  victim=$started
  start_in_background "$engine" "$standbys" "$application" survivor
  survivor=$started
  await_ready victim survivor
  killed_at_ms=$(date +%s%3N)
  kill -KILL "$victim"
  wait "$survivor" || die "$application failed"
  kill -KILL "$trickle"
  wait "$victim" "$trickle" 2>/dev/null || true
  tail -n 1 "$work/survivor.out" |
    jq -c --argjson standbys "$standbys" --argjson turn "$turn" --argjson killed "$killed_at_ms" \
      '{standbys: $standbys, run: $turn, engine, notice_to_processing_ms,
        kill_to_processing_ms: (.processing_at_ms - $killed)}' | tee -a "$work/results"
  rm -rf -- "$work/state-$application"-*
  tool "$TOPIC_TIMEOUT_S" delete-topics --prefix "$application-"
}

report_failover() {
  jq -s -r "$JQ_REPORT"'
    group_by([.standbys, .engine])[] |
    "median \(.[0].standbys) standbys \(.[0].engine): " +
    "\(map(.notice_to_processing_ms) | median | round) ms from the notice to processing, " +
    "\(map(.kill_to_processing_ms) | median | round) ms from the kill"' "$work/results"
  jq -s -r "$JQ_REPORT"'
    (map(select(.standbys == 0)) | select(. != []) |
     line("failover_0_standbys"; ratio(.notice_to_processing_ms); 1)),
    (map(select(.standbys == 1)) |
     line("failover_1_standby"; ratio(.notice_to_processing_ms); 1),
     line("failover_1_standby_ms"; of("millrace"; .notice_to_processing_ms); 300))' "$work/results"
}

failover() {
  local standbys turn engine
  for standbys in "${standby_cases[@]}"; do
    for ((turn = 1; turn <= runs; turn++)); do
      for engine in "${ENGINES[@]}"; do run_failover "$engine" "$standbys" "$turn"; done
    done
  done
  report_failover
}
