#include "millrace/operators/detail/pair_codec.h"

#include <limits>

#include <fmt/format.h>

namespace millrace {
namespace {

constexpr size_t kHeaderBytes = 8;
constexpr char kFormat = 1;
constexpr unsigned kHasFirst = 1;
constexpr unsigned kHasSecond = 2;

size_t aligned(size_t size) {
  return (size + 7) & ~size_t{7};
}

size_t first_size(Bytes bytes) {
  size_t size = 0;
  for (size_t i = 8; i-- > 4;) size = size << 8 | bytes.bytes()[i];
  return size;
}

}  // namespace

void encode_pair(BytesPair pair, std::string& out) {
  MILLRACE_ASSERT(pair.first.size() <= std::numeric_limits<uint32_t>::max(), "a value of 4 GiB");
  const unsigned flags = (pair.first.is_null() ? 0U : kHasFirst) |  //
                         (pair.second.is_null() ? 0U : kHasSecond);
  const size_t begin = out.size();
  out.push_back(kFormat);
  out.push_back(static_cast<char>(flags));
  out.append(2, '\0');
  for (size_t i = 0; i < 4; ++i) {
    out.push_back(static_cast<char>((pair.first.size() >> (8 * i)) & 0xff));
  }
  out.append(pair.first.view());
  if (pair.second.is_null()) return;
  out.resize(begin + aligned(out.size() - begin));
  out.append(pair.second.view());
}

Status validate_pair(Bytes bytes) {
  const auto invalid = [&](std::string_view what) {
    return Error{ErrorCode::kInvalidRecord,
                 fmt::format("{} bytes are no pair of values: {}", bytes.size(), what)};
  };
  if (bytes.size() < kHeaderBytes) return invalid("too short");
  const unsigned flags = bytes.bytes()[1];
  if (bytes.data()[0] != kFormat) return invalid("unknown format");
  if (flags > (kHasFirst | kHasSecond)) return invalid("unknown flags");
  const size_t first_end = kHeaderBytes + first_size(bytes);
  if ((flags & kHasFirst) == 0 && first_end != kHeaderBytes) return invalid("wrong size");
  const bool fits =
      (flags & kHasSecond) != 0 ? bytes.size() >= aligned(first_end) : bytes.size() == first_end;
  if (!fits) return invalid("wrong size");
  return {};
}

BytesPair decode_pair(Bytes bytes) {
  const unsigned flags = bytes.bytes()[1];
  const size_t size = first_size(bytes);
  BytesPair pair;
  if ((flags & kHasFirst) != 0) pair.first = Bytes(bytes.data() + kHeaderBytes, size);
  if ((flags & kHasSecond) != 0) {
    const size_t begin = aligned(kHeaderBytes + size);
    pair.second = Bytes(bytes.data() + begin, bytes.size() - begin);
  }
  return pair;
}

namespace operators {

Status validate_parts(Bytes bytes, Status (*first)(Bytes), Status (*second)(Bytes)) {
  MILLRACE_RETURN_IF_ERROR(validate_pair(bytes));
  const BytesPair pair = decode_pair(bytes);
  if (!pair.first.is_null()) MILLRACE_RETURN_IF_ERROR(first(pair.first));
  if (!pair.second.is_null()) MILLRACE_RETURN_IF_ERROR(second(pair.second));
  return {};
}

}  // namespace operators
}  // namespace millrace
