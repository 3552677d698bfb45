#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "millrace/core/ids.h"
#include "millrace/core/new_topic.h"
#include "millrace/core/record.h"
#include "millrace/core/result.h"

#include "engine/clients/record_batch.h"

namespace millrace::engine {

/// Everything the engine asks of Kafka, and nothing more. `engine/kafka` implements it over
/// librdkafka, `engine/testing` in memory, so that the same engine runs under both.

/// Says where a consumer stands in the group; opaque, captured when a generation is assigned and
/// never refreshed, so that a commit of an older generation fails.
struct GroupMetadata {
  int32_t generation = -1;
  std::string encoded;
};

struct PartitionOffset {
  TopicPartition partition;
  int64_t offset = 0;  ///< the next record to read
  /// Of committed offsets: the stream time of the task that read up to there, kept with the offset;
  /// −1: none, or somebody else committed it.
  int64_t stream_time_ms = -1;
};

/// A rebalance as the engine's loop sees it.
struct MembershipEvent {
  enum class Kind : unsigned char {
    kAssigned,  ///< a new generation (−1: over already): run the tasks of `partitions`
    kRevoked,   ///< barrier: finish, commit, suspend, then call `acknowledge_revoked`
    kLost,      ///< like kRevoked, but the group continued without us: abort, drop, suspend
  };
  Kind kind = Kind::kAssigned;
  GroupMetadata group;                     ///< kAssigned
  std::vector<TopicPartition> partitions;  ///< kAssigned
};

/// The instance's place in the consumer group. Polls on a thread of its own; fetches nothing.
class Membership {
 public:
  virtual ~Membership() = default;
  /// Next event, if there is one; never blocks. Error: `kFenced` when another process uses this
  /// instance id, `kRefused` for authorisation.
  virtual Result<std::optional<MembershipEvent>> poll() = 0;
  /// Lets the rebalance continue after a kRevoked or kLost was handled.
  virtual void acknowledge_revoked() = 0;
  /// Makes the group start a new generation; does nothing while one is starting, that is, between
  /// an acknowledged revocation and the assignment. From any thread.
  virtual void request_rebalance() = 0;
  /// Leaves the group (static members only stop) and ends the thread.
  virtual void close() = 0;
};

/// The result of one `Fetcher::poll`.
struct FetchOutcome {
  size_t records = 0;
  /// Set when the broker said that there is nothing more now: the position after the last record,
  /// control records included.
  std::optional<int64_t> end_offset;
};

/// Reads assigned partitions, read_committed, each through a queue of its own, so that a partition
/// that is not polled costs no more than its share of the prefetch budget.
class Fetcher {
 public:
  virtual ~Fetcher() = default;
  /// Adds partitions, each from its offset. Errors: `kRetriable`.
  virtual Status add(std::span<const PartitionOffset> partitions) = 0;
  virtual Status remove(std::span<const TopicPartition> partitions) = 0;
  /// Appends to `batch` up to `max_records` that are already here, copied; never blocks. Records
  /// below the position are dropped. Errors: `kInvalidArgument` when the partition isn't assigned,
  /// `kNotFound` when the position is not in the log any more, `kRetriable`, `kRefused`.
  virtual Result<FetchOutcome> poll(const TopicPartition& partition, size_t max_records,
                                    RecordBatch& batch) = 0;
  /// Blocks until some partition may have something to poll, `wake` is called, or the time is over.
  virtual void wait(int64_t timeout_ms) = 0;
  virtual void wake() = 0;  ///< from any thread
  /// While the engine is behind, keeps librdkafka's fetch from sleeping at its prefetch limit.
  virtual void set_catching_up(bool catching_up) = 0;
};

struct OutgoingRecord {
  int32_t topic = 0;  ///< from `Producer::topic_handle`
  int32_t partition = 0;
  Bytes key;
  Bytes value;
  int64_t timestamp_ms = 0;
  std::span<const Header> headers;
};

/// Sizes of a producer, fixed for its life. A batch holds records up to `batch_bytes_max`, or one
/// larger record.
struct ProducerLimits {
  size_t record_bytes_max = 1'048'588;  ///< of the largest record, with its overhead in a batch
  size_t batch_bytes_max = 1'000'000;
};

/// The one producer of an instance. Call `send` from any thread, the rest from the loop's.
///
/// At-least-once use leaves out the transaction's calls and uses `flush` and `commit_offsets`.
class Producer {
 public:
  virtual ~Producer() = default;
  /// Handle for `send`; makes the client learn the topic's partitions. Errors: `kConfig` when the
  /// topic doesn't exist, `kRetriable`.
  virtual Result<int32_t> topic_handle(const std::string& topic) = 0;

  /// Fences earlier producers of this transactional id. Errors: `kRetriable`, `kFenced`,
  /// `kRefused`.
  virtual Status init_transactions() = 0;
  virtual Status begin_transaction() = 0;
  /// Copies the record. A full queue blocks (bounded by the client's delivery time-out). Delivery
  /// failures show at the next `flush` or `commit_transaction`. Errors: `kRefused` for a record
  /// that no broker was asked about (too large, unknown partition) and as for `commit_transaction`:
  /// when the transaction has failed, its cause.
  virtual Status send(const OutgoingRecord& record) = 0;
  /// Waits until all is delivered. Errors as `commit_transaction`.
  virtual Status flush() = 0;
  virtual Status send_offsets(std::span<const PartitionOffset> offsets,
                              const GroupMetadata& group) = 0;
  /// Flushes and commits. Errors: `kAborted` (abort, then continue), `kFenced`, `kRefused` (a
  /// record that the broker will not take, a right that is missing: abort), `kTimedOut` (outcome
  /// unknown: re-create the producer).
  virtual Status commit_transaction() = 0;
  virtual Status abort_transaction() = 0;
  /// At least once only. Errors: `kAborted` when the generation is over, `kRetriable`.
  virtual Status commit_offsets(std::span<const PartitionOffset> offsets,
                                const GroupMetadata& group) = 0;

  /// Offset after the last record of this partition that was delivered since `begin_transaction`
  /// (or since the previous call), for the changelog positions. REQUIRES: a successful flush or
  /// commit. −1: none.
  virtual int64_t delivered_end(int32_t topic, int32_t partition) = 0;
};

struct TopicDescription {
  std::string name;
  int32_t partitions = 0;
  std::map<std::string, std::string> config;  ///< filled only when asked for
};

/// Longest name of an instance.
inline constexpr size_t kInstanceLengthMax = 128;

/// A member of the application's group.
struct GroupMember {
  std::string instance;
  std::string member_id;  ///< new at every join
};

/// Questions and changes off the path of records. Blocking, with a bounded time, unless
/// `ClientFactory::answers_at_once`. `describe_topic`, `committed`, `watermarks` and
/// `group_members` from any thread, several at a time; the rest from one.
class Admin {
 public:
  virtual ~Admin() = default;
  /// Topics that one broker knows: one that was made a moment ago may be missing.
  virtual Result<std::vector<TopicDescription>> list_topics() = 0;
  /// Error: `kNotFound` when the topic does not exist, after the time in which every broker that
  /// answers has heard of a new one.
  virtual Result<TopicDescription> describe_topic(const std::string& topic) = 0;
  /// Existing topics are no error; waits until the new ones can be used.
  virtual Status create_topics(std::span<const NewTopic> topics) = 0;
  /// Stable committed offsets of the application's group; −1 where there is none. Error:
  /// `kRetriable` while a transaction of a dead instance still hides them.
  virtual Result<std::vector<PartitionOffset>> committed(
      std::span<const TopicPartition> partitions) = 0;
  struct Watermarks {
    int64_t low = 0;
    int64_t high = 0;  ///< the high watermark, open transactions included
  };
  virtual Result<Watermarks> watermarks(const TopicPartition& partition) = 0;
  /// Members of the application's group. Errors: `kRetriable` while a generation is starting;
  /// `kConfig` when a member is none of ours.
  virtual Result<std::vector<GroupMember>> group_members() = 0;
  /// Deletes records below these offsets (exchange topics, after a commit).
  virtual Status delete_records(std::span<const PartitionOffset> before) = 0;
};

/// Whether a fetcher reads records' headers. Looking for them costs librdkafka allocations even if
/// there are none, so skip it on topics that never have any.
enum class RecordHeaders : unsigned char { kRead, kSkip };

/// Makes the clients of one instance. `application_id` is the group and prefixes every name.
class ClientFactory {
 public:
  virtual ~ClientFactory() = default;
  /// Whether no client ever waits: the loop then asks by itself, in an order that repeats.
  virtual bool answers_at_once() const { return false; }
  /// Joins the group as `instance`, subscribed to `topics`. REQUIRES: `spare_topic` exists and is
  /// not among them: subscribing to it and back starts a new generation.
  virtual Result<std::unique_ptr<Membership>> join(const std::vector<std::string>& topics,
                                                   const std::string& spare_topic,
                                                   const std::string& instance) = 0;
  /// `purpose` ("input", "restore") names the client in logs and broker metrics.
  virtual Result<std::unique_ptr<Fetcher>> fetcher(const std::string& purpose,
                                                   RecordHeaders headers) = 0;
  /// `transactional_id` empty: idempotent, no transactions. From any thread.
  virtual Result<std::unique_ptr<Producer>> producer(const std::string& transactional_id,
                                                     const ProducerLimits& limits) = 0;
  /// With the limits that fit topics of Kafka's default settings.
  Result<std::unique_ptr<Producer>> producer(const std::string& transactional_id) {
    return producer(transactional_id, ProducerLimits{});
  }
  virtual Result<std::unique_ptr<Admin>> admin() = 0;
};

}  // namespace millrace::engine
