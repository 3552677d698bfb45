#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <limits>
#include <optional>
#include <random>
#include <string>

namespace millrace {

/// Makes bytes that are nearly right, for readers of what others may have written. The same seed
/// makes the same.
class Mutator {
 public:
  using MaybeBytes = std::optional<std::string>;

  explicit Mutator(uint32_t seed) : random_(seed) {}

  size_t up_to(size_t last) { return std::uniform_int_distribution<size_t>(0, last)(random_); }

  /// `bytes` with a few changes; `other`: bytes of the same kind, to take parts from.
  MaybeBytes mutate(MaybeBytes bytes, const MaybeBytes& other) {
    if (up_to(15) == 0) return std::nullopt;
    if (!bytes) bytes = other.value_or("");
    for (size_t i = up_to(2) + 1; i > 0; --i) change(*bytes, other.value_or(""));
    return bytes;
  }

 private:
  void change(std::string& bytes, const std::string& other) {
    switch (up_to(8)) {
      case 0:
        return bytes.resize(up_to(bytes.size()));
      case 1:
        return static_cast<void>(bytes.insert(up_to(bytes.size()), up_to(9), any_byte()));
      case 2:
        return static_cast<void>(bytes.assign(other));
      case 3: {
        const size_t at = up_to(bytes.size());
        return static_cast<void>(
            bytes.replace(at, up_to(16), other, std::min(at, other.size()), up_to(16)));
      }
      case 4:
        return drop_field(bytes);
      case 5:
        return put_number(bytes);
      default:
        if (!bytes.empty()) bytes[up_to(bytes.size() - 1)] = any_byte();
    }
  }

  char any_byte() {
    constexpr char kInteresting[] = {'\0', '\1', '\x7f', '\x80', '\xff', 'a'};
    return up_to(1) == 0 ? kInteresting[up_to(std::size(kInteresting) - 1)]
                         : static_cast<char>(up_to(255));
  }

  void put_number(std::string& bytes) {
    if (bytes.size() < sizeof(int64_t)) return;
    constexpr int64_t kNumbers[] = {std::numeric_limits<int64_t>::max(),
                                    std::numeric_limits<int64_t>::min(), -1, 0};
    const int64_t number = kNumbers[up_to(std::size(kNumbers) - 1)];
    std::memcpy(bytes.data() + up_to(bytes.size() - sizeof number), &number, sizeof number);
  }

  /// Of a FlatBuffer: one field of the root table is absent then.
  void drop_field(std::string& bytes) {
    uint32_t table = 0;
    int32_t to_vtable = 0;
    uint16_t vtable_bytes = 0;
    if (!read(bytes, 0, table) || !read(bytes, table, to_vtable)) return;
    const int64_t vtable = static_cast<int64_t>(table) - to_vtable;
    if (vtable < 0 || !read(bytes, static_cast<size_t>(vtable), vtable_bytes)) return;
    const size_t fields = vtable_bytes / sizeof(uint16_t);
    if (fields <= kVtableHead) return;
    const size_t at = static_cast<size_t>(vtable) +
                      (kVtableHead + up_to(fields - kVtableHead - 1)) * sizeof(uint16_t);
    if (at + sizeof(uint16_t) <= bytes.size()) std::memset(bytes.data() + at, 0, sizeof(uint16_t));
  }

  template <class Number>
  static bool read(const std::string& bytes, size_t at, Number& number) {
    if (at > bytes.size() || bytes.size() - at < sizeof number) return false;
    std::memcpy(&number, bytes.data() + at, sizeof number);
    return true;
  }

  static constexpr size_t kVtableHead = 2;  ///< sizes of the vtable and the table
  std::mt19937 random_;
};

}  // namespace millrace
