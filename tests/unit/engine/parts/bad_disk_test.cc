// A read that fails shows no row: nothing that was made of it may leave the task.
#include <memory>
#include <stdexcept>
#include <string>

#include <gtest/gtest.h>

#include "millrace/engine/metrics.h"

#include "state/open_task_state.h"
#include "tests/support/faulty_env.h"
#include "tests/unit/engine/cluster.h"
#include "tests/unit/engine/small_topologies.h"

namespace millrace::engine::bad_disk_test {

/// Rows on a disk that stops reading when the first record has come that puts work off.
class DeferredOnABadDisk : public ::testing::TestWithParam<bool> {
 protected:
  Script reading() {
    Script script{.with_store = true};
    script.process = [this](ProcessorContext& context, const Record& record) {
      if (record.value == Bytes("put")) {
        const std::string block(10'000, 'x');
        return context.store("rows").put(record.key, Bytes(block), record.timestamp_ms);
      }
      context.defer(record.key, record.timestamp_ms);
      disk_->reads_fail = true;
    };
    script.on_deferred = [this](ProcessorContext& context, const DeferredCall& call) {
      ++calls_;
      const bool is_there = static_cast<bool>(context.store("rows").get(Bytes(kLast)));
      if (!is_there && GetParam()) throw std::logic_error("it was put");
      const std::string said = is_there ? "there" : "not there";
      context.forward({.key = call.key,
                       .value = Bytes(said),
                       .old_value = {},
                       .timestamp_ms = call.timestamp_ms,
                       .headers = {}});
    };
    return script;
  }

  static constexpr const char* kLast = "z";  ///< its block is not the one that an opening reads
  std::shared_ptr<FaultyFileSystem> disk_ = std::make_shared<FaultyFileSystem>();
  FaultyEnv env_{disk_};
  int calls_ = 0;
  Cluster cluster_{[this] { return scripted(reading()); }, 1};
};

INSTANTIATE_TEST_SUITE_P(ThrowsForNoRowOrNot, DeferredOnABadDisk, ::testing::Bool());

TEST_P(DeferredOnABadDisk, EndsTheInstanceAndCommitsNothing) {
  cluster_.options.on_user_error = OnError::kSkip;
  cluster_.hooks.open_state = [this](const TaskStateOptions& options,
                                     std::span<const StoreSpec> stores) {
    return open_task_state(options, stores, &env_);
  };
  ASSERT_TRUE(cluster_.start("a").ok());
  for (const char* const key : {"a", "b", "c", kLast}) cluster_.pipe("left", key, "put");
  ASSERT_TRUE(cluster_.settle().ok());
  ASSERT_TRUE(cluster_["a"].close().ok());
  cluster_.kill("a");

  ASSERT_TRUE(cluster_.start("a").ok());
  cluster_.pipe("left", "k", "look");
  const Status status = cluster_.settle();
  ASSERT_FALSE(status.ok());
  EXPECT_EQ(status.code(), ErrorCode::kStoreIo) << status.message();
  EXPECT_EQ(calls_, 1);
  EXPECT_EQ(cluster_["a"].metrics().dropped("user_code").value(), 0);
  EXPECT_EQ(cluster_.broker.committed_offset({"left", 0}), 4) << "the record comes again";
  EXPECT_TRUE(cluster_.values("out").empty());
  cluster_.kill("a");
}

/// Without a transaction, what was sent is out for good.
TEST(BadDisk, NothingThatAFailedReadMadeIsSentUnderAtLeastOnce) {
  const auto disk = std::make_shared<FaultyFileSystem>();
  FaultyEnv env(disk);
  Script script{.with_store = true};
  script.process = [&disk](ProcessorContext& context, const Record& record) {
    KeyValueStore& rows = context.store("rows");
    if (record.value == Bytes("put")) {
      const std::string block(10'000, 'x');
      return rows.put(record.key, Bytes(block), record.timestamp_ms);
    }
    disk->reads_fail = true;
    if (!rows.get(Bytes("z"))) context.forward(record);
  };
  Cluster cluster([script] { return scripted(script); }, 1);
  cluster.options.guarantee = Guarantee::kAtLeastOnce;
  cluster.options.commit_interval_ms = cluster.options.commit_interval_max_ms = 60'000;
  cluster.hooks.open_state = [&env](const TaskStateOptions& options,
                                    std::span<const StoreSpec> stores) {
    return open_task_state(options, stores, &env);
  };
  ASSERT_TRUE(cluster.start("a"));
  for (const char* const key : {"a", "b", "c", "z"}) cluster.pipe("left", key, "put");
  ASSERT_TRUE(cluster.turn(20));
  ASSERT_TRUE(cluster["a"].close());
  cluster.kill("a");

  ASSERT_TRUE(cluster.start("a"));
  cluster.pipe("left", "k", "look");
  const Status status = cluster.turn(50);
  ASSERT_FALSE(status.ok());
  EXPECT_EQ(status.code(), ErrorCode::kStoreIo) << status.message();
  EXPECT_TRUE(cluster.values("out").empty());
  cluster.kill("a");
}

}  // namespace millrace::engine::bad_disk_test
