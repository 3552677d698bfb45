// Whole tables on the real engine: truncates, complete and other snapshots, and their reports.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "millrace/testing/topology_driver.h"

#include "account_world.h"
#include "conflict_generated.h"
#include "crm/account_topology.h"

namespace millrace::crm::table_driver_test {

using millrace::testing::DriverOptions;
using millrace::testing::TopologyDriver;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

constexpr const char* kTopic = "crm.raw.erp";

Mapping mapping() {
  return parse_mapping(R"({"topics": {
    "crm.raw.erp": {"format": "debezium", "source": "erp", "entities": {
      "public.customers": {"type": "account", "id": "id"},
      "public.prospects": {"type": "account", "id": "id"},
      "public.people": {"type": "contact", "id": "id", "parent": "of", "fields": {"of": "of"}}}},
    "crm.accounts": {"format": "flatbuffers"}}})")
      .value();
}

class WholeTables : public ::testing::Test {
 protected:
  void start(SnapshotSweep sweep = SnapshotSweep::kOn) {
    DriverOptions options;
    options.topic_partitions = {{kTopic, 3}, {std::string(kAccounts.name), 1}};
    options.partitions = 4;
    AccountOptions accounts;
    accounts.tables = {.sweep = sweep, .slice = 2};
    driver_.emplace(account_topology(mapping(), accounts), options);
  }

  /// Row `id` of a table; the key only spreads events over partitions.
  void event(std::string_view op, int id, int64_t lsn, std::string_view table = "customers",
             std::string_view mark = "false", std::string_view sequence = "1") {
    const std::string row = op == "t" ? "null" : fmt::format(R"({{"id":{},"of":{}}})", id, id);
    driver_->pipe_bytes(
        kTopic, fmt::format("{}", id),
        fmt::format(R"({{"op":"{}","before":{},"after":{},"source":{{"name":"erp","ts_ms":{},)"
                    R"("sequence":"[{},\"{}\"]","snapshot":"{}","schema":"public","table":"{}",)"
                    R"("lsn":{}}}}})",
                    op, op == "d" ? row : "null", op == "d" ? "null" : row, 1000 + lsn,
                    sequence == "null" ? "null" : fmt::format(R"(\"{}\")", sequence), lsn, mark,
                    table, lsn),
        1'000);
  }

  void run() {
    for (int slice = 0; slice < 12; ++slice) {
      driver_->run();
      driver_->advance_time(5);
    }
  }

  /// Ids of the live accounts.
  std::vector<std::string> live() {
    std::vector<std::string> ids;
    for (const auto& [id, value] : driver_->table_bytes(kAccountStates.name)) {
      if (state_of(value).status == AccountStatus::Active) ids.push_back(id);
    }
    return ids;
  }

  /// Texts of the reports, those of all tasks added up: "deleted 3 of 4".
  std::vector<std::string> reports() {
    std::vector<std::string> texts;
    for (const auto& record : driver_->read_bytes(kConflicts.name)) {
      const auto& conflict = *flatbuffers::GetRoot<Conflict>(record.value->data());
      if (conflict.kind() != ConflictKind::TableSwept) continue;
      texts.push_back(fmt::format("{}: {}", *record.key, conflict.text()->str()));
    }
    return texts;
  }

  std::optional<TopologyDriver> driver_;
};

TEST_F(WholeTables, TruncateDeletesTheTableInAllTasks) {
  start();
  for (int id = 1; id <= 9; ++id) event("c", id, 10 + id);
  event("c", 21, 30, "prospects");
  run();
  event("t", 0, 40);
  event("c", 5, 41);
  run();
  EXPECT_THAT(live(), UnorderedElementsAre("erp:5", "erp:21"));
}

TEST_F(WholeTables, TruncateDeletesWhatArrivesLate) {
  start();
  event("t", 0, 40);
  run();
  event("c", 1, 10);
  event("c", 2, 50);
  run();
  EXPECT_THAT(live(), ElementsAre("erp:2"));
}

TEST_F(WholeTables, FloorsAndSweepsSurviveACrashThatLosesTheDisk) {
  start();
  for (int id = 1; id <= 9; ++id) event("c", id, 10 + id);
  event("t", 0, 40);
  driver_->run();  // no slice of the sweep yet
  driver_->crash_and_restart();
  run();
  EXPECT_THAT(live(), IsEmpty());
  driver_->crash_and_restart();
  event("c", 10, 20);
  event("c", 11, 50);
  run();
  EXPECT_THAT(live(), ElementsAre("erp:11"));
}

TEST_F(WholeTables, TruncateOfChildrenTakesThemFromTheirAccounts) {
  start();
  event("c", 1, 10);
  event("c", 1, 11, "people");
  run();
  EXPECT_EQ(state_of(driver_->table_bytes(kAccountStates.name).at("erp:1")).status,
            AccountStatus::Active);
  event("t", 0, 40, "people");
  run();
  EXPECT_THAT(live(), ElementsAre("erp:1"));
  EXPECT_THAT(reports(), ::testing::Contains(::testing::HasSubstr(
                             "erp:public.people: a truncate deleted 1 of 1 records")));
}

TEST_F(WholeTables, OtherSourcesAndOtherTablesOfOneKindStay) {
  start();
  event("c", 1, 10, "prospects");
  driver_->pipe_bytes(kAccounts.name, "k", change(ChangeType::Create, "erp:7", 1, {{"name", "B"}}),
                      1'000);
  event("c", 2, 11);
  run();
  event("t", 0, 40);
  run();
  EXPECT_THAT(live(), UnorderedElementsAre("erp:1", "erp:7"));
}

TEST_F(WholeTables, CompleteSnapshotDeletesWhatItDidNotBring) {
  start();
  for (int id = 1; id <= 6; ++id) event("c", id, 10 + id);
  event("c", 21, 30, "prospects");
  run();
  event("r", 1, 40, "customers", "first", "null");
  event("r", 2, 40, "customers", "true", "null");
  event("c", 9, 50);  // streamed later, seen before the snapshot is over
  run();
  EXPECT_EQ(live().size(), 8U);
  event("r", 3, 40, "customers", "last_in_data_collection", "null");
  run();
  EXPECT_THAT(live(), UnorderedElementsAre("erp:1", "erp:2", "erp:3", "erp:9", "erp:21"));
  event("c", 8, 20);  // from before the snapshot
  run();
  EXPECT_EQ(live().size(), 5U);
}

TEST_F(WholeTables, LastRowOfAllEndsATableOfOneRow) {
  start();
  event("c", 1, 10);
  event("c", 2, 11);
  event("c", 21, 12, "prospects");
  run();
  event("r", 21, 40, "prospects", "last", "null");
  event("r", 1, 40, "customers", "first", "null");
  run();
  EXPECT_THAT(live(), UnorderedElementsAre("erp:1", "erp:21"));
}

TEST_F(WholeTables, OtherSnapshotsDeleteNothing) {
  start();
  for (int id = 1; id <= 4; ++id) event("c", id, 10 + id);
  run();
  event("r", 1, 40, "customers", "incremental", "30");
  event("r", 1, 41, "customers", "true", "null");
  event("r", 1, 42, "customers", "first", "null");
  event("r", 2, 42, "customers", "true", "null");
  run();
  EXPECT_EQ(live().size(), 4U);
  EXPECT_THAT(reports(), IsEmpty());
  event("r", 1, 50, "customers", "first", "null");
  run();
  EXPECT_EQ(live().size(), 4U);
  EXPECT_THAT(
      reports(),
      ElementsAre(::testing::HasSubstr("another snapshot began before this one was complete")));
}

TEST_F(WholeTables, DryRunOnlyCounts) {
  start(SnapshotSweep::kDryRun);
  for (int id = 1; id <= 4; ++id) event("c", id, 10 + id);
  run();
  event("r", 1, 40, "customers", "first", "null");
  event("r", 2, 40, "customers", "last", "null");
  run();
  EXPECT_EQ(live().size(), 4U);
  EXPECT_THAT(reports(), ::testing::Contains(::testing::HasSubstr("would delete")));
}

TEST_F(WholeTables, SweepMayBeOff) {
  start(SnapshotSweep::kOff);
  event("c", 1, 10);
  event("r", 2, 40, "customers", "last", "null");
  run();
  EXPECT_EQ(live().size(), 2U);
  EXPECT_THAT(reports(), IsEmpty());
}

TEST_F(WholeTables, ChangeOfATransactionThatWasOpenDuringTheSnapshotStays) {
  start();
  event("c", 1, 10);
  event("d", 2, 12);
  event("r", 1, 40, "customers", "first", "null");
  event("r", 3, 40, "customers", "last", "null");
  run();
  event("c", 2, 38, "customers", "false", "null");  // no commit is known before it
  event("c", 4, 39, "customers", "false", "null");
  run();
  EXPECT_THAT(live(), UnorderedElementsAre("erp:1", "erp:2", "erp:3", "erp:4"));
}

}  // namespace millrace::crm::table_driver_test
