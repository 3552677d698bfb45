#include "state/rows/huge_pages.h"

#include <new>

#include <sys/mman.h>

namespace millrace {
namespace {

std::align_val_t alignment(size_t bytes) {
  return std::align_val_t{bytes >= kHugePageBytes ? kHugePageBytes : 64};
}

}  // namespace

void* allocate_pages(size_t bytes) {
  void* const memory = ::operator new(bytes, alignment(bytes));
  // Only advice: without huge pages everything works the same, slower.
  if (bytes >= kHugePageBytes) ::madvise(memory, bytes & ~(kHugePageBytes - 1), MADV_HUGEPAGE);
  return memory;
}

void free_pages(void* memory, size_t bytes) {
  ::operator delete(memory, alignment(bytes));
}

}  // namespace millrace
