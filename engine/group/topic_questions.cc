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
      topics_(group_topics(application_id)),
      ends_(clock, kEndsPauseMaxMs),
      errands_(clients.answers_at_once() ? 0 : kTopicThreads) {}

void TopicQuestions::ask_for_ends() {
  needs_ends_ = true;
  ends_.drop();
}

bool TopicQuestions::have_ends(GroupLog& log) {
  if (!needs_ends_) return true;
  const std::optional<Result<GroupLog::Ends>> ends =
      ends_.poll(errands_, [this] { return GroupLog::ends(admin_, topics_); });
  if (!ends) return false;
  if (!ends->ok()) {
    if (ends_.record_failure()) {
      spdlog::warn("the end of the group's log is not known yet: {}", ends->message());
    }
    return false;
  }
  needs_ends_ = false;
  log.expect(**ends);
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
    if (errands_.is_stopping()) return {};  // each may take as long as brokers that are away
    const Result<TopicDescription> described = admin_.describe_topic(name);
    // Another failure says that Kafka is away, which passes.
    if (!described.ok() && described.code() == ErrorCode::kNotFound) {
      return group_topic_lost(name, "it does not exist");
    }
  }
  return {};
}

}  // namespace millrace::engine
