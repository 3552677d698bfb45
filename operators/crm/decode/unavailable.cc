#include "crm/decode/unavailable.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstdint>

#include "crm/values/base64.h"

namespace millrace::crm {
namespace {

using simdjson::dom::array;
using simdjson::dom::element;
using simdjson::dom::element_type;
using simdjson::dom::object;

constexpr size_t kBlock = 64;

/// Of MD5 (RFC 1321).
void take_block(std::array<uint32_t, 4>& state, std::string_view block) {
  constexpr std::array<std::array<int, 4>, 4> kShifts{
      {{7, 12, 17, 22}, {5, 9, 14, 20}, {4, 11, 16, 23}, {6, 10, 15, 21}}};
  std::array<uint32_t, 16> words{};
  for (size_t i = 0; i < kBlock; ++i) {
    words[i / 4] |= static_cast<uint32_t>(static_cast<unsigned char>(block[i])) << (8 * (i % 4));
  }
  auto [a, b, c, d] = state;
  for (uint32_t i = 0; i < kBlock; ++i) {
    const uint32_t round = i / 16;
    const std::array<uint32_t, 4> mixes{(b & c) | (~b & d), (d & b) | (~d & c), b ^ c ^ d,
                                        c ^ (b | ~d)};
    const std::array<uint32_t, 4> places{i, 5 * i + 1, 3 * i + 5, 7 * i};
    const auto sine = static_cast<uint32_t>(std::floor(std::abs(std::sin(i + 1.0)) * 0x1p32));
    const uint32_t sum = a + mixes[round] + sine + words[places[round] % 16];
    a = d;
    d = c;
    c = b;
    b += std::rotl(sum, kShifts[round][i % 4]);
  }
  state[0] += a;
  state[1] += b;
  state[2] += c;
  state[3] += d;
}

std::string md5(std::string_view bytes) {
  std::string padded(bytes);
  padded += '\x80';
  padded.append((2 * kBlock - 8 - padded.size() % kBlock) % kBlock, '\0');
  const uint64_t bits = bytes.size() * 8;
  for (unsigned i = 0; i < 8; ++i) padded += static_cast<char>(bits >> (8 * i));
  std::array<uint32_t, 4> state{0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476};
  for (size_t at = 0; at < padded.size(); at += kBlock) {
    take_block(state, std::string_view(padded).substr(at, kBlock));
  }
  std::string digest;
  for (const uint32_t word : state) {
    for (unsigned i = 0; i < 4; ++i) digest += static_cast<char>(word >> (8 * i));
  }
  return digest;
}

/// Java's UUID.nameUUIDFromBytes.
std::string named_uuid(std::string_view name) {
  constexpr int kVersion = 3;
  std::string digest = md5(name);
  digest[6] = static_cast<char>((digest[6] & 0x0f) | kVersion << 4);
  digest[8] = static_cast<char>((digest[8] & 0x3f) | 0x80);
  std::string uuid = to_hex(digest);
  for (const size_t dash : {8, 13, 18, 23}) uuid.insert(dash, 1, '-');
  return uuid;
}

}  // namespace

UnavailableValue::UnavailableValue(std::string_view placeholder) : placeholder_(placeholder) {
  texts_ = {placeholder_, to_base64(placeholder_), to_base64(placeholder_, true),
            to_hex(placeholder_), named_uuid(placeholder_)};
}

bool UnavailableValue::is_text(std::string_view text) const {
  if (std::ranges::find(texts_, text) != texts_.end()) return true;
  // {"placeholder":"placeholder"}, whatever white space is in it.
  if (!text.starts_with('{') || text.size() > 3 * placeholder_.size() + kBlock) return false;
  const size_t first = text.find(placeholder_);
  return first != std::string_view::npos &&
         text.find(placeholder_, first + placeholder_.size()) != std::string_view::npos;
}

bool UnavailableValue::is_bytes(array numbers) const {
  if (numbers.size() != placeholder_.size()) return false;
  size_t at = 0;
  for (const element number : numbers) {
    double value = 0;
    if (number.get(value) != simdjson::SUCCESS) return false;
    if (value != static_cast<signed char>(placeholder_[at]) &&
        value != static_cast<unsigned char>(placeholder_[at])) {
      return false;
    }
    ++at;
  }
  return true;
}

bool UnavailableValue::is_in(element value) const {
  switch (value.type()) {
    case element_type::STRING:
      return is_text(value.get_string().value_unsafe());
    case element_type::ARRAY: {
      const array elements = value.get_array().value_unsafe();
      if (is_bytes(elements)) return true;
      for (const element one : elements) {
        if (is_in(one)) return true;
      }
      return false;
    }
    case element_type::OBJECT: {
      const object members = value.get_object().value_unsafe();
      for (const auto [name, member] : members) {
        if (is_in(member)) return true;
      }
      return false;
    }
    default:
      return false;
  }
}

}  // namespace millrace::crm
