#pragma once

#include <chrono>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "millrace/engine/query_router.h"

#include "engine/changes/change_rings.h"
#include "engine/client/position_token.h"
#include "engine/clients/clients.h"
#include "engine/queries/min_position.h"
#include "engine/queries/peer_client.h"
#include "engine/queries/peer_directory.h"
#include "engine/queries/query_registry.h"
#include "engine/queries/row_question.h"
#include "engine/queries/watch_hub.h"

namespace millrace::engine {

/// How a request wants to be answered.
struct Asking {
  StandbyBounds bounds;
  std::chrono::steady_clock::time_point deadline;
  NextOffsets min_position{};  ///< which every state that answers has to include
  bool notes_reads = false;    ///< for `RoutedQueries::reads`
};

/// Where partitions end, by asking Kafka. Thread-safe.
class TopicEnds {
 public:
  explicit TopicEnds(ClientFactory& clients) : clients_(clients) {}
  /// Errors: those of the clients.
  Result<int64_t> end_of(const TopicPartition& partition) const;

 private:
  ClientFactory& clients_;
  mutable std::mutex mutex_;
  mutable std::unique_ptr<Admin> admin_;
};

/// Of whom a request may ask; all outlive it.
struct Reach {
  const QueryRegistry& local;
  const PeerDirectory& directory;
  const PeerClient& peers;
  const TopicEnds& ends;
};

/// Reads rows here or at the instance that has them. Made for one request, on one thread.
///
/// It asks the task's owner by the plan that this instance runs; if he does not have the task, it
/// waits a little for another plan and asks once more; then it asks standbys, if the caller allows.
class RoutedQueries final : public Queries {
 public:
  /// Without `may_wait` it asks no other instance, and remembers that it would have had to.
  RoutedQueries(const Reach& reach, Asking asking, bool may_wait);

  bool needs_peers() const { return notes_->needs_peers; }
  /// The position that all states which were read include.
  const NextOffsets& seen() const { return notes_->seen; }
  /// The same of each task.
  const std::map<TaskId, NextOffsets>& states() const { return notes_->states; }
  /// The ranges of rows that were read, each once.
  const std::vector<WatchedRange>& reads() const { return notes_->reads; }

  Result<StoreAnswer> get(std::string_view store, Bytes key, Bytes partition_key) const override;
  Result<std::vector<StatePosition>> scan(std::string_view store, const RowRange& range,
                                          const RowVisitor& visit) const override;
  Result<StatePosition> scan_partition(std::string_view store, int32_t partition,
                                       const RowRange& range,
                                       const RowVisitor& visit) const override;
  Result<int32_t> partitions_of(std::string_view store) const override {
    return reach_.local.partitions_of(store);
  }
  std::vector<TaskInfo> tasks() const override { return reach_.local.tasks(); }
  const Queries& with_standbys() const override;

 private:
  /// Found out while one request is answered.
  struct Notes {
    bool needs_peers = false;
    NextOffsets seen;
    std::map<TaskId, NextOffsets> states;
    std::vector<WatchedRange> reads;
    std::optional<MinPosition> min_position;
  };
  RoutedQueries(const Reach& reach, Asking asking, bool may_wait, std::shared_ptr<Notes> notes)
      : reach_(reach), asking_(std::move(asking)), may_wait_(may_wait), notes_(std::move(notes)) {}

  void note_read(WatchedRange rows) const;
  Result<StoreAnswer> get_once(std::string_view store, Bytes key, TaskId task,
                               Bytes partition_key) const;
  Result<StatePosition> scan_once(std::string_view store, TaskId task, const RowRange& range,
                                  const RowVisitor& visit) const;
  /// Waits until the state of `task` includes the wanted position, if there is one.
  Status prepare(TaskId task) const;
  /// Takes note of a state that was read. Error: `kRetriable`: it does not include that position.
  Status note(const StatePosition& position) const;
  Result<StatePosition> position_of(TaskId task) const;
  /// From another instance, or a standby here.
  Result<RowReply> ask(const RowQuestion& question) const;
  Result<RowReply> ask_active(const PeerView* view, const RowQuestion& question) const;
  Result<RowReply> ask_standbys(const PeerView* view, const RowQuestion& question,
                                Status why) const;
  Result<RowReply> ask_peer(const PeerView::Holder& holder, const RowQuestion& question) const;

  const Reach reach_;
  const Asking asking_;
  const bool may_wait_;
  const std::shared_ptr<Notes> notes_;
  mutable std::unique_ptr<RoutedQueries> with_standbys_;
};

class Router final : public QueryRouter {
 public:
  /// All must outlive it. Without a key it can ask no other instance.
  Router(const QueryRegistry& local, ChangeRings& changes, ClientFactory& clients,
         PeerIdentity self)
      : local_(local),
        changes_(changes),
        clients_(clients),
        name_(self.instance),
        peers_(std::move(self)),
        ends_(clients),
        hub_(changes_, directory_, peers_) {}

  PeerDirectory& directory() { return directory_; }
  HttpAnswer answer(const HttpRequest& request, MakeAnswer make) const override;
  HttpAnswer watch(const HttpRequest& request, std::string event, MakeWatched make) const override;
  HttpAnswer answer_changes(const HttpRequest& request) const override;
  Result<std::vector<TopicRecord>> newest_records(
      const std::string& topic, size_t records_max,
      std::chrono::steady_clock::time_point deadline) const override;
  std::vector<InstanceTasks> instances() const override;
  Result<std::string> ask_instance(const HttpRequest& request, const std::string& instance,
                                   const std::string& view) const override;
  /// Ends all subscriptions, and takes no others.
  void end_subscriptions() { hub_.end(); }

 private:
  /// Error: `kInvalidArgument`, also for a partition that is no input.
  Result<NextOffsets> position_in(const std::string& token) const;
  Reach reach() const { return {local_, directory_, peers_, ends_}; }

  const QueryRegistry& local_;
  ChangeRings& changes_;
  ClientFactory& clients_;
  const std::string name_;  ///< of this instance
  PeerDirectory directory_;
  PeerClient peers_;
  TopicEnds ends_;
  mutable WatchHub hub_;
};

}  // namespace millrace::engine
