#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <thread>
#include <vector>

#include "millrace/core/result.h"

#include "engine/clients/clients.h"

namespace millrace::simulation {

/// The calls of an instance to Kafka.
enum class Call : unsigned char {
  kJoin,
  kMembership,
  kFetcher,
  kFetch,
  kProducer,
  kInit,
  kSend,
  kFlush,
  kSendOffsets,
  kCommit,
  kAbort,
  kCommitted,
  kWatermarks,
  kTopics,
  kMembers,
  kStep,      ///< no call: a step of a commit
  kSnapshot,  ///< no call: a step of taking or downloading a snapshot
};

/// The outcome of a call, as the world decides it.
struct Fate {
  std::optional<Error> before = {};  ///< nothing took effect, and this is the answer
  std::optional<Error> after = {};   ///< it took effect, and this is the answer
};

/// The world at the other end of an instance's calls.
struct LinkHooks {
  std::function<Fate(Call)> on_call;
  std::function<bool(const TopicPartition&)> has_leader;
  /// The broker has committed these.
  std::function<void(int32_t generation, std::span<const engine::PartitionOffset>)> on_committed;
  /// The answer to a question for the group's members, which the world may change.
  std::function<void(std::vector<engine::GroupMember>&)> on_members;
  /// The instance waits, at most so long.
  std::function<void(int64_t ms)> on_wait;
};

/// Clients whose calls the world lets pass, loses or delays; between them and `inner` nothing else
/// happens. A client that another thread asks for is refused: what the housekeeper does is the
/// world's to do. `inner` and what `hooks` use outlive the clients.
std::unique_ptr<engine::ClientFactory> make_link(engine::ClientFactory& inner, LinkHooks hooks);

}  // namespace millrace::simulation
