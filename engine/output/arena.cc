#include "engine/output/arena.h"

#include <algorithm>
#include <cstring>

#include "millrace/core/assert.h"

namespace millrace::engine {
namespace {

constexpr size_t kBlockBytes = 128 * 1024;
constexpr size_t kBlocksKept = 32;

}  // namespace

char* Arena::allocate(size_t size) {
  const size_t wanted = (size + 7) & ~size_t{7};
  if (block_ == blocks_.size() || used_ + wanted > blocks_[block_].size) next_block(wanted);
  char* const place = blocks_[block_].memory.get() + used_;
  used_ += wanted;
  return place;
}

Bytes Arena::copy(Bytes bytes) {
  if (bytes.is_null()) return {};
  if (bytes.empty()) return Bytes("");
  char* const place = allocate(bytes.size());
  std::memcpy(place, bytes.data(), bytes.size());
  return {place, bytes.size()};
}

void Arena::next_block(size_t size) {
  if (block_ < blocks_.size()) {
    full_bytes_ += blocks_[block_].size;
    ++block_;
  }
  used_ = 0;
  if (block_ < blocks_.size() && blocks_[block_].size >= size) return;
  const size_t wanted = std::max(size, kBlockBytes);
  Block block{std::make_unique_for_overwrite<char[]>(wanted), wanted};
  blocks_.insert(blocks_.begin() + static_cast<std::ptrdiff_t>(block_), std::move(block));
}

void Arena::rollback(Mark mark) {
  MILLRACE_ASSERT(mark.block < block_ || (mark.block == block_ && mark.used <= used_),
                  "rollback to a mark that is ahead");
  for (; block_ > mark.block; --block_) full_bytes_ -= blocks_[block_ - 1].size;
  used_ = mark.used;
}

void Arena::clear() {
  block_ = 0;
  used_ = 0;
  full_bytes_ = 0;
  if (blocks_.size() > kBlocksKept) blocks_.resize(kBlocksKept);
}

}  // namespace millrace::engine
