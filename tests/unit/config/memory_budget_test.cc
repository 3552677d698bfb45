#include "engine/config/memory_budget.h"

#include <fstream>
#include <string>

#include <gtest/gtest.h>

#include "tests/unit/temp_directory.h"

namespace millrace::engine::memory_budget_test {

constexpr size_t kMiB = size_t{1} << 20;
constexpr size_t kGiB = size_t{1} << 30;

/// A file system with the kernel's files.
class UsableMemoryTest : public ::testing::Test {
 protected:
  void write(const std::string& name, const std::string& text) {
    const std::filesystem::path path = directory_.path() / name;
    std::filesystem::create_directories(path.parent_path());
    std::ofstream(path) << text;
  }
  size_t usable() const { return usable_memory_bytes(directory_.path()); }

  TempDirectory directory_;
};

TEST_F(UsableMemoryTest, IsTheMachinesWithoutALimit) {
  EXPECT_EQ(usable(), 0);
  write("proc/meminfo", "MemFree:  5 kB\nMemTotal:   2048 kB\nOther: 1\n");
  EXPECT_EQ(usable(), 2 * kMiB);
  write("proc/self/cgroup", "0::/\n");
  write("sys/fs/cgroup/memory.max", "max\n");
  EXPECT_EQ(usable(), 2 * kMiB);
}

TEST_F(UsableMemoryTest, IsTheLeastLimitOfTheGroupAndThoseAround) {
  write("proc/meminfo", "MemTotal: 8388608 kB\n");
  write("proc/self/cgroup", "0::/a/b\n");
  write("sys/fs/cgroup/a/memory.max", "3145728\n");
  write("sys/fs/cgroup/a/b/memory.max", "max\n");
  EXPECT_EQ(usable(), 3 * kMiB);
  write("sys/fs/cgroup/a/b/memory.max", "1048576\n");
  EXPECT_EQ(usable(), kMiB);
}

TEST_F(UsableMemoryTest, KnowsTheFirstVersionAndTheTopOfAContainer) {
  write("proc/meminfo", "MemTotal: 8388608 kB\n");
  write("proc/self/cgroup", "5:cpu,memory:/x\n4:memory:/docker/1\n");
  write("sys/fs/cgroup/memory/memory.limit_in_bytes", "4194304\n");
  EXPECT_EQ(usable(), 4 * kMiB);
  write("sys/fs/cgroup/memory/docker/1/memory.limit_in_bytes", "2097152\n");
  EXPECT_EQ(usable(), 2 * kMiB);
}

class DivideMemoryTest : public ::testing::Test {
 protected:
  DivideMemoryTest() { add_engine_options(table_, options_); }

  EngineOptions options_;
  ConfigTable table_;
};

TEST_F(DivideMemoryTest, GivesEachPartItsShareOfAQuarter) {
  divide_memory(table_, 16 * kGiB, options_);
  EXPECT_EQ(options_.cache_bytes, 2 * kGiB);
  EXPECT_EQ(options_.block_cache_bytes, kGiB / 2);
  EXPECT_EQ(options_.write_buffer_bytes, kGiB / 2);
  EXPECT_EQ(options_.input_buffer_bytes, kGiB / 4);
  EXPECT_EQ(options_.commit_bytes_max, kGiB / 4);
}

TEST_F(DivideMemoryTest, LeavesWhatIsSetAndNeverGoesBelowTheDefaults) {
  ASSERT_TRUE(table_.set("memory.bytes", "8GiB", "t").ok());
  ASSERT_TRUE(table_.set("cache.bytes", "1MiB", "t").ok());
  divide_memory(table_, kGiB, options_);
  EXPECT_EQ(options_.cache_bytes, kMiB);
  EXPECT_EQ(options_.block_cache_bytes, kGiB);
  EngineOptions small;
  ConfigTable table;
  add_engine_options(table, small);
  divide_memory(table, 0, small);
  EXPECT_EQ(small.cache_bytes, EngineOptions().cache_bytes);
  EXPECT_EQ(small.commit_bytes_max, EngineOptions().commit_bytes_max);
}

}  // namespace millrace::engine::memory_budget_test
