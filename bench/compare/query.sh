#!/usr/bin/env bash
# shellcheck disable=SC2154  # records, keys, runs ... are compare.sh's
# `compare.sh query`; sourced by ../compare.sh.

readonly PARTITIONS=4
readonly CONNECTIONS=32
# Every connection of an h2load asks for the same rows in the same order, so the first one would
# bring each row into the caches for the others: several h2loads, each with an order of its own.
readonly LOADERS=8
readonly PATHS_PER_LOADER=20000
readonly PACED_PER_SECOND=2000
readonly PAGE_ROWS=1000
readonly PAGE_PATHS=500
readonly CHECKED_ROWS=100
readonly WRONG_STATUSES_MAX=5
readonly ANSWER_TIMEOUT_S=60
# So long, while the job works on a backlog, that the backlog ends first.
readonly ENDLESS_S=86400

# Starts an instance in the background. Sets started to its process id.
start_answering() {
  local engine=$1 application=$2 answer_port=$3
  local state=$work/state-$application-$answer_port
  if [[ $engine == millrace ]]; then
    "$build_dir/bench/query_job" --bootstrap.servers "127.0.0.1:$port" --log.level warn \
      --application.id "$application" --instance.id "i-$answer_port" --state.dir "$state" \
      --bench.input "$application-input" --bench.output "$application-table" \
      --commit.interval.max.ms "$COMMIT_MS" \
      --query.port "$answer_port" --query.peer.key.file "$work/peer.key" &
  else
    set_peer_command query --application-id "$application" --state-dir "$state" \
      --input "$application-input" --output "$application-table" --port "$answer_port" \
      --commit-ms "$COMMIT_MS"
    "${peer_command[@]}" &
  fi
  started=$!
}

# Two instances with an empty state, each with half of the tasks. Sets ports and pids.
start_pair() {
  local engine=$1 application=$2 end=$((SECONDS + SETTLE_TIMEOUT_S)) answer_port tasks
  ports=("$((port + 51))" "$((port + 52))")
  pids=()
  for answer_port in "${ports[@]}"; do
    start_answering "$engine" "$application" "$answer_port"
    pids+=("$started")
  done
  for answer_port in "${ports[@]}"; do
    until tasks=$(curl -sf "127.0.0.1:$answer_port/v1/progress" | jq .tasks) &&
      ((tasks == PARTITIONS / 2)); do
      all_run || die "an instance of $application has ended"
      ((SECONDS < end)) || die "$application has not divided its tasks after $SETTLE_TIMEOUT_S s"
      sleep 0.2
    done
  done
}

all_run() {
  local pid
  for pid in "${pids[@]}"; do kill -0 "$pid" 2>/dev/null || return 1; done
}

end_pair() {
  kill -KILL "${pids[@]}"
  wait "${pids[@]}" 2>/dev/null || true
}

# Compares answers of both instances, of own rows and of the other's, with what the input gives.
check_rows() {
  local application=$1 answer_port end=$((SECONDS + ANSWER_TIMEOUT_S))
  peer "$READ_TIMEOUT_S" expect-rows --topic "$application-input" --keys "$keys" \
    --count "$CHECKED_ROWS" >"$work/expected-rows"
  for answer_port in "${ports[@]}"; do
    # The last records' rows may not be committed yet.
    until ask_expected "$answer_port" >"$work/rows" && cmp -s "$work/rows" "$work/expected-rows"; do
      ((SECONDS < end)) || die "$application at port $answer_port gives wrong rows: \
$(diff "$work/expected-rows" "$work/rows" | head -n 4)"
      sleep 0.5
    done
  done
}

ask_expected() {
  jq -r --arg base "http://127.0.0.1:$1/v1/stores/totals?key=" '"url = \"\($base)\(.key)\""' \
    "$work/expected-rows" | curl -s --config - | jq -c '{key, timestamp_ms, value_hex}'
}

# Sorts all rows' paths into own ones of the first instance and others.
divide_paths() {
  local partition key holder
  : >"$work/paths-local"
  : >"$work/paths-forwarded"
  for ((partition = 0; partition < PARTITIONS; partition++)); do
    key=$(head -n 1 "$work/paths-$partition")
    holder=$(curl -sf "http://127.0.0.1:${ports[0]}$key" | jq -r .position.instance)
    if [[ $holder == "i-${ports[0]}" ]]; then
      cat "$work/paths-$partition" >>"$work/paths-local"
    else
      cat "$work/paths-$partition" >>"$work/paths-forwarded"
    fi
  done
  sort "$work/paths-local" "$work/paths-forwarded" >"$work/paths-all"
}

# Every loader gets a random choice of these paths, in a random order.
choose_paths() {
  local loader
  for ((loader = 0; loader < LOADERS; loader++)); do
    shuf -n "$PATHS_PER_LOADER" "$1" >"$work/paths-of-$loader"
  done
}

# Starts the loaders on the first instance. Arguments from the second on are for h2load. Sets
# loaders to their process ids.
start_load() {
  local seconds=$1 loader
  loaders=()
  rm -f "$work"/answers-*
  for ((loader = 0; loader < LOADERS; loader++)); do
    h2load --h1 -t 1 -c "$((CONNECTIONS / LOADERS))" -D "$seconds" -i "$work/paths-of-$loader" \
      -B "http://127.0.0.1:${ports[0]}" --log-file "$work/answers-$loader" "${@:2}" >/dev/null &
    loaders+=("$!")
  done
}

# CPU time of both instances so far, in clock ticks: user and system, all threads.
cpu_ticks() {
  local pid stat ticks=0
  local -a fields
  for pid in "${pids[@]}"; do
    stat=$(<"/proc/$pid/stat")
    read -ra fields <<<"${stat##*) }"
    ticks=$((ticks + fields[11] + fields[12]))
  done
  echo "$ticks"
}

# Figures of the answers that began between two moments (µs since 1970) as JSON: how many, the times
# that they took, and how many had another status than 200.
figures_of_answers() {
  local from_us=$1 to_us=$2
  cat "$work"/answers-* | awk -v from="$from_us" -v to="$to_us" '$1 >= from && $1 < to' |
    sort -n -k 3 | awk '
      $2 == 200 { took[++n] = $3 }
      $2 != 200 { wrong++ }
      function quantile(q) { return n == 0 ? 0 : took[int(q * (n - 1)) + 1] / 1000 }
      END {
        printf "{\"requests\":%d,\"p50_ms\":%.2f,\"p99_ms\":%.2f,\"other_statuses\":%d}\n", n,
               quantile(0.5), quantile(0.99), wrong
      }'
}

check_statuses() {
  local name=$1 figures=$2
  jq -e --argjson max "$WRONG_STATUSES_MAX" '.requests > 0 and .other_statuses <= $max' \
    <<<"$figures" >/dev/null || die "$name: too many answers without a row, or none: $figures"
}

# Adds a run's figures to the results: those of the arguments, which are JSON objects.
add_result() {
  local engine=$1 figure=$2 turn=$3
  jq -s -c --arg engine "$engine" --arg figure "$figure" --argjson run "$turn" \
    '{figure: $figure, run: $run, engine: $engine} + add' <<<"${*:4}" | tee -a "$work/results"
}

# As many requests as 32 connections bring, while the job idles.
measure_idle() {
  local engine=$1 figure=$2 turn=$3 ticks from_us to_us figures
  choose_paths "$work/paths-$figure"
  start_load "$warm_s"
  wait "${loaders[@]}"
  ticks=$(cpu_ticks)
  from_us=$(date +%s%6N)
  start_load "$load_s"
  wait "${loaders[@]}"
  to_us=$(date +%s%6N)
  ticks=$(($(cpu_ticks) - ticks))
  figures=$(figures_of_answers "$from_us" "$to_us")
  check_statuses "$engine $figure" "$figures"
  add_result "$engine" "$figure" "$turn" "$figures" "$(jq --argjson ticks "$ticks" \
    --argjson per_s "$(getconf CLK_TCK)" --argjson us "$((to_us - from_us))" \
    '{requests_per_second: (.requests / $us * 1e6 | round),
      cpu_us_per_request: ($ticks / $per_s / .requests * 1e6)}' <<<"$figures")"
}

# One after the other, pages whose rows both instances have.
measure_page() {
  local engine=$1 turn=$2 figures
  curl -sf "http://127.0.0.1:${ports[0]}/v1/stores/totals/rows?limit=$PAGE_ROWS" |
    jq -e --argjson rows "$PAGE_ROWS" --argjson tasks "$PARTITIONS" '[.rows[].key] == (
      [.rows[].key] | sort) and (.rows | length) == $rows and
      ([.rows[].task] | unique | length) == $tasks' >/dev/null ||
    die "$engine: a page has other than $PAGE_ROWS rows in order, of all tasks"
  shuf -n "$PAGE_PATHS" "$work/paths-all" |
    sed "s|?key=\(.*\)|/rows?limit=$PAGE_ROWS\&from=\1|" >"$work/paths-of-pages"
  rm -f "$work"/answers-*
  h2load --h1 -t 1 -c 1 -n "$PAGE_PATHS" -i "$work/paths-of-pages" \
    -B "http://127.0.0.1:${ports[0]}" --log-file "$work/answers-0" >/dev/null
  figures=$(figures_of_answers 0 "$(date +%s%6N)")
  check_statuses "$engine page" "$figures"
  add_result "$engine" page "$turn" "$figures"
}

# Both instances work on a backlog. Prints its cost as JSON.
work_off() {
  local application=$1 answer_port
  for answer_port in "${ports[@]}"; do
    curl -sf -X POST "127.0.0.1:$answer_port/v1/pause" >/dev/null || die "$application: no pause"
  done
  tool "$READ_TIMEOUT_S" append --topic "$application-input" --records "$records" \
    --keys "$keys" --seed "$2"
  if (($# > 2)); then start_load "$ENDLESS_S" "${@:3}"; fi
  peer "$((run_timeout_s + 60))" backlog --ports "$(IFS=, && echo "${ports[*]}")" \
    --pids "$(IFS=, && echo "${pids[*]}")" --records "$records" --timeout-s "$run_timeout_s" \
    >"$work/backlog" || die "$application has not worked off its backlog"
  if (($# > 2)); then
    kill "${loaders[@]}"
    wait "${loaders[@]}" 2>/dev/null || true
  fi
}

# Rows of both instances, at a steady rate, while both work as fast as they can.
measure_under_load() {
  local engine=$1 application=$2 turn=$3 alone figures
  local -a paced=(--rps "$(jq -n "$PACED_PER_SECOND / $CONNECTIONS")")
  choose_paths "$work/paths-local"
  work_off "$application" 2 "${paced[@]}"  # unmeasured: the first is slower
  work_off "$application" 3
  alone=$(<"$work/backlog")
  work_off "$application" 4 "${paced[@]}"
  figures=$(figures_of_answers "$(jq '.from_ms * 1000' "$work/backlog")" \
    "$(jq '.to_ms * 1000' "$work/backlog")")
  check_statuses "$engine under_load" "$figures"
  add_result "$engine" under_load "$turn" "$figures" "$(jq --argjson alone "$alone" \
    --argjson figures "$figures" '
    {requests_per_second: ($figures.requests / .seconds | round),
     records_per_second: (.records / .seconds | round),
     records_per_second_alone: ($alone.records / $alone.seconds | round),
     rate_loss: (1 - $alone.seconds / .seconds),
     cpu_us_per_record_alone: ($alone.cpu_seconds / $alone.records * 1e6),
     cpu_us_per_request: ((.cpu_seconds - $alone.cpu_seconds) / $figures.requests * 1e6)}' \
    "$work/backlog")"
}

# A fresh application of one engine through all figures.
run_query() {
  local engine=$1 turn=$2
  local application=query-$engine-$turn
  tool "$READ_TIMEOUT_S" load --topic "$application-input" --records "$keys" --keys "$keys" \
    --distribution each
  tool "$TOPIC_TIMEOUT_S" create-topic --topic "$application-table"
  start_pair "$engine" "$application"
  check_rows "$application"
  divide_paths
  measure_idle "$engine" local "$turn"
  measure_idle "$engine" forwarded "$turn"
  if [[ $engine == millrace ]]; then measure_page "$engine" "$turn"; fi
  measure_under_load "$engine" "$application" "$turn"
  check_rows "$application"
  end_pair
  rm -rf -- "$work/state-$application"-*
  tool "$TOPIC_TIMEOUT_S" delete-topics --prefix "$application-"
}

report_query() {
  jq -s -r "$JQ_REPORT"'
    group_by([.figure, .engine])[] |
    "median \(.[0].figure) \(.[0].engine): " +
    (if .[0].figure == "page" then "" else
      "\(map(.requests_per_second) | median | round) requests/s, " +
      "\(map(.cpu_us_per_request) | median | round_to(1)) CPU µs/request, " end) +
    "p50 \(map(.p50_ms) | median | round_to(2)) ms, " +
    "p99 \(map(.p99_ms) | median | round_to(2)) ms" +
    (if .[0].figure == "under_load" then
      ", \(map(.records_per_second) | median | round) records/s, " +
      "\(map(.records_per_second_alone) | median | round) records/s alone" else "" end)' \
    "$work/results"
  jq -s -r "$JQ_REPORT"'
    def at_least(name; value; target):
      "ratio \(name) \(value | round_to(3)) target \(target) " +
      (if value >= target then "met" else "missed" end);
    def figure(name): map(select(.figure == name));
    def ours(name; field): figure(name) | of("millrace"; field);
    # A request under load costs a difference, which noise can make nothing or less.
    def per_cpu(name):
      (figure(name) | of("kafka-streams"; .cpu_us_per_request)) as $theirs |
      ours(name; .cpu_us_per_request) as $ours |
      if $ours > 0 and $theirs > 0 then at_least("query_" + name; $theirs / $ours; 4)
      else "ratio query_\(name) unknown target 4 missed" end;
    per_cpu("local"), per_cpu("forwarded"), per_cpu("under_load"),
    at_least("query_local_per_second"; ours("local"; .requests_per_second); 30000),
    line("query_local_p99_ms"; ours("local"; .p99_ms); 5),
    line("query_local_cpu_us"; ours("local"; .cpu_us_per_request); 40),
    line("query_forwarded_to_local";
         ours("forwarded"; .cpu_us_per_request) / ours("local"; .cpu_us_per_request); 2.5),
    line("query_under_load_rate_loss"; ours("under_load"; .rate_loss); 0.1),
    line("query_under_load_p99_ms"; ours("under_load"; .p99_ms); 30),
    line("query_page_ms"; ours("page"; .p99_ms); 20)' "$work/results"
}

query() {
  local -a ports pids loaders
  local turn engine
  (umask 077 && od -An -N32 -tx1 /dev/urandom | tr -d ' \n' >"$work/peer.key")
  tool "$TOPIC_TIMEOUT_S" paths --keys "$keys" --folder "$work"
  for ((turn = 1; turn <= runs; turn++)); do
    for engine in "${ENGINES[@]}"; do run_query "$engine" "$turn"; done
  done
  report_query
}
