// Joins of two tables by a foreign key, step by step. `foreign_key_races_test.cc` runs them with
// messages that overtake each other.
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/operators/harness.h"

namespace millrace::foreign_key_join_test {

using operators::JoinKind;
using ::testing::AllOf;
using ::testing::ElementsAre;
using testing::ExchangeMode;
using testing::Harness;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;
using Text = testing::Out<std::string, std::string>;

constexpr Topic<std::string, std::string> kOrders{"orders"};  // "customer:goods"
constexpr Topic<std::string, std::string> kCustomers{"customers"};
constexpr Topic<std::string, std::string> kOut{"out"};
constexpr auto kGone = std::nullopt;

using Orders = Table<std::string, std::string>;
using Customers = Table<std::string, std::string>;

/// None where the order names nobody.
std::optional<std::string> customer_of(std::string_view order) {
  const std::string_view customer = order.substr(0, order.find(':'));
  return customer.empty() ? std::nullopt : std::optional<std::string>(customer);
}

std::string bill(std::string_view order, Maybe<std::string> customer) {
  return std::string(order) + " for " + std::string(customer ? *customer : "nobody");
}

Table<std::string, std::string> joined(JoinKind kind, const Orders& orders,
                                       const Customers& customers) {
  return kind == JoinKind::kInner ? orders.join(customers, customer_of, bill)
                                  : orders.left_join(customers, customer_of, bill);
}

/// Runs the same steps with direct calls and through topics, and compares the joined changes.
class ForeignKeyJoin : public ::testing::TestWithParam<ExchangeMode> {
 protected:
  void join(JoinKind kind) {
    TopologyBuilder builder{"test"};
    joined(kind, builder.table(kOrders), builder.table(kCustomers)).to(kOut);
    harness_.emplace(std::move(builder).build(), GetParam());
  }
  std::vector<Text> order(const std::string& id, const std::optional<std::string>& row,
                          int64_t timestamp_ms = 0) {
    harness_->pipe(kOrders, id, row, timestamp_ms);
    return harness_->read(kOut);
  }
  std::vector<Text> customer(const std::string& id, const std::optional<std::string>& name,
                             int64_t timestamp_ms = 0) {
    harness_->pipe(kCustomers, id, name, timestamp_ms);
    return harness_->read(kOut);
  }
  Harness& harness() { return *harness_; }

 private:
  std::optional<Harness> harness_;
};

INSTANTIATE_TEST_SUITE_P(Exchanges, ForeignKeyJoin,
                         ::testing::Values(ExchangeMode::kLocal, ExchangeMode::kDelayed));

TEST_P(ForeignKeyJoin, InnerJoinsWhicheverSideComesFirst) {
  join(JoinKind::kInner);
  EXPECT_THAT(order("o1", "c1:ink"), IsEmpty());
  EXPECT_THAT(customer("c1", "Ada"), ElementsAre(Text{"o1", "c1:ink for Ada"}));
  EXPECT_THAT(customer("c2", "Bob"), IsEmpty());
  EXPECT_THAT(order("o2", "c2:pen"), ElementsAre(Text{"o2", "c2:pen for Bob"}));
  EXPECT_THAT(order("o2", "c2:cap"), ElementsAre(Text{"o2", "c2:cap for Bob"}));
  EXPECT_THAT(customer("c2", "Eve"), ElementsAre(Text{"o2", "c2:cap for Eve"}));
}

TEST_P(ForeignKeyJoin, LeftJoinsWithNobodyUntilThereIsARow) {
  join(JoinKind::kLeft);
  EXPECT_THAT(order("o1", "c1:ink"), ElementsAre(Text{"o1", "c1:ink for nobody"}));
  EXPECT_THAT(order("o1", "c1:pen"), ElementsAre(Text{"o1", "c1:pen for nobody"}));
  EXPECT_THAT(customer("c1", "Ada"), ElementsAre(Text{"o1", "c1:pen for Ada"}));
}

TEST_P(ForeignKeyJoin, AChangeOnTheRightReachesAllOfItsRowsAndNoOther) {
  join(JoinKind::kInner);
  order("o1", "c1:ink");
  order("o2", "c1:pen");
  order("o3", "c:cap");
  order("o4", "c11:cup");
  EXPECT_THAT(customer("c1", "Ada"),
              ElementsAre(Text{"o1", "c1:ink for Ada"}, Text{"o2", "c1:pen for Ada"}));
  EXPECT_THAT(customer("c1", kGone), ElementsAre(Text{"o1", kGone}, Text{"o2", kGone}));
  EXPECT_THAT(customer("c1", kGone), IsEmpty());
}

TEST_P(ForeignKeyJoin, ADeleteOnTheRightLeavesTheRowOfALeftJoin) {
  join(JoinKind::kLeft);
  customer("c1", "Ada");
  order("o1", "c1:ink");
  EXPECT_THAT(customer("c1", kGone), ElementsAre(Text{"o1", "c1:ink for nobody"}));
  EXPECT_THAT(customer("c1", "Eve"), ElementsAre(Text{"o1", "c1:ink for Eve"}));
}

TEST_P(ForeignKeyJoin, ADeleteOnTheLeftEndsTheJoinedRow) {
  for (const JoinKind kind : {JoinKind::kInner, JoinKind::kLeft}) {
    join(kind);
    customer("c1", "Ada");
    order("o1", "c1:ink");
    EXPECT_THAT(order("o1", kGone), ElementsAre(Text{"o1", kGone}));
    EXPECT_THAT(order("o1", kGone), IsEmpty());
    EXPECT_THAT(customer("c1", "Eve"), IsEmpty());
    EXPECT_THAT(harness().store("orders-table-join-customers-table-subscriptions"), IsEmpty());
    EXPECT_THAT(order("o1", "c1:ink"), ElementsAre(Text{"o1", "c1:ink for Eve"}));
  }
}

TEST_P(ForeignKeyJoin, IsSilentAboutADeleteOfARowThatWasNotJoined) {
  join(JoinKind::kInner);
  order("o1", "c1:ink");
  EXPECT_THAT(order("o1", kGone), IsEmpty());
  order("o2", ":pen");
  EXPECT_THAT(order("o2", kGone), IsEmpty());
  EXPECT_THAT(customer("c1", "Ada"), IsEmpty());
}

TEST_P(ForeignKeyJoin, FollowsTheForeignKey) {
  for (const JoinKind kind : {JoinKind::kInner, JoinKind::kLeft}) {
    join(kind);
    customer("c1", "Ada");
    customer("c2", "Bob");
    order("o1", "c1:ink");
    EXPECT_THAT(order("o1", "c2:ink"), ElementsAre(Text{"o1", "c2:ink for Bob"}));
    EXPECT_THAT(customer("c1", "Eve"), IsEmpty());
    const auto nobody =
        kind == JoinKind::kInner ? Text{"o1", kGone} : Text{"o1", "c3:ink for nobody"};
    EXPECT_THAT(order("o1", "c3:ink"), ElementsAre(nobody));
    EXPECT_THAT(customer("c2", "Moe"), IsEmpty());
    EXPECT_THAT(customer("c3", "Cid"), ElementsAre(Text{"o1", "c3:ink for Cid"}));
  }
}

TEST_P(ForeignKeyJoin, AnInnerJoinHasNoRowWithoutAForeignKey) {
  join(JoinKind::kInner);
  customer("c1", "Ada");
  EXPECT_THAT(order("o1", ":ink"), IsEmpty());
  EXPECT_THAT(order("o1", "c1:ink"), ElementsAre(Text{"o1", "c1:ink for Ada"}));
  EXPECT_THAT(order("o1", ":ink"), ElementsAre(Text{"o1", kGone}));
  EXPECT_THAT(customer("c1", "Eve"), IsEmpty());
}

TEST_P(ForeignKeyJoin, ALeftJoinHasTheRowWithoutAForeignKey) {
  join(JoinKind::kLeft);
  customer("c1", "Ada");
  EXPECT_THAT(order("o1", ":ink"), ElementsAre(Text{"o1", ":ink for nobody"}));
  EXPECT_THAT(order("o1", "c1:ink"), ElementsAre(Text{"o1", "c1:ink for Ada"}));
  EXPECT_THAT(order("o1", ":pen"), ElementsAre(Text{"o1", ":pen for nobody"}));
  EXPECT_THAT(customer("c1", "Eve"), IsEmpty());
  EXPECT_THAT(order("o1", kGone), ElementsAre(Text{"o1", kGone}));
}

TEST_P(ForeignKeyJoin, HasTheLargerTimestampOfBothSides) {
  for (const JoinKind kind : {JoinKind::kInner, JoinKind::kLeft}) {
    join(kind);
    order("o1", "c1:ink", 10);
    EXPECT_THAT(customer("c1", "Ada", 5), ElementsAre(Text{"o1", "c1:ink for Ada", 10}));
    EXPECT_THAT(customer("c1", "Eve", 20), ElementsAre(Text{"o1", "c1:ink for Eve", 20}));
    EXPECT_THAT(order("o1", "c1:pen", 15), ElementsAre(Text{"o1", "c1:pen for Eve", 20}));
    EXPECT_THAT(order("o1", kGone, 17), ElementsAre(Text{"o1", kGone, 20}));
    order("o1", "c1:cap", 30);
    EXPECT_THAT(order("o1", kGone, 40), ElementsAre(Text{"o1", kGone, 40}));
  }
  EXPECT_THAT(order("o2", ":ink", 7), ElementsAre(Text{"o2", ":ink for nobody", 7}));
  EXPECT_THAT(order("o2", "c9:ink", 8), ElementsAre(Text{"o2", "c9:ink for nobody", 8}));
}

TEST_P(ForeignKeyJoin, ARowThatIsWrittenAgainAsItWasIsJoinedAgain) {
  join(JoinKind::kInner);
  customer("c1", "Ada", 1);
  order("o1", "c1:ink", 2);
  EXPECT_THAT(customer("c1", "Ada", 3), ElementsAre(Text{"o1", "c1:ink for Ada", 3}));
  EXPECT_THAT(order("o1", "c1:ink", 4), ElementsAre(Text{"o1", "c1:ink for Ada", 4}));
}

TEST(ForeignKeyJoins, FindTheForeignKeyByKeyAndValueWhateverItsBytes) {
  constexpr Topic<int64_t, int64_t> kRows{"rows"};
  constexpr Topic<int64_t, std::string> kNames{"names"};
  constexpr Topic<int64_t, std::string> kJoined{"joined"};
  TopologyBuilder builder{"test"};
  const auto key_of = [](int64_t key, int64_t value) { return key * value; };
  builder.table(kRows)
      .join(builder.table(kNames), key_of,
            [](int64_t key, int64_t value, std::string_view name) {
              return std::to_string(key) + "x" + std::to_string(value) + " " + std::string(name);
            })
      .to(kJoined);
  Harness harness(std::move(builder).build());
  using Named = testing::Out<int64_t, std::string>;
  // The bytes of 0, 1, 256 and 257 consist of 00 and 01.
  for (const int64_t key : {0, 1, 256, 257}) {
    harness.pipe(kNames, key, "n" + std::to_string(key));
    harness.pipe(kRows, key, 1);
    const std::string text = std::to_string(key) + "x1 n" + std::to_string(key);
    EXPECT_THAT(harness.read(kJoined), ElementsAre(Named{key, text}));
  }
  harness.pipe(kNames, 256, "new");
  EXPECT_THAT(harness.read(kJoined), ElementsAre(Named{256, "256x1 new"}));
  harness.pipe(kRows, 257, 0);
  EXPECT_THAT(harness.read(kJoined), ElementsAre(Named{257, "257x0 n0"}));
}

TEST(ForeignKeyJoins, LeaveOutARowForWhichTheFunctionReturnsNothing) {
  TopologyBuilder builder{"test"};
  builder.table(kOrders)
      .left_join(builder.table(kCustomers), customer_of,
                 [](std::string_view order, Maybe<std::string> customer) {
                   return customer ? std::optional<std::string>(order) : std::nullopt;
                 })
      .to(kOut);
  Harness harness(std::move(builder).build());
  harness.pipe(kOrders, "o1", "c1:ink");
  harness.pipe(kOrders, "o2", ":ink");
  EXPECT_THAT(harness.read(kOut), IsEmpty());
  harness.pipe(kCustomers, "c1", "Ada");
  harness.pipe(kCustomers, "c1", kGone);
  EXPECT_THAT(harness.read(kOut), ElementsAre(Text{"o1", "c1:ink"}, Text{"o1", kGone}));
}

TEST(ForeignKeyJoins, JoinATableWithItself) {
  TopologyBuilder builder{"test"};
  const auto people = builder.table(kOrders);  // "chief:name"
  people.left_join(people, customer_of, bill, {.name = "chiefs"}).to(kOut);
  Harness harness(std::move(builder).build());
  harness.pipe(kOrders, "p1", "p1:Ada");
  EXPECT_THAT(harness.read(kOut), ElementsAre(Text{"p1", "p1:Ada for p1:Ada"}));
  harness.pipe(kOrders, "p2", "p1:Bob");
  EXPECT_THAT(harness.read(kOut), ElementsAre(Text{"p2", "p1:Bob for p1:Ada"}));
  harness.pipe(kOrders, "p1", "p1:Eve");
  EXPECT_THAT(harness.read(kOut),
              ElementsAre(Text{"p2", "p1:Bob for p1:Eve"}, Text{"p1", "p1:Eve for p1:Eve"}));
  harness.pipe(kOrders, "p1", kGone);
  EXPECT_THAT(harness.read(kOut), ElementsAre(Text{"p2", "p1:Bob for nobody"}, Text{"p1", kGone}));
}

TEST(ForeignKeyJoins, JoinWhatWasFilteredMappedAndJoined) {
  constexpr Topic<std::string, std::string> kNotes{"notes"};
  TopologyBuilder builder{"test"};
  const auto orders =
      builder.table(kOrders)
          .filter([](std::string_view order) { return !order.ends_with("!"); })
          .left_join(builder.table(kNotes), [](std::string_view order, Maybe<std::string> note) {
            return std::string(order) + (note ? " " + std::string(*note) : "");
          });
  const auto customers =
      builder.table(kCustomers)
          .filter([](std::string_view name) { return name != "x"; })
          .map_values([](std::string_view name) { return "Dr " + std::string(name); });
  orders.join(customers, customer_of, bill)
      .filter([](std::string_view text) { return text.find("cup") == std::string_view::npos; })
      .to(kOut);
  Harness harness(std::move(builder).build());
  harness.pipe(kCustomers, "c1", "Ada");
  harness.pipe(kOrders, "o1", "c1:ink");
  harness.pipe(kNotes, "o1", "soon");
  harness.pipe(kCustomers, "c1", "x");
  harness.pipe(kCustomers, "c1", "Eve");
  harness.pipe(kOrders, "o1", "c1:ink!");
  harness.pipe(kOrders, "o2", "c1:cup");
  EXPECT_THAT(
      harness.read(kOut),
      ElementsAre(Text{"o1", "c1:ink for Dr Ada"}, Text{"o1", "c1:ink soon for Dr Ada"},
                  Text{"o1", kGone}, Text{"o1", "c1:ink soon for Dr Eve"}, Text{"o1", kGone}));
}

TEST(ForeignKeyJoins, JoinManyToManyByATableOfPairs) {
  constexpr Topic<std::string, std::string> kPairs{
      "pairs"};  // key "student/course", value the same
  constexpr Topic<std::string, std::string> kStudents{"students"};
  constexpr Topic<std::string, std::string> kCourses{"courses"};
  TopologyBuilder builder{"test"};
  using Enrolled = Joined<std::string, std::string>;
  const auto student_of = [](std::string_view key, std::string_view) {
    return std::string(key.substr(0, key.find('/')));
  };
  const auto course_of = [](std::string_view key, ViewOf<Enrolled>) {
    return std::string(key.substr(key.find('/') + 1));
  };
  builder.table(kPairs)
      .join<Enrolled>(builder.table(kStudents), student_of,
                      [](std::string_view pair, std::string_view student) {
                        return OwnedOf<Enrolled>{std::string(pair), std::string(student)};
                      },
                      {.name = "enrolled"})
      .join(builder.table(kCourses), course_of,
            [](ViewOf<Enrolled> enrolled, std::string_view course) {
              return std::string(enrolled.right) + " learns " + std::string(course);
            },
            {.name = "enrolled-courses"})
      .to(kOut);
  Harness harness(std::move(builder).build());
  harness.pipe(kStudents, "s1", "Ada");
  harness.pipe(kStudents, "s2", "Bob");
  harness.pipe(kCourses, "c1", "maths");
  harness.pipe(kCourses, "c2", "music");
  for (const std::string pair : {"s1/c1", "s1/c2", "s2/c1"}) harness.pipe(kPairs, pair, "");
  EXPECT_THAT(harness.read(kOut),
              ElementsAre(Text{"s1/c1", "Ada learns maths"}, Text{"s1/c2", "Ada learns music"},
                          Text{"s2/c1", "Bob learns maths"}));
  harness.pipe(kCourses, "c1", "logic");
  EXPECT_THAT(harness.read(kOut),
              ElementsAre(Text{"s1/c1", "Ada learns logic"}, Text{"s2/c1", "Bob learns logic"}));
  harness.pipe(kStudents, "s1", kGone);
  EXPECT_THAT(harness.read(kOut), ElementsAre(Text{"s1/c1", kGone}, Text{"s1/c2", kGone}));
}

TEST(ForeignKeyJoins, NameTheirStoresAndExchangesAfterTheJoin) {
  TopologyBuilder builder{"test"};
  const auto orders = builder.table(kOrders);
  const auto customers = builder.table(kCustomers);
  const auto first = orders.join(customers, customer_of, bill);
  orders.join(customers, customer_of, bill, {.name = "bills"});
  EXPECT_THAT(first.stores(), ElementsAre("orders-table-join-customers-table"));
  const Topology topology = std::move(builder).build().value();
  std::vector<std::string> names;
  for (const StoreSpec& store : topology.stores()) names.push_back(store.name);
  for (const Node& node : topology.nodes()) {
    if (node.kind == NodeKind::kExchange) names.push_back("exchange " + node.topic.name);
  }
  const std::string derived = "orders-table-join-customers-table";
  EXPECT_THAT(names, UnorderedElementsAre(
                         "orders-table", "customers-table", derived, derived + "-subscriptions",
                         "exchange " + derived + "-subscriptions",
                         "exchange " + derived + "-answers", "bills", "bills-subscriptions",
                         "exchange bills-subscriptions", "exchange bills-answers"));
}

TEST(ForeignKeyJoins, AskForANameWhenTwoDeriveTheSame) {
  TopologyBuilder builder{"test"};
  const auto orders = builder.table(kOrders);
  const auto customers = builder.table(kCustomers);
  orders.join(customers, customer_of, bill);
  orders.left_join(customers, customer_of, bill);
  const auto topology = std::move(builder).build();
  ASSERT_FALSE(topology.ok());
  EXPECT_EQ(topology.code(), ErrorCode::kConfig);
  EXPECT_THAT(topology.message(),
              AllOf(HasSubstr("'orders-table-join-customers-table"), HasSubstr("give them names")));
}

}  // namespace millrace::foreign_key_join_test
