#!/usr/bin/env bash
# shellcheck disable=SC2154  # records, keys, runs ... are compare.sh's
# `compare.sh restore`; sourced by ../compare.sh.

readonly RESTORE_INPUT=restore-input
readonly TASKS=4
# Of the changelog's records, written only after the first stop.
readonly TAIL_SHARE=5
add_to_changelog() {
  local application=$1 seed=$2 count=$3
  tool "$READ_TIMEOUT_S" load-changelog --topic "$application-totals-changelog" --seed "$seed" \
    --records "$count" --keys "$keys"
  # Now, so that nothing comes between one stop and the next start.
  peer "$READ_TIMEOUT_S" digest --topic "$application-totals-changelog" >"$work/expect-$application"
}

# One start of one engine, to running and to an orderly end; what it restored is checked. Arguments
# from the fifth on are for Millrace's side.
start_instance() {
  local engine=$1 case=$2 turn=$3 application=$4
  local -a arguments=(
    --application-id "$application" --input "$RESTORE_INPUT" --output "$application-table"
    --state-dir "$work/state-$application" --timeout-s "$run_timeout_s"
  )
  local result
  if [[ $engine == millrace ]]; then
    result=$(timeout "$((run_timeout_s + 60))" "$build_dir/bench/restore_job" --tasks "$TASKS" \
      --bootstrap "127.0.0.1:$port" "${arguments[@]}" "${@:5}") ||
      die "$application failed"
  else
    result=$(peer "$((run_timeout_s + 60))" restore --session-ms "$peer_session_ms" \
      "${arguments[@]}") || die "$application failed"
  fi
  check_store "$application" "$result"
  jq -c --arg case "$case" --argjson turn "$turn" \
    '{case: $case, run: $turn} + . + if .records == 0 then {} else {
       records_per_second: (.records / .restore_seconds | round),
       cpu_us_per_record: (.cpu_seconds / .records * 1e6)} end' <<<"$result" |
    tee -a "$work/results"
}

# Compares the restored store with the changelog.
check_store() {
  local application=$1 wanted have
  wanted=$(jq -c '[.keys, .digest]' "$work/expect-$application")
  have=$(jq -c '[.keys, .digest]' <<<"$2")
  [[ $have == "$wanted" ]] ||
    die "$application: the store is $have, it must be $wanted (keys, digest)"
}

# A fresh application of one engine through all cases.
run_restore() {
  local engine=$1 turn=$2 tail=$((records / TAIL_SHARE))
  local application=restore-$engine-$turn
  tool "$TOPIC_TIMEOUT_S" create-topic --topic "$application-table"
  tool "$TOPIC_TIMEOUT_S" commit-offsets --application-id "$application" --input "$RESTORE_INPUT"
  add_to_changelog "$application" 1 "$records"
  start_instance "$engine" cold "$turn" "$application"
  add_to_changelog "$application" 2 "$tail"
  start_instance "$engine" warm "$turn" "$application"
  start_instance "$engine" restart "$turn" "$application"
  if [[ $engine == millrace ]]; then
    start_instance millrace taking "$turn" "$application" --take-snapshots \
      --snapshot-dir "$work/snapshots"
    rm -rf -- "$work/state-$application"
    start_instance millrace snapshot "$turn" "$application" --snapshot-dir "$work/snapshots"
    rm -rf -- "$work/snapshots"
  fi
  rm -rf -- "$work/state-$application"
  tool "$TOPIC_TIMEOUT_S" delete-topics --prefix "$application-"
}

report_restore() {
  jq -s -r "$JQ_REPORT"'
    map(select(.case != "taking")) | group_by([.case, .engine])[] |
    "median \(.[0].case) \(.[0].engine): " +
    (if .[0].records == 0 then "" else
      "\(map(.records_per_second) | median | round) records/s, " +
      "\(map(.records_per_second) | median * $row_bytes / 1e6 | round_to(1)) MB/s, " +
      "\(map(.cpu_us_per_record) | median | round_to(2)) CPU µs/record, " end) +
    "\(map(.running_seconds) | median | round_to(2)) s from start to running, " +
    "\(map(.peak_rss_mib) | median | round) MiB peak"' --argjson row_bytes 232 "$work/results"
  jq -s -r "$JQ_REPORT"'
    (map(select(.case == "cold")) |
     line("restore_cold_seconds"; ratio(.restore_seconds); 0.333),
     line("restore_cold_cpu"; ratio(.cpu_us_per_record); 0.25),
     line("restore_cold_memory"; ratio(.peak_rss_mib); 1)),
    (map(select(.case == "warm")) |
     line("restore_warm_seconds"; ratio(.restore_seconds); 1)),
    line("restore_snapshot_seconds";
         (map(select(.case == "snapshot") | .restore_seconds) | median) /
         (map(select(.case == "cold")) | of("kafka-streams"; .restore_seconds)); 0.067),
    (map(select(.case == "restart")) |
     line("restart_seconds"; ratio(.running_seconds); 0.067))' "$work/results"
}

restore() {
  tool "$READ_TIMEOUT_S" load --topic "$RESTORE_INPUT" --records "$TASKS" --keys "$keys" \
    --distribution uniform
  local turn engine
  for ((turn = 1; turn <= runs; turn++)); do
    for engine in "${ENGINES[@]}"; do run_restore "$engine" "$turn"; done
  done
  report_restore
}
