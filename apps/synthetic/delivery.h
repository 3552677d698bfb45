#pragma once

#include <cstdint>
#include <map>
#include <utility>
#include <variant>

#include "apps/synthetic/event.h"
#include "apps/synthetic/random.h"

namespace millrace::apps::synthetic {

/// Delivers events like a capture of changes that delivers at least once: of a thousand record
/// changes and merges, 20 come late and 10 once more, by some hundreds of events. Definitions, of
/// which only the latest counts, keep their order.
class Delivery {
 public:
  Delivery(uint64_t seed, EventSink sink) : random_(scrambled(~seed)), sink_(std::move(sink)) {}

  void add(Event event) {
    ++events_;
    while (!waiting_.empty() && waiting_.begin()->first <= events_) deliver_first();
    if (!std::holds_alternative<DefinitionChange>(event)) {
      const uint64_t dice = random_.below(1000);
      if (dice < kRepeated) wait(event);
      if (dice >= kRepeated && dice < kRepeated + kLate) return wait(std::move(event));
    }
    sink_(std::move(event));
  }
  void finish() {
    while (!waiting_.empty()) deliver_first();
  }

 private:
  static constexpr uint64_t kRepeated = 10;
  static constexpr uint64_t kLate = 20;
  static constexpr uint64_t kDelayMax = 500;

  void wait(Event event) {
    waiting_.emplace(events_ + 1 + random_.below(kDelayMax), std::move(event));
  }
  void deliver_first() {
    sink_(std::move(waiting_.begin()->second));
    waiting_.erase(waiting_.begin());
  }

  Random random_;
  EventSink sink_;
  uint64_t events_ = 0;
  std::multimap<uint64_t, Event> waiting_;  ///< by the number of events before them
};

}  // namespace millrace::apps::synthetic
