#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "millrace/core/ids.h"
#include "millrace/core/result.h"

namespace prometheus {
class Counter;
class Gauge;
class Histogram;
}  // namespace prometheus

namespace millrace {

namespace engine {
struct MetricInfo;
}  // namespace engine

/// A count that only grows. Copies count the same series, which lives as long as its `Metrics`.
/// Thread-safe; made by `Metrics` only, as the other two.
class MetricCounter {
 public:
  explicit MetricCounter(prometheus::Counter& series) : series_(&series) {}
  /// Ignores negative amounts.
  void add(double amount = 1) const;
  double value() const;
  /// Whether both are the same series.
  friend bool operator==(MetricCounter, MetricCounter) = default;

 private:
  prometheus::Counter* series_;
};

/// A value of now.
class MetricGauge {
 public:
  explicit MetricGauge(prometheus::Gauge& series) : series_(&series) {}
  void set(double value) const;
  double value() const;

 private:
  prometheus::Gauge* series_;
};

/// How often values fell below each of some bounds.
class MetricHistogram {
 public:
  explicit MetricHistogram(prometheus::Histogram& series) : series_(&series) {}
  void observe(double value) const;

 private:
  prometheus::Histogram* series_;
};

/// The last stable offset of a partition that stands still before the end of its log.
struct HiddenBehind {
  int64_t last_stable_offset = 0;
  int64_t since_ms = 0;  ///< wall clock when that was first seen
};

/// Lag of one input partition: its high watermark − the instance's committed position, in records.
struct PartitionLag {
  TopicPartition partition;
  int64_t records = 0;
  /// Set: all of them lie behind the last stable offset, the place where the open transaction of
  /// another producer begins. Nobody who reads committed records gets any of them before it ends.
  std::optional<HiddenBehind> hidden = {};
};

/// Progress of one task's restore.
struct RestoreProgress {
  int64_t records = 0;            ///< restored since the restore began
  int64_t bytes = 0;              ///< of those records' keys and values
  int64_t remaining_records = 0;  ///< up to the changelogs' end offsets
  double records_per_second = 0;
};

/// Records that came too late, and by how much together.
struct LateRecords {
  MetricCounter records;
  MetricCounter seconds;
};

/// Records and bytes (keys and values) of one topic.
struct TopicTraffic {
  MetricCounter records;
  MetricCounter bytes;
};

/// The metrics of one instance, served as Prometheus text by `GET /v1/metrics`.
///
/// Thread-safe. Methods that return a series look it up: call them once and keep the result, which
/// is valid as long as this lives. A counter costs an atomic addition, a histogram a mutex: add
/// once per slice or commit, not per record. `engine/metrics/metric_table.h` lists all names. An
/// application adds metrics of its own by `add_counter` and its siblings; names that begin with
/// "millrace_" belong to the engine.
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
  MetricCounter processed(int32_t sub_topology);
  /// Records left out, by a stable lower-case reason ("invalid_record", "null_key", "user_code").
  MetricCounter dropped(std::string_view reason);
  /// By the node that left them out; `dropped("late")` counts them, too.
  LateRecords late(std::string_view node);
  MetricCounter dead_lettered(std::string_view reason);

  /// Requests that reached a route's handler, by the route's pattern.
  MetricCounter queries(std::string_view route);
  /// Requests and connections that the query server refused: "connections", "address",
  /// "reserved", "host", "web_page", "unauthorized", "forbidden", "malformed".
  MetricCounter query_refusals(std::string_view reason);
  MetricGauge query_connections();
  /// Streams of events that are open, each on one of these connections.
  MetricGauge query_streams();

  /// `phase` is one of "drain", "changelog", "offsets", "transaction", "store".
  MetricHistogram commit_phase_seconds(std::string_view phase);
  MetricCounter commits();
  MetricCounter aborts();
  MetricCounter rebalances();
  /// From a record's timestamp to the commit that made its effects visible.
  MetricHistogram end_to_end_latency_seconds();

  /// How far the slowest running task is behind: now − event time of its newest processed input,
  /// or − when it was last at the end of its inputs, whichever is less.
  MetricGauge freshness_seconds();
  MetricGauge store_cache_bytes();
  MetricGauge dirty_bytes();
  MetricGauge input_buffer_bytes();
  MetricGauge active_tasks();

  /// Replaces the lag of all partitions: those not named are gone.
  void set_lags(std::span<const PartitionLag> lags);
  int64_t lag_records() const;
  /// Those of them that have something hidden.
  std::vector<PartitionLag> hidden_inputs() const;
  /// Changelog records that tasks read between their assignment to this instance and their start.
  MetricCounter restored_records();
  MetricCounter snapshots_taken();
  MetricCounter snapshots_downloaded();
  /// Snapshots that could be neither taken nor downloaded; the log has the reason.
  MetricCounter snapshots_failed();
  MetricCounter snapshot_downloaded_bytes();
  void set_restore(TaskId task, const RestoreProgress& progress);
  /// The task runs, or belongs to somebody else now: its restore series go.
  void clear_restore(TaskId task);
  /// Exactly one state is 1: `state` from now on.
  void set_state(std::string_view state);

  /// A series by its line of the engine's table, for metrics that one part of the engine sets.
  /// `label`: the value of its label; a metric without one has one series. It exists from the first
  /// call on. REQUIRES: the line's kind, and at most one label.
  MetricGauge gauge(const engine::MetricInfo& info, std::string_view label = {});
  MetricCounter counter(const engine::MetricInfo& info, std::string_view label = {});

  /// Called before each `text`, for values that are cheaper to compute then than to keep up to
  /// date. REQUIRES: `collect` stays callable, from any thread, as long as this lives.
  void on_collect(std::function<void()> collect);

  using Labels = std::map<std::string, std::string>;
  /// Series of the application's own; the same one for the same name and labels. `help` is the
  /// sentence beside the name. Error: `kInvalidArgument`: a name or label that Prometheus does not
  /// take, a name of the engine's, or one that a metric of another kind has.
  Result<MetricCounter> add_counter(const std::string& name, const std::string& help,
                                    const Labels& labels = {});
  Result<MetricGauge> add_gauge(const std::string& name, const std::string& help,
                                const Labels& labels = {});
  /// `bounds` ascend.
  Result<MetricHistogram> add_histogram(const std::string& name, const std::string& help,
                                        const std::vector<double>& bounds,
                                        const Labels& labels = {});
  /// Everything in the Prometheus text format, version 0.0.4.
  std::string text() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace millrace
