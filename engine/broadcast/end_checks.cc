#include "engine/broadcast/end_checks.h"

#include <utility>

namespace millrace::engine {
namespace {

constexpr int64_t kPauseMaxMs = 1'000;

}  // namespace

EndChecks::Check::Check(const TopicPartition& checked, int64_t every_ms, const Clock& clock)
    : partition(checked), interval_ms(every_ms), question(clock, kPauseMaxMs) {}

EndChecks::EndChecks(const ClientFactory& clients, Admin& admin, const Clock& clock)
    : admin_(admin), clock_(clock), errands_(clients.answers_at_once() ? 0 : 1) {}

void EndChecks::add(const TopicPartition& partition, int64_t interval_ms) {
  checks_.emplace_back(partition, interval_ms, clock_);
}

std::optional<int64_t> EndChecks::poll(size_t number, int64_t position) {
  Check& check = checks_[number];
  if (check.end < 0) {
    if (check.asked_ms < 0) {
      if (clock_.steady_ns() < check.due_ns) return {};
      check.asked_ms = clock_.now_ms();
    }
    const std::optional<Answer> answer = check.question.poll(
        errands_,
        [&admin = admin_, partition = check.partition] { return admin.watermarks(partition); });
    if (!answer) return {};
    if (!answer->ok()) {
      check.question.record_failure();
      check.asked_ms = -1;
      return {};
    }
    check.question.record_success();
    check.end = (*answer)->high;
  }
  if (position < check.end) return {};
  check.end = -1;
  check.due_ns = clock_.steady_ns() + check.interval_ms * kNsPerMs;
  return std::exchange(check.asked_ms, -1);
}

void EndChecks::restart(size_t number) {
  Check& check = checks_[number];
  check.question.drop();
  check.asked_ms = check.end = -1;
}

}  // namespace millrace::engine
