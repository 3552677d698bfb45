#include "millrace/operators/detail/foreign_key_codec.h"

#include <algorithm>

#include <fmt/format.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

namespace millrace::operators {
namespace {

constexpr size_t kHeaderBytes = 16;
constexpr size_t kHashAt = 8;
constexpr char kFormat = 1;

constexpr char kGroupEnd = '\0';
constexpr char kEscape = '\1';
constexpr char kEscapedNul = '\1';
constexpr char kEscapedEscape = '\2';

Error invalid(Bytes bytes, std::string_view what) {
  return Error{ErrorCode::kInvalidRecord, fmt::format("{} bytes are no {}", bytes.size(), what)};
}

uint64_t read_hash(Bytes bytes) {
  uint64_t hash = 0;
  for (size_t i = kHeaderBytes; i-- > kHashAt;) hash = hash << 8 | bytes.bytes()[i];
  return hash;
}

/// Appends the foreign key of a subscription's key to `out`; false: these are no such bytes.
bool unescape(std::string_view bytes, std::string& out) {
  for (size_t i = 0; i < bytes.size(); ++i) {
    if (bytes[i] != kEscape) {
      out.push_back(bytes[i]);
      continue;
    }
    if (++i == bytes.size()) return false;
    if (bytes[i] != kEscapedNul && bytes[i] != kEscapedEscape) return false;
    out.push_back(bytes[i] == kEscapedNul ? kGroupEnd : kEscape);
  }
  return true;
}

}  // namespace

uint64_t row_hash_of(Bytes row) {
  return XXH3_64bits(row.data(), row.size());
}

void encode_message(const ForeignKeyMessage& message, std::string& out) {
  out.assign(kHashAt, '\0');
  out[0] = kFormat;
  out[1] = message.has_row ? '\1' : '\0';
  for (size_t i = 0; i < kHeaderBytes - kHashAt; ++i) {
    out.push_back(static_cast<char>((message.row_hash >> (8 * i)) & 0xff));
  }
  out.append(message.part.view());
}

Status validate_message(Bytes bytes) {
  if (bytes.size() < kHeaderBytes) return invalid(bytes, "message of a join: too short");
  const std::string_view header = bytes.view().substr(0, kHashAt);
  if (header[0] != kFormat) return invalid(bytes, "message of a join: unknown format");
  const bool is_known = header[1] == 0 || header[1] == 1;
  if (!is_known || header.find_first_not_of('\0', 2) != std::string_view::npos) {
    return invalid(bytes, "message of a join: unknown flags");
  }
  return {};
}

ForeignKeyMessage decode_message(Bytes bytes) {
  return {bytes.data()[1] != 0, read_hash(bytes),
          Bytes(bytes.data() + kHeaderBytes, bytes.size() - kHeaderBytes)};
}

Status validate_subscription(Bytes bytes, Status (*left_key)(Bytes)) {
  MILLRACE_RETURN_IF_ERROR(validate_message(bytes));
  const ForeignKeyMessage message = decode_message(bytes);
  if (!message.has_row && message.row_hash != 0) {
    return invalid(bytes, "subscription: the hash of no row");
  }
  return left_key(message.part);
}

Status validate_answer(Bytes bytes, Status (*right_row)(Bytes)) {
  MILLRACE_RETURN_IF_ERROR(validate_message(bytes));
  const ForeignKeyMessage message = decode_message(bytes);
  if (message.has_row) return right_row(message.part);
  if (!message.part.empty()) return invalid(bytes, "answer: wrong size");
  return {};
}

void encode_subscription_group(Bytes foreign_key, std::string& out) {
  out.clear();
  for (const char byte : foreign_key.view()) {
    if (byte == kGroupEnd || byte == kEscape) {
      out.push_back(kEscape);
      out.push_back(byte == kGroupEnd ? kEscapedNul : kEscapedEscape);
    } else {
      out.push_back(byte);
    }
  }
  out.push_back(kGroupEnd);
}

void encode_subscription_key(Bytes foreign_key, Bytes left_key, std::string& out) {
  encode_subscription_group(foreign_key, out);
  out.append(left_key.view());
}

Status validate_subscription_key(Bytes bytes, Status (*foreign_key)(Bytes),
                                 Status (*left_key)(Bytes)) {
  const size_t end = bytes.view().find(kGroupEnd);
  if (end == std::string_view::npos) return invalid(bytes, "key of a subscription: no left key");
  std::string part;  // at a boundary, as types expect their bytes
  if (!unescape(bytes.view().substr(0, end), part)) {
    return invalid(bytes, "key of a subscription: an unknown escape");
  }
  MILLRACE_RETURN_IF_ERROR(foreign_key(Bytes(part)));
  part = left_key_of(bytes).view();
  return left_key(Bytes(part));
}

Bytes left_key_of(Bytes key) {
  const size_t end = key.view().find(kGroupEnd);
  return Bytes(key.data() + end + 1, key.size() - end - 1);
}

}  // namespace millrace::operators
