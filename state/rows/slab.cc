#include "state/rows/slab.h"

#include <bit>
#include <new>

#include "millrace/core/assert.h"

namespace millrace {
namespace {

constexpr std::align_val_t kAlign{16};
constexpr size_t kStepBytes = 16;    // as all classes are multiples of it, blocks are aligned to it
constexpr size_t kFineBytes = 1024;  // up to here a class every 16 bytes, then 8 a doubling
constexpr size_t kFineClasses = kFineBytes / kStepBytes;
constexpr size_t kFirstShift = 7;

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
  if (FreeBlock* const block = free_[index]) {
    free_[index] = block->next;
    return block;
  }
  return unused_.allocate(class_bytes(index));
}

void Slab::deallocate(void* block, size_t bytes) {
  if (bytes > kLargestClassBytes) {
    ::operator delete(block, kAlign);
    return;
  }
  FreeBlock*& free = free_[class_of(bytes)];
  free = new (block) FreeBlock{free};
}

}  // namespace millrace
