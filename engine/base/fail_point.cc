#include "engine/base/fail_point.h"

#include <charconv>
#include <cstdlib>
#include <string_view>

#include <fmt/format.h>

namespace millrace::engine {
namespace {

constexpr const char* kVariable = "MILLRACE_FAIL_POINT";
constexpr int kKilledExitCode = 137;
constexpr CommitStep kSteps[] = {CommitStep::kBegin,       CommitStep::kChangelogSent,
                                 CommitStep::kOffsetsSent, CommitStep::kTransactionCommitted,
                                 CommitStep::kTaskApplied, CommitStep::kDone};

bool is_step(std::string_view name) {
  for (const CommitStep step : kSteps) {
    if (to_string(step) == name) return true;
  }
  return false;
}

}  // namespace

Result<FailPoint> FailPoint::create(std::function<Status(CommitStep)> hook) {
  FailPoint point;
  point.hook_ = std::move(hook);
  const char* const value = std::getenv(kVariable);
  if (value == nullptr || *value == '\0') return point;
  const std::string_view text(value);
  const size_t colon = text.find(':');
  if (colon != std::string_view::npos) {
    point.step_ = text.substr(0, colon);
    const std::string_view count = text.substr(colon + 1);
    std::from_chars(count.data(), count.data() + count.size(), point.countdown_);
  }
  if (is_step(point.step_) && point.countdown_ > 0) return point;
  return Error{ErrorCode::kConfig,
               fmt::format("{}='{}' is not <step>:<n> with n > 0", kVariable, text)};
}

Status FailPoint::reach(CommitStep step) {
  if (countdown_ == 0 && !hook_) return {};
  const std::lock_guard lock(mutex_);
  if (!fired_.ok()) return fired_;
  if (countdown_ > 0 && to_string(step) == step_ && --countdown_ == 0) {
    std::_Exit(kKilledExitCode);
  }
  if (hook_) fired_ = hook_(step);
  has_fired_ = !fired_.ok();
  return fired_;
}

}  // namespace millrace::engine
