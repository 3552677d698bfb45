#include "examples/nexmark/events.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <string>
#include <utility>

#include "examples/nexmark/nexmark.h"

namespace nexmark {
namespace {

constexpr int64_t kEventsInARound = 50;
constexpr int64_t kAuctionsInARound = 3;
constexpr int64_t kGapMaxMs = 40;
constexpr int64_t kDisorderedOneIn = 8;
constexpr int64_t kHotOneIn = 2;
constexpr int64_t kRecentPersons = 100;
constexpr int64_t kRecentAuctions = 30;
constexpr int64_t kFirstCategory = 10;
constexpr int64_t kCategories = 5;
constexpr int64_t kPriceMaxCents = 100'000;
constexpr int64_t kOpenMinMs = 1'000;
constexpr int64_t kOpenMaxMs = std::chrono::milliseconds(kAuctionMax).count();

constexpr std::array kNames{"Ada", "Barbara", "Edsger", "Grace", "Ken", "Tony"};
constexpr std::array<std::pair<const char*, const char*>, 6> kCities{{{"Portland", "OR"},
                                                                      {"Boise", "ID"},
                                                                      {"Oakland", "CA"},
                                                                      {"Seattle", "WA"},
                                                                      {"Phoenix", "AZ"},
                                                                      {"Cheyenne", "WY"}}};

}  // namespace

Event Events::next() {
  const int64_t place = made_++ % kEventsInARound;
  now_ms_ += below(kGapMaxMs);
  // A round's person and its auctions come first, so that the first bids have an auction.
  const bool is_late = made_ > kEventsInARound && below(kDisorderedOneIn) == 0;
  const int64_t time_ms = is_late ? now_ms_ - below(kDisorderMs) : now_ms_;
  if (place == 0) return person(time_ms);
  if (place <= kAuctionsInARound) return auction(time_ms);
  return bid(time_ms);
}

int64_t Events::recent(int64_t last, int64_t window) {
  const int64_t first = std::max<int64_t>(last - window + 1, 1);
  if (below(kHotOneIn) == 0) return first;
  return first + below(last - first + 1);
}

PersonT Events::person(int64_t time_ms) {
  PersonT person;
  person.id = ++persons_;
  person.name = kNames.at(static_cast<size_t>(below(kNames.size())));
  const auto& [city, state] = kCities.at(static_cast<size_t>(below(kCities.size())));
  person.city = city;
  person.state = state;
  person.date_time_ms = time_ms;
  return person;
}

AuctionT Events::auction(int64_t time_ms) {
  AuctionT auction;
  auction.id = ++auctions_;
  auction.item = "item " + std::to_string(auction.id);
  // Somebody new opens an auction at once, more often than others.
  auction.seller = below(kHotOneIn) == 0 ? persons_ : recent(persons_, kRecentPersons);
  auction.category = kFirstCategory + below(kCategories);
  auction.date_time_ms = time_ms;
  auction.expires_ms = time_ms + kOpenMinMs + below(kOpenMaxMs - kOpenMinMs);
  return auction;
}

BidT Events::bid(int64_t time_ms) {
  BidT bid;
  bid.auction = recent(auctions_, kRecentAuctions);
  bid.bidder = recent(persons_, kRecentPersons);
  bid.price = 1 + below(kPriceMaxCents);
  bid.date_time_ms = time_ms;
  return bid;
}

}  // namespace nexmark
