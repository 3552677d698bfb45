#!/usr/bin/env bash
# shellcheck disable=SC2154  # accounts, runs, build_dir ... are compare.sh's
# `compare.sh crm`; sourced by ../compare.sh.

# Both run without these: the peer has neither inferred merges nor sweeps of tables, and nobody
# compares the mapping with samples of the input.
readonly CRM_OPTIONS=(
  --crm.merge.inference.window.ms 0 --crm.snapshot.sweep off --crm.check.records 0
  --memory.bytes 4GiB
)
# As often as Millrace at most while it is behind. The cache's size is one of heap and stores.
readonly PEER_CRM_OPTIONS=(--commit-ms "$COMMIT_MS" --derive-ms "$COMMIT_MS" --cache-mib 1024)
readonly LIMITS_KEYS=50000

# One run of one engine on a Kafka of its own; its tables are checked after the last phase.
run_crm() {
  local engine=$1 turn=$2 output
  local -a arguments=(
    --bin "$build_dir/apps" --accounts "$accounts" --phases "${crm_phases[@]}"
    --timeout-s "$run_timeout_s"
  )
  if [[ $engine == kafka-streams ]]; then
    set_peer_command crm "${PEER_CRM_OPTIONS[@]}"
    arguments+=(--peer "$(printf '%q ' "${peer_command[@]}")")
  else
    arguments+=(-- "${CRM_OPTIONS[@]}")
  fi
  output=$("$HERE/crm/phases.py" "${arguments[@]}") ||
    die "$engine: the flow failed, or a table is wrong: $(tail -n 20 <<<"$output")"
  grep -q 'checked rows=[1-9][0-9]* differences=0' <<<"$output" ||
    die "$engine: nobody checked the tables"
  grep '^phase=' <<<"$output" | jq -R -c --arg engine "$engine" --argjson turn "$turn" '
    [splits(" +") | split("=") | {key: .[0], value: (.[1] | tonumber? // .)}] | from_entries |
    {engine: $engine, run: $turn} + .' | tee -a "$work/results"
}

report_crm() {
  jq -s -r "$JQ_REPORT"'
    group_by([.phase, .engine])[] |
    "median \(.[0].phase) \(.[0].engine): " +
    "\(map(.cpu_us_per_record) | median | round_to(1)) CPU µs/record, " +
    "\(map(.per_s) | median | round) records/s, " +
    "\(map(.peak_mb) | median | round) MiB peak"' "$work/results"
  jq -s -r "$JQ_REPORT"'
    group_by(.phase)[] | "crm_\(.[0].phase)_" as $name |
    line($name + "cpu"; ratio(.cpu_us_per_record); 0.25),
    line($name + "seconds"; ratio(.seconds); 1),
    line($name + "memory"; ratio(.peak_mb); 1)' "$work/results"
}

crm() {
  tool "$READ_TIMEOUT_S" load --topic input-limits --records "$records" --keys "$LIMITS_KEYS" \
    --distribution uniform
  limits input-limits
  local turn engine
  for ((turn = 1; turn <= runs; turn++)); do
    for engine in "${ENGINES[@]}"; do run_crm "$engine" "$turn"; done
  done
  report_crm
}
