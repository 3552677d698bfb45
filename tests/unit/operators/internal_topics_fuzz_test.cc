// Any bytes that others may have written to exchanges and changelogs of the DSL's operators are
// refused, or do no harm.
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "millrace/engine/metrics.h"
#include "millrace/operators.h"
#include "millrace/testing/topology_driver.h"

#include "engine/testing/driver_broker.h"
#include "redirect_generated.h"
#include "tests/unit/forger.h"

namespace millrace::operators_fuzz_test {

using crm::Redirect;
using testing::DriverOptions;
using testing::DriverRecord;
using ::testing::HasSubstr;
using testing::TopologyDriver;
using Pair = Joined<std::string, int64_t>;
using Visit = Joined<std::string, std::string>;

constexpr Topic<std::string, std::string> kTexts{"texts"};
constexpr Topic<std::string, int64_t> kNumbers{"numbers"};
constexpr Topic<std::string, Redirect> kLinks{"links"};
constexpr Topic<std::string, std::string> kVisits{"visits"};  // visitor → key of a text

constexpr Topic<std::string, int64_t> kNumberSums{"number-sums"};
constexpr Topic<std::string, int64_t> kPairSums{"pair-sums"};
constexpr Topic<std::string, int64_t> kLinkSums{"link-sums"};
constexpr Topic<std::string, int64_t> kVisitSums{"visit-sums"};
constexpr Topic<std::string, int64_t> kCounted{"counted"};
constexpr Topic<std::string, std::string> kSaid{"said"};
constexpr Topic<std::string, std::string> kVisitRows{"visit-rows"};
constexpr Topic<std::string, int64_t> kVisitWeights{"visit-weights"};
constexpr Topic<std::string, int64_t> kLinkWeights{"link-weights"};

/// Forged rows and changes hold any numbers, so these wrap.
int64_t sum(int64_t a, int64_t b) {
  return static_cast<int64_t>(static_cast<uint64_t>(a) + static_cast<uint64_t>(b));
}
int64_t difference(int64_t a, int64_t b) {
  return static_cast<int64_t>(static_cast<uint64_t>(a) - static_cast<uint64_t>(b));
}

int64_t size_of(std::string_view text) {
  return static_cast<int64_t>(text.size());
}
int64_t weight_of_number(int64_t number) {
  return number;
}
int64_t weight_of_pair(ViewOf<Pair> pair) {
  return sum(size_of(pair.left), pair.right);
}
int64_t weight_of_link(const Redirect& link) {
  return size_of(link.id()->string_view()) + size_of(link.root()->string_view());
}

/// The key of a number; none for roots of other forms.
std::optional<std::string> number_of(const Redirect& link) {
  const std::string_view root = link.root()->string_view();
  return root.starts_with('r') ? std::optional("k" + std::string(root.substr(1))) : std::nullopt;
}
std::string last_digit(int64_t number) {
  return std::to_string(number % 10);
}
Bytes before_slash(Bytes key) {
  return Bytes(key.view().substr(0, key.view().find('/')));
}

/// The rows of a group by their weights; each change goes through an exchange as a `Change<V>`.
template <class V>
Table<std::string, int64_t> weighed(const GroupedTable<std::string, V>& grouped,
                                    const std::string& name, int64_t (*weight)(ViewOf<V>)) {
  return grouped.aggregate(
      name, int64_t{0}, [weight](ViewOf<V> value, int64_t all) { return sum(all, weight(value)); },
      [weight](ViewOf<V> value, int64_t all) { return difference(all, weight(value)); });
}

void add_tables(TopologyBuilder& builder, const Table<std::string, std::string>& texts) {
  const auto numbers = builder.table(kNumbers);
  const auto links = builder.table(kLinks).index(
      "root", [](const Redirect& link) { return link.root()->string_view(); });
  weighed<int64_t>(numbers.group_by(last_digit), "numbers-by-digit", &weight_of_number)
      .to(kNumberSums);
  const auto pairs = texts.join(numbers).index(
      "number", [](ViewOf<Pair> pair) { return pair.right; }, {.store = "pairs"});
  weighed<Pair>(
      pairs.group_by([](ViewOf<Pair> pair) { return std::string(pair.left.substr(0, 6)); }),
      "pairs-by-text", &weight_of_pair)
      .to(kPairSums);
  weighed<Redirect>(links.group_by([](const Redirect& link) { return link.root()->str(); }),
                    "links-by-root", &weight_of_link)
      .to(kLinkSums);
  const auto counts =
      numbers.group_by([](std::string_view key, int64_t) { return key; }).count("counts");
  numbers.join(counts, [](int64_t number, int64_t count) { return sum(number, count); })
      .to(kCounted);
  links
      .left_join(numbers, number_of,
                 [](const Redirect& link, Maybe<int64_t> number) {
                   return sum(weight_of_link(link), number ? *number : 0);
                 })
      .to(kLinkWeights);
  texts
      .outer_join(links,
                  [](Maybe<std::string> text, Maybe<Redirect> link) {
                    std::string said(text ? *text : std::string_view());
                    if (link) said += (*link).root()->string_view();
                    return said;
                  })
      .to(kSaid);
}

/// Through exchanges to the tasks of other keys.
void add_streams(TopologyBuilder& builder, const Table<std::string, std::string>& texts) {
  const auto visits = builder.stream(kVisits);
  visits
      .map([](std::string_view visitor, std::string_view text) {
        return std::pair(std::string(text), std::string(visitor));
      })
      .join(texts)
      .group_by([](ViewOf<Visit> visit) { return std::string(visit.right); })
      .aggregate("visits-by-text", int64_t{0},
                 [](ViewOf<Visit> visit, int64_t all) { return sum(all, size_of(visit.left)); })
      .to(kVisitSums);
  ExchangeOptions by_text;
  by_text.name = "by-text";
  by_text.partitions = 3;
  by_text.partition_key = &before_slash;
  const auto visit_rows = visits
                              .key_by([](std::string_view visitor, std::string_view text) {
                                return std::string(text) + "/" + std::string(visitor);
                              })
                              .exchange(by_text)
                              .to_table("visit-table");
  visit_rows.to(kVisitRows);
  visit_rows
      .join(
          texts, [](std::string_view text) { return text; },
          [](std::string_view visited, std::string_view text) {
            return sum(size_of(visited), size_of(text));
          })
      .to(kVisitWeights);
}

Result<Topology> everything() {
  TopologyBuilder builder{"everything"};
  const auto texts =
      builder.table(kTexts).index("first", [](std::string_view text) { return text.substr(0, 1); });
  add_tables(builder, texts);
  add_streams(builder, texts);
  return std::move(builder).build();
}

DriverOptions driver_options(OnError on_invalid_record) {
  DriverOptions options;
  options.partitions = 2;
  options.engine.on_invalid_record = on_invalid_record;
  options.engine.on_refused_output = OnError::kSkip;
  options.engine.log_level = "error";
  return options;
}

/// The topology on the engine, and what it has written to topics of its own.
class FuzzedTables {
 public:
  explicit FuzzedTables(uint32_t seed, OnError on_invalid_record = OnError::kDeadLetter)
      : forger_(seed),
        topology_(everything()),
        driver_(topology_, driver_options(on_invalid_record)) {
    for (int i = 0; i < 3; ++i) {
      const Status status = run(80);
      EXPECT_TRUE(status.ok()) << status.message();
    }
  }

  TopologyDriver& driver() { return driver_; }
  const Topology& topology() const { return *topology_; }
  size_t topics(const Forger::Topics& of) const { return forger_.topics(of).size(); }

  Forged forge(const Forger::Topics& of) { return forger_.forge(broker_of(driver_), of); }
  /// Returns where the record is then, as errors name the place.
  std::string append(const Forged& forged) {
    const int64_t offset = broker_of(driver_).append(forged.partition, forged.record);
    return RecordPosition{forged.partition.topic, forged.partition.partition, offset}.to_string();
  }

  /// So many records of the usual input, and all that follows from what came.
  Status run(size_t records) {
    for (; records > 0; --records) pipe_any();
    const Status status = driver_.try_run();
    driver_.advance_time(50);
    for (const std::string& topic : broker_of(driver_).topics()) {
      if (is_exchange(topic) || is_changelog(topic)) forger_.collect(broker_of(driver_), topic);
    }
    return status;
  }

  /// As queries read rows, by keys and by indexes.
  int64_t read_all() {
    int64_t all = 0;
    for (const auto& [key, pair] : driver_.rows<std::string, Pair>("pairs")) {
      all = sum(all, weight_of_pair(*pair));
    }
    for (const auto& [key, link] : driver_.rows<std::string, Redirect>("links-table")) {
      all = sum(all, weight_of_link(*link));
    }
    const auto of_root =
        driver_.rows_by<std::string, Redirect>("links-table", "root", std::string("r1"));
    for (const auto& [key, link] : of_root) all = sum(all, weight_of_link(*link));
    const auto begun =
        driver_.rows_by<std::string, std::string>("texts-table", "first", std::string("t"));
    const auto numbered = driver_.rows_by<std::string, Pair>("pairs", "number", int64_t{-1});
    return sum(all, static_cast<int64_t>(begun.size() + numbered.size()));
  }

  /// Outputs are not later than an input can be.
  void expect_event_times() {
    for (const std::string_view topic :
         {kNumberSums.name, kPairSums.name, kLinkSums.name, kVisitSums.name, kCounted.name,
          kVisitWeights.name, kLinkWeights.name}) {
      for (const DriverRecord& record : driver_.read_bytes(topic)) {
        EXPECT_LE(record.timestamp_ms, kEventTimeMaxMs) << topic;
      }
    }
  }

  /// The places of the records in the dead letters that came since the last call.
  std::set<std::string> letters() {
    std::set<std::string> places;
    for (const DriverRecord& letter : driver_.read_bytes("test-dead-letters")) {
      const auto header = [&](const char* name) { return letter.headers.at(name).value_or(""); };
      EXPECT_EQ(header("millrace.error"), "invalid_record") << header("millrace.reason");
      places.insert(header("millrace.topic") + "/" + header("millrace.partition") + "@" +
                    header("millrace.offset"));
    }
    return places;
  }

 private:
  void pipe_any() {
    const std::string key = "k" + std::to_string(forger_.up_to(15));
    const auto number = static_cast<int64_t>(forger_.up_to(999));
    const int64_t now_ms = driver_.now_ms();
    crm::RedirectT link;
    link.id = key;
    link.root = "r" + std::to_string(number % 5);
    switch (forger_.up_to(9)) {
      case 0:
        return driver_.pipe_tombstone(kTexts, key, now_ms);
      case 1:
        return driver_.pipe_tombstone(kNumbers, key, now_ms);
      case 2:
        return driver_.pipe_tombstone(kLinks, key, now_ms);
      case 3:
      case 4:
        return driver_.pipe(kTexts, key, "text " + std::to_string(number), now_ms);
      case 5:
      case 6:
        return driver_.pipe(kNumbers, key, number, now_ms);
      case 7:
        return driver_.pipe(kLinks, key, Flat<Redirect>(link), now_ms);
      default:
        return driver_.pipe(kVisits, "v" + std::to_string(number % 7), key, now_ms);
    }
  }

  Forger forger_;
  Result<Topology> topology_;
  TopologyDriver driver_;
};

/// Whether the exchange that reads it takes it.
bool is_taken(const Topology& topology, const Forged& forged) {
  if (forged.record.timestamp_ms < 0) return false;
  for (const Node& node : topology.nodes()) {
    if (node.kind != NodeKind::kExchange ||
        exchange_topic_name("test", node.topic.name) != forged.partition.topic) {
      continue;
    }
    const auto check = [&](Bytes key, Bytes value) { return node.topic.check_record(key, value); };
    return check_as_read(forged.record, check).ok();
  }
  ADD_FAILURE() << forged.partition.topic << " is no exchange of the topology";
  return false;
}

TEST(OperatorsFuzz, ForgedRecordsOfExchangesAreTakenOrBecomeDeadLetters) {
  size_t taken = 0;
  size_t refused = 0;
  for (uint32_t seed = 1; seed <= 6; ++seed) {
    SCOPED_TRACE(seed);
    FuzzedTables tables(seed);
    ASSERT_GE(tables.topics(is_exchange), 10U);
    std::set<std::string> refusals;
    for (int round = 0; round < 10; ++round) {
      for (int i = 0; i < 40; ++i) {
        const Forged forged = tables.forge(is_exchange);
        const std::string place = tables.append(forged);
        if (is_taken(tables.topology(), forged)) {
          ++taken;
        } else {
          refusals.insert(place);
        }
      }
      const Status status = tables.run(10);
      ASSERT_TRUE(status.ok()) << status.message();
      tables.read_all();
      tables.expect_event_times();
    }
    EXPECT_EQ(tables.letters(), refusals);
    EXPECT_EQ(tables.driver().engine().metrics().dropped("user_code").value(), 0);
    refused += refusals.size();
  }
  EXPECT_GT(taken, 500U);
  EXPECT_GT(refused, 500U);
}

TEST(OperatorsFuzz, AForgedRecordEndsTheEngineWithItsPlaceIfThePolicySaysSo) {
  for (uint32_t seed = 1; seed <= 8; ++seed) {
    SCOPED_TRACE(seed);
    FuzzedTables tables(seed, OnError::kFail);
    Forged forged = tables.forge(is_exchange);
    while (is_taken(tables.topology(), forged)) forged = tables.forge(is_exchange);
    const std::string place = tables.append(forged);
    const Status status = tables.run(0);
    ASSERT_FALSE(status.ok()) << place;
    EXPECT_EQ(status.code(), ErrorCode::kInvalidRecord);
    EXPECT_THAT(status.message(), HasSubstr(place));
  }
}

TEST(OperatorsFuzz, ForgedRowsOfChangelogsAreRestoredOrEndTheStartWithTheirPlace) {
  size_t taken = 0;
  for (uint32_t seed = 1; seed <= 6; ++seed) {
    SCOPED_TRACE(seed);
    FuzzedTables tables(seed);
    ASSERT_GE(tables.topics(is_changelog), 13U);
    const auto is_restored = [&](const Forged& forged) {
      return is_row(store_behind(tables.topology(), forged.partition.topic), forged.record);
    };
    for (int round = 0; round < 4; ++round) {
      for (int i = 0; i < 60; ++i) {
        const Forged forged = tables.forge(is_changelog);
        if (!is_restored(forged)) continue;
        tables.append(forged);
        ++taken;
      }
      tables.driver().crash_and_restart();
      const Status status = tables.run(40);
      ASSERT_TRUE(status.ok()) << status.message();
      tables.read_all();
      tables.expect_event_times();
    }
    Forged forged = tables.forge(is_changelog);
    while (is_restored(forged)) forged = tables.forge(is_changelog);
    const std::string place = tables.append(forged);
    tables.driver().crash_and_restart();
    const Status status = tables.run(0);
    ASSERT_FALSE(status.ok()) << place;
    EXPECT_EQ(status.code(), ErrorCode::kConfig);
    EXPECT_THAT(status.message(), HasSubstr("changelog " + place + " holds no row of store"));
  }
  EXPECT_GT(taken, 500U);
}

}  // namespace millrace::operators_fuzz_test
