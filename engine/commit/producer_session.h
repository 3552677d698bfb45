#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "millrace/core/result.h"
#include "millrace/engine/options.h"

#include "engine/base/errands.h"
#include "engine/clients/clients.h"
#include "engine/output/output_topics.h"

namespace millrace::engine {

/// Name of an instance's transactions in Kafka; empty: its guarantee has none.
std::string transactional_id(const EngineOptions& options, std::string_view instance);

/// The instance's producer and its transaction. Outlives single producers: after a failure it makes
/// the next one. Loop's thread only, except for `producer().send`.
class ProducerSession {
 public:
  /// An empty transactional id: at least once, no transactions.
  ProducerSession(ClientFactory& clients, std::string transactional_id, OutputTopics& outputs);

  /// Makes a producer if there is none, fences predecessors and learns the topics. Waits. Errors as
  /// `Producer::init_transactions` and `topic_handle`.
  Status open();
  /// The same on a thread of its own, as long as no task runs. Whether it is done.
  Result<bool> open_beside();
  bool is_open() const { return producer_ != nullptr; }
  bool is_transactional() const { return !transactional_id_.empty(); }
  Producer& producer() { return *producer_; }

  /// Opens a transaction unless one is open.
  Status begin();
  /// Makes the offsets part of the transaction; without transactions waits for delivery.
  Status send_offsets(std::span<const PartitionOffset> offsets, const GroupMetadata& group);
  /// Ends the transaction; without transactions commits the offsets.
  Status commit(std::span<const PartitionOffset> offsets, const GroupMetadata& group);

  /// After `failure` (`kAborted`: of the open transaction, if there is one): aborts where that
  /// suffices, else gives the producer up; `open` makes the next.
  void recover_from(const Error& failure);
  void close();

 private:
  struct Opened {
    std::shared_ptr<Producer> producer;
    std::vector<int32_t> handles;
  };
  Result<Opened> make() const;
  void take(const Opened& opened);

  ClientFactory& clients_;
  std::string transactional_id_;
  OutputTopics& outputs_;
  std::shared_ptr<Producer> producer_;  ///< shared with the thread that made it, until it ends
  bool is_in_transaction_ = false;
  std::shared_ptr<const Pending<Result<Opened>>> opening_;  ///< null: none is being made
  Errands errands_;                                         ///< last: its thread uses the rest
};

}  // namespace millrace::engine
