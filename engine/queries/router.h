#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "millrace/engine/query_router.h"

#include "engine/queries/peer_client.h"
#include "engine/queries/peer_directory.h"
#include "engine/queries/query_registry.h"
#include "engine/queries/row_question.h"

namespace millrace::engine {

/// How a request wants to be answered.
struct Asking {
  StandbyBounds bounds;
  std::chrono::steady_clock::time_point deadline;
};

/// Reads rows here or at the instance that has them. Made for one request, on one thread.
///
/// It asks the task's owner by the plan that this instance runs; if he does not have the task, it
/// waits a little for another plan and asks once more; then it asks standbys, if the caller allows.
class RoutedQueries final : public Queries {
 public:
  /// Without `may_wait` it asks no other instance, and remembers that it would have had to.
  RoutedQueries(const QueryRegistry& local, const PeerDirectory& directory, const PeerClient& peers,
                Asking asking, bool may_wait)
      : local_(local),
        directory_(directory),
        peers_(peers),
        asking_(asking),
        may_wait_(may_wait),
        needs_peers_(std::make_shared<bool>(false)) {}

  bool needs_peers() const { return *needs_peers_; }

  Result<StoreAnswer> get(std::string_view store, Bytes key, Bytes partition_key) const override;
  Result<std::vector<StatePosition>> scan(std::string_view store, Bytes from, Bytes to,
                                          const RowVisitor& visit) const override;
  Result<StatePosition> scan_partition(std::string_view store, int32_t partition, Bytes from,
                                       Bytes to, const RowVisitor& visit) const override;
  std::vector<TaskInfo> tasks() const override { return local_.tasks(); }
  const Queries& with_standbys() const override;

 private:
  /// From another instance, or a standby here.
  Result<RowReply> ask(const RowQuestion& question) const;
  Result<RowReply> ask_active(const PeerView* view, const RowQuestion& question) const;
  Result<RowReply> ask_standbys(const PeerView* view, const RowQuestion& question,
                                Status why) const;
  Result<RowReply> ask_peer(const PeerView::Holder& holder, const RowQuestion& question) const;

  const QueryRegistry& local_;
  const PeerDirectory& directory_;
  const PeerClient& peers_;
  const Asking asking_;
  const bool may_wait_;
  std::shared_ptr<bool> needs_peers_;
  mutable std::unique_ptr<RoutedQueries> with_standbys_;
};

class Router final : public QueryRouter {
 public:
  /// `local` must outlive it. Null `key`: it can ask nobody.
  Router(const QueryRegistry& local, std::string self, std::shared_ptr<const PeerKey> key)
      : local_(local), peers_(std::move(key), std::move(self)) {}

  PeerDirectory& directory() { return directory_; }
  HttpAnswer answer(const HttpRequest& request, MakeAnswer make) const override;

 private:
  const QueryRegistry& local_;
  PeerDirectory directory_;
  PeerClient peers_;
};

}  // namespace millrace::engine
