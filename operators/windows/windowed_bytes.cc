#include "millrace/operators/detail/windowed_bytes.h"

#include "millrace/core/assert.h"
#include "millrace/core/serde.h"

namespace millrace::operators {
namespace {

constexpr size_t kTimeBytes = sizeof(int64_t);
constexpr size_t kWindowBytes = 1 + 2 * kTimeBytes;

int64_t time_at(Bytes bytes, size_t offset) {
  return Serde<int64_t>::view(Bytes(bytes.data() + offset, kTimeBytes));
}

}  // namespace

void append_window(int64_t start_ms, int64_t end_ms, std::string& out) {
  MILLRACE_ASSERT(start_ms >= 0 && end_ms >= start_ms, "a window lies behind 1970");
  out.push_back('\0');
  Serde<int64_t>::encode(start_ms, out);
  Serde<int64_t>::encode(end_ms, out);
}

bool is_windowed(Bytes bytes) {
  if (bytes.size() < kWindowBytes || bytes.data()[bytes.size() - kWindowBytes] != '\0') {
    return false;
  }
  const WindowedBytes parts = decode_windowed(bytes);
  return parts.start_ms >= 0 && parts.end_ms >= parts.start_ms && parts.end_ms <= kWindowEndMaxMs;
}

Status validate_windowed(Bytes bytes) {
  if (is_windowed(bytes)) return {};
  return Error{ErrorCode::kInvalidRecord,
               std::to_string(bytes.size()) + " bytes are no key with a window"};
}

WindowedBytes decode_windowed(Bytes bytes) {
  return {key_of_windowed(bytes), time_at(bytes, bytes.size() - 2 * kTimeBytes),
          time_at(bytes, bytes.size() - kTimeBytes)};
}

Bytes key_of_windowed(Bytes bytes) {
  if (bytes.size() < kWindowBytes) return bytes;
  return {bytes.data(), bytes.size() - kWindowBytes};
}

}  // namespace millrace::operators
