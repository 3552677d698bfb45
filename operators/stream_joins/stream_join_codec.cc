#include "millrace/operators/detail/stream_join_codec.h"

#include <fmt/format.h>

#include "millrace/core/assert.h"
#include "millrace/operators/detail/windowed_bytes.h"

namespace millrace::operators {
namespace {

constexpr char kRightSide = 1;
constexpr char kLeftSide = 2;
constexpr size_t kNumberBytes = sizeof(int64_t);
constexpr size_t kJoinKeyBytes = 2 + 3 * kNumberBytes;  // behind the key itself

constexpr size_t kRowHeaderBytes = 8;
constexpr char kRowFormat = 1;
constexpr unsigned kIsRight = 1;
constexpr unsigned kIsUnjoined = 2;

/// The i-th of the numbers at the end.
int64_t join_number_at(Bytes bytes, size_t i) {
  return Serde<int64_t>::view(
      Bytes(bytes.data() + bytes.size() - (3 - i) * kNumberBytes, kNumberBytes));
}

Error no_stream_join(std::string_view what, Bytes bytes) {
  return Error{ErrorCode::kInvalidRecord,
               fmt::format("{} bytes are no {} of a join of streams", bytes.size(), what)};
}

}  // namespace

void encode_stream_join_group(Bytes key, JoinSide side, std::string& out) {
  out = key.view();
  out.push_back(side == JoinSide::kLeft ? kLeftSide : kRightSide);
  out.push_back('\0');
}

void encode_stream_join_key(const StreamJoinKeyBytes& parts, std::string& out) {
  MILLRACE_ASSERT(parts.time_ms >= 0 && parts.end_ms >= parts.time_ms, "a record before 1970");
  encode_stream_join_group(parts.key, parts.side, out);
  Serde<int64_t>::encode(parts.time_ms, out);
  Serde<int64_t>::encode(parts.end_ms, out);
  Serde<int64_t>::encode(static_cast<int64_t>(parts.sequence), out);
}

bool is_stream_join_key(Bytes bytes) {
  if (bytes.size() < kJoinKeyBytes) return false;
  const char* const tail = bytes.data() + bytes.size() - kJoinKeyBytes;
  if ((tail[0] != kLeftSide && tail[0] != kRightSide) || tail[1] != '\0') return false;
  const int64_t time_ms = join_number_at(bytes, 0);
  const int64_t end_ms = join_number_at(bytes, 1);
  return time_ms >= 0 && time_ms <= end_ms && end_ms <= kWindowEndMaxMs &&
         join_number_at(bytes, 2) >= 0;
}

Status validate_stream_join_key(Bytes bytes) {
  if (!is_stream_join_key(bytes)) return no_stream_join("key", bytes);
  return {};
}

StreamJoinKeyBytes decode_stream_join_key(Bytes bytes) {
  const char side = bytes.data()[bytes.size() - kJoinKeyBytes];
  return {key_of_stream_join(bytes), side == kLeftSide ? JoinSide::kLeft : JoinSide::kRight,
          join_number_at(bytes, 0), join_number_at(bytes, 1),
          static_cast<uint64_t>(join_number_at(bytes, 2))};
}

Bytes key_of_stream_join(Bytes bytes) {
  if (bytes.size() < kJoinKeyBytes) return bytes;
  return {bytes.data(), bytes.size() - kJoinKeyBytes};
}

std::string_view name_of(JoinSide side) {
  return side == JoinSide::kLeft ? "left" : "right";
}

void encode_stream_join_row(const StreamJoinRowBytes& parts, std::string& out) {
  const unsigned bits = (parts.side == JoinSide::kRight ? kIsRight : 0U) |  //
                        (parts.is_unjoined ? kIsUnjoined : 0U);
  out.assign(kRowHeaderBytes, '\0');
  out[0] = kRowFormat;
  out[1] = static_cast<char>(bits);
  out += parts.value.view();
}

Status validate_stream_join_row(Bytes bytes, Status (*left)(Bytes), Status (*right)(Bytes)) {
  const bool has_header = bytes.size() >= kRowHeaderBytes && bytes.data()[0] == kRowFormat &&
                          bytes.bytes()[1] <= (kIsRight | kIsUnjoined);
  if (!has_header) return no_stream_join("row", bytes);
  const StreamJoinRowBytes parts = decode_stream_join_row(bytes);
  return parts.side == JoinSide::kLeft ? left(parts.value) : right(parts.value);
}

StreamJoinRowBytes decode_stream_join_row(Bytes bytes) {
  const unsigned bits = bytes.bytes()[1];
  return {(bits & kIsRight) != 0 ? JoinSide::kRight : JoinSide::kLeft, (bits & kIsUnjoined) != 0,
          Bytes(bytes.data() + kRowHeaderBytes, bytes.size() - kRowHeaderBytes)};
}

}  // namespace millrace::operators
