#include "engine/output/collector.h"

#include <fmt/format.h>

#include "millrace/core/partitioner.h"

#include "engine/core/thrown.h"

namespace millrace::engine {

void Collector::begin_unit() {
  unit_arena_ = arena_.mark();
  unit_staged_ = staged_.size();
  unit_headers_ = headers_.size();
  unit_status_ = {};
}

void Collector::undo_unit() {
  staged_.resize(unit_staged_);
  headers_.resize(unit_headers_);
  arena_.rollback(unit_arena_);
}

bool Collector::admits(int32_t topic, const Record& record) {
  std::string why =
      refusal_of(topic, record.key, record_bytes(record.key, record.value, record.headers),
                 record.timestamp_ms);
  if (why.empty()) [[likely]]
    return true;
  refuse({ErrorCode::kRefused, std::move(why)});
  return false;
}

void Collector::refuse(Error error) {
  if (unit_status_.ok()) unit_status_ = std::move(error);
}

std::string Collector::refusal_of(int32_t topic, Bytes key, size_t bytes, int64_t timestamp_ms) {
  const TopicLimits& limits = topics_[topic].limits;
  // Most records have times in the past, so an earlier reading of the clock settles it.
  if (bytes <= limits.record_bytes_max() && !(limits.needs_keys && key.is_null()) &&
      limits.before_ms_max == TopicLimits::kNoBound && timestamp_ms <= limits.latest_ms(now_ms_))
      [[likely]] {
    return {};
  }
  now_ms_ = clock_.now_ms();
  return refusal(limits, topics_[topic].name, key, bytes, timestamp_ms, now_ms_);
}

int32_t Collector::partition_for(int32_t topic, const PartitionKey& partition_key, Bytes key) {
  const int32_t partitions = topics_[topic].partitions;
  if (key.is_null()) return static_cast<int32_t>(spread_++ % static_cast<uint32_t>(partitions));
  return partition_of(partition_key ? partition_key(key) : key, partitions);
}

void Collector::stage(int32_t topic, const PartitionKey& partition_key, const Record& record) {
  stage(topic, partition_for(topic, partition_key, record.key), record);
}

void Collector::stage(int32_t topic, int32_t partition, const Record& record) {
  if (!admits(topic, record)) return;
  Staged& staged = staged_.emplace_back();
  staged.topic = topic;
  staged.partition = partition;
  staged.key = arena_.copy(record.key);
  staged.value = arena_.copy(record.value);
  staged.timestamp_ms = record.timestamp_ms;
  staged.first_header = static_cast<uint32_t>(headers_.size());
  staged.header_count = static_cast<uint32_t>(record.headers.size());
  for (const Header& header : record.headers) {
    headers_.push_back({arena_.copy(Bytes(header.name)).view(), arena_.copy(header.value)});
  }
}

Status Collector::send(Producer& producer, int32_t topic, OutgoingRecord record) {
  record.topic = topics_[topic].handle;
  MILLRACE_RETURN_IF_ERROR(producer.send(record));
  if (sent_.size() < topics_.size()) sent_.resize(topics_.size());
  Sent& sent = sent_[static_cast<size_t>(topic)];
  ++sent.records;
  sent.bytes += record.key.size() + record.value.size();
  return {};
}

Status Collector::flush(Producer& producer) {
  for (const Staged& staged : staged_) {
    MILLRACE_RETURN_IF_ERROR(
        send(producer, staged.topic,
             {.partition = staged.partition,
              .key = staged.key,
              .value = staged.value,
              .timestamp_ms = staged.timestamp_ms,
              .headers = std::span(headers_).subspan(staged.first_header, staged.header_count)}));
  }
  staged_.clear();
  headers_.clear();
  arena_.clear();
  return {};
}

Result<int32_t> Collector::place_row(int32_t topic, const PartitionKey& partition_key, Bytes key,
                                     size_t bytes, int64_t timestamp_ms) {
  int32_t partition = 0;
  try {
    partition = partition_for(topic, partition_key, key);
  } catch (...) {
    return Error{ErrorCode::kUserCode, what_was_thrown()};
  }
  if (std::string why = refusal_of(topic, key, bytes, timestamp_ms); !why.empty()) {
    return Error{ErrorCode::kRefused, fmt::format("partition {}, key hash {:08x}: {}", partition,
                                                  static_cast<uint32_t>(murmur2(key)), why)};
  }
  return partition;
}

void Collector::clear() {
  staged_.clear();
  headers_.clear();
  arena_.clear();
}

}  // namespace millrace::engine
