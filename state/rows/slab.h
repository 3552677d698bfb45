#pragma once

#include <array>
#include <cstddef>

#include "millrace/core/arena.h"

#include "state/rows/huge_pages.h"

namespace millrace {

/// Memory for the rows of a task: blocks of size classes, reused last-in first-out, so that the
/// block a write takes is the one the write before gave back, still in the processor's cache.
///
/// The slab returns its memory to the system only when it dies. Blocks above
/// `kLargestClassBytes` come straight from the system. Not thread-safe.
class Slab {
 public:
  static constexpr size_t kLargestClassBytes = 32 << 10;

  /// The real size of a block for `bytes`.
  static size_t block_bytes(size_t bytes);

  /// 16-byte aligned. REQUIRES: bytes > 0.
  void* allocate(size_t bytes);
  /// REQUIRES: `block` came from `allocate(bytes)`.
  void deallocate(void* block, size_t bytes);

 private:
  struct FreeBlock {
    FreeBlock* next;
  };
  static constexpr size_t kClasses = 104;

  static size_t class_of(size_t bytes);
  static size_t class_bytes(size_t index);

  std::array<FreeBlock*, kClasses> free_{};
  Arena unused_{{.block_bytes_max = kHugePageBytes}, huge_pages()};
};

}  // namespace millrace
