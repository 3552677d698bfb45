#include "millrace/core/arena.h"

#include <algorithm>

#include "millrace/core/assert.h"

namespace millrace {

Arena::~Arena() {
  for (const Block& block : blocks_) free_block(block);
}

void Arena::free_block(const Block& block) {
  upstream_->deallocate(block.memory, block.size);
}

void Arena::next_block(size_t size) {
  if (used_blocks_ > 0) full_bytes_ += blocks_[used_blocks_ - 1].size;
  if (used_blocks_ == blocks_.size() || blocks_[used_blocks_].size < size) {
    const size_t fresh =
        std::max(size, std::clamp(reserved_bytes_, sizes_.block_bytes_min, sizes_.block_bytes_max));
    const Block block{static_cast<char*>(upstream_->allocate(fresh)), fresh};
    blocks_.insert(blocks_.begin() + static_cast<std::ptrdiff_t>(used_blocks_), block);
    reserved_bytes_ += fresh;
  }
  const Block& block = blocks_[used_blocks_++];
  next_ = block.memory;
  end_ = block.memory + block.size;
}

void Arena::rollback(Mark mark) {
  MILLRACE_ASSERT(mark.blocks < used_blocks_ || (mark.blocks == used_blocks_ && mark.next <= next_),
                  "rollback to a mark that is ahead");
  for (; used_blocks_ > mark.blocks; --used_blocks_) {
    if (used_blocks_ > 1) full_bytes_ -= blocks_[used_blocks_ - 2].size;
  }
  next_ = mark.next;
  end_ = nullptr;
  if (used_blocks_ > 0) end_ = blocks_[used_blocks_ - 1].memory + blocks_[used_blocks_ - 1].size;
}

void Arena::clear() {
  rollback({});
  while (reserved_bytes_ > sizes_.kept_bytes_max) {
    free_block(blocks_.back());
    reserved_bytes_ -= blocks_.back().size;
    blocks_.pop_back();
  }
}

void Arena::swap(Arena& other) noexcept {
  std::swap(sizes_, other.sizes_);
  std::swap(upstream_, other.upstream_);
  blocks_.swap(other.blocks_);
  std::swap(used_blocks_, other.used_blocks_);
  std::swap(next_, other.next_);
  std::swap(end_, other.end_);
  std::swap(full_bytes_, other.full_bytes_);
  std::swap(reserved_bytes_, other.reserved_bytes_);
}

}  // namespace millrace
