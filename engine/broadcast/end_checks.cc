#include "engine/broadcast/end_checks.h"

#include <utility>

namespace millrace::engine {
namespace {

constexpr int64_t kPauseMaxMs = 1'000;
/// One may wait for a broker that is away while others are answered.
constexpr size_t kCheckThreads = 2;

}  // namespace

EndChecks::Check::Check(const TopicPartition& checked, const Clock& clock)
    : partition(checked), end_question(clock, kPauseMaxMs), bounds_question(clock, kPauseMaxMs) {}

EndChecks::EndChecks(const ClientFactory& clients, Admin& admin, const Clock& clock,
                     int64_t interval_ms)
    : admin_(admin),
      clock_(clock),
      interval_ms_(interval_ms),
      errands_(clients.answers_at_once() ? 0 : kCheckThreads) {}

void EndChecks::add(const TopicPartition& partition) {
  checks_.emplace_back(partition, clock_);
}

std::optional<Admin::Watermarks> EndChecks::ask(const Check& check, Question<Answer>& question,
                                                bool& has_failed) {
  const std::optional<Answer> answer = question.poll(
      errands_,
      [&admin = admin_, partition = check.partition] { return admin.watermarks(partition); });
  has_failed = answer && !answer->ok();
  if (!answer) return {};
  if (has_failed) {
    question.record_failure();
    return {};
  }
  question.record_success();
  return **answer;
}

std::optional<int64_t> EndChecks::poll(size_t number, int64_t position) {
  Check& check = checks_[number];
  if (check.end < 0) {
    if (check.asked_ms < 0) {
      if (clock_.steady_ns() < check.due_ns) return {};
      check.asked_ms = clock_.now_ms();
    }
    bool has_failed = false;
    const std::optional<Admin::Watermarks> marks = ask(check, check.end_question, has_failed);
    if (has_failed) check.asked_ms = -1;
    if (!marks) return {};
    check.end = marks->high;
  }
  if (position < check.end) return {};
  check.end = -1;
  check.due_ns = clock_.steady_ns() + interval_ms_ * kNsPerMs;
  return std::exchange(check.asked_ms, -1);
}

void EndChecks::restart(size_t number) {
  Check& check = checks_[number];
  check.end_question.drop();
  check.asked_ms = check.end = -1;
}

std::optional<Admin::Watermarks> EndChecks::ask_bounds(size_t number) {
  Check& check = checks_[number];
  bool has_failed = false;
  return ask(check, check.bounds_question, has_failed);
}

}  // namespace millrace::engine
