#pragma once

#include <cstddef>
#include <memory>

namespace millrace {

/// Memory that is touched at random: from `kHugePageBytes` on it starts at a huge page's boundary
/// and the system is asked for huge pages, which spares most of a look-up's address translations.
constexpr size_t kHugePageBytes = 2 << 20;

void* allocate_pages(size_t bytes);
void free_pages(void* memory, size_t bytes);

struct PagesDelete {
  size_t bytes = 0;
  void operator()(void* memory) const { free_pages(memory, bytes); }
};

/// For containers.
template <class T>
struct PageAllocator {
  using value_type = T;

  PageAllocator() = default;
  template <class U>
  PageAllocator(const PageAllocator<U>&) {
  }  // NOLINT(google-explicit-constructor): as allocators do

  T* allocate(size_t n) { return static_cast<T*>(allocate_pages(n * sizeof(T))); }
  void deallocate(T* memory, size_t n) { free_pages(memory, n * sizeof(T)); }
  friend bool operator==(PageAllocator, PageAllocator) { return true; }
};

}  // namespace millrace
