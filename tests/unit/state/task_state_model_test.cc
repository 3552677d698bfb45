// Random steps on a task's state beside a plain map: whatever the order of puts, scans, undone
// units, freezes, commits, discards, evictions and reopenings, both show the same rows.
#include <random>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "state_fixture.h"

namespace millrace::task_state_model_test {

constexpr int kSteps = 6000;
constexpr int kKeys = 120;

struct Setup {
  const char* name;
  bool disk;
  size_t cache_bytes;
  bool scans;  // a store that is never scanned keeps no index
};

class ModelTest : public ::testing::TestWithParam<Setup> {
 protected:
  ModelTest() {
    if (GetParam().disk) options_ = disk_options(directory_.path());
    options_.cache_bytes = GetParam().cache_bytes;
    open();
  }

  void open() {
    state_ = open_or_die(options_, {spec("rows"), spec("other")});
    store_ = &state_->store("rows");
  }
  size_t pick(size_t n) { return std::uniform_int_distribution<size_t>(0, n - 1)(random_); }
  std::string key() {
    const size_t n = pick(kKeys);
    return (n % 3 == 0 ? "a/" : "a/b/") + std::to_string(n);
  }

  void change() {
    const std::string name = key();
    const int64_t timestamp = ++clock_;
    if (pick(4) == 0) {
      store_->erase(name, timestamp);
      now_.erase(name);
    } else {
      const std::string value(pick(pick(20) == 0 ? 3000 : 60), static_cast<char>('a' + pick(26)));
      store_->put(name, value, timestamp);
      now_[name] = {value, timestamp};
    }
  }
  void unit() {
    const Content before = now_;
    state_->begin_unit();
    for (size_t n = pick(6); n > 0; --n) {
      change();
      check_key();
    }
    if (pick(3) == 0) {
      state_->undo_unit();
      now_ = before;
    } else {
      state_->end_unit();
    }
  }
  void check_key() {
    const std::string name = key();
    const auto expected = now_.find(name);
    const auto found = lookup(*store_, name);
    ASSERT_EQ(found.has_value(), expected != now_.end()) << name;
    if (found) {
      ASSERT_EQ(*found, expected->second) << name;
    }
  }
  void prefetch() {
    std::vector<std::string> names;
    for (size_t n = pick(40); n > 0; --n) names.push_back(key());
    store_->prefetch(std::vector<Bytes>(names.begin(), names.end()));
  }
  void check_range() {
    std::string from = key();
    std::string to = key();
    if (to < from) std::swap(from, to);
    const Content expected(now_.lower_bound(from), now_.lower_bound(to));
    ASSERT_EQ(drain(*store_->range(from, to)), expected) << from << " to " << to;
  }
  void freeze() {
    if (frozen_) return;
    state_->freeze();
    frozen_content_ = now_;
    frozen_ = true;
  }
  void apply() {
    if (!frozen_) return;
    const Status status = state_->apply_frozen(positions_at(++commits_));
    ASSERT_TRUE(status.ok()) << status.message();
    committed_ = frozen_content_;
    frozen_ = false;
  }
  void discard() {
    state_->discard();
    now_ = committed_;
    frozen_ = false;
  }
  void reopen() {
    if (!GetParam().disk) return;
    ASSERT_TRUE(state_->close().ok());
    state_.reset();
    open();
    now_ = committed_;
    frozen_ = false;
    const auto& ends = state_->positions().changelog_end;
    if (commits_ > 0) {
      ASSERT_EQ(ends.at("rows"), commits_);
    }
  }
  void step() {
    const size_t n = pick(1000);
    if (n < 500) return unit();
    if (n < 600) return change();
    if (n < 750) return check_key();
    if (n < 830) return prefetch();
    if (n < 880) return GetParam().scans ? check_range() : check_key();
    if (n < 920) return freeze();
    if (n < 970) return apply();
    if (n < 980) return discard();
    if (n < 985) return reopen();
    ASSERT_EQ(committed(*state_, "rows"), committed_);
  }

  TempDirectory directory_;
  TaskStateOptions options_;
  std::unique_ptr<TaskState> state_;
  KeyValueStore* store_ = nullptr;
  std::mt19937_64 random_{20240607};
  int64_t clock_ = 0;
  int64_t commits_ = 0;
  bool frozen_ = false;
  Content now_;
  Content frozen_content_;
  Content committed_;
};

INSTANTIATE_TEST_SUITE_P(Setups, ModelTest,
                         ::testing::Values(Setup{"Memory", false, 1 << 20, true},
                                           Setup{"MemoryTinyCache", false, 2000, true},
                                           Setup{"Disk", true, 1 << 20, true},
                                           Setup{"DiskNoCache", true, 0, true},
                                           Setup{"DiskTinyCacheUnscanned", true, 4000, false}),
                         [](const auto& param) { return param.param.name; });

TEST_P(ModelTest, ShowsTheSameRowsAsAMap) {
  for (int i = 0; i < kSteps && !HasFatalFailure(); ++i) {
    SCOPED_TRACE(i);
    step();
    ASSERT_TRUE(state_->status().ok()) << state_->status().message();
  }
  ASSERT_EQ(content_of(*store_), now_);
  ASSERT_GT(commits_, 20) << "the steps reach commits";
}

}  // namespace millrace::task_state_model_test
