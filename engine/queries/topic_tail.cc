#include "engine/queries/topic_tail.h"

#include <algorithm>
#include <memory>
#include <optional>
#include <span>
#include <tuple>
#include <utility>

#include <fmt/format.h>

#include "engine/clients/record_batch.h"

namespace millrace::engine {
namespace {

using TopicRecord = QueryRouter::TopicRecord;

constexpr int64_t kWaitMs = 50;
constexpr size_t kBytesMax = 16 << 20;

/// The last offsets of one partition, while they are read.
struct Tail {
  TopicPartition partition;
  int64_t position = 0;
  int64_t end = 0;
  bool is_done() const { return position >= end; }
};

Error no_time(const std::string& topic) {
  return {ErrorCode::kTimedOut,
          fmt::format("{}: not read to its end in time; is a transaction open?", topic)};
}

Result<std::vector<Tail>> tails_of(Admin& admin, const std::string& topic, size_t records_max,
                                   std::chrono::steady_clock::time_point deadline) {
  const Result<TopicDescription> description = admin.describe_topic(topic);
  if (!description.ok()) return description.status();
  std::vector<Tail> tails;
  for (int32_t i = 0; i < description->partitions; ++i) {
    if (std::chrono::steady_clock::now() >= deadline) return no_time(topic);
    const TopicPartition partition{topic, i};
    const Result<Admin::Watermarks> marks = admin.watermarks(partition);
    if (!marks.ok()) return marks.status();
    const int64_t begin = std::max(marks->low, marks->high - static_cast<int64_t>(records_max));
    if (begin < marks->high) tails.push_back({partition, begin, marks->high});
  }
  return tails;
}

std::optional<std::string> owned(Bytes bytes) {
  return bytes.is_null() ? std::nullopt : std::optional(bytes.to_string());
}

TopicRecord record_of(int32_t partition, const FetchedRecord& fetched) {
  TopicRecord record{.partition = partition,
                     .offset = fetched.offset,
                     .timestamp_ms = fetched.timestamp_ms,
                     .key = owned(fetched.key),
                     .value = owned(fetched.value)};
  for (const Header& header : fetched.headers) {
    record.headers.emplace_back(header.name, owned(header.value));
  }
  return record;
}

Status read_some(Fetcher& fetcher, Tail& tail, size_t records_max,
                 std::vector<TopicRecord>& records) {
  RecordBatch batch;
  const Result<FetchOutcome> outcome = fetcher.poll(tail.partition, records_max, batch);
  if (!outcome.ok()) return outcome.code() == ErrorCode::kRetriable ? Status() : outcome.status();
  for (const FetchedRecord& record : batch.records()) {
    tail.position = record.offset + 1;
    if (record.offset < tail.end) records.push_back(record_of(tail.partition.partition, record));
  }
  if (outcome->end_offset) tail.position = std::max(tail.position, *outcome->end_offset);
  return {};
}

size_t part_bytes(const std::optional<std::string>& bytes) {
  return bytes ? bytes->size() : 0;
}

size_t tail_record_bytes(const TopicRecord& record) {
  size_t bytes = sizeof(record) + part_bytes(record.key) + part_bytes(record.value);
  for (const auto& [name, value] : record.headers) bytes += name.size() + part_bytes(value);
  return bytes;
}

/// Keeps the newest, so that many partitions cost no more memory than one, and large records cost
/// what a scan may.
void keep_newest(std::vector<TopicRecord>& records, size_t records_max) {
  std::ranges::sort(records, [](const TopicRecord& left, const TopicRecord& right) {
    return std::tie(right.timestamp_ms, left.partition, right.offset) <
           std::tie(left.timestamp_ms, right.partition, left.offset);
  });
  size_t kept = 0;
  for (size_t bytes = 0; kept < records.size() && kept < records_max; ++kept) {
    bytes += tail_record_bytes(records[kept]);
    if (bytes > kBytesMax) break;
  }
  records.resize(kept);
}

}  // namespace

Result<std::vector<TopicRecord>> newest_records(ClientFactory& clients, const std::string& topic,
                                                size_t records_max,
                                                std::chrono::steady_clock::time_point deadline) {
  Result<std::unique_ptr<Admin>> admin = clients.admin();
  if (!admin.ok()) return admin.status();
  Result<std::vector<Tail>> tails = tails_of(**admin, topic, records_max, deadline);
  if (!tails.ok()) return tails.status();
  std::vector<TopicRecord> records;
  if (tails->empty()) return records;
  Result<std::unique_ptr<Fetcher>> fetcher = clients.fetcher("tail", RecordHeaders::kRead);
  if (!fetcher.ok()) return fetcher.status();
  std::vector<PartitionOffset> starts;
  for (const Tail& tail : *tails) starts.push_back({tail.partition, tail.position});
  MILLRACE_RETURN_IF_ERROR((*fetcher)->add(starts));
  while (!std::ranges::all_of(*tails, &Tail::is_done)) {
    if (std::chrono::steady_clock::now() >= deadline) return no_time(topic);
    const size_t before = records.size();
    for (Tail& tail : *tails) {
      if (!tail.is_done()) {
        MILLRACE_RETURN_IF_ERROR(read_some(**fetcher, tail, records_max, records));
      }
    }
    const bool has_read = records.size() > before;
    keep_newest(records, records_max);
    if (!has_read) (*fetcher)->wait(kWaitMs);
  }
  return records;
}

}  // namespace millrace::engine
