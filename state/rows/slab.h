#pragma once

#include <array>
#include <cstddef>
#include <new>

#include "millrace/core/arena.h"
#include "millrace/core/assert.h"

#include "state/rows/huge_pages.h"

namespace millrace {

/// Memory for the rows of a task: blocks of size classes, reused last-in first-out, so that a write
/// takes the block that the write before gave back, still in the processor's cache.
///
/// The slab returns its memory to the system only when it dies. Blocks above
/// `kLargestClassBytes` come straight from the system. Not thread-safe.
class Slab {
 public:
  static constexpr size_t kLargestClassBytes = 32 << 10;

  /// The real size of a block for `bytes`.
  static size_t block_bytes(size_t bytes) {
    return bytes <= kFineBytes ? fine_block_bytes(bytes) : coarse_block_bytes(bytes);
  }

  /// 16-byte aligned. REQUIRES: bytes > 0.
  void* allocate(size_t bytes) {
    MILLRACE_ASSERT(bytes > 0, "an empty block");
    if (bytes > kFineBytes) return allocate_coarse(bytes);
    return take(free_[fine_class_of(bytes)], fine_block_bytes(bytes));
  }
  /// REQUIRES: `block` came from `allocate(bytes)`.
  void deallocate(void* block, size_t bytes) {
    if (bytes > kFineBytes) {
      deallocate_coarse(block, bytes);
    } else {
      give_back(free_[fine_class_of(bytes)], block);
    }
  }

 private:
  struct FreeBlock {
    FreeBlock* next;
  };
  // Up to `kFineBytes` there is a class every `kStepBytes`, then there are 8 per doubling. As all
  // are multiples of `kStepBytes`, blocks are aligned to it.
  static constexpr size_t kStepBytes = 16;
  static constexpr size_t kFineBytes = 1024;
  static constexpr size_t kFineClasses = kFineBytes / kStepBytes;
  static constexpr size_t kClasses = kFineClasses + 8 * 5;  // five doublings to the largest

  static size_t fine_class_of(size_t bytes) { return (bytes - 1) / kStepBytes; }
  static size_t fine_block_bytes(size_t bytes) {
    return (bytes + kStepBytes - 1) & ~(kStepBytes - 1);
  }
  static size_t coarse_class_of(size_t bytes);
  static size_t coarse_block_bytes(size_t bytes);
  void* allocate_coarse(size_t bytes);
  void deallocate_coarse(void* block, size_t bytes);

  void* take(FreeBlock*& free, size_t block_bytes) {
    if (free == nullptr) return unused_.allocate(block_bytes);
    FreeBlock* const block = free;
    free = block->next;
    return block;
  }
  static void give_back(FreeBlock*& free, void* block) { free = new (block) FreeBlock{free}; }

  std::array<FreeBlock*, kClasses> free_{};
  Arena unused_{{.block_bytes_max = kHugePageBytes}, huge_pages()};
};

}  // namespace millrace
