#include <algorithm>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <tuple>
#include <utility>
#include <variant>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "millrace/testing/topology_driver.h"

#include "examples/nexmark/events.h"
#include "examples/nexmark/nexmark.h"
#include "reference.h"

namespace nexmark {
namespace {

using ::testing::ContainerEq;

constexpr int64_t kBeginsMs = 1'700'000'000'000;
constexpr int kEvents = 8'000;
/// Fewer than 5 s of events, with those that come late: a run of the driver may read one topic to
/// its end before it begins another.
constexpr int kEventsInARun = 100;
constexpr int64_t kMovesOneIn = 5;
/// Closes all windows of the events, and is in none of them.
constexpr int64_t kLaterMs = 3'600'000;
constexpr int64_t kAuctionsOfAllTasks = 20;

/// The events of a seed, and now and then a seller who has moved.
std::vector<Event> make_events(uint64_t seed) {
  Events made(seed, kBeginsMs);
  std::vector<Event> events;
  while (events.size() < kEvents) {
    events.push_back(made.next());
    const PersonT* const person = std::get_if<PersonT>(&events.back());
    if (person == nullptr || person->id % kMovesOneIn != 0) continue;
    PersonT moved = *person;
    moved.city = moved.state == "OR" ? "Seattle" : "Portland";
    moved.state = moved.state == "OR" ? "WA" : "OR";
    events.emplace_back(moved);
  }
  return events;
}

reference::Log log_of(const std::vector<Event>& events) {
  reference::Log log;
  for (const Event& event : events) log.add(event);
  return log;
}

reference::BidRow row_of(const Bid& bid) {
  return {bid.auction(), bid.bidder(), bid.price(), bid.date_time_ms()};
}

/// A query on the events of a seed, with or without crashes.
class NexmarkTest : public ::testing::TestWithParam<bool> {
 protected:
  NexmarkTest() : events_(make_events(1)), log_(log_of(events_)) {}

  void run(millrace::Result<millrace::Topology> query) {
    millrace::testing::DriverOptions options;
    options.partitions = 2;
    options.start_time_ms = kBeginsMs;
    for (const millrace::Node& node : query->nodes()) {
      if (node.kind == millrace::NodeKind::kSource) sources_.insert(node.topic.name);
    }
    driver_ = std::make_unique<millrace::testing::TopologyDriver>(std::move(query), options);
    const size_t crashes_at = GetParam() ? events_.size() / 2 / kEventsInARun * kEventsInARun : 0;
    for (size_t i = 0; i < events_.size(); ++i) {
      std::visit([this](const auto& event) { pipe(event); }, events_[i]);
      if (crashes_at > 0 && i == crashes_at + kEventsInARun / 2) {
        driver_->crash_at(millrace::CommitStep::kTransactionCommitted);
        EXPECT_FALSE(driver_->try_run().ok());
        driver_->crash_and_restart();
      }
      if (i % kEventsInARun == 0) driver_->run();
    }
    driver_->run();
    for (int64_t auction = 0; auction < kAuctionsOfAllTasks; ++auction) {
      BidT later;
      later.auction = -auction;
      later.date_time_ms = kBeginsMs + kLaterMs;
      pipe(later);
    }
    driver_->run();
    // Windows close by hundreds at a time.
    for (int i = 0; i < 20; ++i) {
      driver_->advance_time(100);
      driver_->run();
    }
  }

  /// The latest rows of a topic, each as `read` makes it.
  template <class K, class V, class Rows, class Read>
  Rows latest(millrace::Topic<K, V> topic, Read read) {
    Rows rows;
    for (const auto& [key, value] : driver_->table_bytes(topic.name)) {
      rows.insert(read(millrace::view_of<K>(millrace::Bytes(key)),
                       millrace::view_of<V>(millrace::Bytes(value))));
    }
    return rows;
  }

  /// All bids of a topic but those that close windows.
  std::multiset<reference::BidRow> bids_of(millrace::Topic<AuctionId, Bid> topic) {
    std::multiset<reference::BidRow> rows;
    for (const auto& record : driver_->read(topic)) {
      if (record.key() > 0) rows.insert(row_of(record.value()));
    }
    return rows;
  }

  const std::vector<Event> events_;
  const reference::Log log_;
  std::unique_ptr<millrace::testing::TopologyDriver> driver_;

 private:
  void pipe(const PersonT& person) { pipe_to<Person>(kPersons, person.id, person); }
  void pipe(const AuctionT& auction) { pipe_to<Auction>(kAuctions, auction.id, auction); }
  void pipe(const BidT& bid) { pipe_to<Bid>(kBids, bid.auction, bid); }
  /// Queries leave out events that they do not need.
  template <class F, class K, class Event>
  void pipe_to(millrace::Topic<K, F> topic, int64_t key, const Event& event) {
    if (!sources_.contains(topic.name)) return;
    driver_->pipe(topic, key, millrace::Flat<F>(event), event.date_time_ms);
  }

  std::set<std::string, std::less<>> sources_;  ///< topics of the query
};

INSTANTIATE_TEST_SUITE_P(Crash, NexmarkTest, ::testing::Bool(), [](const auto& crash) {
  return std::string(crash.param ? "WithACrash" : "WithoutCrashes");
});

TEST(NexmarkEvents, AreTheSameForASeedAndHaveLateOnesAndEqualTimes) {
  const reference::Log log = log_of(make_events(1));
  const reference::Log again = log_of(make_events(1));
  EXPECT_THAT(reference::q0(log), ContainerEq(reference::q0(again)));
  EXPECT_NE(reference::q0(log), reference::q0(log_of(make_events(2))));
  int late = 0;
  int equal = 0;
  for (size_t i = 1; i < log.bids.size(); ++i) {
    if (log.bids[i].date_time_ms < log.bids[i - 1].date_time_ms) ++late;
    if (log.bids[i].date_time_ms == log.bids[i - 1].date_time_ms) ++equal;
  }
  EXPECT_GT(late, 500);
  EXPECT_GT(equal, 50);
  EXPECT_GT(reference::q2(log).size(), 10U);
  EXPECT_GT(reference::q3(log).size(), 20U);
  EXPECT_EQ(reference::q4(log).size(), 5U);
  EXPECT_GT(reference::q5(log).size(), 50U);
  EXPECT_GT(reference::q7(log).size(), 10U);
  EXPECT_GT(reference::q8(log).size(), 20U);
}

TEST_P(NexmarkTest, Query0PassesBids) {
  run(q0());
  EXPECT_THAT(bids_of(kPassed), ContainerEq(reference::q0(log_)));
}

TEST_P(NexmarkTest, Query1ConvertsPrices) {
  run(q1());
  EXPECT_THAT(bids_of(kEuroBids), ContainerEq(reference::q1(log_)));
}

TEST_P(NexmarkTest, Query2SelectsAuctions) {
  run(q2());
  std::multiset<std::pair<int64_t, int64_t>> selected;
  for (const auto& record : driver_->read(kSelected)) {
    if (record.key() > 0) selected.emplace(record.key(), record.value());
  }
  EXPECT_THAT(selected, ContainerEq(reference::q2(log_)));
}

TEST_P(NexmarkTest, Query3JoinsAuctionsWithLocalSellers) {
  run(q3());
  using Rows = std::map<int64_t, std::tuple<std::string, std::string, std::string>>;
  const Rows rows =
      latest<AuctionId, LocalItem, Rows>(kLocalItems, [](int64_t auction, const LocalItem& item) {
        return Rows::value_type(auction,
                                {item.seller()->str(), item.city()->str(), item.state()->str()});
      });
  EXPECT_THAT(rows, ContainerEq(reference::q3(log_)));
}

TEST_P(NexmarkTest, Query4AveragesTheFinalPricesOfCategories) {
  run(q4());
  using Rows = std::map<int64_t, int64_t>;
  const Rows rows =
      latest<Category, CategoryPrice, Rows>(kAverages, [](int64_t category, const auto& price) {
        return Rows::value_type(category, price.average());
      });
  EXPECT_THAT(rows, ContainerEq(reference::q4(log_)));
}

TEST_P(NexmarkTest, Query5FindsTheAuctionsWithTheMostBids) {
  run(q5());
  using Rows = std::map<int64_t, std::pair<std::vector<int64_t>, int64_t>>;
  const Rows rows =
      latest<WindowStartMs, HotItems, Rows>(kHotItems, [](int64_t start_ms, const auto& items) {
        return Rows::value_type(
            start_ms, {{items.auctions()->begin(), items.auctions()->end()}, items.bids()});
      });
  EXPECT_THAT(rows, ContainerEq(reference::q5(log_)));
}

TEST_P(NexmarkTest, Query7FindsTheHighestBidOfAWindow) {
  run(q7());
  using Rows = std::map<int64_t, reference::BidRow>;
  const Rows rows = latest<WindowStartMs, Bid, Rows>(
      kHighestBids,
      [](int64_t start_ms, const Bid& bid) { return Rows::value_type(start_ms, row_of(bid)); });
  EXPECT_THAT(rows, ContainerEq(reference::q7(log_)));
}

TEST_P(NexmarkTest, Query8FindsNewSellers) {
  run(q8());
  using Key = millrace::Windowed<PersonId>;
  using Rows = std::map<std::pair<int64_t, int64_t>, std::string>;
  const Rows rows = latest<Key, NewSeller, Rows>(kNewSellers, [](const auto& key, const auto& row) {
    return Rows::value_type({key.key, key.start_ms}, row.name()->str());
  });
  EXPECT_THAT(rows, ContainerEq(reference::q8(log_)));
}

}  // namespace
}  // namespace nexmark
