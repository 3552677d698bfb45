#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "millrace/core/partitioner.h"
#include "millrace/core/topology.h"

#include "engine/base/fail_point.h"
#include "engine/loop/task_roster.h"
#include "engine/restore/state_directory.h"
#include "engine/testing/manual_clock.h"
#include "engine/testing/memory_broker.h"

namespace millrace::engine {

/// A roster and the parts it works with, over a broker in memory. The test takes the place of the
/// group and of the loop: it gives plans and takes turns.
class RosterHome {
 public:
  /// The topics of `topology` are made with so many partitions.
  RosterHome(Topology topology, int32_t partitions) : topology_(std::move(topology)) {
    options.application_id = "app";
    options.worker_threads = 1;
    options.commit_pipelined = false;
    options.retry_backoff_max_ms = 1'000;
    for (const TopicUse& broadcast : topology_.broadcasts()) {
      broker.create_topic(broadcast.name, 1, {{"cleanup.policy", "compact"}});
    }
    for (const Node& node : topology_.nodes()) {
      if (node.kind == NodeKind::kSource || node.kind == NodeKind::kSink) {
        broker.create_topic(node.topic.name, partitions);
      }
    }
  }

  /// Makes the parts. `state_dir` empty: the state is in memory.
  Status open(const std::filesystem::path& state_dir = {}) {
    Result<StateDirectory> directory = StateDirectory::open(state_dir, "app", "a");
    if (!directory.ok()) return directory.status();
    directory_ = std::make_unique<StateDirectory>(std::move(*directory));
    if (clients == nullptr) clients = broker.clients();
    instance = std::make_unique<Instance>(options, *clients, clock);
    application_ = std::make_unique<Application>(topology_, *instance, std::nullopt);
    MILLRACE_RETURN_IF_ERROR(application_->place());
    session_ = std::make_unique<ProducerSession>(*clients, transactional_id(options, "a"),
                                                 application_->outputs());
    MILLRACE_RETURN_IF_ERROR(session_->open());
    plane = std::make_unique<DataPlane>(*instance, *application_, *session_, fail_point_,
                                        clients->fetcher("input", RecordHeaders::kRead).value());
    coordinator_ =
        std::make_unique<Coordinator>(*clients, application_->admin(), options, "a", clock);
    LocalState state(options, clock, *directory_, "app@1");
    MILLRACE_RETURN_IF_ERROR(state.find_closed(application_->sub_topologies()));
    roster = std::make_unique<TaskRoster>(
        *instance,
        TaskRoster::Parts{.application = *application_,
                          .group = *coordinator_,
                          .session = *session_,
                          .plane = *plane,
                          .registry = registry,
                          .backoff = backoff,
                          .state = std::move(state),
                          .snapshots = nullptr,
                          .changelogs = clients->fetcher("restore", RecordHeaders::kSkip).value()});
    membership_ = clients->join({"left"}, "app-rebalance", "a").value();
    group_ = (*membership_->poll())->group;
    return {};
  }
  /// Closes the tasks, as a clean stop does.
  void close() {
    roster->close();
    roster.reset();
    plane.reset();
    session_->close();
    membership_.reset();
    directory_.reset();
  }

  /// The next generation's plan, after what ran was suspended.
  void give(std::vector<TaskId> active, std::vector<TaskId> standby = {},
            std::map<TaskId, std::vector<std::string>> dead_owners = {}) {
    if (roster->has_plan()) roster->suspend();
    plane->set_generation(group_);
    std::vector<std::string> dead;
    for (const auto& [task, names] : dead_owners)
      dead.insert(dead.end(), names.begin(), names.end());
    roster->take({.group = group_,
                  .active = std::move(active),
                  .standby = std::move(standby),
                  .dead = std::move(dead),
                  .dead_owners = std::move(dead_owners)});
  }
  /// As after a commit whose outcome is unknown: all begin again, with another producer.
  void lose_producer() {
    session_->recover_from(Error{ErrorCode::kTimedOut, "no answer"});
    roster->go_back();
  }
  /// A turn of the loop; the clock moves by a millisecond.
  Status turn() {
    clock.advance(1);
    roster->begin_turn();
    MILLRACE_RETURN_IF_ERROR(roster->prepare());
    MILLRACE_RETURN_IF_ERROR(plane->poll());
    MILLRACE_RETURN_IF_ERROR(plane->process());
    MILLRACE_RETURN_IF_ERROR(plane->commit_if_due());
    roster->show_committed(plane->take_committed());
    MILLRACE_RETURN_IF_ERROR(roster->restore_slice());
    return {};
  }
  Status turns(int count) {
    for (int i = 0; i < count; ++i) MILLRACE_RETURN_IF_ERROR(turn());
    return plane->commit_now();
  }
  /// Turns until `is_done`; whether it came to that.
  bool turn_until(const std::function<bool()>& is_done) {
    for (int i = 0; i < kTurnsMax && !is_done(); ++i) {
      if (!turn()) return false;
      plane->wait(1);  // for threads
    }
    return is_done();
  }

  void pipe(const std::string& topic, const std::string& key, const std::string& value = "v") {
    broker.append({topic, partition_of(Bytes(key), broker.partitions(topic))},
                  {.timestamp_ms = 1'000, .key = key, .value = value, .headers = {}});
  }
  std::vector<std::string> values(const std::string& topic) {
    std::vector<std::string> found;
    for (int32_t p = 0; p < broker.partitions(topic); ++p) {
      for (const auto& record : broker.read_committed({topic, p})) {
        found.push_back(record.value.value_or(""));
      }
    }
    return found;
  }
  TaskStage stage(TaskId task) {
    for (const TaskInfo& info : registry.tasks()) {
      if (info.position.task == task) return info.stage;
    }
    return TaskStage::kSuspended;
  }
  bool is_running(TaskId task) { return stage(task) == TaskStage::kRunning; }

  testing::MemoryBroker broker;
  testing::ManualClock clock{1'700'000'000'000};
  EngineOptions options;
  std::unique_ptr<ClientFactory> clients;  ///< set before `open`, or the broker's
  std::unique_ptr<Instance> instance;
  QueryRegistry registry{clock};
  Backoff backoff{clock, 1'000};
  std::unique_ptr<DataPlane> plane;
  std::unique_ptr<TaskRoster> roster;

 private:
  static constexpr int kTurnsMax = 100'000;

  Topology topology_;
  FailPoint fail_point_ = FailPoint::create({}).value();
  std::unique_ptr<StateDirectory> directory_;
  std::unique_ptr<Application> application_;
  std::unique_ptr<ProducerSession> session_;
  std::unique_ptr<Coordinator> coordinator_;
  std::unique_ptr<Membership> membership_;
  GroupMetadata group_;
};

}  // namespace millrace::engine
