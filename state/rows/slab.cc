#include "state/rows/slab.h"

#include <algorithm>
#include <bit>
#include <new>

#include "millrace/core/assert.h"

namespace millrace {
namespace {

constexpr std::align_val_t kAlign{16};
constexpr size_t kStepBytes = 16;
constexpr size_t kFineBytes = 1024;  // up to here a class every 16 bytes, then 8 a doubling
constexpr size_t kFineClasses = kFineBytes / kStepBytes;
constexpr size_t kFirstShift = 7;
constexpr size_t kFirstChunkBytes = 4 << 10;
constexpr size_t kLargestChunkBytes = kHugePageBytes;

}  // namespace

size_t Slab::class_of(size_t bytes) {
  if (bytes <= kFineBytes) return (bytes - 1) / kStepBytes;
  const size_t shift = static_cast<size_t>(std::bit_width(bytes - 1)) - 4;
  return kFineClasses + (shift - kFirstShift) * 8 + (((bytes - 1) >> shift) - 8);
}

size_t Slab::class_bytes(size_t index) {
  if (index < kFineClasses) return (index + 1) * kStepBytes;
  const size_t coarse = index - kFineClasses;
  return (coarse % 8 + 9) << (kFirstShift + coarse / 8);
}

size_t Slab::block_bytes(size_t bytes) {
  return bytes > kLargestClassBytes ? bytes : class_bytes(class_of(bytes));
}

void* Slab::allocate(size_t bytes) {
  MILLRACE_ASSERT(bytes > 0, "an empty block");
  if (bytes > kLargestClassBytes) return ::operator new(bytes, kAlign);
  const size_t index = class_of(bytes);
  SizeClass& size_class = classes_[index];
  if (FreeBlock* block = size_class.free) {
    size_class.free = block->next;
    return block;
  }
  return carve(size_class, class_bytes(index));
}

void* Slab::carve(SizeClass& size_class, size_t bytes) {
  if (static_cast<size_t>(size_class.unused_end - size_class.unused) < bytes) {
    size_class.chunk_bytes =
        std::clamp(size_class.chunk_bytes * 2, std::max(kFirstChunkBytes, bytes),
                   std::max(kLargestChunkBytes, bytes));
    void* const chunk = allocate_pages(size_class.chunk_bytes);
    chunks_.emplace_back(chunk, PagesDelete{size_class.chunk_bytes});
    size_class.unused = static_cast<char*>(chunk);
    size_class.unused_end = size_class.unused + size_class.chunk_bytes;
  }
  void* const block = size_class.unused;
  size_class.unused += bytes;
  return block;
}

void Slab::deallocate(void* block, size_t bytes) {
  if (bytes > kLargestClassBytes) {
    ::operator delete(block, kAlign);
    return;
  }
  SizeClass& size_class = classes_[class_of(bytes)];
  size_class.free = new (block) FreeBlock{size_class.free};
}

}  // namespace millrace
