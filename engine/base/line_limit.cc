#include "engine/base/line_limit.h"

#include <spdlog/spdlog.h>

#include "engine/base/backoff.h"

namespace millrace::engine {
namespace {

constexpr int64_t kMinuteNs = 60'000 * kNsPerMs;

}  // namespace

void LineLimit::tell(std::string_view kind, const Minute& minute) {
  if (minute.lines <= kLinesMax) return;
  spdlog::warn("lines left out of the log kind=\"{}\" lines={}", kind, minute.lines - kLinesMax);
}

bool LineLimit::allows(std::string_view kind) {
  const std::lock_guard lock(mutex_);
  const int64_t now_ns = clock_.steady_ns();
  auto found = minutes_.find(kind);
  if (found == minutes_.end()) {
    found = minutes_.emplace(kind, Minute{now_ns, 0}).first;
  } else if (now_ns - found->second.since_ns >= kMinuteNs) {
    tell(kind, found->second);
    found->second = {now_ns, 0};
  }
  return ++found->second.lines <= kLinesMax;
}

void LineLimit::tell_left_out(bool is_end) {
  const std::lock_guard lock(mutex_);
  const int64_t now_ns = clock_.steady_ns();
  std::erase_if(minutes_, [&](const auto& entry) {
    const bool is_over = is_end || now_ns - entry.second.since_ns >= kMinuteNs;
    if (is_over) tell(entry.first, entry.second);
    return is_over;
  });
}

}  // namespace millrace::engine
