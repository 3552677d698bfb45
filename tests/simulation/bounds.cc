#include "bounds.h"

#include <algorithm>
#include <string_view>

#include <fmt/format.h>

#include "millrace/engine/metrics.h"

namespace millrace::simulation {
namespace {

/// A record's rows, outputs and their keys, at most. The CRM flow derives a dozen from one input,
/// and a record is in several windows of five stores.
constexpr double kRecordBytesMax = 1'000;
constexpr double kWindowsRecordBytesMax = 3'000;
constexpr double kCrmRecordBytesMax = 10'000;
/// A batch that was fetched when a queue was below its share, at most.
constexpr double kBatchBytesMax = 20'000;
constexpr double kTasksAPartition = 2;
constexpr double kInputsATask = 2;

double record_bytes_max(std::string_view job) {
  if (job == "crm") return kCrmRecordBytesMax;
  return job == "windows" ? kWindowsRecordBytesMax : kRecordBytesMax;
}

Finding exceeds(std::string_view what, const std::string& instance, double bytes, double bound) {
  if (bytes <= bound) return {};
  return fmt::format("{} has {} bytes {}, and the settings allow {}", instance, bytes, what, bound);
}

}  // namespace

Finding check_bounds(const std::string& instance, Engine& engine, const WorldScript& script) {
  Metrics& metrics = engine.metrics();
  const double tasks = script.partitions * kTasksAPartition;
  const double dirty = metrics.dirty_bytes().value();
  // A slice of every task is processed whole before anything is looked at.
  const double slices = tasks * script.slice_records * record_bytes_max(script.job);
  const auto commit = static_cast<double>(script.commit_bytes_max);
  const double generations = script.storage.is_pipelined ? 2 * (commit + slices) : commit;
  if (Finding found = exceeds("uncommitted", instance, dirty, generations)) return found;
  const double cache = std::max(static_cast<double>(script.storage.cache_bytes), dirty) + slices;
  if (Finding found = exceeds("of rows", instance, metrics.store_cache_bytes().value(), cache)) {
    return found;
  }
  const double queues = static_cast<double>(script.storage.input_buffer_bytes) +
                        tasks * kInputsATask * kBatchBytesMax;
  return exceeds("fetched", instance, metrics.input_buffer_bytes().value(), queues);
}

}  // namespace millrace::simulation
