#include "state/rows/huge_pages.h"

#include <algorithm>
#include <new>

#include <sys/mman.h>

namespace millrace {
namespace {

constexpr size_t kCacheLineBytes = 64;

class HugePages final : public std::pmr::memory_resource {
  static std::align_val_t alignment_of(size_t bytes, size_t alignment) {
    return std::align_val_t{
        std::max(alignment, bytes >= kHugePageBytes ? kHugePageBytes : kCacheLineBytes)};
  }

  void* do_allocate(size_t bytes, size_t alignment) override {
    void* const memory = ::operator new(bytes, alignment_of(bytes, alignment));
    // Only advice: without huge pages everything works the same, but slower.
    if (bytes >= kHugePageBytes) ::madvise(memory, bytes & ~(kHugePageBytes - 1), MADV_HUGEPAGE);
    return memory;
  }
  void do_deallocate(void* memory, size_t bytes, size_t alignment) override {
    ::operator delete(memory, alignment_of(bytes, alignment));
  }
  bool do_is_equal(const memory_resource& other) const noexcept override { return this == &other; }
};

}  // namespace

std::pmr::memory_resource* huge_pages() {
  static HugePages pages;
  return &pages;
}

}  // namespace millrace
