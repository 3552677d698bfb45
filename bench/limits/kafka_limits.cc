#include "bench/limits/kafka_limits.h"

#include <chrono>
#include <vector>

#include <fmt/format.h>

#include "bench/job.h"

namespace millrace::bench {
namespace {

using engine::RecordBatch;

constexpr size_t kPollRecords = 1'000;
constexpr int64_t kWaitMs = 10;
constexpr int64_t kRecordsPerTransaction = 100'000;
constexpr size_t kValueBytes = 216;

}  // namespace

Result<double> consume_all(engine::ClientFactory& clients, const std::string& topic,
                           int64_t timeout_s, int64_t& records) {
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(timeout_s);
  const auto admin = clients.admin();
  if (!admin.ok()) return admin.status();
  const auto described = (*admin)->describe_topic(topic);
  if (!described.ok()) return described.status();
  std::vector<engine::PartitionOffset> starts;
  for (int32_t p = 0; p < described->partitions; ++p) starts.push_back({{topic, p}, 0});
  const double begun = cpu_seconds();
  const auto fetcher = clients.fetcher("limits", engine::RecordHeaders::kSkip);
  if (!fetcher.ok()) return fetcher.status();
  MILLRACE_RETURN_IF_ERROR((*fetcher)->add(starts));
  (*fetcher)->set_catching_up(true);
  records = 0;
  std::vector<bool> is_at_end(starts.size());
  for (size_t ended = 0; ended < starts.size();) {
    if (std::chrono::steady_clock::now() > deadline) {
      return Error{ErrorCode::kTimedOut,
                   fmt::format("{} records of '{}' after {} s", records, topic, timeout_s)};
    }
    size_t found = 0;
    for (size_t p = 0; p < starts.size(); ++p) {
      RecordBatch batch;
      const auto polled = (*fetcher)->poll(starts[p].partition, kPollRecords, batch);
      if (!polled.ok()) {
        if (polled.code() == ErrorCode::kRetriable) continue;
        return polled.status();
      }
      found += polled->records;
      if (polled->end_offset && !is_at_end[p]) {
        is_at_end[p] = true;
        ++ended;
      }
    }
    records += static_cast<int64_t>(found);
    if (found == 0) (*fetcher)->wait(kWaitMs);
  }
  return cpu_seconds() - begun;
}

Result<double> produce(engine::ClientFactory& clients, const std::string& topic, int64_t records) {
  const auto admin = clients.admin();
  if (!admin.ok()) return admin.status();
  const auto described = (*admin)->describe_topic(topic);
  if (!described.ok()) return described.status();
  const double begun = cpu_seconds();
  const auto made = clients.producer("limits");
  if (!made.ok()) return made.status();
  engine::Producer& producer = **made;
  const auto handle = producer.topic_handle(topic);
  if (!handle.ok()) return handle.status();
  MILLRACE_RETURN_IF_ERROR(producer.init_transactions());
  const std::string value(kValueBytes, 'v');
  for (int64_t i = 0; i < records; ++i) {
    if (i % kRecordsPerTransaction == 0) {
      if (i > 0) MILLRACE_RETURN_IF_ERROR(producer.commit_transaction());
      MILLRACE_RETURN_IF_ERROR(producer.begin_transaction());
    }
    const std::string key = fmt::format("account-{:08}", i);
    MILLRACE_RETURN_IF_ERROR(
        producer.send({.topic = *handle,
                       .partition = static_cast<int32_t>(i % described->partitions),
                       .key = Bytes(key),
                       .value = Bytes(value),
                       .timestamp_ms = 1,
                       .headers = {}}));
  }
  MILLRACE_RETURN_IF_ERROR(producer.commit_transaction());
  return cpu_seconds() - begun;
}

}  // namespace millrace::bench
