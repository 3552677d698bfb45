#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

namespace millrace {

/// A view of bytes that distinguishes *null* (no key, a tombstone) from *empty*.
///
/// Does not own: it lives as long as the bytes it views. Ordered by unsigned bytes, null first.
class Bytes {
 public:
  constexpr Bytes() = default;
  constexpr Bytes(const char* data, size_t size) : data_(data), size_(size) {}
  Bytes(const void* data, size_t size) : data_(static_cast<const char*>(data)), size_(size) {}
  constexpr Bytes(std::string_view text)  // NOLINT(google-explicit-constructor): a view of a view
      : data_(text.data() != nullptr ? text.data() : ""), size_(text.size()) {}
  Bytes(const std::string& text)  // NOLINT(google-explicit-constructor)
      : data_(text.data()), size_(text.size()) {}
  constexpr Bytes(const char* text)  // NOLINT(google-explicit-constructor): literals in tests
      : Bytes(std::string_view(text)) {}

  constexpr bool is_null() const { return data_ == nullptr; }
  constexpr bool empty() const { return size_ == 0; }
  constexpr size_t size() const { return size_; }
  constexpr const char* data() const { return data_; }
  const uint8_t* bytes() const { return reinterpret_cast<const uint8_t*>(data_); }
  constexpr std::string_view view() const { return {data_, size_}; }
  std::string to_string() const { return std::string(data_, size_); }

  bool starts_with(Bytes prefix) const {
    return size_ >= prefix.size_ &&
           (prefix.size_ == 0 || std::memcmp(data_, prefix.data_, prefix.size_) == 0);
  }

  friend bool operator==(Bytes a, Bytes b) {
    return a.is_null() == b.is_null() && a.size_ == b.size_ &&
           (a.size_ == 0 || std::memcmp(a.data_, b.data_, a.size_) == 0);
  }
  friend std::strong_ordering operator<=>(Bytes a, Bytes b) {
    if (a.is_null() != b.is_null()) {
      return a.is_null() ? std::strong_ordering::less : std::strong_ordering::greater;
    }
    return a.view() <=> b.view();
  }

 private:
  const char* data_ = nullptr;
  size_t size_ = 0;
};

}  // namespace millrace
