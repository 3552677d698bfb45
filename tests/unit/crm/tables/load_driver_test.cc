// Loads of whole entities on the real engine, and their reports.
#include <algorithm>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "millrace/testing/topology_driver.h"

#include "account_world.h"
#include "conflict_generated.h"
#include "crm/account_topology.h"
#include "crm/model/table_floors.h"
#include "crm/model/whole_table.h"
#include "raw_change.h"

namespace millrace::crm::load_driver_test {

using millrace::testing::DriverOptions;
using millrace::testing::TopologyDriver;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr int64_t kNowMs = 1'000;

class WholeLoads : public ::testing::Test {
 protected:
  void start(SnapshotSweep sweep = SnapshotSweep::kOn) {
    DriverOptions options;
    options.topic_partitions = {{std::string(kRawTopic), 3}};
    options.partitions = 4;
    AccountOptions accounts;
    accounts.tables = {.sweep = sweep, .slice = 2};
    Mapping mapping = parse_mapping(R"({"topics": {"crm.raw.sf": {
      "format": "salesforce_pubsub", "source": "sf", "entities": {
        "Account": {"type": "account"},
        "Contact": {"type": "contact", "parent": "AccountId",
          "fields": {"AccountId": "account_id"}}}}}})")
                          .value();
    driver_.emplace(account_topology(std::move(mapping), accounts), options);
  }

  void send(std::string_view entity, std::string_view type, int64_t ms, std::string_view header,
            std::string_view fields = "", std::string_view key = "k") {
    driver_->pipe_bytes(std::string(kRawTopic), std::string(key),
                        fmt::format(R"({{"ChangeEventHeader":{{"entityName":"{}",)"
                                    R"("changeType":"{}","commitTimestamp":{}{}}}{}}})",
                                    entity, type, ms, header, fields),
                        kNowMs);
  }

  /// A change or a record of a load; the key spreads them over partitions.
  void record(std::string_view type, char letter, int64_t ms, std::string_view entity = "Account") {
    const bool is_load = type == "LOAD";
    send(entity, type, ms,
         fmt::format(R"(,"recordIds":["{}"],"transactionKey":"t","sequenceNumber":1{})",
                     sf_id(entity == "Account" ? "001" : "003", letter),
                     is_load ? "" : fmt::format(R"(,"commitNumber":{})", ms)),
         fmt::format(R"(,"Name":"{}","AccountId":"{}")", letter, sf_id("001", letter)),
         std::string(1, letter));
  }
  void begin(int64_t ms, std::string_view entity = "Account") {
    send(entity, "LOAD_BEGIN", ms, "");
  }
  void end(int64_t ms, int rows, std::string_view entity = "Account") {
    send(entity, "LOAD_END", ms, fmt::format(R"(,"loadRows":{})", rows));
  }

  void run() {
    for (int slice = 0; slice < 12; ++slice) {
      driver_->run();
      driver_->advance_time(5);
    }
  }

  /// Letters of the live accounts.
  std::string live() {
    std::string letters;
    for (const auto& [id, value] : driver_->table_bytes(kAccountStates.name)) {
      for (char letter = 'a'; letter <= 'z'; ++letter) {
        const bool is_it = id == "sf:" + sf_id("001", letter);
        if (is_it && state_of(value).status == AccountStatus::Active) letters += letter;
      }
    }
    std::ranges::sort(letters);
    return letters;
  }

  std::vector<std::string> reports() {
    std::vector<std::string> texts;
    for (const auto& report : driver_->read_bytes(kConflicts.name)) {
      const auto& conflict = *flatbuffers::GetRoot<Conflict>(report.value->data());
      if (conflict.kind() != ConflictKind::TableSwept) continue;
      texts.push_back(fmt::format("{}: {}", *report.key, conflict.text()->str()));
    }
    return texts;
  }

  std::optional<TopologyDriver> driver_;
};

TEST_F(WholeLoads, CompleteLoadDeletesWhatItDidNotBring) {
  start();
  for (const char letter : {'a', 'b', 'c', 'd', 'e'}) record("CREATE", letter, 10);
  record("UPDATE", 'd', 45);  // after the load's moment, before it is read
  begin(40);
  record("LOAD", 'a', 40);
  record("LOAD", 'f', 40);
  run();
  EXPECT_EQ(live(), "abcdef");
  record("CREATE", 'g', 50);
  end(40, 2);
  run();
  EXPECT_EQ(live(), "adfg");
  EXPECT_THAT(reports(), Contains(HasSubstr("sf:Account: a load deleted")));
  record("UPDATE", 'b', 30);  // from before the load
  record("UPDATE", 'c', 60);
  run();
  EXPECT_EQ(live(), "acdfg");
}

TEST_F(WholeLoads, RecordsOfAnotherMomentDoNotCount) {
  start();
  for (const char letter : {'a', 'b', 'c'}) record("CREATE", letter, 10);
  end(40, 2);
  record("LOAD", 'a', 40);
  record("LOAD", 'b', 39);
  record("LOAD", 'b', 41);
  run();
  EXPECT_EQ(live(), "abc");
  EXPECT_THAT(reports(), IsEmpty());
}

TEST_F(WholeLoads, ManyMomentsAreNoLoad) {
  start();
  begin(40);
  run();
  for (int64_t ms = 41; ms < 60; ++ms) record("LOAD", 'a', ms);
  end(40, 0);
  run();
  EXPECT_EQ(live(), "a");
  EXPECT_THAT(reports(), Contains(HasSubstr("a later load came before")));
}

TEST_F(WholeLoads, RecordsAfterTheEndCompleteIt) {
  start();
  for (const char letter : {'a', 'b', 'c'}) record("CREATE", letter, 10);
  end(40, 2);
  record("LOAD", 'a', 40);
  run();
  EXPECT_EQ(live(), "abc");
  record("LOAD", 'b', 40);
  run();
  EXPECT_EQ(live(), "ab");
}

TEST_F(WholeLoads, AbandonedLoadIsReportedAndDeletesNothing) {
  start();
  for (const char letter : {'a', 'b', 'c'}) record("CREATE", letter, 10);
  begin(40);
  record("LOAD", 'a', 40);
  for (const char letter : {'a', 'b', 'c'}) record("LOAD", letter, 50);
  end(50, 3);
  run();
  end(40, 1);
  run();
  EXPECT_EQ(live(), "abc");
  EXPECT_THAT(reports(), Contains(HasSubstr("a later load came before this one was complete")));
}

TEST_F(WholeLoads, PartsOfLoadsMayComeMixed) {
  start();
  for (const char letter : {'a', 'b', 'c'}) record("CREATE", letter, 10);
  begin(50);
  record("LOAD", 'a', 50);
  begin(40);
  record("LOAD", 'a', 40);
  end(40, 1);
  run();
  EXPECT_EQ(live(), "a");
}

TEST_F(WholeLoads, LoadOfMoreRecordsThanItCountsDeletesNothing) {
  start();
  record("CREATE", 'c', 10);
  begin(40);
  record("LOAD", 'a', 40);
  record("LOAD", 'a', 40);
  run();
  end(40, 1);
  run();
  EXPECT_EQ(live(), "ac");
  EXPECT_THAT(reports(), ElementsAre(HasSubstr("more records of a load came")));
}

TEST_F(WholeLoads, EmptyEntityLosesAllRecords) {
  start();
  record("CREATE", 'a', 10);
  record("CREATE", 'a', 11, "Contact");
  begin(40, "Contact");
  end(40, 0, "Contact");
  run();
  EXPECT_EQ(live(), "a");
  EXPECT_THAT(reports(), Contains(HasSubstr("sf:Contact: a load deleted 1 of 1 records")));
  end(40, 0);
  run();
  EXPECT_EQ(live(), "");
}

TEST_F(WholeLoads, DryRunOnlyCounts) {
  start(SnapshotSweep::kDryRun);
  record("CREATE", 'a', 10);
  record("CREATE", 'b', 10);
  record("LOAD", 'a', 40);
  end(40, 1);
  run();
  EXPECT_EQ(live(), "ab");
  EXPECT_THAT(reports(), Contains(HasSubstr("a load would delete 1")));
}

TEST_F(WholeLoads, MomentToComeIsRefused) {
  start();
  record("CREATE", 'a', 10);
  end(kNowMs + 3'600'001, 0);
  driver_->run();
  EXPECT_EQ(driver_->read_bytes("test-dead-letters").size(), 1U);
  EXPECT_EQ(live(), "a");
  EXPECT_THAT(reports(), IsEmpty());
}

/// Of the moment 40.
const TableFloor& load_floor(flatbuffers::FlatBufferBuilder& builder) {
  const auto home = builder.CreateString("sf");
  const auto table = builder.CreateString("Account");
  const auto version = write_version(builder, below_load({.commit_timestamp_ms = 40}));
  builder.Finish(CreateTableFloor(builder, home, table, FloorCause::Snapshot, version));
  return *flatbuffers::GetRoot<TableFloor>(builder.GetBufferPointer());
}

TEST(LoadFloor, ChangesOnlyRowsThatAreOlderByTheClock) {
  flatbuffers::FlatBufferBuilder builder;
  const TableFloor& floor = load_floor(builder);
  for (const int64_t ms : {39, 40, 41}) {
    LoggedRow row{.row = {.id = "sf:1"}};
    const VersionView version{.commit_timestamp_ms = ms, .log = "sf", .position = "1"};
    ASSERT_TRUE(
        merge_change(row, {.id = "sf:1", .type = ChangeType::Create, .version = version}).ok());
    EXPECT_EQ(apply_floor(row, floor).value(), ms == 39) << ms;
    EXPECT_EQ(row.row.status, ms == 39 ? RowStatus::Deleted : RowStatus::Live) << ms;
    EXPECT_EQ(row.logs.size(), ms == 39 ? 2U : 0U) << ms;
  }
}

TEST(LoadFloor, SparesRecordsOfWhichOnlyGapsCame) {
  flatbuffers::FlatBufferBuilder builder;
  LoggedRow row{.row = {.id = "sf:1"}};
  const VersionView gap{.commit_timestamp_ms = 39, .log = "sf", .position = "1"};
  ASSERT_TRUE(merge_change(row, {.id = "sf:1", .type = ChangeType::Gap, .version = gap}).ok());
  EXPECT_FALSE(apply_floor(row, load_floor(builder)).value());
  EXPECT_EQ(row.row.status, RowStatus::Unknown);
}

}  // namespace millrace::crm::load_driver_test
