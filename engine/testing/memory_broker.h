#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "millrace/core/clock.h"

#include "engine/clients/clients.h"

namespace millrace::testing {

/// A record as a topic holds it.
struct StoredRecord {
  int64_t offset = 0;
  int64_t timestamp_ms = 0;
  std::optional<std::string> key;
  std::optional<std::string> value;
  std::vector<std::pair<std::string, std::optional<std::string>>> headers;
  int64_t transaction = 0;    ///< 0: none
  bool is_control = false;    ///< a commit or abort marker: takes an offset, is never delivered
  int64_t delete_at_ms = -1;  ///< a compacted tombstone: when it may go
};

/// A client's request to the broker; `inject` makes one fail.
enum class Operation : unsigned char {
  kInitTransactions,
  kSend,
  kSendOffsets,
  kCommitTransaction,
  kAbortTransaction,
  kFetch,
  kCommitted,
  kWatermarks,
};

struct Fault {
  Operation operation = Operation::kCommitTransaction;
  ErrorCode code = ErrorCode::kTimedOut;
  /// The broker does it, only the answer is lost. REQUIRES: a code that leaves this open.
  bool takes_effect = false;
  int count = 1;
};

/// Topics, transactions and one consumer group in memory: offsets with control records, last
/// stable offset, aborted records, fencing by transactional id and by generation. It holds what the
/// engine relies on and nothing else; the truth about Kafka is in the broker tests. Thread-safe.
class MemoryBroker {
 public:
  /// The broker's clock, by which topics judge timestamps; the system's by default. It outlives
  /// this.
  void set_clock(const Clock& clock);
  void create_topic(const std::string& name, int32_t partitions,
                    std::map<std::string, std::string> config = {});
  /// Gives an existing topic so many partitions; who is in the group learns of it at the next
  /// rebalance. REQUIRES: the topic exists and has no more.
  void add_partitions(const std::string& name, int32_t partitions);
  /// Appends outside any transaction; returns the offset. REQUIRES: the partition exists.
  int64_t append(const TopicPartition& partition, StoredRecord record);
  /// Committed records from `from` on.
  std::vector<StoredRecord> read_committed(const TopicPartition& partition, int64_t from = 0) const;
  int32_t partitions(const std::string& topic) const;  ///< 0: no such topic
  std::vector<std::string> topics() const;
  int64_t committed_offset(const TopicPartition& partition) const;  ///< −1: none

  void inject(Fault fault);
  /// Commits succeed, but their markers are held back, as when a coordinator is slow.
  void hold_markers(bool hold);
  /// Deletes a topic with the group's offsets of it, as Kafka does.
  void delete_topic(const std::string& name);
  /// The topic is gone until somebody brings it back, as from a copy that was kept of it.
  /// REQUIRES: it exists.
  void set_aside(const std::string& name);
  /// False: it was never set aside, or there is one of its name.
  bool bring_back(const std::string& name);
  /// The group's offsets are gone, as after their retention or a reset.
  void forget_offsets();
  /// Sets the group's offset, as tools do while the group has no members.
  void set_offset(const TopicPartition& partition, int64_t offset);
  /// Keeps only the newest record of each key below the last stable offset, at `now_ms` of the
  /// broker's clock. As on a real broker, a tombstone outlives its first compaction by the topic's
  /// `delete.retention.ms` (a day by default) and goes with the first one after that.
  void compact(const std::string& topic, int64_t now_ms = 0);
  /// Before it, all transactions are decided. −1: there is no such partition.
  int64_t last_stable_offset(const TopicPartition& partition) const;

  /// How the group treats a member whose client is gone without `close`.
  enum class Sessions : unsigned char {
    kEndAtOnce,  ///< it leaves
    kDynamic,    ///< it stays until `end_session`; who comes back is another member
    kStatic,     ///< it stays until `end_session`; who comes back takes over its assignment
  };
  void set_sessions(Sessions sessions);
  enum class Whose : unsigned char { kAny, kGone };
  /// The group continues without the members of this instance; `kGone`: without those whose client
  /// is gone. One whose client lives has lost its assignment, and joins again once that is
  /// acknowledged.
  void end_session(const std::string& instance, Whose whose = Whose::kAny);
  /// Aborts the open transaction of this id, as the coordinator does after the time-out: the
  /// producer that began it is fenced. No-op when none is open.
  void time_out_transaction(const std::string& transactional_id);
  /// Open transactions by their ids, each with a number that no other has.
  std::map<std::string, int64_t> open_transactions() const;
  /// Whether no transaction has records whose outcome readers do not know yet.
  bool is_all_decided() const;
  /// Starts a new generation, as any member may at any time.
  void rebalance();

  /// Clients of one instance; the broker must outlive them.
  std::unique_ptr<engine::ClientFactory> clients();

 private:
  friend class MemoryMembership;
  friend class MemoryFetcher;
  friend class MemoryProducer;
  friend class MemoryAdmin;
  friend class MemoryClients;

  enum class TransactionState : unsigned char { kOpen, kMarkersHeld, kCommitted, kAborted };
  struct Transaction {
    TransactionState state = TransactionState::kOpen;
    std::set<TopicPartition> partitions;
    std::map<TopicPartition, engine::PartitionOffset> offsets;
  };
  struct Log {
    std::deque<StoredRecord> records;  // ascending offsets, gaps after compaction
    int64_t low = 0;
    int64_t next = 0;
    std::map<int64_t, int64_t> undecided;  // transaction → its first offset here
  };
  struct TopicState {
    std::vector<Log> logs;
    std::map<std::string, std::string> config;
  };
  struct Member {
    std::string instance;
    std::vector<std::string> topics;
    std::deque<engine::MembershipEvent> events;
    std::vector<TopicPartition> assigned;
    bool owes_acknowledgement = false;
    bool has_assignment = false;
    bool is_orphan = false;  ///< its client is gone
  };

  // All below: REQUIRES mutex_ held.
  Log* find(const TopicPartition& partition);
  Log* find_aside(const TopicPartition& partition);
  const Log* find(const TopicPartition& partition) const;
  static int64_t last_stable(const Log& log);
  bool is_visible(const StoredRecord& record) const;
  std::optional<Fault> take_fault(Operation operation);
  void finish(int64_t transaction, TransactionState state);
  void write_markers(int64_t transaction, TransactionState state);
  int64_t append_locked(const TopicPartition& partition, StoredRecord record);
  int64_t join(std::vector<std::string> topics, std::string instance);
  /// The client of this member is gone; `is_orderly`: it left.
  void leave(int64_t member, bool is_orderly);
  void start_rebalance();
  void finish_rebalance_if_acknowledged();
  Status check_generation(int64_t member, const engine::GroupMetadata& group) const;

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  const Clock* clock_ = &system_clock();
  std::map<std::string, TopicState, std::less<>> topics_;
  std::map<std::string, TopicState, std::less<>> aside_;
  std::map<int64_t, Transaction> transactions_;
  int64_t next_transaction_ = 1;
  std::map<std::string, int32_t, std::less<>> producer_epochs_;
  std::map<std::string, int64_t, std::less<>> open_transaction_;  // by transactional id
  std::map<TopicPartition, engine::PartitionOffset> group_offsets_;
  std::map<int64_t, Member> members_;
  std::map<int64_t, Member> expelled_;  // whose session has ended and who does not know yet
  Sessions sessions_ = Sessions::kEndAtOnce;
  int64_t next_member_ = 1;
  int32_t generation_ = 0;
  bool rebalancing_ = false;
  bool hold_markers_ = false;
  std::vector<Fault> faults_;
};

}  // namespace millrace::testing
