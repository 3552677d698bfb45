#include "engine/output/collector.h"

#include <fmt/format.h>

#include "millrace/core/partitioner.h"

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

bool Collector::fits(int32_t topic, const Record& record) {
  size_t size = record.key.size() + record.value.size();
  for (const Header& header : record.headers) size += header.name.size() + header.value.size();
  if (size <= topics_[topic].record_bytes_max) [[likely]]
    return true;
  refuse(topic, size);
  return false;
}

void Collector::refuse(int32_t topic, size_t size) {
  if (!unit_status_.ok()) return;
  unit_status_ = Error{ErrorCode::kRefused,
                       fmt::format("an output of {} bytes is larger than topic '{}' takes "
                                   "(max.message.bytes leaves {})",
                                   size, topics_[topic].name, topics_[topic].record_bytes_max)};
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
  if (!fits(topic, record)) return;
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

Status Collector::flush(Producer& producer, const RefusedHandler& refused) {
  for (const Staged& staged : staged_) {
    Status status =
        send(producer, staged.topic,
             {.partition = staged.partition,
              .key = staged.key,
              .value = staged.value,
              .timestamp_ms = staged.timestamp_ms,
              .headers = std::span(headers_).subspan(staged.first_header, staged.header_count)});
    if (!status.ok() && status.code() == ErrorCode::kRefused) {
      status = refused(topics_[staged.topic], status.error());
    }
    if (!status.ok()) return status;
  }
  staged_.clear();
  headers_.clear();
  arena_.clear();
  return {};
}

Status Collector::send_row(int32_t topic, const PartitionKey& partition_key, Bytes key, Bytes value,
                           int64_t timestamp_ms, Producer& producer,
                           const RefusedHandler& refused) {
  Status status = send(producer, topic,
                       {.partition = partition_for(topic, partition_key, key),
                        .key = key,
                        .value = value,
                        .timestamp_ms = timestamp_ms,
                        .headers = {}});
  if (!status.ok() && status.code() == ErrorCode::kRefused) {
    return refused(topics_[topic], status.error());
  }
  return status;
}

void Collector::clear() {
  staged_.clear();
  headers_.clear();
  arena_.clear();
}

}  // namespace millrace::engine
