#include "engine/loop/application.h"

#include <algorithm>
#include <string>
#include <utility>

#include "millrace/core/assert.h"

#include "engine/topics/internal_topics.h"

namespace millrace::engine {

Application::Application(Topology topology, Instance& instance,
                         std::optional<SealingKey> letter_key)
    : topology_(std::move(topology)), instance_(instance), letter_key_(std::move(letter_key)) {
  environment_.options = &instance_.options;
  environment_.outputs = &outputs_;
  environment_.clock = &instance_.clock;
  environment_.lines = &instance_.lines;
  environment_.changes = &instance_.changes;
  environment_.letter_key = letter_key_ ? &*letter_key_ : nullptr;
}

Status Application::place() {
  const EngineOptions& options = instance_.options;
  if (admin_ == nullptr) {
    Result<std::unique_ptr<Admin>> admin = instance_.clients.admin();
    if (!admin.ok()) return admin.status();
    admin_ = std::move(*admin);
  }
  if (sub_topologies_.empty()) {
    Result<ResolvedTopology> resolved = prepare_topics(*admin_, topology_, options);
    if (!resolved.ok()) return resolved.status();
    MILLRACE_RETURN_IF_ERROR(open_broadcasts(*resolved));
    sub_topologies_ = std::move(resolved->sub_topologies);
    outputs_ = OutputTopics(resolved->output_topics);
    if (const std::string letters = dead_letter_topic(options); !letters.empty()) {
      environment_.dead_letters = outputs_.add(letters);
    }
  }
  return outputs_.describe(*admin_);
}

Status Application::open_broadcasts(const ResolvedTopology& resolved) {
  if (resolved.broadcast_partitions.empty()) return {};
  Result<std::unique_ptr<Fetcher>> fetcher =
      instance_.clients.fetcher("broadcast", RecordHeaders::kRead);
  if (!fetcher.ok()) return fetcher.status();
  auto reader = std::make_unique<BroadcastReader>(std::move(*fetcher), instance_.clients, *admin_,
                                                  instance_.options, instance_.clock,
                                                  instance_.metrics, instance_.lines);
  MILLRACE_RETURN_IF_ERROR(reader->open(topology_, resolved));
  broadcasts_ = std::move(reader);
  environment_.broadcasts = broadcasts_.get();
  return {};
}

const SubTopology* Application::find(TaskId task) const {
  const auto found = std::find_if(
      sub_topologies_.begin(), sub_topologies_.end(), [&](const SubTopology& candidate) {
        return candidate.index == task.sub_topology && task.partition >= 0 &&
               task.partition < candidate.partitions;
      });
  return found == sub_topologies_.end() ? nullptr : &*found;
}

bool Application::has_task(TaskId task) const {
  return find(task) != nullptr;
}

const SubTopology& Application::sub_topology_of(TaskId task) const {
  const SubTopology* const found = find(task);
  MILLRACE_ASSERT(found != nullptr, "a task of no sub-topology");
  return *found;
}

}  // namespace millrace::engine
