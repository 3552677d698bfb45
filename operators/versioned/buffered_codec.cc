#include "millrace/operators/detail/versioned/buffered_codec.h"

#include <optional>

#include <fmt/format.h>

#include "millrace/core/assert.h"
#include "millrace/operators/detail/windowed_bytes.h"

namespace millrace::operators {
namespace {

constexpr size_t kWordBytes = sizeof(int64_t);
constexpr size_t kBufferedKeyBytes = 1 + 3 * kWordBytes;  // behind the key itself

/// The i-th of the numbers at the end of a key.
int64_t word_at_end(Bytes bytes, size_t i) {
  return Serde<int64_t>::view(
      Bytes(bytes.data() + bytes.size() - (3 - i) * kWordBytes, kWordBytes));
}

void append_sized(Bytes part, std::string& out) {
  Serde<int64_t>::encode(part.is_null() ? -1 : static_cast<int64_t>(part.size()), out);
  if (!part.is_null()) out += part.view();
}

/// Takes a part from the front of `rest`, null for −1; nullopt: there is none.
std::optional<Bytes> take_sized(Bytes& rest) {
  if (rest.size() < kWordBytes) return std::nullopt;
  const int64_t size = Serde<int64_t>::view(Bytes(rest.data(), kWordBytes));
  rest = Bytes(rest.data() + kWordBytes, rest.size() - kWordBytes);
  if (size == -1) return Bytes();
  if (size < 0 || static_cast<uint64_t>(size) > rest.size()) return std::nullopt;
  const Bytes part(rest.data(), static_cast<size_t>(size));
  rest = Bytes(rest.data() + part.size(), rest.size() - part.size());
  return part;
}

Error not_buffered(std::string_view what, Bytes bytes) {
  return Error{ErrorCode::kInvalidRecord,
               fmt::format("{} bytes are no {} of a buffer", bytes.size(), what)};
}

}  // namespace

void encode_buffered_key(const BufferedKeyBytes& parts, std::string& out) {
  MILLRACE_ASSERT(parts.time_ms >= 0 && parts.end_ms >= parts.time_ms, "a record before 1970");
  out = parts.key.view();
  out.push_back('\0');
  Serde<int64_t>::encode(parts.time_ms, out);
  Serde<int64_t>::encode(parts.end_ms, out);
  Serde<int64_t>::encode(static_cast<int64_t>(parts.sequence), out);
}

bool is_buffered_key(Bytes bytes) {
  if (bytes.size() < kBufferedKeyBytes || bytes.data()[bytes.size() - kBufferedKeyBytes] != '\0') {
    return false;
  }
  const int64_t time_ms = word_at_end(bytes, 0);
  const int64_t end_ms = word_at_end(bytes, 1);
  return time_ms >= 0 && time_ms <= end_ms && end_ms <= kWindowEndMaxMs &&
         word_at_end(bytes, 2) >= 0;
}

Status validate_buffered_key(Bytes bytes) {
  if (!is_buffered_key(bytes)) return not_buffered("key", bytes);
  return {};
}

BufferedKeyBytes decode_buffered_key(Bytes bytes) {
  return {key_of_buffered(bytes), word_at_end(bytes, 0), word_at_end(bytes, 1),
          static_cast<uint64_t>(word_at_end(bytes, 2))};
}

Bytes key_of_buffered(Bytes bytes) {
  if (bytes.size() < kBufferedKeyBytes) return bytes;
  return {bytes.data(), bytes.size() - kBufferedKeyBytes};
}

void encode_buffered(const Record& record, std::string& out) {
  MILLRACE_ASSERT(!record.value.is_null(), "a buffered record has a value");
  append_sized(record.value, out);
  for (const Header& header : record.headers) {
    append_sized(Bytes(header.name), out);
    append_sized(header.value, out);
  }
}

Status validate_buffered(Bytes bytes, Status (*value)(Bytes)) {
  Bytes rest = bytes;
  const std::optional<Bytes> record_value = take_sized(rest);
  if (!record_value || record_value->is_null()) return not_buffered("record", bytes);
  while (!rest.empty()) {
    const std::optional<Bytes> name = take_sized(rest);
    if (!name || name->is_null() || !take_sized(rest)) return not_buffered("record", bytes);
  }
  return value(*record_value);
}

Bytes value_of_buffered(Bytes bytes) {
  Bytes rest = bytes;
  return take_sized(rest).value_or(Bytes());
}

void headers_of_buffered(Bytes bytes, std::vector<Header>& headers) {
  headers.clear();
  Bytes rest = bytes;
  take_sized(rest);
  while (!rest.empty()) {
    const std::optional<Bytes> name = take_sized(rest);
    const std::optional<Bytes> header_value = take_sized(rest);
    MILLRACE_ASSERT(name && header_value, "bytes that are not valid");
    headers.push_back({name->view(), *header_value});
  }
}

}  // namespace millrace::operators
