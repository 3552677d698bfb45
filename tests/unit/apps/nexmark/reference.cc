#include "reference.h"

#include <algorithm>
#include <type_traits>
#include <variant>

namespace nexmark::reference {
namespace {

constexpr int64_t kTumbleMs = 10'000;
constexpr int64_t kHopMs = 2'000;

int64_t window_of(int64_t time_ms) {
  return time_ms / kTumbleMs * kTumbleMs;
}

}  // namespace

void Log::add(const Event& event) {
  std::visit(
      [this](const auto& one) {
        using Kind = std::decay_t<decltype(one)>;
        if constexpr (std::is_same_v<Kind, PersonT>) persons.push_back(one);
        if constexpr (std::is_same_v<Kind, AuctionT>) auctions.push_back(one);
        if constexpr (std::is_same_v<Kind, BidT>) bids.push_back(one);
      },
      event);
}

BidRow row_of(const BidT& bid) {
  return {bid.auction, bid.bidder, bid.price, bid.date_time_ms};
}

std::multiset<BidRow> q0(const Log& log) {
  std::multiset<BidRow> rows;
  for (const BidT& bid : log.bids) rows.insert(row_of(bid));
  return rows;
}

std::multiset<BidRow> q1(const Log& log) {
  std::multiset<BidRow> rows;
  for (BidT bid : log.bids) {
    bid.price = bid.price * 908 / 1'000;
    rows.insert(row_of(bid));
  }
  return rows;
}

std::multiset<std::pair<int64_t, int64_t>> q2(const Log& log) {
  std::multiset<std::pair<int64_t, int64_t>> rows;
  for (const BidT& bid : log.bids) {
    if (bid.auction % 123 == 0) rows.emplace(bid.auction, bid.price);
  }
  return rows;
}

std::map<int64_t, std::tuple<std::string, std::string, std::string>> q3(const Log& log) {
  std::map<int64_t, PersonT> persons;  // the last state of each
  for (const PersonT& person : log.persons) persons[person.id] = person;
  std::map<int64_t, std::tuple<std::string, std::string, std::string>> rows;
  for (const AuctionT& auction : log.auctions) {
    const auto seller = persons.find(auction.seller);
    if (auction.category != 10 || seller == persons.end()) continue;
    const PersonT& person = seller->second;
    if (person.state != "OR" && person.state != "ID" && person.state != "CA") continue;
    rows[auction.id] = {person.name, person.city, person.state};
  }
  return rows;
}

std::map<int64_t, int64_t> q4(const Log& log) {
  std::map<int64_t, std::vector<int64_t>> finals;
  for (const AuctionT& auction : log.auctions) {
    int64_t price = 0;
    for (const BidT& bid : log.bids) {
      if (bid.auction == auction.id && bid.date_time_ms >= auction.date_time_ms &&
          bid.date_time_ms <= auction.expires_ms) {
        price = std::max(price, bid.price);
      }
    }
    if (price > 0) finals[auction.category].push_back(price);
  }
  std::map<int64_t, int64_t> averages;
  for (const auto& [category, prices] : finals) {
    int64_t total = 0;
    for (const int64_t price : prices) total += price;
    averages[category] = total / static_cast<int64_t>(prices.size());
  }
  return averages;
}

std::map<int64_t, std::pair<std::vector<int64_t>, int64_t>> q5(const Log& log) {
  std::map<int64_t, std::map<int64_t, int64_t>> counts;  // by window, then auction
  for (const BidT& bid : log.bids) {
    int64_t start_ms = bid.date_time_ms / kHopMs * kHopMs;
    for (; start_ms + kTumbleMs > bid.date_time_ms; start_ms -= kHopMs) {
      ++counts[start_ms][bid.auction];
    }
  }
  std::map<int64_t, std::pair<std::vector<int64_t>, int64_t>> hot;
  for (const auto& [start_ms, auctions] : counts) {
    auto& [ids, most] = hot[start_ms];
    for (const auto& [auction, count] : auctions) most = std::max(most, count);
    for (const auto& [auction, count] : auctions) {
      if (count == most) ids.push_back(auction);
    }
  }
  return hot;
}

std::map<int64_t, BidRow> q7(const Log& log) {
  std::map<int64_t, BidT> highest;
  for (const BidT& bid : log.bids) {
    const auto [best, is_first] = highest.try_emplace(window_of(bid.date_time_ms), bid);
    const auto rank = [](const BidT& of) {
      return std::tuple(-of.price, of.date_time_ms, of.auction, of.bidder);
    };
    if (rank(bid) < rank(best->second)) best->second = bid;
  }
  std::map<int64_t, BidRow> rows;
  for (const auto& [start_ms, bid] : highest) rows[start_ms] = row_of(bid);
  return rows;
}

std::map<std::pair<int64_t, int64_t>, std::string> q8(const Log& log) {
  std::map<std::pair<int64_t, int64_t>, std::string> rows;
  for (const PersonT& person : log.persons) {
    for (const AuctionT& auction : log.auctions) {
      const int64_t start_ms = window_of(person.date_time_ms);
      if (auction.seller == person.id && window_of(auction.date_time_ms) == start_ms) {
        rows[{person.id, start_ms}] = person.name;
      }
    }
  }
  return rows;
}

}  // namespace nexmark::reference
