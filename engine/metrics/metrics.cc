#include "millrace/engine/metrics.h"

#include <algorithm>
#include <atomic>
#include <exception>
#include <mutex>
#include <utility>

#include <fmt/format.h>
#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>

#include "millrace/core/assert.h"

#include "engine/metrics/metric_table.h"

namespace millrace {
namespace {

using engine::metric;
using engine::MetricInfo;
using engine::MetricKind;
using prometheus::Counter;
using prometheus::Family;
using prometheus::Gauge;
using prometheus::Histogram;

constexpr std::string_view kOther = "other";
constexpr std::string_view kOwnPrefix = "millrace_";

const Histogram::BucketBoundaries& commit_buckets() {
  static const Histogram::BucketBoundaries buckets{0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1,
                                                   0.2,   0.5,   1,     2,    5,    10};
  return buckets;
}

const Histogram::BucketBoundaries& latency_buckets() {
  static const Histogram::BucketBoundaries buckets{
      0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60, 300, 1800, 7200, 86400};
  return buckets;
}

template <class Builder>
auto& family(Builder builder, prometheus::Registry& registry, const MetricInfo& info) {
  return builder.Name(std::string(info.name)).Help(std::string(info.help)).Register(registry);
}

/// The series of a family by the value of its one label; bounded, so that names from outside
/// cannot grow the output for ever. A family without labels has one series, by the empty value.
template <class Metric>
class Series {
 public:
  Series(Family<Metric>& family, const MetricInfo& info) : family_(family), label_(info.labels) {}

  template <class... Args>
  Metric& at(std::string_view value, const Args&... args) {
    const std::lock_guard lock(mutex_);
    auto found = known_.find(value);
    if (found == known_.end() && known_.size() >= Metrics::kLabelValuesMax) {
      value = kOther;
      found = known_.find(value);
    }
    if (found == known_.end()) {
      prometheus::Labels labels;
      if (!label_.empty()) labels.emplace(label_, value);
      Metric& added = family_.Add(labels, args...);
      found = known_.emplace(value, &added).first;
    }
    return *found->second;
  }

 private:
  Family<Metric>& family_;
  const std::string label_;
  std::mutex mutex_;
  std::map<std::string, Metric*, std::less<>> known_;
};

/// Adds a series of the application's own; prometheus-cpp throws when it refuses one.
template <class Metric, class Builder, class... Args>
Result<Metric> add_series(Builder builder, prometheus::Registry& registry, const std::string& name,
                          const std::string& help, const Metrics::Labels& labels,
                          const Args&... args) {
  if (name.starts_with(kOwnPrefix)) {
    return Error{
        ErrorCode::kInvalidArgument,
        fmt::format("metric '{}': names that begin with '{}' are the engine's", name, kOwnPrefix)};
  }
  try {
    auto& family = builder.Name(name).Help(help).Register(registry);
    return Metric(family.Add({labels.begin(), labels.end()}, args...));
  } catch (const std::exception& refused) {
    return Error{ErrorCode::kInvalidArgument, fmt::format("metric '{}': {}", name, refused.what())};
  }
}

}  // namespace

void MetricCounter::add(double amount) const {
  series_->Increment(amount);
}
double MetricCounter::value() const {
  return series_->Value();
}
void MetricGauge::set(double value) const {
  series_->Set(value);
}
double MetricGauge::value() const {
  return series_->Value();
}
void MetricHistogram::observe(double value) const {
  series_->Observe(value);
}

struct Metrics::Impl {
  struct TaskRestore {
    Counter* records;
    Counter* bytes;
    Gauge* remaining;
    Gauge* rate;
  };

  Counter& plain_counter(const MetricInfo& info) { return counters(info).Add({}); }
  Gauge& plain_gauge(const MetricInfo& info) { return gauges(info).Add({}); }
  Family<Counter>& counters(const MetricInfo& info) {
    return family(prometheus::BuildCounter(), registry, info);
  }
  Family<Gauge>& gauges(const MetricInfo& info) {
    return family(prometheus::BuildGauge(), registry, info);
  }
  Family<Histogram>& histograms(const MetricInfo& info) {
    return family(prometheus::BuildHistogram(), registry, info);
  }

  Series<Counter> counter_series(const MetricInfo& info) {
    return Series<Counter>(counters(info), info);
  }

  prometheus::Registry registry;

  Series<Counter> consumed_records = counter_series(metric("millrace_records_consumed_total"));
  Series<Counter> consumed_bytes = counter_series(metric("millrace_consumed_bytes_total"));
  Series<Counter> produced_records = counter_series(metric("millrace_records_produced_total"));
  Series<Counter> produced_bytes = counter_series(metric("millrace_produced_bytes_total"));
  Series<Counter> processed = counter_series(metric("millrace_records_processed_total"));
  Series<Counter> queries = counter_series(metric("millrace_queries_total"));
  Series<Counter> query_refusals = counter_series(metric("millrace_query_refusals_total"));
  Gauge& query_connections = plain_gauge(metric("millrace_query_connections"));
  Gauge& query_streams = plain_gauge(metric("millrace_query_streams"));
  Series<Counter> dropped = counter_series(metric("millrace_records_dropped_total"));
  Series<Counter> late_records = counter_series(metric("millrace_late_records_total"));
  Series<Counter> late_seconds = counter_series(metric("millrace_late_seconds_total"));
  Series<Counter> dead_lettered = counter_series(metric("millrace_records_dead_lettered_total"));
  Series<Histogram> commit_phases{histograms(metric("millrace_commit_phase_seconds")),
                                  metric("millrace_commit_phase_seconds")};

  Counter& commits = plain_counter(metric("millrace_commits_total"));
  Counter& aborts = plain_counter(metric("millrace_aborts_total"));
  Counter& rebalances = plain_counter(metric("millrace_rebalances_total"));
  Histogram& latency =
      histograms(metric("millrace_end_to_end_latency_seconds")).Add({}, latency_buckets());
  Gauge& freshness = plain_gauge(metric("millrace_freshness_seconds"));
  Gauge& cache = plain_gauge(metric("millrace_store_cache_bytes"));
  Gauge& dirty = plain_gauge(metric("millrace_store_dirty_bytes"));
  Gauge& input_buffer = plain_gauge(metric("millrace_input_buffer_bytes"));
  Gauge& active_tasks = plain_gauge(metric("millrace_active_tasks"));

  Gauge& lag_sum = plain_gauge(metric("millrace_lag_records"));
  Family<Gauge>& lag_family = gauges(metric("millrace_partition_lag_records"));
  Family<Gauge>& hidden_family = gauges(metric("millrace_partition_hidden_records"));
  Counter& restored = plain_counter(metric("millrace_restored_records_total"));
  Counter& snapshots_taken = plain_counter(metric("millrace_snapshots_taken_total"));
  Counter& snapshots_downloaded = plain_counter(metric("millrace_snapshots_downloaded_total"));
  Counter& snapshots_failed = plain_counter(metric("millrace_snapshots_failed_total"));
  Counter& snapshot_downloaded_bytes =
      plain_counter(metric("millrace_snapshot_downloaded_bytes_total"));
  Family<Counter>& restored_records = counters(metric("millrace_restore_records_total"));
  Family<Counter>& restored_bytes = counters(metric("millrace_restore_bytes_total"));
  Family<Gauge>& restore_remaining = gauges(metric("millrace_restore_remaining_records"));
  Family<Gauge>& restore_rate = gauges(metric("millrace_restore_records_per_second"));
  Family<Gauge>& state_family = gauges(metric("millrace_state"));

  /// Makes `series` those of `lags`. REQUIRES: `mutex` is held.
  static void set_series(Family<Gauge>& family, std::span<const PartitionLag> lags,
                         std::map<TopicPartition, Gauge*>& series) {
    std::map<TopicPartition, Gauge*> kept;
    for (const PartitionLag& lag : lags) {
      if (kept.size() >= kLagPartitionsMax) break;
      auto node = series.extract(lag.partition);
      Gauge* gauge = node ? node.mapped()
                          : &family.Add({{"topic", lag.partition.topic},
                                         {"partition", std::to_string(lag.partition.partition)}});
      gauge->Set(static_cast<double>(lag.records));
      kept.emplace(lag.partition, gauge);
    }
    for (const auto& [partition, gauge] : series) family.Remove(gauge);
    series = std::move(kept);
  }

  std::mutex mutex;  // of all below
  std::map<TopicPartition, Gauge*> lags;
  std::map<TopicPartition, Gauge*> hidden;
  std::vector<PartitionLag> hidden_inputs;
  std::map<TaskId, TaskRestore> restores;
  std::map<std::string, Gauge*, std::less<>> states;
  std::vector<std::function<void()>> collectors;
  std::map<const MetricInfo*, Series<Gauge>> other_gauges;
  std::map<const MetricInfo*, Series<Counter>> other_counters;
  std::atomic<int64_t> lag_records = 0;
};

Metrics::Metrics(std::string_view application_id) : impl_(std::make_unique<Impl>()) {
  impl_->gauges(metric("millrace_info"))
      .Add({{"application_id", std::string(application_id)}})
      .Set(1);
}

Metrics::~Metrics() = default;

TopicTraffic Metrics::consumed(std::string_view topic) {
  return {MetricCounter(impl_->consumed_records.at(topic)),
          MetricCounter(impl_->consumed_bytes.at(topic))};
}

TopicTraffic Metrics::produced(std::string_view topic) {
  return {MetricCounter(impl_->produced_records.at(topic)),
          MetricCounter(impl_->produced_bytes.at(topic))};
}

MetricCounter Metrics::processed(int32_t sub_topology) {
  return MetricCounter(impl_->processed.at(std::to_string(sub_topology)));
}

MetricCounter Metrics::queries(std::string_view route) {
  return MetricCounter(impl_->queries.at(route));
}

MetricCounter Metrics::query_refusals(std::string_view reason) {
  return MetricCounter(impl_->query_refusals.at(reason));
}

MetricGauge Metrics::query_connections() {
  return MetricGauge(impl_->query_connections);
}

MetricGauge Metrics::query_streams() {
  return MetricGauge(impl_->query_streams);
}

MetricCounter Metrics::dropped(std::string_view reason) {
  return MetricCounter(impl_->dropped.at(reason));
}

LateRecords Metrics::late(std::string_view node) {
  return {MetricCounter(impl_->late_records.at(node)), MetricCounter(impl_->late_seconds.at(node))};
}

MetricCounter Metrics::dead_lettered(std::string_view reason) {
  return MetricCounter(impl_->dead_lettered.at(reason));
}

MetricHistogram Metrics::commit_phase_seconds(std::string_view phase) {
  return MetricHistogram(impl_->commit_phases.at(phase, commit_buckets()));
}

MetricCounter Metrics::commits() {
  return MetricCounter(impl_->commits);
}
MetricCounter Metrics::aborts() {
  return MetricCounter(impl_->aborts);
}
MetricCounter Metrics::rebalances() {
  return MetricCounter(impl_->rebalances);
}
MetricHistogram Metrics::end_to_end_latency_seconds() {
  return MetricHistogram(impl_->latency);
}
MetricGauge Metrics::freshness_seconds() {
  return MetricGauge(impl_->freshness);
}
MetricGauge Metrics::store_cache_bytes() {
  return MetricGauge(impl_->cache);
}
MetricGauge Metrics::dirty_bytes() {
  return MetricGauge(impl_->dirty);
}
MetricGauge Metrics::input_buffer_bytes() {
  return MetricGauge(impl_->input_buffer);
}
MetricGauge Metrics::active_tasks() {
  return MetricGauge(impl_->active_tasks);
}

void Metrics::set_lags(std::span<const PartitionLag> lags) {
  const std::lock_guard lock(impl_->mutex);
  int64_t sum = 0;
  impl_->hidden_inputs.clear();
  for (const PartitionLag& lag : lags) {
    sum += lag.records;
    if (lag.hidden) impl_->hidden_inputs.push_back(lag);
  }
  impl_->set_series(impl_->lag_family, lags, impl_->lags);
  impl_->set_series(impl_->hidden_family, impl_->hidden_inputs, impl_->hidden);
  impl_->lag_records = sum;
  impl_->lag_sum.Set(static_cast<double>(sum));
}

std::vector<PartitionLag> Metrics::hidden_inputs() const {
  const std::lock_guard lock(impl_->mutex);
  return impl_->hidden_inputs;
}

int64_t Metrics::lag_records() const {
  return impl_->lag_records;
}

MetricCounter Metrics::restored_records() {
  return MetricCounter(impl_->restored);
}

MetricCounter Metrics::snapshots_taken() {
  return MetricCounter(impl_->snapshots_taken);
}
MetricCounter Metrics::snapshots_downloaded() {
  return MetricCounter(impl_->snapshots_downloaded);
}
MetricCounter Metrics::snapshots_failed() {
  return MetricCounter(impl_->snapshots_failed);
}
MetricCounter Metrics::snapshot_downloaded_bytes() {
  return MetricCounter(impl_->snapshot_downloaded_bytes);
}

void Metrics::set_restore(TaskId task, const RestoreProgress& progress) {
  const std::lock_guard lock(impl_->mutex);
  auto found = impl_->restores.find(task);
  if (found == impl_->restores.end()) {
    if (impl_->restores.size() >= kLabelValuesMax) return;
    const prometheus::Labels labels{{"task", task.to_string()}};
    found = impl_->restores
                .emplace(task, Impl::TaskRestore{&impl_->restored_records.Add(labels),
                                                 &impl_->restored_bytes.Add(labels),
                                                 &impl_->restore_remaining.Add(labels),
                                                 &impl_->restore_rate.Add(labels)})
                .first;
  }
  const Impl::TaskRestore& metrics = found->second;
  // The library ignores negative increments: the count of a restore that starts again stands still
  // until it has passed the former one.
  metrics.records->Increment(static_cast<double>(progress.records) - metrics.records->Value());
  metrics.bytes->Increment(static_cast<double>(progress.bytes) - metrics.bytes->Value());
  metrics.remaining->Set(static_cast<double>(progress.remaining_records));
  metrics.rate->Set(progress.records_per_second);
}

void Metrics::clear_restore(TaskId task) {
  const std::lock_guard lock(impl_->mutex);
  const auto found = impl_->restores.find(task);
  if (found == impl_->restores.end()) return;
  impl_->restored_records.Remove(found->second.records);
  impl_->restored_bytes.Remove(found->second.bytes);
  impl_->restore_remaining.Remove(found->second.remaining);
  impl_->restore_rate.Remove(found->second.rate);
  impl_->restores.erase(found);
}

void Metrics::set_state(std::string_view state) {
  const std::lock_guard lock(impl_->mutex);
  for (const auto& [name, gauge] : impl_->states) gauge->Set(0);
  auto found = impl_->states.find(state);
  if (found == impl_->states.end()) {
    Gauge& added = impl_->state_family.Add({{"state", std::string(state)}});
    found = impl_->states.emplace(state, &added).first;
  }
  found->second->Set(1);
}

MetricGauge Metrics::gauge(const MetricInfo& info, std::string_view label) {
  MILLRACE_ASSERT(info.kind == MetricKind::kGauge, "the table says so");
  const std::lock_guard lock(impl_->mutex);
  auto found = impl_->other_gauges.find(&info);
  if (found == impl_->other_gauges.end()) {
    found = impl_->other_gauges.try_emplace(&info, impl_->gauges(info), info).first;
  }
  return MetricGauge(found->second.at(label));
}

MetricCounter Metrics::counter(const MetricInfo& info, std::string_view label) {
  MILLRACE_ASSERT(info.kind == MetricKind::kCounter, "the table says so");
  const std::lock_guard lock(impl_->mutex);
  auto found = impl_->other_counters.find(&info);
  if (found == impl_->other_counters.end()) {
    found = impl_->other_counters.try_emplace(&info, impl_->counters(info), info).first;
  }
  return MetricCounter(found->second.at(label));
}

void Metrics::on_collect(std::function<void()> collect) {
  const std::lock_guard lock(impl_->mutex);
  impl_->collectors.push_back(std::move(collect));
}

Result<MetricCounter> Metrics::add_counter(const std::string& name, const std::string& help,
                                           const Labels& labels) {
  return add_series<MetricCounter>(prometheus::BuildCounter(), impl_->registry, name, help, labels);
}

Result<MetricGauge> Metrics::add_gauge(const std::string& name, const std::string& help,
                                       const Labels& labels) {
  return add_series<MetricGauge>(prometheus::BuildGauge(), impl_->registry, name, help, labels);
}

Result<MetricHistogram> Metrics::add_histogram(const std::string& name, const std::string& help,
                                               const std::vector<double>& bounds,
                                               const Labels& labels) {
  if (!std::is_sorted(bounds.begin(), bounds.end())) {
    return Error{ErrorCode::kInvalidArgument,
                 fmt::format("metric '{}': the bounds do not ascend", name)};
  }
  return add_series<MetricHistogram>(prometheus::BuildHistogram(), impl_->registry, name, help,
                                     labels, bounds);
}

std::string Metrics::text() const {
  std::vector<std::function<void()>> collectors;
  {
    const std::lock_guard lock(impl_->mutex);
    collectors = impl_->collectors;
  }
  for (const auto& collect : collectors) collect();
  return prometheus::TextSerializer().Serialize(impl_->registry.Collect());
}

}  // namespace millrace
