#include "millrace/core/arena.h"

#include <map>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

namespace millrace::arena_test {

/// Counts what is out.
class CountingMemory final : public std::pmr::memory_resource {
 public:
  size_t bytes = 0;
  size_t allocations = 0;

 private:
  void* do_allocate(size_t size, size_t alignment) override {
    bytes += size;
    ++allocations;
    return std::pmr::new_delete_resource()->allocate(size, alignment);
  }
  void do_deallocate(void* memory, size_t size, size_t alignment) override {
    bytes -= size;
    std::pmr::new_delete_resource()->deallocate(memory, size, alignment);
  }
  bool do_is_equal(const memory_resource& other) const noexcept override { return this == &other; }
};

TEST(Arena, KeepsWhatWasCopiedBeforeTheMark) {
  std::mt19937 random(5);
  Arena arena({.block_bytes_min = 64, .block_bytes_max = 1024});
  std::vector<std::pair<Bytes, std::string>> kept;
  const auto add = [&](auto& to) {
    std::string text(random() % 300, static_cast<char>('a' + random() % 26));
    to.emplace_back(arena.copy(Bytes(text)), text);
  };
  for (int unit = 0; unit < 2'000; ++unit) {
    const Arena::Mark mark = arena.mark();
    const size_t used = arena.used_bytes();
    std::vector<std::pair<Bytes, std::string>> added;
    for (auto i = random() % 4; i > 0; --i) add(added);
    if (random() % 3 == 0) {
      arena.rollback(mark);
      ASSERT_EQ(arena.used_bytes(), used);
    } else {
      kept.insert(kept.end(), added.begin(), added.end());
    }
  }
  for (const auto& [copy, text] : kept) {
    ASSERT_TRUE(text.empty() || reinterpret_cast<uintptr_t>(copy.data()) % 8 == 0);
    ASSERT_EQ(copy.view(), text);
  }
}

TEST(Arena, TellsNullFromEmpty) {
  Arena arena;
  EXPECT_TRUE(arena.copy(Bytes()).is_null());
  EXPECT_FALSE(arena.copy(Bytes("")).is_null());
  EXPECT_EQ(arena.used_bytes(), 0U);
}

TEST(Arena, ASteadyFlowAllocatesNothing) {
  CountingMemory memory;
  Arena arena({}, &memory);
  size_t first_round = 0;
  for (int round = 0; round < 5; ++round) {
    for (int i = 0; i < 1'000; ++i) arena.allocate(100);
    arena.clear();
    if (round == 0) first_round = memory.allocations;
  }
  EXPECT_EQ(memory.allocations, first_round);
  EXPECT_EQ(memory.bytes, arena.reserved_bytes());
}

TEST(Arena, ClearKeepsNoMoreThanItsBound) {
  CountingMemory memory;
  Arena arena({.block_bytes_min = 1 << 10, .block_bytes_max = 4 << 10, .kept_bytes_max = 16 << 10},
              &memory);
  for (int i = 0; i < 100; ++i) arena.allocate(1 << 10);
  EXPECT_GE(memory.bytes, size_t{100} << 10);
  arena.clear();
  EXPECT_LE(memory.bytes, size_t{16} << 10);
  EXPECT_GT(memory.bytes, 0U);
}

TEST(Arena, APieceLargerThanABlockIsWhole) {
  CountingMemory memory;
  {
    Arena arena({.block_bytes_min = 64, .block_bytes_max = 64}, &memory);
    const Bytes small = arena.copy(Bytes("small"));
    const std::string large(10'000, 'x');
    EXPECT_EQ(arena.copy(Bytes(large)).view(), large);
    EXPECT_EQ(small.view(), "small");
  }
  EXPECT_EQ(memory.bytes, 0U);
}

TEST(Arena, AMoveLeavesThePiecesWhereTheyAre) {
  Arena from;
  const Bytes piece = from.copy(Bytes("piece"));
  Arena to(std::move(from));
  from = Arena();
  EXPECT_EQ(piece.view(), "piece");
  EXPECT_EQ(from.copy(Bytes("again")).view(), "again");
  EXPECT_EQ(to.used_bytes(), 8U);
}

}  // namespace millrace::arena_test
