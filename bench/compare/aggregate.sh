#!/usr/bin/env bash
# shellcheck disable=SC2154  # records, keys, runs ... are compare.sh's
# `compare.sh aggregate`; sourced by ../compare.sh.

readonly DISTRIBUTIONS=(uniform skewed)
# Both commit this often at most while they are behind: a row is never staler than that.
readonly COMMIT_MS=2000

# Loads both inputs and computes the tables that they must give.
load_inputs() {
  local distribution loader
  for distribution in "${DISTRIBUTIONS[@]}"; do
    loader=$distribution
    if [[ $distribution == skewed ]]; then loader=zipf; fi
    say "loading $records records over $keys keys, $distribution"
    tool "$READ_TIMEOUT_S" load --topic "input-$distribution" --records "$records" --keys "$keys" \
      --distribution "$loader"
    peer "$READ_TIMEOUT_S" expect --topic "input-$distribution" >"$work/expect-$distribution"
  done
}

# One run of one engine: fresh application, empty state, a new output table.
run_aggregate() {
  local engine=$1 distribution=$2 turn=$3
  local application=aggregate-$distribution-$engine-$turn
  local state=$work/state-$application
  local -a arguments=(
    --application-id "$application" --input "input-$distribution" --output "$application-table"
    --records "$records" --commit-ms "$COMMIT_MS" --state-dir "$state" --timeout-s "$run_timeout_s"
  )
  tool "$TOPIC_TIMEOUT_S" create-topic --topic "$application-table"
  local result
  if [[ $engine == millrace ]]; then
    result=$(timeout "$((run_timeout_s + 60))" "$build_dir/bench/aggregate_job" \
      --bootstrap "127.0.0.1:$port" "${arguments[@]}") || die "$application failed"
  else
    result=$(peer "$((run_timeout_s + 60))" run "${arguments[@]}") || die "$application failed"
  fi
  check_table "$application" "$distribution"
  rm -rf -- "$state"
  tool "$TOPIC_TIMEOUT_S" delete-topics --prefix "$application-"
  jq -c --arg distribution "$distribution" --argjson turn "$turn" --argjson rows "$rows_written" \
    '{distribution: $distribution, run: $turn} + . + {rows_written: $rows}' <<<"$result" |
    tee -a "$work/results"
}

# Compares the table with the expected one; sets rows_written.
check_table() {
  local application=$1 distribution=$2 table
  table=$(peer "$READ_TIMEOUT_S" digest --topic "$application-table")
  rows_written=$(jq .records <<<"$table")
  local wanted have
  wanted=$(jq -c '[.keys, .digest]' "$work/expect-$distribution")
  have=$(jq -c '[.keys, .digest]' <<<"$table")
  [[ $have == "$wanted" ]] ||
    die "$application: the final table is $have, it must be $wanted (keys, digest)"
}

report_aggregate() {
  jq -s -r "$JQ_REPORT"'
    group_by([.distribution, .engine])[] |
    "median \(.[0].distribution) \(.[0].engine): " +
    "\(map(.cpu_us_per_record) | median | round_to(2)) CPU µs/record, " +
    "\(map(.warm_cpu_us_per_record) | median | round_to(2)) in the second half, " +
    "\(map(.records_per_second) | median | round) records/s, " +
    "\(map(.peak_rss_mib) | median | round) MiB peak, " +
    "\(map(.rows_written) | median | round) rows written"' "$work/results"
  jq -s -r "$JQ_REPORT"'
    [group_by(.distribution)[]] | sort_by(.[0].distribution) | reverse[] |
    "aggregate_\(.[0].distribution)_" as $name |
    line($name + "cpu"; ratio(.cpu_us_per_record); 0.25),
    line($name + "cpu_second_half"; ratio(.warm_cpu_us_per_record); 0.25),
    line($name + "seconds"; ratio(.seconds); 1),
    line($name + "memory"; ratio(.peak_rss_mib); 1)' "$work/results"
}

aggregate() {
  load_inputs
  limits "input-${DISTRIBUTIONS[0]}"
  local distribution turn engine
  for distribution in "${DISTRIBUTIONS[@]}"; do
    for ((turn = 1; turn <= runs; turn++)); do
      for engine in "${ENGINES[@]}"; do run_aggregate "$engine" "$distribution" "$turn"; done
    done
  done
  report_aggregate
}
