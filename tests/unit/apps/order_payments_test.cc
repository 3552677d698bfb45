#include "examples/order_payments.h"

#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "millrace/testing/topology_driver.h"

namespace example {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

constexpr int64_t kStartMs = 1'700'000'000'000;
constexpr int64_t kDayMs = 86'400'000;

class OrderPaymentsTest : public ::testing::Test {
 protected:
  OrderPaymentsTest() : driver_(order_payments(), options()) {}

  void order(const std::string& id, int64_t amount_cents, int64_t due_ms = kStartMs + kDayMs) {
    OrderT order;
    order.amount_cents = amount_cents;
    order.due_ms = due_ms;
    driver_.pipe(kOrders, id, millrace::Flat<Order>(order), kStartMs);
    driver_.run();
  }
  void pay(const std::string& id, const std::string& order_id, int64_t amount_cents) {
    PaymentT payment;
    payment.order_id = order_id;
    payment.amount_cents = amount_cents;
    driver_.pipe(kPayments, id, millrace::Flat<Payment>(payment), kStartMs + 1);
    driver_.run();
  }

  /// "order paid/amount in payments" of each record.
  std::vector<std::string> settlements(millrace::Topic<OrderId, Settlement> topic) {
    std::vector<std::string> told;
    for (const auto& record : driver_.read(topic)) {
      const Settlement& now = record.value();
      told.push_back(std::string(record.key()) + " " + std::to_string(now.paid_cents()) + "/" +
                     std::to_string(now.amount_cents()) + " in " + std::to_string(now.payments()));
    }
    return told;
  }
  std::vector<std::string> unmatched() {
    std::vector<std::string> orders;
    for (const auto& record : driver_.read(kUnmatched)) {
      orders.push_back(std::string(record.key()) + " " +
                       std::to_string(record.value().amount_cents()));
    }
    return orders;
  }

  static millrace::testing::DriverOptions options() {
    millrace::testing::DriverOptions options;
    options.topic_partitions = {{"shop.payments", 3}};
    options.partitions = 2;
    options.start_time_ms = kStartMs;
    options.engine.on_invalid_record = millrace::OnError::kSkip;
    return options;
  }

  millrace::testing::TopologyDriver driver_;
};

TEST_F(OrderPaymentsTest, SumUpToTheOrder) {
  order("o1", 500);
  pay("p1", "o1", 200);
  EXPECT_THAT(settlements(kPaidOrders), IsEmpty());
  driver_.crash_and_restart();
  pay("p2", "o1", 300);
  EXPECT_THAT(settlements(kPaidOrders), ElementsAre("o1 500/500 in 2"));
  EXPECT_THAT(unmatched(), IsEmpty());
}

TEST_F(OrderPaymentsTest, WithoutAnOpenOrderGoToTheirOwnTopic) {
  pay("p1", "o1", 100);
  order("o1", 100);
  pay("p2", "o1", 100);
  pay("p3", "o1", 70);
  order("o2", 100);
  driver_.pipe_tombstone(kOrders, "o2", kStartMs);
  driver_.run();
  pay("p4", "o2", 50);
  EXPECT_THAT(settlements(kPaidOrders), ElementsAre("o1 100/100 in 1"));
  EXPECT_THAT(unmatched(), UnorderedElementsAre("o1 100", "o1 70", "o2 50"));
}

TEST_F(OrderPaymentsTest, AnOrderThatIsNotPaidWhenItIsDueIsOverdueOnce) {
  order("late", 500);
  order("paid", 500);
  pay("p1", "late", 200);
  pay("p2", "paid", 500);
  driver_.advance_time(kDayMs);
  driver_.run();
  EXPECT_THAT(settlements(kOverdueOrders), ElementsAre("late 200/500 in 1"));
  driver_.advance_time(kDayMs);
  pay("p3", "late", 300);
  EXPECT_THAT(settlements(kOverdueOrders), IsEmpty());
  EXPECT_THAT(settlements(kPaidOrders),
              UnorderedElementsAre("paid 500/500 in 1", "late 500/500 in 2"));
}

TEST_F(OrderPaymentsTest, AnOrderWithoutAnAmountIsInvalid) {
  order("o1", 0);
  pay("p1", "o1", 100);
  EXPECT_THAT(unmatched(), ElementsAre("o1 100"));
}

}  // namespace
}  // namespace example
