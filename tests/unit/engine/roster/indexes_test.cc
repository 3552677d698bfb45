// An index that a new version of a program adds to rows on disk.
#include <map>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "millrace/operators.h"

#include "tests/unit/engine/cluster.h"

namespace millrace::engine::indexes_test {

using ::testing::HasSubstr;

constexpr Topic<std::string, std::string> kLeft{"left"};
constexpr Topic<std::string, std::string> kOut{"out"};
constexpr int kRows = 3'000;

class AddedIndexTest : public ::testing::Test {
 protected:
  Result<Topology> topology() const {
    TopologyBuilder builder{"rows"};
    auto rows = builder.table(kLeft, {.name = "rows"});
    if (has_index_) rows = rows.index("by-value", [](std::string_view value) { return value; });
    rows.to(kOut);
    return std::move(builder).build();
  }
  void pipe(int i, const std::string& value) { cluster_.pipe("left", std::to_string(i), value); }
  /// Value and key of each entry.
  Result<std::map<std::string, int>> entries() {
    std::map<std::string, int> counts;
    const auto scanned =
        cluster_["a"].queries().scan("rows/by-value", {}, [&](TaskId, Bytes entry, const Row& row) {
          EXPECT_EQ(read_index_entry(IndexType::kText, entry)->text, row.value.view());
          counts[row.value.to_string()] += 1;
          return true;
        });
    if (!scanned.ok()) return scanned.status();
    return counts;
  }

  bool has_index_ = false;
  Cluster cluster_{[this] { return topology(); }, 1};
};

TEST_F(AddedIndexTest, IsBuiltWhileRecordsAreProcessed) {
  ASSERT_TRUE(cluster_.start("a").ok());
  for (int i = 0; i < kRows; ++i) pipe(i, i % 3 == 0 ? "old" : "other");
  ASSERT_TRUE(cluster_.settle().ok());
  ASSERT_TRUE(cluster_["a"].close().ok());
  cluster_.kill("a");
  has_index_ = true;
  ASSERT_TRUE(cluster_.start("a").ok());
  bool was_building = false;
  for (int i = 0; i < 40; ++i) {
    pipe(i * 70, "new");
    ASSERT_TRUE(cluster_.turn().ok());
    const auto found = entries();
    if (found.ok() || found.code() != ErrorCode::kNotReady) continue;
    was_building = true;
    EXPECT_THAT(found.message(), HasSubstr("index 'rows/by-value' is being built"));
  }
  EXPECT_TRUE(was_building);
  ASSERT_TRUE(cluster_.settle().ok());
  const auto found = entries();
  ASSERT_TRUE(found.ok()) << found.message();
  int replaced_old = 0;
  for (int i = 0; i < 40; ++i) replaced_old += i * 70 % 3 == 0 ? 1 : 0;
  EXPECT_EQ(found->at("new"), 40);
  EXPECT_EQ(found->at("old"), kRows / 3 - replaced_old);
  EXPECT_EQ(found->at("other"), kRows - kRows / 3 - (40 - replaced_old));
}

}  // namespace millrace::engine::indexes_test
