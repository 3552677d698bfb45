#include "engine/group/topic_questions.h"

#include <utility>

#include <spdlog/spdlog.h>

namespace millrace::engine {
namespace {

constexpr int64_t kEndsPauseMaxMs = 1'000;
/// Each question has one, and one is for an answer that nobody waits for any more.
constexpr size_t kTopicThreads = 3;

}  // namespace

TopicQuestions::TopicQuestions(const ClientFactory& clients, Admin& admin, const Clock& clock,
                               const std::string& application_id)
    : admin_(admin),
      clock_(clock),
      topics_(group_topics(application_id)),
      backoff_(std::in_place, clock, kEndsPauseMaxMs),
      errands_(clients.answers_at_once() ? 0 : kTopicThreads) {}

void TopicQuestions::ask_for_ends() {
  needs_ends_ = true;
  ends_.reset();
  backoff_.emplace(clock_, kEndsPauseMaxMs);
}

bool TopicQuestions::have_ends(GroupLog& log) {
  if (!needs_ends_) return true;
  if (ends_ == nullptr) {
    if (!backoff_->is_due()) return false;
    ends_ = errands_.ask([this] { return GroupLog::ends(admin_, topics_); }, [] {});
  }
  if (!ends_->is_there()) return false;
  const auto answered = std::exchange(ends_, nullptr);
  const Result<GroupLog::Ends>& ends = answered->answer();
  if (!ends.ok()) {
    if (backoff_->record_failure()) {
      spdlog::warn("the end of the group's log is not known yet: {}", ends.message());
    }
    return false;
  }
  needs_ends_ = false;
  log.expect(*ends);
  return true;
}

void TopicQuestions::ask_for_topics() {
  if (found_ != nullptr) return;
  found_ = errands_.ask([this] { return look_for_topics(); }, [] {});
}

Status TopicQuestions::check_topics() {
  if (found_ == nullptr || !found_->is_there()) return {};
  return std::exchange(found_, nullptr)->answer();
}

Status TopicQuestions::look_for_topics() const {
  for (const std::string& name :
       {topics_.control, topics_.spare, topics_.plan, topics_.instances}) {
    const Result<TopicDescription> described = admin_.describe_topic(name);
    // Another failure says that Kafka is away, which passes.
    if (!described.ok() && described.code() == ErrorCode::kNotFound) {
      return group_topic_lost(name, "it does not exist");
    }
  }
  return {};
}

}  // namespace millrace::engine
