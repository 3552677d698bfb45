#pragma once

#include <cstdint>
#include <map>
#include <string_view>
#include <vector>

#include "millrace/core/clock.h"
#include "millrace/engine/metrics.h"

#include "engine/output/output_topics.h"
#include "engine/task/task.h"

namespace millrace::engine {

/// Copies the counts of the loop and its tasks into the metrics, once per slice or commit. Looks up
/// a series once. Loop's thread only.
class MetricsFeed {
 public:
  MetricsFeed(Metrics& metrics, const OutputTopics& outputs, const Clock& clock);

  void add_slice(Task& task);
  /// `tasks`: those of a commit that is done.
  void add_commit(std::span<Task* const> tasks);
  struct Memory {
    size_t dirty_bytes = 0;
    size_t queued_bytes = 0;
    size_t cached_bytes = 0;
  };
  /// Sets the present values.
  void set_memory(const Memory& memory, size_t active_tasks);
  /// `oldest_event_ms`: of the task that is furthest behind; −1 when all inputs are at their end.
  void set_freshness(int64_t oldest_event_ms);

 private:
  Metrics& metrics_;
  const OutputTopics& outputs_;
  const Clock& clock_;
  std::vector<TopicTraffic> produced_;          ///< by output
  std::map<int32_t, MetricCounter> processed_;  ///< by sub-topology
};

/// Measures the phases of a commit, one after the other.
class PhaseTimer {
 public:
  PhaseTimer(Metrics& metrics, const Clock& clock)
      : metrics_(metrics), clock_(clock), since_ns_(clock.steady_ns()) {}
  /// Ends the phase that began at construction, or with the previous call.
  void end(std::string_view phase) {
    const int64_t now_ns = clock_.steady_ns();
    metrics_.commit_phase_seconds(phase).observe(static_cast<double>(now_ns - since_ns_) / 1e9);
    since_ns_ = now_ns;
  }

 private:
  Metrics& metrics_;
  const Clock& clock_;
  int64_t since_ns_;
};

}  // namespace millrace::engine
