#include "engine/broadcast/broadcast_reader.h"

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <utility>

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include "millrace/core/assert.h"

namespace millrace::engine {
namespace {

/// Records of one partition in a round.
constexpr size_t kPollRecords = 1'000;
/// Kafka's default of delete.retention.ms.
constexpr int64_t kTombstoneRetentionMs = 24LL * 3600 * 1000;
/// How often Kafka is asked for the ends: a copy is taken for so much older than it is.
constexpr int64_t kCheckIntervalMs = 10'000;
/// Questions and turns may take so long while nothing is wrong.
constexpr int64_t kOutdatedAfterMinMs = 10 * 60'000;

Result<int64_t> tombstone_retention_ms(Admin& admin, const std::string& topic) {
  const Result<TopicDescription> described = admin.describe_topic(topic);
  if (!described.ok()) return described.status();
  const auto policy = described->config.find("cleanup.policy");
  if (policy != described->config.end() && policy->second.find("compact") == std::string::npos) {
    return Error{ErrorCode::kConfig,
                 fmt::format("topic '{}' is read as a broadcast table but has cleanup.policy={}: "
                             "rows would be lost. Make it compact",
                             topic, policy->second)};
  }
  int64_t retention_ms = kTombstoneRetentionMs;
  if (const auto text = described->config.find("delete.retention.ms");
      text != described->config.end()) {
    const char* const end = text->second.data() + text->second.size();
    std::from_chars(text->second.data(), end, retention_ms);
  }
  return retention_ms;
}

}  // namespace

BroadcastReader::BroadcastReader(std::unique_ptr<Fetcher> fetcher, const ClientFactory& clients,
                                 Admin& admin, const EngineOptions& options, const Clock& clock,
                                 Metrics& metrics, LineLimit& lines)
    : fetcher_(std::move(fetcher)),
      admin_(admin),
      options_(options),
      clock_(clock),
      metrics_(metrics),
      lines_(lines),
      checks_(clients, admin, clock, kCheckIntervalMs) {}

Status BroadcastReader::open(const Topology& topology, const ResolvedTopology& resolved) {
  std::vector<PartitionOffset> starts;
  for (const auto& [name, partitions] : resolved.broadcast_partitions) {
    const Result<int64_t> retention_ms = tombstone_retention_ms(admin_, name);
    if (!retention_ms.ok()) return retention_ms.status();
    if (*retention_ms < kOutdatedAfterMinMs) {
      spdlog::warn(
          "broadcast topic '{}' keeps tombstones for {} ms only: an instance that is away longer "
          "may miss deletions. Set its delete.retention.ms to {} or more",
          name, *retention_ms, kOutdatedAfterMinMs);
    }
    BroadcastTopic& topic = *topics_.emplace_back(std::make_unique<BroadcastTopic>(BroadcastTopic{
        topology.find_broadcast(name), *retention_ms, BroadcastCopy(partitions, clock_.now_ms())}));
    for (int32_t p = 0; p < partitions; ++p) {
      const Result<Admin::Watermarks> marks = admin_.watermarks({name, p});
      if (!marks.ok()) return marks.status();
      starts.push_back({{name, p}, marks->low});
      partitions_.push_back({&topic, {name, p}, marks->low});
      checks_.add({name, p});
    }
  }
  return fetcher_->add(starts);
}

Result<BroadcastReader::Outcome> BroadcastReader::poll() {
  Outcome outcome;
  for (Partition& from : partitions_) MILLRACE_RETURN_IF_ERROR(poll_partition(from, outcome));
  return outcome;
}

Status BroadcastReader::poll_partition(Partition& from, Outcome& outcome) {
  RecordBatch batch;
  const Result<FetchOutcome> polled = fetcher_->poll(from.partition, kPollRecords, batch);
  if (polled.ok()) {
    MILLRACE_RETURN_IF_ERROR(take(from, *polled, batch));
    outcome.records += polled->records;
  } else if (polled.code() == ErrorCode::kNotFound) {
    MILLRACE_RETURN_IF_ERROR(reposition(from));
  } else if (polled.code() != ErrorCode::kRetriable && polled.code() != ErrorCode::kTimedOut) {
    return polled.status();
  }
  outcome.is_at_end = outcome.is_at_end && from.is_at_end;
  return {};
}

Status BroadcastReader::take(Partition& from, const FetchOutcome& polled,
                             const RecordBatch& batch) {
  const bool moves = polled.records > 0 || polled.end_offset.value_or(-1) > from.position;
  if (moves && is_outdated(from)) return reload(*from.topic);
  for (const FetchedRecord& record : batch.records()) {
    MILLRACE_RETURN_IF_ERROR(append(from, record));
  }
  BroadcastCopy& copy = from.topic->copy;
  const int32_t p = from.partition.partition;
  if (polled.end_offset) {
    from.is_at_end = true;
    from.position = std::max(from.position, *polled.end_offset);
    if (from.loaded_ms < 0) from.loaded_ms = clock_.now_ms();
    copy.mark_end(p, from.position);
  } else if (polled.records > 0) {
    from.is_at_end = false;
  }
  if (const std::optional<int64_t> time_ms = checks_.poll(number_of(from), from.position)) {
    copy.mark_complete(p, *time_ms);
  }
  return {};
}

bool BroadcastReader::is_outdated(const Partition& from) const {
  if (from.loaded_ms < 0) return false;
  const int64_t complete_ms =
      std::max(from.loaded_ms, from.topic->copy.complete_ms(from.partition.partition));
  const int64_t after_ms = std::max(kOutdatedAfterMinMs, from.topic->outdated_after_ms());
  return std::abs(clock_.now_ms() - complete_ms) > after_ms;
}

Status BroadcastReader::reload(BroadcastTopic& topic) {
  topic.copy = BroadcastCopy(topic.copy.partitions(), clock_.now_ms());
  for (Partition& from : partitions_) {
    if (from.topic != &topic) continue;
    from.loaded_ms = -1;
    checks_.restart(number_of(from));
    MILLRACE_RETURN_IF_ERROR(move(from, 0));
  }
  return Error{ErrorCode::kRetriable,
               fmt::format("broadcast topic '{}' was not read for longer than Kafka keeps its "
                           "tombstones, {} ms: all of it is read again",
                           topic.use->name, topic.tombstone_retention_ms)};
}

Status BroadcastReader::append(Partition& from, const FetchedRecord& record) {
  from.position = record.offset + 1;
  const TopicUse& use = *from.topic->use;
  Status status;
  if (record.key.is_null()) {
    status = Error{ErrorCode::kInvalidRecord, "a row of a table needs a key"};
  } else {
    status = use.check_record(record.key, record.value);
  }
  if (status.ok()) {
    from.topic->copy.append(from.partition.partition, record);
    return {};
  }
  const std::string message =
      fmt::format("{}@{}: {}", from.partition.to_string(), record.offset, status.message());
  if (options_.on_invalid_record == OnError::kFail) return Error{status.code(), message};
  from.topic->copy.pass(from.partition.partition, record.offset);
  metrics_.dropped("invalid_broadcast").add();
  if (lines_.allows("row of a broadcast table skipped")) {
    spdlog::warn("row of a broadcast table skipped {}", message);
  }
  return {};
}

Status BroadcastReader::reposition(Partition& from) {
  const std::optional<Admin::Watermarks> marks = checks_.ask_bounds(number_of(from));
  if (!marks) return {};
  if (from.position > marks->high) {
    return Error{
        ErrorCode::kConfig,
        fmt::format("{} ends at {} but this instance has read to {}: the topic was created "
                    "again. Restart the instances",
                    from.partition.to_string(), marks->high, from.position)};
  }
  return move(from, std::max(from.position, marks->low));
}

Status BroadcastReader::move(Partition& from, int64_t position) {
  from.position = position;
  from.is_at_end = false;
  const std::vector<TopicPartition> partition{from.partition};
  MILLRACE_RETURN_IF_ERROR(fetcher_->remove(partition));
  const std::vector<PartitionOffset> start{{from.partition, from.position}};
  return fetcher_->add(start);
}

bool BroadcastReader::is_loaded() const {
  return std::all_of(topics_.begin(), topics_.end(),
                     [](const auto& topic) { return topic->copy.is_loaded(); });
}

std::vector<std::pair<std::string, int32_t>> BroadcastReader::partitions() const {
  std::vector<std::pair<std::string, int32_t>> found;
  found.reserve(topics_.size());
  for (const auto& topic : topics_) found.emplace_back(topic->use->name, topic->copy.partitions());
  return found;
}

const BroadcastTopic& BroadcastReader::topic(std::string_view name) const {
  for (const auto& topic : topics_) {
    if (topic->use->name == name) return *topic;
  }
  MILLRACE_ASSERT(false, "the topology has no broadcast table of this name");
  std::abort();
}

void BroadcastReader::prune(
    const std::function<void(const BroadcastTopic&, std::span<int64_t> floors)>& lower) {
  for (const auto& topic : topics_) {
    std::vector<int64_t> floors;
    floors.reserve(static_cast<size_t>(topic->copy.partitions()));
    for (int32_t p = 0; p < topic->copy.partitions(); ++p) floors.push_back(topic->copy.end(p));
    lower(*topic, floors);
    topic->copy.prune(floors);
  }
}

}  // namespace millrace::engine
