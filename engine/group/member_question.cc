#include "engine/group/member_question.h"

#include <algorithm>
#include <utility>

#include <spdlog/spdlog.h>

namespace millrace::engine {
namespace {

constexpr int64_t kPauseMaxMs = 1'000;
/// One for an answer that nobody waits for any more, one for the next question.
constexpr size_t kThreads = 2;

}  // namespace

MemberQuestion::MemberQuestion(const ClientFactory& clients, Admin& admin, const Clock& clock,
                               const std::string& instance)
    : admin_(admin),
      clock_(clock),
      instance_(instance),
      backoff_(std::in_place, clock, kPauseMaxMs),
      errands_(clients.answers_at_once() ? 0 : kThreads) {}

void MemberQuestion::drop() {
  answer_.reset();
  backoff_.emplace(clock_, kPauseMaxMs);
}

Result<std::optional<MemberQuestion::Members>> MemberQuestion::poll() {
  if (answer_ == nullptr) {
    if (!backoff_->is_due()) return std::optional<Members>();
    answer_ = errands_.ask([&admin = admin_] { return admin.group_members(); }, [] {});
  }
  if (!answer_->is_there()) return std::optional<Members>();
  const auto answered = std::exchange(answer_, nullptr);
  const Result<Members>& members = answered->answer();
  const bool is_listed =
      members.ok() && std::ranges::find(members.value(), instance_, &GroupMember::instance) !=
                          members.value().end();
  if (is_listed) {
    backoff_->record_success();
    return std::optional<Members>(members.value());
  }
  if (!members.ok() && !is_passing(members.code())) return members.status();
  // Right after a generation begins, Kafka may not list its members yet.
  const bool is_usual = backoff_->attempts() == 0;
  if (backoff_->record_failure()) {
    spdlog::log(is_usual ? spdlog::level::debug : spdlog::level::warn,
                "the group's members are not known yet: {}",
                members.ok() ? "this instance is not among them" : members.message());
  }
  return std::optional<Members>();
}

}  // namespace millrace::engine
