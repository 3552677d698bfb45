// Random steps on a task's state beside a plain map: whatever the order of puts, scans, undone
// units, freezes, commits, discards, evictions and reopenings, both show the same rows.
#include <random>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "state_fixture.h"

namespace millrace::task_state_model_test {

constexpr int kSteps = 6000;
constexpr int kKeys = 120;
constexpr int kGroupedKeys = 1500;
constexpr int kKeysPerGroup = 5;

// A store that is never scanned keeps no index; one whose groups are scanned knows those by heart.
enum class Scans { kNone, kRanges, kGroups };

struct Setup {
  const char* name;
  bool disk;
  size_t cache_bytes;
  Scans scans;
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
    if (GetParam().scans == Scans::kGroups) {
      // Few groups are busy, so that most of those are known when they change.
      const size_t n = pick(pick(2) == 0 ? kKeys : kGroupedKeys);
      return std::to_string(n / kKeysPerGroup) + '\0' + std::to_string(n % kKeysPerGroup);
    }
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
      if (GetParam().scans == Scans::kGroups) check_group();
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
  void check_group() {
    const std::string name = key();
    const std::string group = name.substr(0, name.find('\0') + 1);
    const std::string end = group.substr(0, group.size() - 1) + '\1';
    if (pick(3) > 0) {
      const Content expected(now_.lower_bound(group), now_.lower_bound(end));
      ASSERT_EQ(drain(*store_->prefix(group)), expected) << group;
    } else {
      const Content expected(now_.lower_bound(name), now_.lower_bound(end));
      ASSERT_EQ(drain(*store_->range(name, end)), expected) << name;
    }
  }
  void check_scan() {
    if (GetParam().scans == Scans::kNone) return check_key();
    if (GetParam().scans == Scans::kGroups && pick(10) > 0) return check_group();
    check_range();
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
    if (n < 880) return check_scan();
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

INSTANTIATE_TEST_SUITE_P(
    Setups, ModelTest,
    ::testing::Values(Setup{"Memory", false, 1 << 20, Scans::kRanges},
                      Setup{"MemoryTinyCache", false, 2000, Scans::kRanges},
                      Setup{"MemoryGroups", false, 1 << 20, Scans::kGroups},
                      Setup{"Disk", true, 1 << 20, Scans::kRanges},
                      Setup{"DiskNoCache", true, 0, Scans::kRanges},
                      Setup{"DiskGroups", true, 1 << 20, Scans::kGroups},
                      Setup{"DiskGroupsSmallCache", true, 40'000, Scans::kGroups},
                      Setup{"DiskGroupsNoCache", true, 0, Scans::kGroups},
                      Setup{"DiskTinyCacheUnscanned", true, 4000, Scans::kNone}),
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
