#include "engine/restore/local_state.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "engine/testing/manual_clock.h"
#include "tests/unit/temp_directory.h"

namespace millrace::engine {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Key;

constexpr TaskId kTask{0, 3};

/// Opens the state of a task in `state_dir` (empty: in memory) and closes it again.
class LocalStateTest : public ::testing::Test {
 protected:
  LocalState opened_and_closed(const std::filesystem::path& state_dir) {
    Result<StateDirectory> directory = StateDirectory::open(state_dir, "app", "a");
    EXPECT_TRUE(directory.ok()) << directory.message();
    directory_ = std::make_unique<StateDirectory>(std::move(*directory));
    sub_topology_.stores.push_back({.spec = &spec_, .changelog_topic = {}, .sinks = {}});
    LocalState local(options_, clock_, *directory_, "app@1");
    const Result<std::unique_ptr<TaskState>> state = local.open(kTask, sub_topology_, {});
    EXPECT_TRUE(state.ok()) << state.message();
    local.close(kTask, sub_topology_, **state);
    return local;
  }

  const StoreSpec spec_{.name = "counts", .key = {}, .value = {}};
  SubTopology sub_topology_;
  EngineOptions options_;
  testing::ManualClock clock_{1'700'000'000'000};
  std::unique_ptr<StateDirectory> directory_;
};

TEST_F(LocalStateTest, OnDiskStaysUntilTheCleanUpDelayIsOver) {
  const TempDirectory folder;
  LocalState local = opened_and_closed(folder.path());
  EXPECT_THAT(local.held(), ElementsAre(Key(kTask)));
  clock_.advance(options_.state_cleanup_delay_ms);
  local.remove_old({}, nullptr);
  EXPECT_TRUE(local.is_on_disk(kTask));
  clock_.advance(1);
  local.remove_old({}, nullptr);
  EXPECT_FALSE(local.is_on_disk(kTask));
  EXPECT_THAT(local.held(), IsEmpty());
}

TEST_F(LocalStateTest, StaysWhileItsTaskWaitsHereToBeOpened) {
  const TempDirectory folder;
  LocalState local = opened_and_closed(folder.path());
  for (int i = 0; i < 3; ++i) {
    clock_.advance(options_.state_cleanup_delay_ms);
    local.remove_old({kTask}, nullptr);
  }
  clock_.advance(1);
  local.remove_old({}, nullptr);
  EXPECT_TRUE(local.is_on_disk(kTask)) << "the delay begins when the task goes";
  clock_.advance(options_.state_cleanup_delay_ms);
  local.remove_old({}, nullptr);
  EXPECT_FALSE(local.is_on_disk(kTask));
}

TEST_F(LocalStateTest, InMemoryIsGoneOnceItIsClosed) {
  EXPECT_THAT(opened_and_closed({}).held(), IsEmpty());
}

}  // namespace
}  // namespace millrace::engine
