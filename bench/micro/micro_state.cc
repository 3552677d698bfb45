// Cost of a record in the state: the way of an aggregate (read, change, write back at commit), a
// hit of the commit buffer, and a restore. CPU time is that of the whole process, so RocksDB's
// flushes and compactions count.
#include <cstring>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include <benchmark/benchmark.h>
#include <fmt/format.h>

#include "millrace/core/assert.h"
#include "millrace/state/task_state.h"

#include "bench_state.h"
#include "split_mix.h"
#include "state/buffer/commit_buffer.h"
#include "tests/unit/temp_directory.h"

namespace millrace {
namespace {

constexpr size_t kValueBytes = 216;
constexpr size_t kSlice = 1000;
constexpr size_t kCommit = 50'000;
constexpr uint64_t kKeysPerRecord = 10;  // 2 M records over 200 k keys

std::string key_text(uint64_t key) {
  return fmt::format("account-{:010}", key);
}

/// Keys of records, one behind the other as in a polled batch.
struct Keys {
  std::string text;
  std::vector<Bytes> sequence;
};

Keys make_keys(size_t records, size_t keys) {
  Keys out;
  const size_t key_bytes = key_text(0).size();
  out.text.reserve(records * key_bytes);
  for (uint64_t i = 0; i < records; ++i) out.text += key_text(split_mix(i) % keys);
  for (size_t i = 0; i < records; ++i) {
    out.sequence.emplace_back(out.text.data() + i * key_bytes, key_bytes);
  }
  return out;
}

/// Adds one to the count in the first eight bytes of the key's value.
void count_up(KeyValueStore& store, Bytes key, std::vector<uint64_t>& value) {
  const Row row = store.get(key);
  if (row) {
    std::memcpy(value.data(), row.value.data(), kValueBytes);
  } else {
    std::fill(value.begin(), value.end(), 0);
  }
  ++value[0];
  store.put(key, Bytes(value.data(), kValueBytes), 1);
}

TaskPositions position(size_t offset) {
  TaskPositions positions;
  positions.changelog_end["totals"] = static_cast<int64_t>(offset);
  positions.committed_at_ms = 1;
  return positions;
}

void run_records(TaskState& state, const Keys& keys) {
  KeyValueStore& store = state.store("totals");
  std::vector<uint64_t> value(kValueBytes / sizeof(uint64_t));
  const std::span<const Bytes> sequence(keys.sequence);
  for (size_t first = 0; first < sequence.size(); first += kSlice) {
    const auto slice = sequence.subspan(first, std::min(kSlice, sequence.size() - first));
    store.prefetch(slice);
    for (const Bytes& key : slice) {
      state.begin_unit();
      count_up(store, key, value);
      state.end_unit();
    }
    if ((first + slice.size()) % kCommit != 0 && first + slice.size() != sequence.size()) continue;
    state.freeze();
    MILLRACE_ASSERT(state.apply_frozen(position(first)).ok(), "a commit failed");
  }
}

uint64_t sum_of(const TaskState& state) {
  uint64_t sum = 0;
  const Status status = state.reader("totals")->scan({}, [&](Bytes, Row row) {
    uint64_t count = 0;
    std::memcpy(&count, row.value.data(), sizeof count);
    sum += count;
    return true;
  });
  MILLRACE_ASSERT(status.ok(), "the scan failed");
  return sum;
}

void report_per_record(benchmark::State& state, size_t records) {
  state.counters["records/s"] = benchmark::Counter(static_cast<double>(records),
                                                   benchmark::Counter::kIsIterationInvariantRate);
  state.counters["s/record"] = benchmark::Counter(
      static_cast<double>(records),
      benchmark::Counter::kIsIterationInvariantRate | benchmark::Counter::kInvert);
}

/// range(0): records; range(1): cache bytes as a share of all rows, in percent.
void read_modify_write(benchmark::State& state) {
  const size_t records = static_cast<size_t>(state.range(0));
  const size_t key_count = records / kKeysPerRecord;
  const Keys keys = make_keys(records, key_count);
  const size_t cache_bytes = key_count * 288 * static_cast<size_t>(state.range(1)) / 100;
  for (auto _ : state) {
    const TempDirectory directory;
    const auto task = open_bench_state(directory.path(), cache_bytes, {"totals"});
    run_records(*task, keys);
    state.PauseTiming();
    if (sum_of(*task) != records) state.SkipWithError("wrong sum");
    state.ResumeTiming();
    MILLRACE_ASSERT(task->close().ok(), "closing failed");
  }
  report_per_record(state, records);
}
BENCHMARK(read_modify_write)
    ->ArgNames({"records", "cached%"})
    ->Args({20'000, 120})
    ->Args({2'000'000, 200})
    ->Args({2'000'000, 25})
    ->Unit(benchmark::kMillisecond)
    ->MeasureProcessCPUTime();

/// range(0): rows; every hit adds the first bytes of the value.
void buffer_hit(benchmark::State& state) {
  const size_t rows = static_cast<size_t>(state.range(0));
  const Keys keys = make_keys(rows, rows);
  BufferMemory memory;
  memory.limit_bytes = SIZE_MAX;
  CommitBuffer buffer(memory);
  std::vector<uint64_t> value(kValueBytes / sizeof(uint64_t), 1);
  for (const Bytes& key : keys.sequence) {
    buffer.cache(key, Row{Bytes(value.data(), kValueBytes), 1});
  }
  std::vector<uint32_t> missing;
  uint64_t sum = 0;
  size_t hits = 0;
  for (auto _ : state) {
    const std::span<const Bytes> sequence(keys.sequence);
    for (size_t first = 0; first < rows; first += kSlice) {
      const auto slice = sequence.subspan(first, std::min(kSlice, rows - first));
      if (state.range(1) != 0) buffer.find_all(slice, missing);
      for (const Bytes& key : slice) {
        uint64_t count = 0;
        std::memcpy(&count, buffer.find(key)->value().data(), sizeof count);
        sum += count;
      }
    }
    hits += rows;
  }
  if (sum != hits || !missing.empty()) state.SkipWithError("wrong sum");
  report_per_record(state, rows);
}
BENCHMARK(buffer_hit)
    ->ArgNames({"rows", "batched"})
    ->Args({1'000, 1})
    ->Args({200'000, 0})
    ->Args({200'000, 1});

/// Groups of three rows with a key in common up to a NUL, such as the children of an account; half
/// of those that are asked for are there. range(0): groups that are there.
void scan_groups(benchmark::State& state) {
  constexpr size_t kRows = 3;
  const auto groups = static_cast<size_t>(state.range(0));
  const TempDirectory directory;
  const auto task = open_bench_state(directory.path(), 1 << 20, {"totals"});
  KeyValueStore& store = task->store("totals");
  const std::vector<uint64_t> value(kValueBytes / sizeof(uint64_t), 1);
  const auto group_key = [](size_t group) { return key_text(split_mix(group)) + '\0'; };
  for (size_t group = 0; group < groups; ++group) {
    task->begin_unit();
    for (size_t row = 0; row < kRows; ++row) {
      store.put(group_key(group) + std::to_string(row), Bytes(value.data(), kValueBytes), 1);
    }
    task->end_unit();
    if (group % (kCommit / kRows) != 0 && group + 1 != groups) continue;
    task->freeze();
    MILLRACE_ASSERT(task->apply_frozen(position(group)).ok(), "a commit failed");
  }
  size_t asked = 0;
  size_t found = 0;
  for (auto _ : state) {
    const size_t group = split_mix(asked / 2) % groups + asked % 2 * groups;
    ++asked;
    for (const auto it = store.prefix(group_key(group)); it->valid(); it->next()) ++found;
  }
  if (found != (asked + 1) / 2 * kRows) state.SkipWithError("wrong rows");
}
BENCHMARK(scan_groups)->ArgNames({"groups"})->Arg(10'000)->Arg(1'000'000)->MinTime(2);

/// range(0): records of a changelog that holds every key ten times.
void restore(benchmark::State& state) {
  const size_t records = static_cast<size_t>(state.range(0));
  const Keys keys = make_keys(records, records / kKeysPerRecord);
  std::vector<uint64_t> value(kValueBytes / sizeof(uint64_t), 0);
  for (auto _ : state) {
    const TempDirectory directory;
    const auto task = open_bench_state(directory.path(), 1 << 20, {"totals"});
    std::vector<ChangelogRecord> batch;
    for (size_t i = 0; i < records; ++i) {
      batch.push_back({keys.sequence[i], Bytes(value.data(), kValueBytes), 1});
      if (batch.size() < kSlice && i + 1 < records) continue;
      MILLRACE_ASSERT(task->restore("totals", batch, static_cast<int64_t>(i + 1)).ok(), "restore");
      batch.clear();
    }
    MILLRACE_ASSERT(task->finish_restore().ok(), "restore");
    state.PauseTiming();
    size_t rows = 0;
    const Status status = task->reader("totals")->scan({}, [&](Bytes, Row) {
      ++rows;
      return true;
    });
    if (!status.ok() || rows == 0 || rows > records / kKeysPerRecord)
      state.SkipWithError("wrong rows");
    state.ResumeTiming();
    MILLRACE_ASSERT(task->close().ok(), "closing failed");
  }
  report_per_record(state, records);
}
BENCHMARK(restore)
    ->ArgNames({"records"})
    ->Arg(20'000)
    ->Arg(2'000'000)
    ->Unit(benchmark::kMillisecond)
    ->MeasureProcessCPUTime();

}  // namespace
}  // namespace millrace
