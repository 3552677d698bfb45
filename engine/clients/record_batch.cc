#include "engine/clients/record_batch.h"

#include <algorithm>
#include <cstring>

namespace millrace::engine {
namespace {

constexpr size_t kAlignment = 8;
/// A trickle of records costs little memory, a flood few allocations.
constexpr size_t kBlockBytesMin = 4 * 1024;
constexpr size_t kBlockBytesMax = 256 * 1024;

size_t aligned(size_t size) {
  return (size + kAlignment - 1) & ~(kAlignment - 1);
}

}  // namespace

char* RecordBatch::allocate(size_t size) {
  const size_t wanted = aligned(size);
  while (wanted > block_left_) {
    if (blocks_used_ == blocks_.size()) {
      const size_t fresh =
          std::max(wanted, std::clamp(memory_bytes_, kBlockBytesMin, kBlockBytesMax));
      blocks_.push_back({std::make_unique_for_overwrite<char[]>(fresh), fresh});
      memory_bytes_ += fresh;
    }
    const Block& block = blocks_[blocks_used_++];
    block_next_ = block.bytes.get();
    block_left_ = block.size;
  }
  char* const place = block_next_;
  block_next_ += wanted;
  block_left_ -= wanted;
  return place;
}

Bytes RecordBatch::copy(Bytes bytes) {
  if (bytes.is_null()) return {};
  if (bytes.empty()) return Bytes("");
  char* const place = allocate(bytes.size());
  std::memcpy(place, bytes.data(), bytes.size());
  return {place, bytes.size()};
}

void RecordBatch::clear() {
  records_.clear();
  for (const auto& [headers, count] : headers_) memory_bytes_ -= count * sizeof(Header);
  headers_.clear();
  blocks_used_ = 0;
  block_left_ = 0;
}

void RecordBatch::add(int64_t offset, int64_t timestamp_ms, Bytes key, Bytes value,
                      std::span<const Header> headers) {
  FetchedRecord& record = records_.emplace_back();
  record.offset = offset;
  record.timestamp_ms = timestamp_ms;
  record.key = copy(key);
  record.value = copy(value);
  if (headers.empty()) return;
  auto list = std::make_unique<Header[]>(headers.size());
  memory_bytes_ += headers.size() * sizeof(Header);
  for (size_t i = 0; i < headers.size(); ++i) {
    list[i] = {copy(Bytes(headers[i].name)).view(), copy(headers[i].value)};
  }
  record.headers = {list.get(), headers.size()};
  headers_.push_back({std::move(list), headers.size()});
}

}  // namespace millrace::engine
