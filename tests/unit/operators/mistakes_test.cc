// Mistakes that only show when a program runs, and what names them.

#include <stdexcept>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "millrace/operators.h"
#include "millrace/testing/topology_driver.h"

namespace millrace::mistakes_test {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::TopologyDriver;
using Text = TypedProcessor<std::string, std::string, std::string, std::string>;

constexpr Topic<std::string, std::string> kIn{"in"};
constexpr Topic<std::string, std::string> kOut{"out"};

/// The error that ends the engine when it gets one record of this value.
std::string failure(TopologyBuilder builder, std::string value = "bad") {
  TopologyDriver driver(std::move(builder).build());
  driver.pipe(kIn, "k", value, 1);
  const Status status = driver.try_run();
  return status.ok() ? "(it did not fail)" : status.message();
}

std::string throwing(std::string_view value) {
  if (value == "bad") throw std::runtime_error("told so");
  return std::string(value);
}

TEST(Mistakes, ExceptionNamesItsRecordAndTheNodeThatThrewItNotItsCallers) {
  TopologyBuilder builder{"test"};
  builder.stream(kIn)
      .peek([](std::string_view) {}, "before")
      .map_values(throwing, "thrower")
      .peek([](std::string_view) {}, "behind")
      .to(kOut);
  EXPECT_EQ(failure(std::move(builder)), "in/0@0: node 'thrower': told so");
}

/// Forwards; swallows what the nodes behind throw, and then throws itself if asked to.
class Swallower final : public Text {
 public:
  explicit Swallower(bool throws) : throws_(throws) {}

 private:
  void on_record(Maybe<std::string> key, Maybe<std::string> value, const Record&) override {
    try {
      emit()(*key, *value);
    } catch (const std::runtime_error&) {
    }
    if (throws_) throw std::logic_error("my own");
  }
  bool throws_;
};

TEST(Mistakes, ExceptionAfterASwallowedOneNamesItsOwnNode) {
  for (const bool throws : {false, true}) {
    TopologyBuilder builder{"test"};
    builder.stream(kIn)
        .process("swallower", [throws] { return std::make_unique<Swallower>(throws); })
        .map_values(throwing, "thrower")
        .to(kOut);
    EXPECT_EQ(failure(std::move(builder)),
              throws ? "in/0@0: node 'swallower': my own" : "(it did not fail)");
  }
}

TEST(Mistakes, ExceptionOfAnEventTimeNamesTheSource) {
  TopologyBuilder builder{"test"};
  builder
      .stream(kIn,
              [](std::string_view value) -> int64_t {
                throwing(value);
                return 5;
              })
      .to(kOut);
  EXPECT_EQ(failure(std::move(builder)), "in/0@0: node 'in': told so");
}

/// Throws at the place that the test chose.
class Thrower final : public Text {
 public:
  enum class Where : uint8_t { kStart, kTimer, kPunctuation };
  explicit Thrower(Where where) : where_(where) {}

 private:
  void on_start() override {
    if (where_ == Where::kStart) throw std::runtime_error("told so");
    timers_.emplace(timers<std::string>("due"));
    if (where_ == Where::kPunctuation) {
      schedule(TimeKind::kStream, 10, [](int64_t) { throw std::runtime_error("told so"); });
    }
  }
  void on_record(Maybe<std::string> key, Maybe<std::string>, const Record&) override {
    if (where_ == Where::kTimer) timers_->set(*key, 0, 0);
  }
  void on_due(const Timer&) override { throw std::runtime_error("told so"); }

  Where where_;
  std::optional<TypedTimers<std::string>> timers_;
};

TEST(Mistakes, ExceptionsOfAStartATimerAndAPunctuationNameTheNode) {
  for (const Thrower::Where where :
       {Thrower::Where::kStart, Thrower::Where::kTimer, Thrower::Where::kPunctuation}) {
    TopologyBuilder builder{"test"};
    builder.timers("due", TimeKind::kStream);
    builder.stream(kIn)
        .process("thrower", [where] { return std::make_unique<Thrower>(where); },
                 {.stores = {"due"}})
        .to(kOut);
    TopologyDriver driver(std::move(builder).build());
    for (const int64_t time_ms : {1, 50, 99}) driver.pipe(kIn, "k", "v", time_ms);
    const Status status = driver.try_run();
    ASSERT_FALSE(status.ok());
    EXPECT_THAT(status.message(), HasSubstr("node 'thrower': told so"));
  }
}

/// Uses what its node does not declare.
class Undeclared final : public Text {
 public:
  enum class What : uint8_t { kStore, kTimers, kTable };
  explicit Undeclared(What what) : what_(what) {}

 private:
  void on_start() override {
    if (what_ == What::kStore) store<std::string, std::string>("rows");
    if (what_ == What::kTimers) timers<std::string>("due");
    if (what_ == What::kTable) rows_of(BroadcastTable<std::string, std::string>("rates"));
  }
  void on_record(Maybe<std::string>, Maybe<std::string>, const Record&) override {}
  What what_;
};

TEST(MistakesDeathTest, WhatIsNotDeclaredIsNamedWithTheNode) {
  const auto run = [](Undeclared::What what) {
    TopologyBuilder builder{"test"};
    builder.stream(kIn)
        .process("reader", [what] { return std::make_unique<Undeclared>(what); })
        .to(kOut);
    failure(std::move(builder));
  };
  EXPECT_DEATH(run(Undeclared::What::kStore),
               "node 'reader' uses the store 'rows' without declaring it");
  EXPECT_DEATH(run(Undeclared::What::kTimers),
               "node 'reader' uses the timers 'due' without declaring it");
  EXPECT_DEATH(run(Undeclared::What::kTable),
               "node 'reader' reads the broadcast table 'rates' without declaring it");
}

TEST(MistakesDeathTest, NullKeyOrValueOfAReadRecordIsAnError) {
  TopologyBuilder builder{"test"};
  builder.stream(kIn).to(kOut);
  TopologyDriver driver(std::move(builder).build());
  driver.pipe_bytes("in", std::nullopt, Bytes("v"), 1);
  driver.pipe_tombstone(kIn, "k", 2);
  driver.run();
  const auto records = driver.read(kOut);
  ASSERT_EQ(records.size(), 2U);
  EXPECT_EQ(records[0].value(), "v");
  EXPECT_DEATH(static_cast<void>(records[0].key()), "key\\(\\) of a record whose key is null");
  EXPECT_EQ(records[1].key(), "k");
  EXPECT_DEATH(static_cast<void>(records[1].value()), "value\\(\\) of a tombstone");
}

}  // namespace millrace::mistakes_test
