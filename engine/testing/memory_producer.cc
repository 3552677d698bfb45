#include "engine/testing/memory_producer.h"

#include <fmt/format.h>

#include "millrace/core/assert.h"
#include "millrace/core/partitioner.h"

#include "engine/testing/memory_limits.h"

namespace millrace::testing {

using engine::GroupMetadata;
using engine::PartitionOffset;

namespace {

std::optional<std::string> copied(Bytes bytes) {
  if (bytes.is_null()) return std::nullopt;
  return bytes.to_string();
}

std::string hash_of(const std::optional<std::string>& key) {
  return key ? fmt::format("{:08x}", static_cast<uint32_t>(murmur2(Bytes(*key)))) : "none";
}

size_t bytes_of(const StoredRecord& record) {
  return (record.key ? record.key->size() : 0) + (record.value ? record.value->size() : 0);
}

Status injected(const std::optional<Fault>& fault) {
  return fault ? Status(Error{fault->code, "injected fault"}) : Status();
}

}  // namespace

Result<int32_t> MemoryProducer::topic_handle(const std::string& topic) {
  const std::lock_guard lock(broker_.mutex_);
  if (!broker_.topics_.contains(topic)) {
    return Error{ErrorCode::kConfig, "topic " + topic + " does not exist"};
  }
  topics_.push_back(topic);
  return static_cast<int32_t>(topics_.size() - 1);
}

Status MemoryProducer::init_transactions() {
  const std::lock_guard lock(broker_.mutex_);
  MILLRACE_RETURN_IF_ERROR(injected(broker_.take_fault(Operation::kInitTransactions)));
  epoch_ = ++broker_.producer_epochs_[id_];
  if (const auto open = broker_.open_transaction_.find(id_);
      open != broker_.open_transaction_.end()) {
    broker_.finish(open->second, MemoryBroker::TransactionState::kAborted);
    broker_.open_transaction_.erase(open);
  }
  return {};
}

Status MemoryProducer::begin_transaction() {
  const std::lock_guard lock(broker_.mutex_);
  MILLRACE_RETURN_IF_ERROR(check_epoch());
  MILLRACE_ASSERT(!broker_.open_transaction_.contains(id_), "a transaction is already open");
  transaction_ = broker_.next_transaction_++;
  broker_.transactions_[transaction_];
  broker_.open_transaction_[id_] = transaction_;
  must_abort_ = {};
  refused_ = {};
  batch_bytes_.clear();
  return {};
}

Status MemoryProducer::send(const engine::OutgoingRecord& record) {
  const std::lock_guard lock(broker_.mutex_);
  MILLRACE_RETURN_IF_ERROR(check_epoch());
  const TopicPartition partition{topics_.at(static_cast<size_t>(record.topic)), record.partition};
  MILLRACE_RETURN_IF_ERROR(must_abort_if(injected(broker_.take_fault(Operation::kSend))));
  if (broker_.find(partition) == nullptr) {
    return Error{ErrorCode::kRefused, partition.to_string() + " does not exist"};
  }
  StoredRecord stored{.timestamp_ms = record.timestamp_ms,
                      .key = copied(record.key),
                      .value = copied(record.value),
                      .headers = {},
                      .transaction = is_transactional() ? transaction_ : 0};
  for (const Header& header : record.headers) {
    stored.headers.emplace_back(header.name, copied(header.value));
  }
  if (kBatchHeaderBytes + record_bytes(stored) > limits_.record_bytes_max) {
    return Error{ErrorCode::kRefused, "the record is larger than the producer's limit"};
  }
  if (!admits(stored, partition)) return {};
  const auto& config = broker_.topics_.find(partition.topic)->second.config;
  if (stamps_records(config)) stored.timestamp_ms = broker_.clock_->now_ms();
  if (is_transactional()) broker_.transactions_.at(transaction_).partitions.insert(partition);
  delivered_[{record.topic, record.partition}] =
      broker_.append_locked(partition, std::move(stored)) + 1;
  return {};
}

bool MemoryProducer::admits(const StoredRecord& record, const TopicPartition& partition) {
  const size_t bytes = record_bytes(record);
  size_t& batch = batch_bytes_[partition];
  const bool is_new = !is_transactional() || batch == 0 || batch + bytes > limits_.batch_bytes_max;
  batch = is_new ? kBatchHeaderBytes + bytes : batch + bytes;
  const std::string why = refusal(broker_.topics_.find(partition.topic)->second.config, record,
                                  batch, broker_.clock_->now_ms());
  if (why.empty()) return true;
  if (refused_.ok()) {
    refused_ =
        Error{ErrorCode::kRefused,
              fmt::format("delivery of a record to {} (key hash {}, {} bytes), or of another "
                          "record of its batch: {}",
                          partition.to_string(), hash_of(record.key), bytes_of(record), why)};
  }
  return false;
}

Status MemoryProducer::flush() {
  const std::lock_guard lock(broker_.mutex_);
  MILLRACE_RETURN_IF_ERROR(check_epoch());
  return is_transactional() ? refused_ : std::exchange(refused_, Status());
}

Status MemoryProducer::send_offsets(std::span<const PartitionOffset> offsets,
                                    const GroupMetadata& group) {
  const std::lock_guard lock(broker_.mutex_);
  MILLRACE_RETURN_IF_ERROR(check_epoch());
  MILLRACE_RETURN_IF_ERROR(must_abort_if(injected(broker_.take_fault(Operation::kSendOffsets))));
  MILLRACE_RETURN_IF_ERROR(
      must_abort_if(broker_.check_generation(std::stoll(group.encoded), group)));
  auto& transaction = broker_.transactions_.at(transaction_);
  for (const PartitionOffset& offset : offsets) {
    if (broker_.find(offset.partition) == nullptr) {
      return must_abort_if(
          Error{ErrorCode::kAborted, offset.partition.to_string() + " does not exist"});
    }
    transaction.offsets[offset.partition] = offset;
  }
  return {};
}

Status MemoryProducer::commit_transaction() {
  const std::lock_guard lock(broker_.mutex_);
  MILLRACE_RETURN_IF_ERROR(check_epoch());
  MILLRACE_RETURN_IF_ERROR(must_abort_);
  MILLRACE_RETURN_IF_ERROR(refused_);
  const std::optional<Fault> fault = broker_.take_fault(Operation::kCommitTransaction);
  if (!fault || fault->takes_effect) finish(MemoryBroker::TransactionState::kCommitted);
  return injected(fault);
}

Status MemoryProducer::abort_transaction() {
  const std::lock_guard lock(broker_.mutex_);
  MILLRACE_RETURN_IF_ERROR(check_epoch());
  MILLRACE_RETURN_IF_ERROR(injected(broker_.take_fault(Operation::kAbortTransaction)));
  finish(MemoryBroker::TransactionState::kAborted);
  delivered_.clear();
  return {};
}

Status MemoryProducer::commit_offsets(std::span<const PartitionOffset> offsets,
                                      const GroupMetadata& group) {
  const std::lock_guard lock(broker_.mutex_);
  MILLRACE_RETURN_IF_ERROR(broker_.check_generation(std::stoll(group.encoded), group));
  for (const PartitionOffset& offset : offsets) broker_.group_offsets_[offset.partition] = offset;
  return {};
}

int64_t MemoryProducer::delivered_end(int32_t topic, int32_t partition) {
  const auto found = delivered_.find({topic, partition});
  if (found == delivered_.end()) return -1;
  const int64_t end = found->second;
  delivered_.erase(found);
  return end;
}

Status MemoryProducer::check_epoch() const {
  if (!is_transactional() || broker_.producer_epochs_[id_] == epoch_) return {};
  return Error{ErrorCode::kFenced, "a newer producer uses transactional id " + id_};
}

Status MemoryProducer::must_abort_if(Status status) {
  if (!status.ok() && must_abort_.ok() && status.code() == ErrorCode::kAborted) {
    must_abort_ = status;
  }
  return status;
}

void MemoryProducer::finish(MemoryBroker::TransactionState state) {
  MILLRACE_ASSERT(
      broker_.transactions_.at(transaction_).state == MemoryBroker::TransactionState::kOpen,
      "a transaction ends once");
  broker_.finish(transaction_, state);
  broker_.open_transaction_.erase(id_);
  must_abort_ = {};
  refused_ = {};
}

}  // namespace millrace::testing
