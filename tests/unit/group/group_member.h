#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "bent_clients.h"
#include "engine/group/coordinator.h"
#include "engine/testing/manual_clock.h"
#include "engine/testing/memory_broker.h"

namespace millrace::engine {

/// A broker with the topics of an application that has one input and no state.
struct GroupWorld {
  explicit GroupWorld(int32_t partitions) {
    SubTopology only;
    only.partitions = partitions;
    only.inputs.push_back({.node = 0, .topic = "in", .output = -1, .prefetch = {}});
    sub_topologies.push_back(std::move(only));
    broker.create_topic("in", partitions);
    for (const std::string& topic : {topics.control, topics.spare, topics.plan, topics.instances}) {
      broker.create_topic(topic, 1);
    }
  }

  const GroupTopics topics = group_topics("app");
  testing::MemoryBroker broker;
  testing::ManualClock clock{1'000'000};
  std::vector<SubTopology> sub_topologies;
};

/// One instance's part in the group; it runs nothing. Its end is a crash, after which the broker
/// knows at once that it is gone.
class GroupMemberUnderTest {
 public:
  /// With `slow_members` questions wait, so they have threads of their own, and that answers them.
  GroupMemberUnderTest(GroupWorld& world, const std::string& name, bool is_static = false,
                       decltype(Bends::members) slow_members = {})
      : sub_topologies(world.sub_topologies),
        world_(world),
        clients_(world.broker.clients(), bends),
        admin_(clients_.admin().value()) {
    bends.answers_at_once = !slow_members;
    bends.members = std::move(slow_members);
    options_.application_id = "app";
    if (is_static) options_.instance_id = name;
    report_.instance = name;
    coordinator_ = std::make_unique<Coordinator>(clients_, *admin_, options_, name, world.clock);
  }

  Status join() {
    MILLRACE_RETURN_IF_ERROR(coordinator_->open(sub_topologies, peer_key));
    return coordinator_->join(report_);
  }

  /// One poll; acknowledges what it brings.
  Status turn() {
    const Result<std::optional<OwnershipEvent>> event = coordinator_->poll();
    if (!event.ok()) return event.status();
    if (!event->has_value()) return {};
    if ((*event)->kind == OwnershipEvent::Kind::kGiven) {
      owned = (*event)->ownership;
    } else {
      owned.reset();
      coordinator_->acknowledge_revoked();
    }
    return {};
  }

  void report(int64_t held) {
    report_.held[{0, 0}] = held;
    coordinator_->report(report_);
  }

  /// As an orderly end does, and that of an instance that was fenced.
  void stop(bool is_fenced = false) { coordinator_->close(is_fenced); }

  const Coordinator& coordinator() const { return *coordinator_; }
  std::optional<PeerView> take_view() { return coordinator_->take_view(); }

  Bends bends;
  std::vector<SubTopology> sub_topologies;  ///< the world's; set before `join`
  std::shared_ptr<const PeerKey> peer_key;  ///< proves reports; null: none. Set before `join`
  std::optional<Ownership> owned;           ///< by the present generation's plan

 private:
  GroupWorld& world_;
  BentClients clients_;
  std::unique_ptr<Admin> admin_;
  EngineOptions options_;
  InstanceReport report_;
  std::unique_ptr<Coordinator> coordinator_;
};

}  // namespace millrace::engine
