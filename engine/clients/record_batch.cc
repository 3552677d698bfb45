#include "engine/clients/record_batch.h"

#include <new>
#include <type_traits>

namespace millrace::engine {

void RecordBatch::clear() {
  records_.clear();
  arena_.clear();
}

void RecordBatch::add(int64_t offset, int64_t timestamp_ms, Bytes key, Bytes value,
                      std::span<const Header> headers) {
  FetchedRecord& record = records_.emplace_back();
  record.offset = offset;
  record.timestamp_ms = timestamp_ms;
  record.key = arena_.copy(key);
  record.value = arena_.copy(value);
  if (headers.empty()) return;
  static_assert(std::is_trivially_destructible_v<Header> && alignof(Header) <= 8);
  char* const place = arena_.allocate(headers.size_bytes());
  auto* const list = reinterpret_cast<Header*>(place);
  for (size_t i = 0; i < headers.size(); ++i) {
    new (&list[i])
        Header{arena_.copy(Bytes(headers[i].name)).view(), arena_.copy(headers[i].value)};
  }
  record.headers = {list, headers.size()};
}

}  // namespace millrace::engine
