#include "apps/tools/topic_reader.h"

#include <algorithm>
#include <memory>
#include <vector>

#include <fmt/format.h>

#include "millrace/core/clock.h"

namespace millrace::apps {
namespace {

constexpr size_t kPollRecordsMax = 10'000;
constexpr int64_t kWaitMs = 100;

struct Reading {
  TopicPartition partition;
  int64_t position = 0;
  int64_t end = 0;
  bool done() const { return position >= end; }
};

Result<std::vector<Reading>> readings_of(engine::Admin& admin, const std::string& topic) {
  const auto description = admin.describe_topic(topic);
  if (!description.ok()) return description.status();
  std::vector<Reading> readings;
  for (int32_t i = 0; i < description->partitions; ++i) {
    const TopicPartition partition{topic, i};
    const auto marks = admin.watermarks(partition);
    if (!marks.ok()) return marks.status();
    readings.push_back({partition, marks->low, marks->high});
  }
  return readings;
}

/// Whether `visit` wants more.
Result<bool> read_some(engine::Fetcher& fetcher, Reading& reading,
                       const std::function<bool(int32_t, const engine::FetchedRecord&)>& visit) {
  engine::RecordBatch batch;
  const auto outcome = fetcher.poll(reading.partition, kPollRecordsMax, batch);
  if (!outcome.ok() && outcome.code() == ErrorCode::kRetriable) return true;
  if (!outcome.ok()) return outcome.status();
  for (const engine::FetchedRecord& record : batch.records()) {
    if (record.offset >= reading.end) break;
    if (!visit(reading.partition.partition, record)) return false;
  }
  if (!batch.records().empty()) reading.position = batch.records().back().offset + 1;
  if (outcome->end_offset) reading.position = std::max(reading.position, *outcome->end_offset);
  return true;
}

}  // namespace

Status read_topic(
    engine::ClientFactory& clients, const std::string& topic, int64_t timeout_ms,
    const std::function<bool(int32_t partition, const engine::FetchedRecord&)>& visit) {
  const int64_t deadline_ms = system_clock().steady_ns() / 1'000'000 + timeout_ms;
  auto admin = clients.admin();
  if (!admin.ok()) return admin.status();
  auto readings = readings_of(**admin, topic);
  if (!readings.ok()) return readings.status();
  auto fetcher = clients.fetcher("dump", engine::RecordHeaders::kRead);
  if (!fetcher.ok()) return fetcher.status();
  std::vector<engine::PartitionOffset> starts;
  for (const Reading& reading : *readings) {
    if (!reading.done()) starts.push_back({reading.partition, reading.position});
  }
  if (!starts.empty()) MILLRACE_RETURN_IF_ERROR((*fetcher)->add(starts));
  (*fetcher)->set_catching_up(true);
  while (true) {
    bool progressed = false;
    bool done = true;
    for (Reading& reading : *readings) {
      if (reading.done()) continue;
      const int64_t before = reading.position;
      const Result<bool> more = read_some(**fetcher, reading, visit);
      if (!more.ok()) return more.status();
      if (!*more) return {};
      progressed |= reading.position != before;
      done &= reading.done();
    }
    if (done) return {};
    if (system_clock().steady_ns() / 1'000'000 >= deadline_ms) {
      return Error{ErrorCode::kTimedOut,
                   fmt::format("{}: not read to its end within {} ms; is a transaction open?",
                               topic, timeout_ms)};
    }
    if (!progressed) (*fetcher)->wait(kWaitMs);
  }
}

}  // namespace millrace::apps
