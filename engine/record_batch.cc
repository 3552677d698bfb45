#include "engine/record_batch.h"

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
  if (wanted > block_left_) {
    const size_t block =
        std::max(wanted, std::clamp(memory_bytes_, kBlockBytesMin, kBlockBytesMax));
    blocks_.push_back(std::make_unique_for_overwrite<char[]>(block));
    block_next_ = blocks_.back().get();
    block_left_ = block;
    memory_bytes_ += block;
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

void RecordBatch::add(int64_t offset, int64_t timestamp_ms, Bytes key, Bytes value,
                      std::span<const Header> headers) {
  FetchedRecord& record = records_.emplace_back();
  record.offset = offset;
  record.timestamp_ms = timestamp_ms;
  record.key = copy(key);
  record.value = copy(value);
  if (headers.empty()) return;
  auto& owned = headers_.emplace_back(std::make_unique<Header[]>(headers.size()));
  memory_bytes_ += headers.size() * sizeof(Header);
  for (size_t i = 0; i < headers.size(); ++i) {
    owned[i] = {copy(Bytes(headers[i].name)).view(), copy(headers[i].value)};
  }
  record.headers = {owned.get(), headers.size()};
}

}  // namespace millrace::engine
