#pragma once

#include <cstddef>
#include <memory>
#include <vector>

#include "millrace/core/bytes.h"

namespace millrace::engine {

/// Bump allocator whose latest part can be taken back. Memory is kept over `clear`, up to a bound,
/// so that a steady flow allocates nothing. Addresses stay valid until `rollback` or `clear`.
class Arena {
 public:
  /// A place to roll back to.
  struct Mark {
    size_t block = 0;
    size_t used = 0;
  };

  /// Copies `bytes` to an 8-byte boundary; null stays null.
  Bytes copy(Bytes bytes);
  /// `size` bytes at an 8-byte boundary.
  char* allocate(size_t size);

  Mark mark() const { return {block_, used_}; }
  void rollback(Mark mark);
  void clear();
  /// Memory in use, in whole blocks but for the latest.
  size_t used_bytes() const { return full_bytes_ + used_; }

 private:
  struct Block {
    std::unique_ptr<char[]> memory;
    size_t size = 0;
  };
  void next_block(size_t size);

  std::vector<Block> blocks_;
  size_t block_ = 0;       ///< being filled; == blocks_.size() while there is none
  size_t used_ = 0;        ///< of that block
  size_t full_bytes_ = 0;  ///< of those before
};

}  // namespace millrace::engine
