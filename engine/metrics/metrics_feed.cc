#include "engine/metrics/metrics_feed.h"

#include <algorithm>
#include <filesystem>
#include <system_error>
#include <utility>

#include "millrace/state/database_statistics.h"

#include "engine/metrics/metric_table.h"

namespace millrace::engine {
namespace {

void show_disk(Metrics& metrics, const std::filesystem::path& directory) {
  std::error_code error;
  const std::filesystem::space_info space = std::filesystem::space(directory, error);
  if (error) return;
  metrics.gauge(metric("millrace_disk_free_bytes")).set(static_cast<double>(space.available));
  metrics.gauge(metric("millrace_disk_size_bytes")).set(static_cast<double>(space.capacity));
}

void show_databases(Metrics& metrics) {
  const DatabaseStatistics now = database_statistics();
  const auto set = [&metrics](const MetricInfo& info, uint64_t value) {
    metrics.gauge(info).set(static_cast<double>(value));
  };
  set(metric("millrace_rocksdb_databases"), now.databases);
  set(metric("millrace_rocksdb_rows"), now.rows);
  set(metric("millrace_rocksdb_files_bytes"), now.files_bytes);
  set(metric("millrace_rocksdb_block_cache_bytes"), now.block_cache_bytes);
  set(metric("millrace_rocksdb_block_cache_pinned_bytes"), now.block_cache_pinned);
  set(metric("millrace_rocksdb_write_buffer_bytes"), now.write_buffer_bytes);
  set(metric("millrace_rocksdb_pending_compaction_bytes"), now.pending_compaction_bytes);
  set(metric("millrace_rocksdb_running_compactions"), now.running_compactions);
  set(metric("millrace_rocksdb_running_flushes"), now.running_flushes);
  set(metric("millrace_rocksdb_stalled_databases"), now.stalled);
  set(metric("millrace_rocksdb_background_errors"), now.background_errors);
}

}  // namespace

MetricsFeed::MetricsFeed(Metrics& metrics, const OutputTopics& outputs, const Clock& clock)
    : metrics_(metrics), outputs_(outputs), clock_(clock) {}

void MetricsFeed::add_slice(Task& task) {
  const TaskCounts counts = task.take_counts();
  const int32_t sub_topology = task.id().sub_topology;
  auto processed = processed_.find(sub_topology);
  if (processed == processed_.end()) {
    processed = processed_.emplace(sub_topology, metrics_.processed(sub_topology)).first;
  }
  processed->second.add(static_cast<double>(counts.processed));
  for (const auto& [reason, count] : counts.dropped) {
    metrics_.dropped(reason).add(static_cast<double>(count));
  }
  for (const auto& [node, late] : counts.late) {
    const LateRecords counters = metrics_.late(node);
    counters.records.add(static_cast<double>(late.records));
    counters.seconds.add(late.ms / 1e3);
  }
  for (const auto& [reason, count] : counts.dead_lettered) {
    metrics_.dead_lettered(reason).add(static_cast<double>(count));
  }
  while (produced_.size() < outputs_.size()) {
    produced_.push_back(metrics_.produced(outputs_[static_cast<int32_t>(produced_.size())].name));
  }
  for (size_t i = 0; i < counts.sent.size(); ++i) {
    if (counts.sent[i].records == 0) continue;
    produced_[i].records.add(static_cast<double>(counts.sent[i].records));
    produced_[i].bytes.add(static_cast<double>(counts.sent[i].bytes));
  }
}

void MetricsFeed::add_commit(std::span<Task* const> tasks) {
  metrics_.commits().add();
  const int64_t now_ms = clock_.now_ms();
  for (Task* const task : tasks) {
    add_slice(*task);
    if (task->committed_event_time_ms() < 0) continue;
    const int64_t latency_ms = std::max<int64_t>(now_ms - task->committed_event_time_ms(), 0);
    metrics_.end_to_end_latency_seconds().observe(static_cast<double>(latency_ms) / 1e3);
  }
}

void MetricsFeed::set_memory(const Memory& memory, size_t active_tasks) {
  metrics_.dirty_bytes().set(static_cast<double>(memory.dirty_bytes));
  metrics_.input_buffer_bytes().set(static_cast<double>(memory.queued_bytes));
  metrics_.store_cache_bytes().set(static_cast<double>(memory.cached_bytes));
  metrics_.active_tasks().set(static_cast<double>(active_tasks));
}

void MetricsFeed::set_freshness(std::span<const TaskTimes> tasks) {
  const int64_t now_ms = clock_.now_ms();
  int64_t behind_ms = 0;
  std::map<TaskId, int64_t> caught_up_ms;
  for (const TaskTimes& times : tasks) {
    int64_t fresh_ms = times.event_ms;
    const auto before = caught_up_ms_.find(times.task);
    if (times.is_caught_up || before != caught_up_ms_.end()) {
      const int64_t seen_ms = times.is_caught_up ? now_ms : before->second;
      caught_up_ms[times.task] = seen_ms;
      fresh_ms = std::max(fresh_ms, seen_ms);
    }
    if (fresh_ms >= 0) behind_ms = std::max(behind_ms, now_ms - fresh_ms);
  }
  caught_up_ms_ = std::move(caught_up_ms);
  metrics_.freshness_seconds().set(static_cast<double>(behind_ms) / 1e3);
}

void show_surroundings(Metrics& metrics, const EngineOptions& options) {
  metrics.gauge(metric("millrace_freshness_target_seconds"))
      .set(static_cast<double>(options.freshness_target_ms) / 1e3);
  metrics.on_collect([&metrics, directory = options.state_dir] {
    show_disk(metrics, directory);
    show_databases(metrics);
  });
}

}  // namespace millrace::engine
