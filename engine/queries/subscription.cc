#include "engine/queries/subscription.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "engine/secrets/bearer.h"

namespace millrace::engine {
namespace {

using std::chrono::steady_clock;

/// One that waits for instances that are away must leave the threads to the others.
constexpr std::chrono::milliseconds kComposeMax{3'000};
constexpr std::chrono::milliseconds kFirstPause{100};
constexpr std::chrono::milliseconds kLastPause{2'000};
/// A long answer over rows that change all the time must not keep a thread busy: after it was
/// composed, the subscription rests for so many times as long.
constexpr int kRestFactor = 4;
/// About ten seconds with the pauses between.
constexpr int kOlderStatesMax = 8;

}  // namespace

Subscription::Subscription(const Reach& reach, WatchHub& hub, Wanted wanted)
    : reach_(reach),
      hub_(hub),
      wanted_(std::move(wanted)),
      mark_(mark_in(wanted_.from)),
      pause_(kFirstPause) {}

HttpAnswer Subscription::open(steady_clock::time_point deadline) {
  Composed composed = compose(deadline, wanted_.min_position);
  if (composed.answer.status != 200) return std::move(composed.answer);
  first_ = std::move(composed);
  return {};
}

Subscription::Composed Subscription::compose(steady_clock::time_point deadline,
                                             NextOffsets min_position) const {
  const RoutedQueries queries(reach_,
                              {.bounds = {},
                               .deadline = deadline,
                               .min_position = std::move(min_position),
                               .notes_reads = true},
                              true);
  QueryRouter::Watched watched = wanted_.make(queries);
  Composed composed{.answer = std::move(watched.answer),
                    .position = position_token(queries.seen()),
                    .mark = {},
                    .reads = queries.reads(),
                    .states = queries.states()};
  if (composed.position.size() > kPositionTokenLengthMax) composed.position.clear();
  composed.mark = salted_hash(fmt::format("{} ", composed.answer.status), watched.content)
                      .substr(0, kEventMarkLength);
  return composed;
}

void Subscription::start(std::function<void()> wake) {
  watch_ = hub_.add(std::move(wake));
}

HttpEventSource::Made Subscription::make() {
  if (hub_.is_over()) return {.event = {}, .is_last = true};
  if (first_) return take(*std::exchange(first_, std::nullopt));
  const steady_clock::time_point now = steady_clock::now();
  if (now < rest_until_) {
    return {.event = {},
            .again_in = std::chrono::ceil<std::chrono::milliseconds>(rest_until_ - now)};
  }
  Composed composed = compose(now + kComposeMax, {});
  const steady_clock::time_point end = steady_clock::now();
  rest_until_ = end + std::min<steady_clock::duration>(kRestFactor * (end - now), kLastPause);
  const bool is_shown = composed.answer.status == 200 || composed.answer.status == 404;
  if (!is_shown) return try_again();
  if (is_older(composed)) {
    // A state that stays older was set back: the subscriber begins again.
    return ++older_states_ > kOlderStatesMax ? Made{.event = {}, .is_last = true} : try_again();
  }
  return take(std::move(composed));
}

HttpEventSource::Made Subscription::take(Composed composed) {
  pause_ = kFirstPause;
  older_states_ = 0;
  // Changes after the rows were read, and before the hub watches them, wake all the same.
  watch_->set(std::move(composed.reads));
  for (auto& [task, offsets] : composed.states) states_[task] = std::move(offsets);
  if (composed.mark == mark_) return {};
  mark_ = composed.mark;
  std::string data = std::move(composed.answer.body);
  while (data.ends_with('\n')) data.pop_back();
  return {.event = HttpEvent{.name = composed.answer.status == 200 ? wanted_.event : "gone",
                             .id = event_id(composed.position, mark_),
                             .data = std::move(data)}};
}

HttpEventSource::Made Subscription::try_again() {
  const auto pause = std::exchange(pause_, std::min(2 * pause_, kLastPause));
  return {.event = {}, .again_in = pause};
}

bool Subscription::is_older(const Composed& composed) const {
  return std::ranges::any_of(composed.states, [this](const auto& state) {
    const auto known = states_.find(state.first);
    return known != states_.end() && !includes(state.second, known->second);
  });
}

}  // namespace millrace::engine
