#pragma once

#include <chrono>
#include <cstdint>
#include <string>

#include "millrace/operators.h"

#include "nexmark_generated.h"

namespace nexmark {

using PersonId = int64_t;
using AuctionId = int64_t;
using Category = int64_t;
using WindowStartMs = int64_t;

inline constexpr millrace::Topic<PersonId, Person> kPersons{"nexmark.persons"};
inline constexpr millrace::Topic<AuctionId, Auction> kAuctions{"nexmark.auctions"};
inline constexpr millrace::Topic<AuctionId, Bid> kBids{"nexmark.bids"};

inline constexpr millrace::Topic<AuctionId, Bid> kPassed{"nexmark.q0"};
inline constexpr millrace::Topic<AuctionId, Bid> kEuroBids{"nexmark.q1"};
inline constexpr millrace::Topic<AuctionId, int64_t> kSelected{"nexmark.q2"};
inline constexpr millrace::Topic<AuctionId, LocalItem> kLocalItems{"nexmark.q3"};
inline constexpr millrace::Topic<Category, CategoryPrice> kAverages{"nexmark.q4"};
inline constexpr millrace::Topic<WindowStartMs, HotItems> kHotItems{"nexmark.q5"};
inline constexpr millrace::Topic<WindowStartMs, Bid> kHighestBids{"nexmark.q7"};
inline constexpr millrace::Topic<millrace::Windowed<PersonId>, NewSeller> kNewSellers{"nexmark.q8"};

/// No auction is open for longer.
inline constexpr std::chrono::seconds kAuctionMax{20};
/// Windows wait so long for events that come late.
inline constexpr std::chrono::seconds kGrace{5};
inline constexpr std::chrono::seconds kWindow{10};
inline constexpr std::chrono::seconds kAdvance{2};

/// The time at which an event happened, not that at which it was sent.
template <class Event>
int64_t time_of(const Event& event) {
  return event.date_time_ms();
}

/// All bids.
millrace::Result<millrace::Topology> q0();
/// Bids in euros.
millrace::Result<millrace::Topology> q1();
/// The prices of bids for every 123rd auction.
millrace::Result<millrace::Topology> q2();
/// Who sells in category 10 in Oregon, Idaho or California. Rows follow persons who move, and
/// auctions that change.
millrace::Result<millrace::Topology> q3();
/// The average price at which auctions of a category are sold: the highest bids between their
/// beginning and end. Rows change with each higher bid.
millrace::Result<millrace::Topology> q4();
/// The auctions with the most bids in the last 10 s, every 2 s. A row comes when its window closes,
/// and changes while other tasks close theirs.
millrace::Result<millrace::Topology> q5();
/// The highest bid of every 10 s, the earliest of several; rows as in query 5.
millrace::Result<millrace::Topology> q7();
/// Who opened an auction in the same 10 s in which he came.
millrace::Result<millrace::Topology> q8();

}  // namespace nexmark
