#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <string>

#include "millrace/engine/http_route.h"
#include "millrace/engine/query_router.h"

#include "engine/queries/router.h"
#include "engine/queries/watch_hub.h"

namespace millrace::engine {

/// The events of one subscriber: an answer that is composed again whenever a row may have changed
/// that it was composed of.
class Subscription final : public HttpEventSource {
 public:
  struct Wanted {
    std::string event;  ///< the events' name
    QueryRouter::MakeWatched make;
    std::string from;  ///< id of the last event that the subscriber has, or a position; or empty
    NextOffsets min_position;  ///< of `from`
  };
  /// The first answer has to include `min_position`. Both outlive it.
  Subscription(const Reach& reach, WatchHub& hub, Wanted wanted);

  /// Composes the answer for the first time. Another status than 200: it is the answer, and this is
  /// of no use.
  HttpAnswer open(std::chrono::steady_clock::time_point deadline);

  void start(std::function<void()> wake) override;
  Made make() override;
  std::string first_id() const override { return wanted_.from; }

 private:
  struct Composed {
    HttpAnswer answer;
    std::string position;  ///< token of the states that it comes from
    std::string mark;      ///< of status and content
    std::vector<WatchedRange> reads;
    std::map<TaskId, NextOffsets> states;
  };
  Composed compose(std::chrono::steady_clock::time_point deadline, NextOffsets min_position) const;
  /// Whether a state is older than one that was seen before: another owner, who is none any more.
  bool is_older(const Composed& composed) const;
  Made take(Composed composed);
  Made try_again();

  const Reach reach_;
  WatchHub& hub_;
  const Wanted wanted_;
  std::unique_ptr<WatchHub::Watch> watch_;
  std::optional<Composed> first_;
  std::string mark_;                      ///< of the last event; empty: there was none
  std::map<TaskId, NextOffsets> states_;  ///< that it came from
  std::chrono::milliseconds pause_;       ///< before the next attempt after a failure
  std::chrono::steady_clock::time_point rest_until_{};
  int older_states_ = 0;  ///< in a row
};

}  // namespace millrace::engine
