#pragma once

#include <cstddef>
#include <memory_resource>

namespace millrace {

constexpr size_t kHugePageBytes = 2 << 20;

/// Memory that is touched at random: from `kHugePageBytes` on it starts at a huge page's boundary
/// and the system is asked for huge pages, which spares most of a look-up's address translations.
std::pmr::memory_resource* huge_pages();

}  // namespace millrace
