#include "state/rows/slab.h"

#include <bit>

namespace millrace {
namespace {

constexpr std::align_val_t kAlign{16};

/// The step between classes around `bytes`, as a power of two.
size_t step_shift(size_t bytes) {
  return static_cast<size_t>(std::bit_width(bytes - 1)) - 4;
}

}  // namespace

size_t Slab::coarse_class_of(size_t bytes) {
  constexpr size_t kFirstShift = std::bit_width(kFineBytes) - 4;
  const size_t shift = step_shift(bytes);
  return kFineClasses + (shift - kFirstShift) * 8 + (((bytes - 1) >> shift) - 8);
}

size_t Slab::coarse_block_bytes(size_t bytes) {
  if (bytes > kLargestClassBytes) return bytes;
  const size_t step = size_t{1} << step_shift(bytes);
  return (bytes + step - 1) & ~(step - 1);
}

void* Slab::allocate_coarse(size_t bytes) {
  if (bytes > kLargestClassBytes) return ::operator new(bytes, kAlign);
  return take(free_[coarse_class_of(bytes)], coarse_block_bytes(bytes));
}

void Slab::deallocate_coarse(void* block, size_t bytes) {
  if (bytes > kLargestClassBytes) {
    ::operator delete(block, kAlign);
  } else {
    give_back(free_[coarse_class_of(bytes)], block);
  }
}

}  // namespace millrace
