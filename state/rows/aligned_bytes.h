#pragma once

#include <cstdint>
#include <cstring>
#include <vector>

#include "millrace/core/bytes.h"

namespace millrace {

/// Copies of byte strings at 8-byte boundaries; keeps its memory between copies.
class AlignedBytes {
 public:
  /// The view lives until the next call. Never null.
  Bytes copy(Bytes from) {
    words_.resize(from.size() / sizeof(uint64_t) + 1);
    if (!from.empty()) std::memcpy(words_.data(), from.data(), from.size());
    return {reinterpret_cast<const char*>(words_.data()), from.size()};
  }

 private:
  std::vector<uint64_t> words_;
};

}  // namespace millrace
