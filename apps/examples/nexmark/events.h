#pragma once

#include <cstdint>
#include <random>
#include <variant>

#include "nexmark_generated.h"

namespace nexmark {

using Event = std::variant<PersonT, AuctionT, BidT>;

/// Makes the events of an auction house from a seed, the same on every machine: of 50 events one
/// person, three auctions, and 46 bids. Most come in the order of their times, some up to
/// `kDisorderMs` later than that, and some have equal times.
class Events {
 public:
  static constexpr int64_t kDisorderMs = 2'000;

  /// `begins_ms`: the time of the first event.
  Events(uint64_t seed, int64_t begins_ms) : random_(seed), now_ms_(begins_ms) {}

  Event next();
  /// When the last event is to be sent; one that comes late happened before.
  int64_t now_ms() const { return now_ms_; }

 private:
  /// From 0 to `count` − 1.
  int64_t below(int64_t count) {
    return static_cast<int64_t>(random_() % static_cast<uint64_t>(count));
  }
  /// Of the last `window` ids of those up to `last`, more often a hot one.
  int64_t recent(int64_t last, int64_t window);
  PersonT person(int64_t time_ms);
  AuctionT auction(int64_t time_ms);
  BidT bid(int64_t time_ms);

  std::mt19937_64 random_;
  int64_t now_ms_;
  int64_t made_ = 0;
  int64_t persons_ = 0;
  int64_t auctions_ = 0;
};

}  // namespace nexmark
