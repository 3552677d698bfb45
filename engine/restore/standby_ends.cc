#include "engine/restore/standby_ends.h"

#include <algorithm>

namespace millrace::engine {
namespace {

constexpr int64_t kSilenceNs = 10'000 * kNsPerMs;
constexpr int64_t kPauseMaxMs = 1'000;
/// Of questions that no broker failed to answer, and of the others, which wait for long.
constexpr size_t kThreads = 1;

}  // namespace

StandbyEnds::End::End(const Clock& clock) : question(clock, kPauseMaxMs) {}

StandbyEnds::StandbyEnds(const ClientFactory& clients, Admin& admin, const Clock& clock)
    : admin_(admin),
      clock_(clock),
      errands_(clients.answers_at_once() ? 0 : kThreads),
      retries_(clients.answers_at_once() ? 0 : kThreads) {}

StandbyEnds::End& StandbyEnds::end_of(const TopicPartition& changelog) {
  return ends_.try_emplace(changelog, clock_).first->second;
}

void StandbyEnds::saw_end(const TopicPartition& changelog, int64_t at_ns) {
  end_of(changelog).known_ns = at_ns;
}

void StandbyEnds::poll(const TopicPartition& changelog, int64_t position) {
  End& end = end_of(changelog);
  if (!end.asked_ns) {
    const int64_t now_ns = clock_.steady_ns();
    if (end.known_ns && now_ns - *end.known_ns < kSilenceNs) return;
    end.asked_ns = now_ns;
  }
  if (!end.offset) {
    const std::optional<Answer> answer =
        end.question.poll(end.question.has_failed() ? retries_ : errands_,
                          [&admin = admin_, changelog] { return admin.watermarks(changelog); });
    if (!answer) return;
    if (!answer->ok()) {
      end.question.record_failure();
      end.asked_ns.reset();
      return;
    }
    end.question.record_success();
    end.offset = (*answer)->high;
  }
  if (position < *end.offset) return;
  end.known_ns = std::max(end.known_ns.value_or(*end.asked_ns), *end.asked_ns);
  end.asked_ns.reset();
  end.offset.reset();
}

std::optional<int64_t> StandbyEnds::known_ns(const TopicPartition& changelog) const {
  const auto found = ends_.find(changelog);
  return found == ends_.end() ? std::nullopt : found->second.known_ns;
}

}  // namespace millrace::engine
