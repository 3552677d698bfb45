#include "millrace/operators/detail/versioned/version_codec.h"

#include <limits>

#include <fmt/format.h>

#include "millrace/core/assert.h"
#include "millrace/operators/detail/windowed_bytes.h"

namespace millrace::operators {
namespace {

constexpr int64_t kNewestMs = std::numeric_limits<int64_t>::max();
constexpr size_t kMomentBytes = sizeof(int64_t);
constexpr size_t kVersionKeyBytes = 1 + 2 * kMomentBytes;  // behind the key itself

constexpr char kDeleted = 0;
constexpr char kPresent = 1;

/// The i-th of the moments at the end.
int64_t moment_at(Bytes bytes, size_t i) {
  return kNewestMs - Serde<int64_t>::view(
                         Bytes(bytes.data() + bytes.size() - (2 - i) * kMomentBytes, kMomentBytes));
}

Error no_version(std::string_view what, Bytes bytes) {
  return Error{ErrorCode::kInvalidRecord,
               fmt::format("{} bytes are no {} of a table's history", bytes.size(), what)};
}

}  // namespace

void encode_version_group(Bytes key, std::string& out) {
  out = key.view();
  out.push_back('\0');
}

void encode_version_key(const VersionKeyBytes& parts, std::string& out) {
  MILLRACE_ASSERT(parts.from_ms >= 0 && parts.to_ms >= parts.from_ms, "a version before 1970");
  encode_version_group(parts.key, out);
  Serde<int64_t>::encode(kNewestMs - parts.to_ms, out);
  Serde<int64_t>::encode(kNewestMs - parts.from_ms, out);
}

bool is_version_key(Bytes bytes) {
  if (bytes.size() < kVersionKeyBytes || bytes.data()[bytes.size() - kVersionKeyBytes] != '\0') {
    return false;
  }
  for (const size_t i : {0, 1}) {
    // A negative number in the bytes would not fit.
    if ((bytes.bytes()[bytes.size() - (2 - i) * kMomentBytes] & 0x80U) != 0) return false;
  }
  return moment_at(bytes, 1) <= moment_at(bytes, 0) && moment_at(bytes, 0) <= kWindowEndMaxMs;
}

Status validate_version_key(Bytes bytes) {
  if (!is_version_key(bytes)) return no_version("key", bytes);
  return {};
}

VersionKeyBytes decode_version_key(Bytes bytes) {
  return {key_of_version(bytes), moment_at(bytes, 1), moment_at(bytes, 0)};
}

Bytes key_of_version(Bytes bytes) {
  if (bytes.size() < kVersionKeyBytes) return bytes;
  return {bytes.data(), bytes.size() - kVersionKeyBytes};
}

void encode_version(Bytes value, std::string& out) {
  if (value.is_null()) {
    out.assign(1, kDeleted);
    return;
  }
  out = value.view();
  out.push_back(kPresent);
}

Status validate_version(Bytes bytes, Status (*value)(Bytes)) {
  const bool is_version = bytes.size() >= 1 && (bytes.view().back() == kPresent ||
                                                (bytes.view() == std::string_view(&kDeleted, 1)));
  if (!is_version) return no_version("version", bytes);
  const Bytes present = decode_version(bytes);
  return present.is_null() ? Status() : value(present);
}

Bytes decode_version(Bytes bytes) {
  if (bytes.view().back() == kDeleted) return {};
  return {bytes.data(), bytes.size() - 1};
}

}  // namespace millrace::operators
