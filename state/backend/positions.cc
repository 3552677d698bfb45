#include "state/backend/positions.h"

#include <bit>
#include <cstring>
#include <string_view>
#include <type_traits>
#include <utility>

namespace millrace {
namespace {

static_assert(std::endian::native == std::endian::little, "the formats are little-endian");

template <class T>
void append(std::string& out, T value) {
  static_assert(std::is_integral_v<T>);
  out.append(reinterpret_cast<const char*>(&value), sizeof value);
}

void append_text(std::string& out, std::string_view text) {
  append(out, static_cast<uint32_t>(text.size()));
  out.append(text);
}

/// Takes values off the front; after a missing value, `ok` stays false.
struct Cursor {
  std::string_view rest;
  bool ok = true;

  std::string_view take(size_t bytes) {
    if (!ok || rest.size() < bytes) {
      ok = false;
      return {};
    }
    const std::string_view taken = rest.substr(0, bytes);
    rest.remove_prefix(bytes);
    return taken;
  }
  template <class T>
  T number() {
    T value = 0;
    const std::string_view taken = take(sizeof value);
    if (ok) std::memcpy(&value, taken.data(), sizeof value);
    return value;
  }
  std::string text() { return std::string(take(number<uint32_t>())); }
};

}  // namespace

void merge_positions(const TaskPositions& from, std::span<const std::string> stores,
                     TaskPositions& into) {
  for (const std::string& store : stores) {
    const auto end = from.changelog_end.find(store);
    if (end != from.changelog_end.end()) into.changelog_end[store] = end->second;
  }
  into.inputs = from.inputs;
  into.committed_at_ms = from.committed_at_ms;
}

std::string encode_positions(const TaskPositions& positions) {
  std::string out;
  append(out, positions.committed_at_ms);
  append(out, static_cast<uint32_t>(positions.changelog_end.size()));
  for (const auto& [store, end] : positions.changelog_end) {
    append_text(out, store);
    append(out, end);
  }
  append(out, static_cast<uint32_t>(positions.inputs.size()));
  for (const auto& [input, next] : positions.inputs) {
    append_text(out, input.topic);
    append(out, input.partition);
    append(out, next);
  }
  return out;
}

Result<TaskPositions> decode_positions(Bytes bytes) {
  Cursor cursor{bytes.view()};
  TaskPositions positions;
  positions.committed_at_ms = cursor.number<int64_t>();
  for (uint32_t n = cursor.number<uint32_t>(); n > 0 && cursor.ok; --n) {
    std::string store = cursor.text();
    positions.changelog_end[std::move(store)] = cursor.number<int64_t>();
  }
  for (uint32_t n = cursor.number<uint32_t>(); n > 0 && cursor.ok; --n) {
    TopicPartition input;
    input.topic = cursor.text();
    input.partition = cursor.number<int32_t>();
    positions.inputs[std::move(input)] = cursor.number<int64_t>();
  }
  if (!cursor.ok || !cursor.rest.empty()) {
    return Error{ErrorCode::kStoreIo, "the positions of a task are damaged"};
  }
  return positions;
}

}  // namespace millrace
