#include "engine/metrics/metrics_feed.h"

#include <algorithm>

namespace millrace::engine {

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

void MetricsFeed::set_freshness(int64_t oldest_event_ms) {
  const int64_t behind_ms =
      oldest_event_ms < 0 ? 0 : std::max<int64_t>(clock_.now_ms() - oldest_event_ms, 0);
  metrics_.freshness_seconds().set(static_cast<double>(behind_ms) / 1e3);
}

}  // namespace millrace::engine
