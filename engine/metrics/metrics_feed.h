#pragma once

#include <cstdint>
#include <map>
#include <string_view>
#include <vector>

#include "millrace/core/clock.h"
#include "millrace/engine/metrics.h"
#include "millrace/engine/options.h"

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
  struct TaskTimes {
    TaskId task;
    int64_t event_ms = -1;  ///< of the newest processed event; −1: none
    bool is_caught_up = false;
  };
  /// `tasks`: all that run. A quiet task is behind only since it was last seen caught up, however
  /// old its newest event is.
  void set_freshness(std::span<const TaskTimes> tasks);

 private:
  Metrics& metrics_;
  const OutputTopics& outputs_;
  const Clock& clock_;
  std::vector<TopicTraffic> produced_;          ///< by output
  std::map<int32_t, MetricCounter> processed_;  ///< by sub-topology
  std::map<TaskId, int64_t> caught_up_ms_;      ///< when each was last seen so, by the wall clock
};

/// Sets the metrics that follow from settings. Those of the disk of `state_dir` and of the
/// databases are read with each text; a directory that does not exist has none.
void show_surroundings(Metrics& metrics, const EngineOptions& options);

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
