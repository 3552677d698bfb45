#include "oracle.h"

#include <algorithm>
#include <tuple>

#include <fmt/format.h>

#include "millrace/operators.h"

namespace millrace::simulation::windows_job {
namespace {

std::string window_key(const std::string& key, int64_t start_ms, int64_t end_ms) {
  std::string bytes;
  Serde<Windowed<std::string>>::encode({key, start_ms, end_ms}, bytes);
  return bytes;
}

std::string pair_of(const std::string& left, const std::string& right) {
  return left + "|" + right;
}

}  // namespace

std::string describe(const Outcome& outcome) {
  std::string window;
  if (!outcome.window.empty()) {
    const auto view = Serde<Windowed<std::string>>::view(Bytes(outcome.window));
    window = fmt::format("{} from {} to {}: ", view.key, view.start_ms, view.end_ms);
  }
  return fmt::format("{}{} at {}", window, outcome.value.value_or("nothing"), outcome.timestamp_ms);
}

void TaskOracle::add(const std::string& key, int64_t number, int64_t time_ms) {
  stream_ms_ = std::max(stream_ms_, time_ms);
  hop(key, number, time_ms);
  tumble(key, number, time_ms);
  extend_sessions(key, number, time_ms);
  join(key, number, time_ms);
  close();
}

void TaskOracle::hop(const std::string& key, int64_t number, int64_t time_ms) {
  for (int64_t start_ms = time_ms / kHopAdvanceMs * kHopAdvanceMs;
       start_ms >= 0 && start_ms > time_ms - kHopSizeMs; start_ms -= kHopAdvanceMs) {
    const int64_t end_ms = start_ms + kHopSizeMs;
    if (end_ms + kHopGraceMs <= stream_ms_) continue;
    const std::string window = window_key(key, start_ms, end_ms);
    std::vector<Outcome>& versions = list(kHops, window);
    Outcome next = versions.empty() ? Outcome{window, "", time_ms} : versions.back();
    *next.value += fmt::format(",{}", number);
    next.timestamp_ms = std::max(next.timestamp_ms, time_ms);
    versions.push_back(std::move(next));
  }
}

void TaskOracle::tumble(const std::string& key, int64_t number, int64_t time_ms) {
  const int64_t start_ms = time_ms / kTumbleMs * kTumbleMs;
  const int64_t end_ms = start_ms + kTumbleMs;
  if (end_ms + kTumbleGraceMs <= stream_ms_) return;
  std::vector<Window>& open = open_tumbles_[key];
  auto window = std::ranges::lower_bound(open, start_ms, {}, &Window::start_ms);
  if (window == open.end() || window->start_ms != start_ms) {
    window = open.insert(window, {start_ms, end_ms, time_ms, ""});
  }
  window->value += fmt::format(",{}", number);
  window->timestamp_ms = std::max(window->timestamp_ms, time_ms);
}

void TaskOracle::extend_sessions(const std::string& key, int64_t number, int64_t time_ms) {
  std::vector<Window>& open = open_sessions_[key];
  const auto is_near = [&](const Window& session) {
    return session.start_ms <= time_ms + kGapMs && session.end_ms >= time_ms - kGapMs &&
           session.end_ms + kGapMs + kGapGraceMs >= stream_ms_;
  };
  Window merged{time_ms, time_ms, time_ms, ""};
  for (const Window& session : open) {
    if (!is_near(session)) continue;
    merged.start_ms = std::min(merged.start_ms, session.start_ms);
    merged.end_ms = std::max(merged.end_ms, session.end_ms);
    merged.value += session.value;
  }
  if (merged.end_ms + kGapMs + kGapGraceMs < stream_ms_) return;
  const std::string window = window_key(key, merged.start_ms, merged.end_ms);
  for (const Window& session : open) {
    const std::string before = window_key(key, session.start_ms, session.end_ms);
    // One of this very time only gets another value.
    if (is_near(session) && (before != window || merged.start_ms != merged.end_ms)) {
      list(kSessions, before).push_back({before, std::nullopt, session.end_ms});
    }
  }
  std::erase_if(open, is_near);
  merged.value += fmt::format(",{}", number);
  merged.timestamp_ms = merged.end_ms;
  list(kSessions, window).push_back({window, merged.value, merged.end_ms});
  open.insert(std::ranges::lower_bound(open, merged.start_ms, {}, &Window::start_ms), merged);
}

void TaskOracle::join(const std::string& key, int64_t number, int64_t time_ms) {
  const bool left = is_left(number);
  Side own{number, time_ms, time_ms + (left ? kJoinAfterMs : kJoinBeforeMs)};
  if (own.end_ms + kJoinGraceMs < stream_ms_) return;
  std::vector<Side>& sides = sides_[key];
  std::vector<Side*> found;
  for (Side& side : sides) {
    const int64_t ahead_ms = left ? side.time_ms - time_ms : time_ms - side.time_ms;
    if (is_left(side.number) != left && side.end_ms + kJoinGraceMs >= stream_ms_ &&
        ahead_ms >= -kJoinBeforeMs && ahead_ms <= kJoinAfterMs) {
      found.push_back(&side);
    }
  }
  std::ranges::stable_sort(found, {}, [](const Side* side) { return side->time_ms; });
  for (Side* const side : found) {
    own.is_joined = side->is_joined = true;
    const std::string mine = std::to_string(number);
    const std::string other = std::to_string(side->number);
    list(kPairs, key)
        .push_back({"", left ? pair_of(mine, other) : pair_of(other, mine),
                    std::max(time_ms, side->time_ms)});
  }
  sides.push_back(own);
}

/// A key's results of closed windows are in the order of their ends.
void TaskOracle::close() {
  const auto close_windows = [this](auto& open, int64_t delay_ms, std::string_view name) {
    for (auto& [key, windows] : open) {
      std::erase_if(windows, [&, &of = key](const Window& window) {
        if (window.end_ms + delay_ms >= stream_ms_) return false;
        list(name, of).push_back(
            {window_key(of, window.start_ms, window.end_ms), window.value, window.timestamp_ms});
        return true;
      });
    }
  };
  close_windows(open_tumbles_, kTumbleGraceMs - 1, kTumbles);
  close_windows(open_sessions_, kGapMs + kGapGraceMs, kFinalSessions);
  for (auto& [key, sides] : sides_) {
    std::vector<Side> closed;
    for (Side& side : sides) {
      if (side.is_closed || side.end_ms + kJoinGraceMs >= stream_ms_) continue;
      side.is_closed = true;
      if (!side.is_joined) closed.push_back(side);
    }
    std::ranges::stable_sort(closed, {}, [](const Side& side) {
      return std::tuple(side.end_ms, side.time_ms, is_left(side.number));
    });
    for (const Side& side : closed) {
      const std::string number = std::to_string(side.number);
      list(kAlone, key)
          .push_back(
              {"", is_left(side.number) ? pair_of(number, "") : pair_of("", number), side.time_ms});
    }
  }
}

}  // namespace millrace::simulation::windows_job
