#pragma once

#include <cstddef>
#include <cstdint>
#include <random>
#include <utility>
#include <vector>

namespace millrace::apps {

struct DisorderOptions {
  size_t window = 0;             ///< items that wait; 0: order stays
  int64_t repeats_permille = 0;  ///< of items that come once more, at most 999
  uint64_t seed = 1;             ///< the same seed gives the same order
};

/// Delivers items like a source that delivers at least once: permuted among those that wait, and
/// some of them again a while later.
template <class Item>
class Disorder {
 public:
  explicit Disorder(DisorderOptions options) : options_(options), random_(options.seed) {}

  /// Calls `deliver(const Item&)` for items that have waited long enough. `deliver` returns a
  /// Status; an error ends the call and is returned.
  template <class Deliver>
  auto add(Item item, Deliver&& deliver) {
    waiting_.push_back(std::move(item));
    return deliver_down_to(options_.window, deliver);
  }
  /// The same for all items that still wait.
  template <class Deliver>
  auto finish(Deliver&& deliver) {
    return deliver_down_to(0, deliver);
  }

 private:
  template <class Deliver>
  auto deliver_down_to(size_t rest, Deliver& deliver) {
    decltype(deliver(std::declval<const Item&>())) status{};
    while (status.ok() && waiting_.size() > rest) {
      std::swap(waiting_[random_() % waiting_.size()], waiting_.back());
      status = deliver(std::as_const(waiting_.back()));
      const bool again = static_cast<int64_t>(random_() % 1000) < options_.repeats_permille;
      if (!again) waiting_.pop_back();
    }
    return status;
  }

  const DisorderOptions options_;
  std::mt19937_64 random_;
  std::vector<Item> waiting_;
};

}  // namespace millrace::apps
