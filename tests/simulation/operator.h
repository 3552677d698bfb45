#pragma once

#include <algorithm>
#include <cstddef>
#include <optional>
#include <set>
#include <string_view>
#include <utility>

#include "millrace/core/result.h"

namespace millrace::simulation {

/// Things done to an application that may end its instances.
enum class Event : unsigned char {
  kInputGrown,
  kTableGrown,
  kInputReplaced,
  kChangelogDeleted,
  kForeignRow,
  kRefusal,
};

/// The deeds that an instance's last words ask for; a later one makes up for an earlier one.
enum class Order : unsigned char {
  kStartAgain,
  kStartAllAgain,
  kForgive,  ///< another policy for what cannot be processed
  kGrowOthers,
  kSetOffsets,
  kBringBack,
  kReset,
};
inline constexpr size_t kOrders = static_cast<size_t>(Order::kReset) + 1;
std::string_view to_string(Order order);

/// The person who answers for the application: knows what was done to it, reads what an instance
/// says when it ends, and finds there what is to be done.
class Operator {
 public:
  void learn(Event event) { events_.insert(event); }
  void forget(Event event) { events_.erase(event); }
  /// A reset leaves the inputs as they are.
  void forget_all_but_inputs() {
    std::erase_if(events_, [](Event event) { return event != Event::kRefusal; });
  }
  bool knows(Event event) const { return events_.contains(event); }

  /// Nothing: no event explains this end.
  std::optional<Order> read(const Status& end) const;

  void give(Order order) { due_ = std::max(due_.value_or(order), order); }
  bool has_orders() const { return due_.has_value(); }
  std::optional<Order> take_order() { return std::exchange(due_, std::nullopt); }

 private:
  std::set<Event> events_;
  std::optional<Order> due_;
};

}  // namespace millrace::simulation
