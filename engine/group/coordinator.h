#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "millrace/core/clock.h"
#include "millrace/core/result.h"
#include "millrace/engine/options.h"

#include "engine/clients/clients.h"
#include "engine/core/resolved_topology.h"
#include "engine/group/gone_reports.h"
#include "engine/group/group_log.h"
#include "engine/group/life_watch.h"
#include "engine/group/member_question.h"
#include "engine/group/topic_questions.h"
#include "engine/plan/plan.h"
#include "engine/plan/planner.h"
#include "engine/queries/peer_directory.h"

namespace millrace::engine {

/// The tasks of an instance in one generation of the group.
struct Ownership {
  GroupMetadata group;
  std::vector<TaskId> active;   ///< ascending
  std::vector<TaskId> standby;  ///< ascending; warm-ups included
  /// Instances that ran some of `active` and are no members any more, except those named before:
  /// fence their open transactions before you read offsets.
  std::vector<std::string> dead;
  /// The dead that ran a task of `active`, those included that were named before.
  std::map<TaskId, std::vector<std::string>> dead_owners;
};

struct OwnershipEvent {
  enum class Kind : unsigned char {
    kRevoked,  ///< barrier: finish, commit, suspend, then call `acknowledge_revoked`
    kLost,     ///< like kRevoked, but the group continued without us: abort, drop, suspend
    kGiven,    ///< the plan of the generation is known: run `ownership`
  };
  Kind kind = Kind::kRevoked;
  Ownership ownership;  ///< kGiven
};

/// An instance's part in its group. Kafka's consumer group gives membership, barrier and fence; the
/// plan that the leader of a generation publishes says who runs what.
///
/// The leader is the member that has the one partition of the control topic. It also
/// watches the reports, and starts a new generation when they allow a better plan. Calls from the
/// loop's thread, which no question blocks once it has joined.
class Coordinator {
 public:
  Coordinator(ClientFactory& clients, Admin& admin, const EngineOptions& options,
              std::string instance, const Clock& clock);
  ~Coordinator();

  /// Reads the group's log. May be called again after an error. `key`: see `GroupLog::prove_with`.
  /// Errors: those of the clients.
  Status open(std::span<const SubTopology> sub_topologies,
              std::shared_ptr<const PeerKey> key = nullptr);
  /// See `GroupLog::incarnation`. REQUIRES: is open.
  const std::string& incarnation() const { return log_->incarnation(); }
  /// Publishes `report` and joins. REQUIRES: is open. Errors: those of the clients.
  Status join(InstanceReport report);

  /// Next event, if there is one. Errors as `Membership::poll`, `kFenced` also when another process
  /// runs on a copy of this one's state directory, and `kConfig` when the partitions of a source
  /// topic have changed, a topic of the group was deleted, or the others run a version that numbers
  /// the sub-topologies in another way.
  Result<std::optional<OwnershipEvent>> poll();
  void acknowledge_revoked();

  /// Publishes this instance's state to the others, if it is news.
  void report(InstanceReport report);
  /// Query servers of other members that hold state of `task` and offer snapshots: the furthest
  /// ones, the very furthest first.
  std::vector<std::string> snapshot_peers(TaskId task) const;
  /// Who has which task by the plan that is being run, if that may have changed since the last
  /// call.
  std::optional<PeerView> take_view();
  /// Leaves the group. A static member stays in it until its session is over, and lets the others
  /// know that it has ended, unless it `is_fenced`: another process has its name then. That takes a
  /// second at most.
  void close(bool is_fenced = false);

 private:
  Status read_log();
  std::optional<OwnershipEvent> take(MembershipEvent event);
  Status check_partitions(const MembershipEvent& event) const;
  /// Whether the versions of the topology that this instance and a member run can share tasks.
  /// Error: `kConfig`, while this one has run nothing: the one that came later has to end.
  Status check_version_of(const std::string& member) const;
  /// Puts into a report what only this class knows.
  void sign(InstanceReport& report) const;
  /// Answers another process that uses our name. Error: `kFenced` when this process is the one that
  /// has to end.
  Status check_lives();
  /// Whether only this process's random life tells it from a copy: Kafka guards static members.
  bool watches_lives() const { return options_.instance_id.empty(); }
  /// Whether all was read that the log held when the present generation began.
  bool has_read_all();
  /// The plan of the present generation, once it is in the log.
  Result<std::optional<OwnershipEvent>> take_plan();
  /// A static member that comes back may find the others at work by a plan from before its return.
  /// Returns that plan, or null when there is none or it is of another life of the group.
  Result<const GroupLog::PlanEntry*> plan_to_resume();
  /// Publishes the same plan with the present ids of members: Kafka gave this one a new id, and the
  /// next one to come back looks for a plan with the present ids. Members at work see no change.
  void publish_for_next_to_resume(Plan plan, const std::vector<GroupMember>& members);
  Ownership ownership_of(const GroupLog::PlanEntry& entry);
  /// Finds the dead of an ownership by `entry`, in every plan that is remembered.
  void find_dead(const GroupLog::PlanEntry& entry, Ownership& ownership);
  /// Leader only: one step towards a published plan.
  Status lead();
  /// Leader only: starts a new generation when the reports allow a better plan.
  void reconsider();
  /// Leader only: removes from the log the reports of instances that are gone.
  void remove_old_reports();
  /// The plan for these members, by their latest reports.
  Plan plan_with(const MemberQuestion::Members& members, const Plan* previous) const;

  ClientFactory& clients_;
  Admin& admin_;
  const EngineOptions& options_;
  const std::string instance_;
  const Clock& clock_;

  std::span<const SubTopology> sub_topologies_;
  std::vector<TaskWeight> tasks_;
  LifeWatch lives_;
  std::unique_ptr<GroupLog> log_;
  std::unique_ptr<Membership> membership_;
  struct Questions {
    MemberQuestion members;
    TopicQuestions topics;
  };
  Questions questions_;

  GroupMetadata group_;
  bool is_member_ = false;  ///< since the first generation, until the place is lost
  bool is_leader_ = false;
  bool is_waiting_ = false;
  bool is_published_ = false;  ///< a plan of ours, of this generation
  bool may_resume_ = false;    ///< a static member whose first generation this is
  int64_t plans_from_ = 0;     ///< no plan before this offset is of the next generation
  int64_t waiting_since_ns_ = 0;
  std::optional<Plan> plan_;  ///< that is being run, or was run last
  bool has_news_ = false;     ///< of reports, since the leader last looked
  int64_t considered_ns_ = 0;
  GoneReports gone_;
  /// Dead that were named already, with the offset of the plan of that time in the log.
  std::map<std::string, int64_t> known_dead_;

  struct Reported {
    InstanceReport last;  ///< as published
    int64_t failed_ns = 0;
    bool is_missing = false;  ///< could not be sent: check the topics
  };
  Reported reported_;
};

}  // namespace millrace::engine
