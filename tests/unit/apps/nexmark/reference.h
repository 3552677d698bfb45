#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "examples/nexmark/events.h"

namespace nexmark::reference {

/// All events of a kind, in the order in which they came.
struct Log {
  std::vector<PersonT> persons;
  std::vector<AuctionT> auctions;
  std::vector<BidT> bids;

  void add(const Event& event);
};

/// Auction, bidder, price, time.
using BidRow = std::tuple<int64_t, int64_t, int64_t, int64_t>;
BidRow row_of(const BidT& bid);

/// Each result as the SQL of Nexmark defines it. Windows have their start in ms as key, and those
/// that hold no event are left out.
std::multiset<BidRow> q0(const Log& log);
std::multiset<BidRow> q1(const Log& log);
/// Auction and price.
std::multiset<std::pair<int64_t, int64_t>> q2(const Log& log);
/// Seller, city, state of an auction.
std::map<int64_t, std::tuple<std::string, std::string, std::string>> q3(const Log& log);
/// Average price of a category.
std::map<int64_t, int64_t> q4(const Log& log);
/// Auctions with the most bids, and their number.
std::map<int64_t, std::pair<std::vector<int64_t>, int64_t>> q5(const Log& log);
/// The earliest of the highest bids.
std::map<int64_t, BidRow> q7(const Log& log);
/// Names by person and window.
std::map<std::pair<int64_t, int64_t>, std::string> q8(const Log& log);

}  // namespace nexmark::reference
