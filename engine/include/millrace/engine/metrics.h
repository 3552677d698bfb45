#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>

#include "millrace/core/ids.h"

namespace millrace {

/// Lag of one input partition: its high watermark − the instance's committed position, in records.
struct PartitionLag {
  TopicPartition partition;
  int64_t records = 0;
};

/// Progress of one task's restore.
struct RestoreProgress {
  int64_t records = 0;            ///< restored since the restore began
  int64_t bytes = 0;              ///< of those records' keys and values
  int64_t remaining_records = 0;  ///< up to the changelogs' end offsets
  double records_per_second = 0;
};

/// Records and bytes (keys and values) of one topic.
struct TopicTraffic {
  prometheus::Counter& records;
  prometheus::Counter& bytes;
};

/// The metrics of one instance, served as Prometheus text by `GET /v1/metrics`.
///
/// Thread-safe. Methods that return a reference look a series up: call them once and keep the
/// reference, which lives as long as this. A counter costs an atomic addition, a histogram a mutex:
/// add once per slice or commit, not per record. An application adds metrics of its own to
/// `registry()`; names that begin with "millrace_" belong to the engine.
class Metrics {
 public:
  /// More partitions than this get no lag series of their own; the sum counts all of them.
  static constexpr size_t kLagPartitionsMax = 1'000;
  /// More topics, reasons or tasks than this share one series, labelled "other".
  static constexpr size_t kLabelValuesMax = 500;

  explicit Metrics(std::string_view application_id);
  ~Metrics();
  Metrics(const Metrics&) = delete;
  Metrics& operator=(const Metrics&) = delete;

  TopicTraffic consumed(std::string_view topic);
  /// Sinks, exchanges and changelogs alike; counted when handed to the producer.
  TopicTraffic produced(std::string_view topic);
  prometheus::Counter& processed(int32_t sub_topology);
  /// Records left out, by a stable lower-case reason ("invalid_record", "null_key", "user_code").
  prometheus::Counter& dropped(std::string_view reason);
  prometheus::Counter& dead_lettered(std::string_view reason);

  /// `phase` is one of "drain", "changelog", "offsets", "transaction", "store".
  prometheus::Histogram& commit_phase_seconds(std::string_view phase);
  prometheus::Counter& commits();
  prometheus::Counter& aborts();
  prometheus::Counter& rebalances();
  /// From a record's timestamp to the commit that made its effects visible.
  prometheus::Histogram& end_to_end_latency_seconds();

  /// now − event time of the newest fully processed input.
  prometheus::Gauge& freshness_seconds();
  prometheus::Gauge& store_cache_bytes();
  prometheus::Gauge& dirty_bytes();
  prometheus::Gauge& input_buffer_bytes();
  prometheus::Gauge& active_tasks();

  /// Replaces the lag of all partitions: those not named are gone.
  void set_lags(std::span<const PartitionLag> lags);
  int64_t lag_records() const;
  /// Changelog records that tasks read between their assignment to this instance and their start.
  prometheus::Counter& restored_records();
  prometheus::Counter& snapshots_taken();
  prometheus::Counter& snapshots_downloaded();
  /// Snapshots that could be neither taken nor downloaded; the log has the reason.
  prometheus::Counter& snapshots_failed();
  prometheus::Counter& snapshot_downloaded_bytes();
  void set_restore(TaskId task, const RestoreProgress& progress);
  /// The task runs, or belongs to somebody else now: its restore series go.
  void clear_restore(TaskId task);
  /// Exactly one state is 1: `state` from now on.
  void set_state(std::string_view state);

  /// Called before each `text`, for values that are cheaper to compute then than to keep up to
  /// date. REQUIRES: `collect` stays callable, from any thread, as long as this lives.
  void on_collect(std::function<void()> collect);

  prometheus::Registry& registry();
  /// Everything in the Prometheus text format, version 0.0.4.
  std::string text() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace millrace
