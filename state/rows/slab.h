#pragma once

#include <array>
#include <cstddef>
#include <memory>
#include <vector>

#include "state/rows/huge_pages.h"

namespace millrace {

/// Memory for the rows of a task: blocks of size classes, reused last-in first-out, so that the
/// block a write takes is the one the write before gave back, still in the processor's cache.
///
/// Chunks go back to the system only when the slab dies. Blocks above `kLargestClassBytes` come
/// straight from the system. Not thread-safe.
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
  struct SizeClass {
    FreeBlock* free = nullptr;
    char* unused = nullptr;  // the rest of the newest chunk
    char* unused_end = nullptr;
    size_t chunk_bytes = 0;
  };
  static constexpr size_t kClasses = 104;

  static size_t class_of(size_t bytes);
  static size_t class_bytes(size_t index);
  void* carve(SizeClass& size_class, size_t bytes);

  std::array<SizeClass, kClasses> classes_;
  std::vector<std::unique_ptr<void, PagesDelete>> chunks_;
};

}  // namespace millrace
