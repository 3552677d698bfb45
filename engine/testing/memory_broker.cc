#include "engine/testing/memory_broker.h"

#include <algorithm>

#include "millrace/core/assert.h"

namespace millrace::testing {
namespace {

/// Kafka's default of delete.retention.ms.
constexpr int64_t kTombstoneRetentionMs = 24LL * 3600 * 1000;

}  // namespace

void MemoryBroker::set_clock(const Clock& clock) {
  const std::lock_guard lock(mutex_);
  clock_ = &clock;
}

void MemoryBroker::create_topic(const std::string& name, int32_t partitions,
                                std::map<std::string, std::string> config) {
  const std::lock_guard lock(mutex_);
  const auto [topic, is_new] = topics_.try_emplace(name);
  if (!is_new) return;
  topic->second.logs.resize(static_cast<size_t>(partitions));
  topic->second.config = std::move(config);
}

void MemoryBroker::add_partitions(const std::string& name, int32_t partitions) {
  const std::lock_guard lock(mutex_);
  const auto topic = topics_.find(name);
  MILLRACE_ASSERT(topic != topics_.end(), "partitions of a topic that does not exist");
  const auto wanted = static_cast<size_t>(partitions);
  MILLRACE_ASSERT(wanted >= topic->second.logs.size(), "a topic's partitions do not go");
  topic->second.logs.resize(wanted);
}

int64_t MemoryBroker::append(const TopicPartition& partition, StoredRecord record) {
  const std::lock_guard lock(mutex_);
  return append_locked(partition, std::move(record));
}

int64_t MemoryBroker::append_locked(const TopicPartition& partition, StoredRecord record) {
  Log* const log = find(partition);
  MILLRACE_ASSERT(log != nullptr, "append to a partition that does not exist");
  record.offset = log->next++;
  if (record.transaction != 0) log->undecided.try_emplace(record.transaction, record.offset);
  log->records.push_back(std::move(record));
  changed_.notify_all();
  return log->next - 1;
}

std::vector<StoredRecord> MemoryBroker::read_committed(const TopicPartition& partition,
                                                       int64_t from) const {
  const std::lock_guard lock(mutex_);
  std::vector<StoredRecord> found;
  const Log* const log = find(partition);
  if (log == nullptr) return found;
  const int64_t end = last_stable(*log);
  for (const StoredRecord& record : log->records) {
    if (record.offset >= from && record.offset < end && is_visible(record)) found.push_back(record);
  }
  return found;
}

int32_t MemoryBroker::partitions(const std::string& topic) const {
  const std::lock_guard lock(mutex_);
  const auto found = topics_.find(topic);
  return found == topics_.end() ? 0 : static_cast<int32_t>(found->second.logs.size());
}

std::vector<std::string> MemoryBroker::topics() const {
  const std::lock_guard lock(mutex_);
  std::vector<std::string> names;
  names.reserve(topics_.size());
  for (const auto& [name, state] : topics_) names.push_back(name);
  return names;
}

int64_t MemoryBroker::committed_offset(const TopicPartition& partition) const {
  const std::lock_guard lock(mutex_);
  const auto found = group_offsets_.find(partition);
  return found == group_offsets_.end() ? -1 : found->second.offset;
}

void MemoryBroker::inject(Fault fault) {
  const std::lock_guard lock(mutex_);
  faults_.push_back(fault);
}

std::optional<Fault> MemoryBroker::take_fault(Operation operation) {
  const auto found = std::find_if(faults_.begin(), faults_.end(),
                                  [&](const Fault& fault) { return fault.operation == operation; });
  if (found == faults_.end()) return std::nullopt;
  const Fault fault = *found;
  if (--found->count == 0) faults_.erase(found);
  return fault;
}

void MemoryBroker::hold_markers(bool hold) {
  const std::lock_guard lock(mutex_);
  hold_markers_ = hold;
  if (hold) return;
  for (auto& [id, transaction] : transactions_) {
    if (transaction.state == TransactionState::kMarkersHeld) {
      write_markers(id, TransactionState::kCommitted);
    }
  }
}

void MemoryBroker::delete_topic(const std::string& name) {
  const std::lock_guard lock(mutex_);
  topics_.erase(name);
  const auto is_of_it = [&name](const auto& entry) { return entry.first.topic == name; };
  std::erase_if(group_offsets_, is_of_it);
  for (auto& [id, transaction] : transactions_) std::erase_if(transaction.offsets, is_of_it);
}

void MemoryBroker::set_aside(const std::string& name) {
  const std::lock_guard lock(mutex_);
  auto topic = topics_.extract(name);
  MILLRACE_ASSERT(!topic.empty(), "a topic that does not exist is set aside");
  aside_.erase(name);
  aside_.insert(std::move(topic));
}

bool MemoryBroker::bring_back(const std::string& name) {
  const std::lock_guard lock(mutex_);
  if (topics_.contains(name)) return false;
  auto topic = aside_.extract(name);
  return !topic.empty() && topics_.insert(std::move(topic)).inserted;
}

void MemoryBroker::set_offset(const TopicPartition& partition, int64_t offset) {
  const std::lock_guard lock(mutex_);
  group_offsets_[partition] = {partition, offset};
}

void MemoryBroker::forget_offsets() {
  const std::lock_guard lock(mutex_);
  group_offsets_.clear();
}

void MemoryBroker::compact(const std::string& topic, int64_t now_ms) {
  const std::lock_guard lock(mutex_);
  const auto found = topics_.find(topic);
  MILLRACE_ASSERT(found != topics_.end(), "compaction of a topic that does not exist");
  const auto configured = found->second.config.find("delete.retention.ms");
  const int64_t retention_ms = configured == found->second.config.end()
                                   ? kTombstoneRetentionMs
                                   : std::stoll(configured->second);
  for (Log& log : found->second.logs) {
    const int64_t end = last_stable(log);
    std::map<std::string, int64_t> newest;
    for (const StoredRecord& record : log.records) {
      const bool is_row = record.offset < end && is_visible(record) && record.key;
      if (is_row) newest[*record.key] = record.offset;
    }
    std::erase_if(log.records, [&](StoredRecord& record) {
      if (record.offset >= end) return false;
      if (!is_visible(record) || !record.key) return true;
      if (newest.at(*record.key) != record.offset) return true;
      if (record.value) return false;
      if (record.delete_at_ms < 0) record.delete_at_ms = now_ms + retention_ms;
      return now_ms > record.delete_at_ms;
    });
  }
}

int64_t MemoryBroker::last_stable_offset(const TopicPartition& partition) const {
  const std::lock_guard lock(mutex_);
  const Log* const log = find(partition);
  return log == nullptr ? -1 : last_stable(*log);
}

std::map<std::string, int64_t> MemoryBroker::open_transactions() const {
  const std::lock_guard lock(mutex_);
  return {open_transaction_.begin(), open_transaction_.end()};
}

bool MemoryBroker::is_all_decided() const {
  const std::lock_guard lock(mutex_);
  return std::ranges::all_of(topics_, [](const auto& topic) {
    return std::ranges::all_of(topic.second.logs,
                               [](const Log& log) { return log.undecided.empty(); });
  });
}

void MemoryBroker::time_out_transaction(const std::string& transactional_id) {
  const std::lock_guard lock(mutex_);
  const auto open = open_transaction_.find(transactional_id);
  if (open == open_transaction_.end()) return;
  ++producer_epochs_[transactional_id];
  finish(open->second, TransactionState::kAborted);
  open_transaction_.erase(open);
}

MemoryBroker::Log* MemoryBroker::find(const TopicPartition& partition) {
  return const_cast<Log*>(std::as_const(*this).find(partition));
}

MemoryBroker::Log* MemoryBroker::find_aside(const TopicPartition& partition) {
  const auto topic = aside_.find(partition.topic);
  const auto index = static_cast<size_t>(partition.partition);
  if (topic == aside_.end() || index >= topic->second.logs.size()) return nullptr;
  return &topic->second.logs[index];
}

const MemoryBroker::Log* MemoryBroker::find(const TopicPartition& partition) const {
  const auto topic = topics_.find(partition.topic);
  const auto index = static_cast<size_t>(partition.partition);
  if (topic == topics_.end() || index >= topic->second.logs.size()) return nullptr;
  return &topic->second.logs[index];
}

int64_t MemoryBroker::last_stable(const Log& log) {
  int64_t stable = log.next;
  for (const auto& [transaction, first] : log.undecided) stable = std::min(stable, first);
  return stable;
}

bool MemoryBroker::is_visible(const StoredRecord& record) const {
  if (record.is_control) return false;
  return record.transaction == 0 ||
         transactions_.at(record.transaction).state == TransactionState::kCommitted;
}

void MemoryBroker::finish(int64_t id, TransactionState state) {
  Transaction& transaction = transactions_.at(id);
  if (state == TransactionState::kCommitted) {
    for (const auto& [partition, offset] : transaction.offsets) group_offsets_[partition] = offset;
    if (hold_markers_) {
      transaction.state = TransactionState::kMarkersHeld;
      return;
    }
  }
  write_markers(id, state);
}

void MemoryBroker::write_markers(int64_t id, TransactionState state) {
  Transaction& transaction = transactions_.at(id);
  transaction.state = state;
  for (const TopicPartition& partition : transaction.partitions) {
    // Its topic may have been deleted, and there may be another one of its name.
    if (Log* const aside = find_aside(partition); aside != nullptr) aside->undecided.erase(id);
    Log* const log = find(partition);
    if (log == nullptr || log->undecided.erase(id) == 0) continue;
    append_locked(partition, {.key = {}, .value = {}, .headers = {}, .is_control = true});
  }
}

}  // namespace millrace::testing
