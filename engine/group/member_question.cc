#include "engine/group/member_question.h"

#include <algorithm>

#include <spdlog/spdlog.h>

namespace millrace::engine {
namespace {

constexpr int64_t kMembersPauseMaxMs = 1'000;
/// One for an answer that nobody waits for any more, one for the next question.
constexpr size_t kThreads = 2;

}  // namespace

MemberQuestion::MemberQuestion(const ClientFactory& clients, Admin& admin, const Clock& clock,
                               const std::string& instance)
    : admin_(admin),
      instance_(instance),
      question_(clock, kMembersPauseMaxMs),
      errands_(clients.answers_at_once() ? 0 : kThreads) {}

Result<std::optional<MemberQuestion::Members>> MemberQuestion::poll() {
  const std::optional<Result<Members>> answer =
      question_.poll(errands_, [&admin = admin_] { return admin.group_members(); });
  if (!answer) return std::optional<Members>();
  const Result<Members>& members = *answer;
  const bool is_listed =
      members.ok() && std::ranges::find(members.value(), instance_, &GroupMember::instance) !=
                          members.value().end();
  if (is_listed) {
    question_.record_success();
    return std::optional<Members>(members.value());
  }
  if (!members.ok() && !is_passing(members.code())) return members.status();
  // Right after a generation begins, Kafka may not list its members yet.
  const bool is_usual = !question_.has_failed();
  if (question_.record_failure()) {
    spdlog::log(is_usual ? spdlog::level::debug : spdlog::level::warn,
                "the group's members are not known yet: {}",
                members.ok() ? "this instance is not among them" : members.message());
  }
  return std::optional<Members>();
}

}  // namespace millrace::engine
