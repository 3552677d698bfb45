#pragma once

#include <cstddef>
#include <cstring>
#include <memory>
#include <memory_resource>
#include <utility>
#include <vector>

#include "millrace/core/bytes.h"

namespace millrace {

/// How an arena grows. The first block is `block_bytes_min` long, each further one as long as all
/// before it together, up to `block_bytes_max`; a larger piece gets a block of its own.
struct ArenaBlocks {
  size_t block_bytes_min = 4 << 10;
  size_t block_bytes_max = 256 << 10;
  size_t kept_bytes_max = SIZE_MAX;  ///< how much memory `clear` keeps for later
};

/// Gives out memory in blocks and takes it back as a whole, or back to a mark. It keeps
/// the memory that it takes back, so a steady flow allocates nothing.
///
/// Pieces start at 8-byte boundaries and stay valid until `rollback`, `clear` or the end of the
/// arena; a move does not touch them. Not thread-safe.
class Arena {
 public:
  /// A place to roll back to.
  struct Mark {
    size_t blocks = 0;
    char* next = nullptr;
  };

  /// `upstream` gives the blocks and must outlive the arena.
  explicit Arena(ArenaBlocks sizes = {},
                 std::pmr::memory_resource* upstream = std::pmr::new_delete_resource())
      : sizes_(sizes), upstream_(upstream) {}
  Arena(Arena&& other) noexcept : Arena(other.sizes_, other.upstream_) { swap(other); }
  Arena& operator=(Arena&& other) noexcept {
    swap(other);
    return *this;
  }
  ~Arena();

  /// REQUIRES: size > 0.
  char* allocate(size_t size) {
    const size_t wanted = (size + 7) & ~size_t{7};
    if (wanted > static_cast<size_t>(end_ - next_)) next_block(wanted);
    return std::exchange(next_, next_ + wanted);
  }

  /// Null stays null and empty stays empty.
  Bytes copy(Bytes bytes) {
    if (bytes.is_null()) return {};
    if (bytes.empty()) return Bytes("");
    char* const place = allocate(bytes.size());
    std::memcpy(place, bytes.data(), bytes.size());
    return {place, bytes.size()};
  }

  Mark mark() const { return {used_blocks_, next_}; }
  /// REQUIRES: `mark` is not ahead, and no `clear` came since.
  void rollback(Mark mark);
  void clear();

  /// Memory given out, with the ends of blocks into which a piece did not fit.
  size_t used_bytes() const { return full_bytes_ + block_used_bytes(); }
  /// Memory of all blocks, those that are kept included.
  size_t reserved_bytes() const { return reserved_bytes_; }

 private:
  struct Block {
    char* memory = nullptr;
    size_t size = 0;
  };

  void next_block(size_t size);
  void free_block(const Block& block);
  size_t block_used_bytes() const {
    return used_blocks_ == 0 ? 0 : static_cast<size_t>(next_ - blocks_[used_blocks_ - 1].memory);
  }
  void swap(Arena& other) noexcept;

  ArenaBlocks sizes_;
  std::pmr::memory_resource* upstream_;
  std::vector<Block> blocks_;
  size_t used_blocks_ = 0;  ///< of `blocks_`, from the front; the last of them is being filled
  char* next_ = nullptr;
  char* end_ = nullptr;
  size_t full_bytes_ = 0;  ///< of the used blocks but the last
  size_t reserved_bytes_ = 0;
};

}  // namespace millrace
