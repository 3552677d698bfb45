#include "millrace/core/index.h"

#include <algorithm>

#include "millrace/core/assert.h"

namespace millrace {
namespace {

constexpr char kEscaped = '\0';
constexpr char kZero = '\xff';
constexpr char kEnd = '\x01';
constexpr size_t kNumberBytes = sizeof(int64_t);
constexpr uint64_t kSignBit = uint64_t{1} << 63;

std::optional<IndexEntry> read_text_entry(std::string_view bytes) {
  IndexEntry entry;
  for (size_t at = 0; at < bytes.size(); ++at) {
    if (bytes[at] != kEscaped) {
      entry.text += bytes[at];
      continue;
    }
    if (++at == bytes.size()) return std::nullopt;
    if (bytes[at] == kEnd) {
      entry.row_key = Bytes(bytes.substr(at + 1));
      return entry;
    }
    if (bytes[at] != kZero) return std::nullopt;
    entry.text += '\0';
  }
  return std::nullopt;
}

}  // namespace

std::string_view to_string(IndexType type) {
  switch (type) {
    case IndexType::kText:
      return "text";
    case IndexType::kInteger:
      return "integer";
  }
  return "unknown";
}

void append_indexed_prefix(std::string_view prefix, std::string& out) {
  for (const char byte : prefix.substr(0, kIndexTextBytesMax)) {
    out += byte;
    if (byte == kEscaped) out += kZero;
  }
}

void append_indexed(std::string_view text, std::string& out) {
  append_indexed_prefix(text, out);
  out += kEscaped;
  out += kEnd;
}

void append_indexed(int64_t number, std::string& out) {
  const uint64_t ordered = static_cast<uint64_t>(number) ^ kSignBit;
  for (size_t i = kNumberBytes; i-- > 0;) out += static_cast<char>(ordered >> (8 * i));
}

std::optional<IndexEntry> read_index_entry(IndexType type, Bytes entry) {
  const std::string_view bytes = entry.view();
  if (type == IndexType::kText) return read_text_entry(bytes);
  if (bytes.size() < kNumberBytes) return std::nullopt;
  uint64_t ordered = 0;
  for (size_t i = 0; i < kNumberBytes; ++i) {
    ordered = ordered << 8 | static_cast<unsigned char>(bytes[i]);
  }
  return IndexEntry{.text = {},
                    .number = static_cast<int64_t>(ordered ^ kSignBit),
                    .row_key = Bytes(bytes.substr(kNumberBytes))};
}

std::string& IndexValues::next() {
  if (used_ == values_.size()) values_.emplace_back();
  std::string& value = values_[used_++];
  value.clear();
  return value;
}

void IndexValues::add(std::string_view text) {
  append_indexed(text, next());
}

void IndexValues::add(int64_t number) {
  append_indexed(number, next());
}

std::span<const std::string> IndexValues::sorted() {
  const auto end = values_.begin() + static_cast<ptrdiff_t>(used_);
  std::sort(values_.begin(), end);
  used_ = static_cast<size_t>(std::unique(values_.begin(), end) - values_.begin());
  return {values_.data(), used_};
}

std::string index_store_name(std::string_view store, std::string_view index) {
  return std::string(store) + "/" + std::string(index);
}

}  // namespace millrace
