#pragma once

#include <cstddef>
#include <memory_resource>

namespace millrace {

constexpr size_t kHugePageBytes = 2 << 20;

/// Memory for random access: blocks from `kHugePageBytes` on start at a huge page's boundary and
/// ask the system for huge pages, which spares most of a look-up's address translations.
std::pmr::memory_resource* huge_pages();

}  // namespace millrace
