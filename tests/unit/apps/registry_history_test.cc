#include "apps/workload/registry_history.h"

#include <fstream>
#include <set>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "account_generated.h"
#include "crm/account_topology.h"
#include "crm/checks/input_checks.h"
#include "merge_fact_generated.h"

namespace millrace::apps::registry_history_test {

using ::testing::HasSubstr;

const crm::AccountChange& change_of(const RegistryEvent& event) {
  EXPECT_TRUE(crm::validate_account_change(Bytes(event.value)).ok());
  return *flatbuffers::GetRoot<crm::AccountChange>(event.value.data());
}

std::string line(const std::string& release, const std::string& status,
                 const std::string& rest = "") {
  return "{\"release\":\"" + release + "\",\"id\":\"abc\",\"status\":\"" + status + "\"" + rest +
         "}";
}

TEST(ReleaseOrdinal, OrdersReleasesByNumberNotByText) {
  EXPECT_LT(release_ordinal("v1.9"), release_ordinal("v1.10"));
  EXPECT_LT(release_ordinal("v1.17"), release_ordinal("v1.17.1"));
  EXPECT_LT(release_ordinal("v1.17.1"), release_ordinal("v1.18"));
  EXPECT_LT(release_ordinal("v1.74"), release_ordinal("v2.0"));
  for (const char* name : {"", "v", "1.2", "v1.", "v1.2.3.4", "v1.-2", "v1.1000", "vx"}) {
    EXPECT_EQ(release_ordinal(name), -1) << name;
  }
}

TEST(RegistryChanges, FollowTheLifeOfARecord) {
  RegistryChanges changes;
  std::vector<crm::ChangeType> types;
  for (const char* status : {"active", "inactive", "withdrawn", "withdrawn", "active"}) {
    const auto event = changes.convert(line("v1.0", status), static_cast<int64_t>(types.size()));
    ASSERT_TRUE(event.ok());
    types.push_back(change_of(*event).change_type());
  }
  using enum crm::ChangeType;
  EXPECT_THAT(types, ::testing::ElementsAre(Create, Update, Delete, Delete, Undelete));
}

TEST(RegistryChanges, CarryFieldsAsTextAndListsAsJson) {
  RegistryChanges changes;
  const auto event = changes.convert(
      line("v1.2", "active", R"(,"name":"Ü","types":["a","b"],"lat":1.5,"website":null)"), 7);
  ASSERT_TRUE(event.ok());
  EXPECT_EQ(event->key, "ror:abc");
  const crm::AccountChange& change = change_of(*event);
  EXPECT_EQ(change.version()->sequence_number(), 7);
  EXPECT_EQ(change.version()->commit_timestamp_ms(), release_time_ms(release_ordinal("v1.2")));
  EXPECT_TRUE(change.full_image());
  ASSERT_EQ(change.fields()->size(), 4U);
  EXPECT_EQ(change.fields()->LookupByKey("name")->value()->str(), "Ü");
  EXPECT_EQ(change.fields()->LookupByKey("types")->value()->str(), R"(["a","b"])");
  EXPECT_EQ(change.fields()->LookupByKey("lat")->value()->str(), "1.5");
  EXPECT_EQ(change.fields()->LookupByKey("website"), nullptr);
}

TEST(RegistryChanges, RefuseBrokenLinesByNumber) {
  RegistryChanges changes;
  for (const std::string& text :
       {std::string("{"), std::string("[]"), std::string("{}"), line("1.0", "active"),
        std::string(R"({"release":"v1.0","id":"","status":"active"})")}) {
    const auto event = changes.convert(text, 41);
    ASSERT_FALSE(event.ok()) << text;
    EXPECT_EQ(event.code(), ErrorCode::kInvalidRecord);
    EXPECT_THAT(event.message(), HasSubstr("line 42"));
  }
}

TEST(RegistryHistory, TheCommittedPartConvertsAndRepeatsByteForByte) {
  const auto load = [] {
    RegistryChanges changes;
    std::vector<std::string> values;
    const Status status =
        for_each_line(APPS_DATA "/registry.jsonl.gz", [&](std::string_view text, int64_t index) {
          auto event = changes.convert(text, index);
          if (event.ok()) values.push_back(event->value);
          return event.status();
        });
    EXPECT_TRUE(status.ok());
    return values;
  };
  const std::vector<std::string> first = load();
  EXPECT_EQ(first.size(), 2339U);
  EXPECT_EQ(first, load());
}

TEST(MergeLedger, TheCommittedPartHoldsAllKindsOfFacts) {
  std::multiset<crm::MergeFactKind> kinds;
  const Status status = for_each_merge_fact(
      APPS_DATA "/registry_merges.csv", kRegistrySource, [&](RegistryEvent event) -> Status {
        MILLRACE_RETURN_IF_ERROR(crm::validate_merge_fact(Bytes(event.value)));
        kinds.insert(flatbuffers::GetRoot<crm::MergeFact>(event.value.data())->kind());
        return {};
      });
  ASSERT_TRUE(status.ok()) << status.message();
  EXPECT_EQ(kinds.size(), 743U);
  EXPECT_EQ(kinds.count(crm::MergeFactKind::Unmerge), 23U);
  EXPECT_EQ(kinds.count(crm::MergeFactKind::Split), 26U);
}

class LedgerFile : public ::testing::Test {
 protected:
  ~LedgerFile() override { std::filesystem::remove(file_); }

  Status read(const std::string& lines) {
    std::ofstream(file_) << lines;
    return for_each_merge_fact(file_, kRegistrySource, [&](RegistryEvent event) -> Status {
      events_.push_back(std::move(event));
      return {};
    });
  }
  const std::string header_ =
      "event_index,release,kind,victim,victim_status,survivors,victim_name\n";
  const std::filesystem::path file_ =
      std::filesystem::temp_directory_path() / ("millrace_ledger_" + std::to_string(getpid()));
  std::vector<RegistryEvent> events_;
};

TEST_F(LedgerFile, QuotedCellsMayHoldCommasAndQuotes) {
  ASSERT_TRUE(read(header_ + "5,v1.0,SPLIT,a,inactive,b;c,\"X, \"\"Y\"\"\"\n").ok());
  const auto* fact = flatbuffers::GetRoot<crm::MergeFact>(events_.at(0).value.data());
  EXPECT_EQ(fact->victim()->str(), "ror:a");
  ASSERT_EQ(fact->successors()->size(), 2U);
  EXPECT_EQ(fact->successors()->Get(1)->str(), "ror:c");
  EXPECT_EQ(fact->version()->sequence_number(), 5);
}

TEST_F(LedgerFile, SucceededIsNoMerge) {
  ASSERT_TRUE(read(header_ + "5,v1.0,SUCCEEDED,a,inactive,b,X\n").ok());
  EXPECT_TRUE(events_.empty());
}

TEST_F(LedgerFile, BrokenLinesAreRefused) {
  EXPECT_FALSE(read("a,b\n").ok());
  for (const char* text : {"5,v1.0,MERGE,a\n", "x,v1.0,MERGE,a,w,b,X\n", "5,1,MERGE,a,w,b,X\n",
                           "5,v1.0,MERGE,a,w,b;c,X\n", "5,v1.0,EATEN,a,w,b,X\n"}) {
    EXPECT_EQ(read(header_ + text).code(), ErrorCode::kInvalidRecord) << text;
  }
}

TEST(ForEachLine, ReportsWhatIsMissingOrDamaged) {
  const auto ignore = [](std::string_view, int64_t) -> Status { return {}; };
  EXPECT_EQ(for_each_line("/nonexistent", ignore).code(), ErrorCode::kNotFound);
  const std::filesystem::path file =
      std::filesystem::temp_directory_path() / ("millrace_lines_" + std::to_string(getpid()));
  std::ifstream whole(APPS_DATA "/registry.jsonl.gz", std::ios::binary);
  std::string bytes(1'000, '\0');
  whole.read(bytes.data(), 1'000);
  std::ofstream(file, std::ios::binary) << bytes;
  EXPECT_EQ(for_each_line(file, ignore).code(), ErrorCode::kInvalidRecord);
  std::ofstream(file, std::ios::binary) << std::string(2 << 20, 'x');
  EXPECT_THAT(for_each_line(file, ignore).message(), HasSubstr("longer than 1 MiB"));
  std::filesystem::remove(file);
}

}  // namespace millrace::apps::registry_history_test
