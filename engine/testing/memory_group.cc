// The consumer group of the broker in memory: members, sessions, generations.
#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "engine/testing/memory_broker.h"

namespace millrace::testing {

void MemoryBroker::set_sessions(Sessions sessions) {
  const std::lock_guard lock(mutex_);
  sessions_ = sessions;
}

int64_t MemoryBroker::join(std::vector<std::string> topics, std::string instance) {
  const int64_t id = next_member_++;
  Member member;
  member.topics = std::move(topics);
  member.instance = std::move(instance);
  const auto former = std::find_if(members_.begin(), members_.end(), [&](const auto& entry) {
    return sessions_ == Sessions::kStatic && entry.second.instance == member.instance;
  });
  bool resumes = false;
  if (former != members_.end()) {
    resumes = !rebalancing_ && former->second.topics == member.topics;
    member.assigned = std::move(former->second.assigned);
    members_.erase(former);
  }
  Member& joined = members_.emplace(id, std::move(member)).first->second;
  if (!resumes) {
    start_rebalance();
    return id;
  }
  joined.has_assignment = true;
  joined.events.push_back({engine::MembershipEvent::Kind::kAssigned,
                           {generation_, fmt::format("{}", id)},
                           joined.assigned});
  return id;
}

void MemoryBroker::leave(int64_t id, bool is_orderly) {
  expelled_.erase(id);
  const auto member = members_.find(id);
  if (member == members_.end()) return;
  // A static member keeps its place whatever it does: only its session ends it.
  const bool stays =
      sessions_ == Sessions::kStatic || (sessions_ == Sessions::kDynamic && !is_orderly);
  if (stays) {
    member->second.is_orphan = true;
    return;
  }
  members_.erase(member);
  if (!members_.empty()) start_rebalance();
}

void MemoryBroker::end_session(const std::string& instance, Whose whose) {
  const std::lock_guard lock(mutex_);
  bool is_smaller = false;
  for (auto member = members_.begin(); member != members_.end();) {
    const bool is_concerned = whose == Whose::kAny || member->second.is_orphan;
    if (member->second.instance != instance || !is_concerned) {
      ++member;
      continue;
    }
    is_smaller = true;
    if (!member->second.is_orphan) {
      Member& lost = expelled_[member->first];
      lost = std::move(member->second);
      lost.events.clear();
      lost.events.push_back({engine::MembershipEvent::Kind::kLost, {}, {}});
    }
    member = members_.erase(member);
  }
  if (is_smaller) start_rebalance();
}

void MemoryBroker::rebalance() {
  const std::lock_guard lock(mutex_);
  if (!rebalancing_ && !members_.empty()) start_rebalance();
}

void MemoryBroker::start_rebalance() {
  rebalancing_ = true;
  for (auto& [id, member] : members_) {
    if (!member.has_assignment || member.owes_acknowledgement) continue;
    member.owes_acknowledgement = true;
    member.events.push_back({engine::MembershipEvent::Kind::kRevoked, {}, {}});
  }
  finish_rebalance_if_acknowledged();
  changed_.notify_all();
}

void MemoryBroker::finish_rebalance_if_acknowledged() {
  if (!rebalancing_) return;
  for (const auto& [id, member] : members_) {
    if (member.owes_acknowledgement) return;
  }
  rebalancing_ = false;
  ++generation_;
  // Range assignment, topic by topic: blocks of partitions over the members in order.
  std::map<int64_t, std::vector<TopicPartition>> assigned;
  std::set<std::string> topics;
  for (const auto& [id, member] : members_)
    topics.insert(member.topics.begin(), member.topics.end());
  for (const std::string& topic : topics) {
    const auto found = topics_.find(topic);
    if (found == topics_.end()) continue;
    const size_t count = found->second.logs.size();
    size_t index = 0;
    for (const auto& [id, member] : members_) {
      const size_t base = count / members_.size();
      const size_t extra = count % members_.size();
      const size_t first = index * base + std::min(index, extra);
      const size_t last = first + base + (index < extra ? 1 : 0);
      for (size_t p = first; p < last; ++p) {
        assigned[id].push_back({topic, static_cast<int32_t>(p)});
      }
      ++index;
    }
  }
  for (auto& [id, member] : members_) {
    member.has_assignment = true;
    member.assigned = assigned[id];
    member.events.push_back({engine::MembershipEvent::Kind::kAssigned,
                             {generation_, fmt::format("{}", id)},
                             member.assigned});
  }
  changed_.notify_all();
}

Status MemoryBroker::check_generation(int64_t member, const engine::GroupMetadata& group) const {
  if (members_.contains(member) && group.generation == generation_) return {};
  return Error{ErrorCode::kAborted, fmt::format("generation {} is over, the group is at {}",
                                                group.generation, generation_)};
}

}  // namespace millrace::testing
