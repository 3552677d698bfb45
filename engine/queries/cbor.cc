#include "engine/queries/cbor.h"

#include <stdexcept>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

namespace millrace::engine::cbor {
namespace {

/// An answer, its position, the position's inputs, one of these.
constexpr size_t kDepthMax = 4;

/// The first byte of an item: three bits of type, five of its argument or of the argument's length.
enum class Type : unsigned char {
  kUnsigned = 0,
  kNegative = 1,
  kBinary = 2,
  kText = 3,
  kList = 4,
  kObject = 5,
  kTag = 6,
  kOther = 7,
};
constexpr unsigned kArgumentBits = 5;
constexpr unsigned kOneByteFollows = 24;
constexpr unsigned kEightBytesFollow = 27;

/// Takes the head of an item off `bytes`. False: there is none, or it has no definite length.
bool take_head(std::string_view& bytes, Type& type, uint64_t& argument) {
  if (bytes.empty()) return false;
  const auto first = static_cast<unsigned char>(bytes.front());
  bytes.remove_prefix(1);
  type = static_cast<Type>(first >> kArgumentBits);
  argument = first & ((1U << kArgumentBits) - 1);
  if (argument < kOneByteFollows) return true;
  if (argument > kEightBytesFollow) return false;
  const size_t following = size_t{1} << (argument - kOneByteFollows);
  if (bytes.size() < following) return false;
  argument = 0;
  for (const char byte : bytes.substr(0, following)) {
    argument = argument << 8 | static_cast<unsigned char>(byte);
  }
  bytes.remove_prefix(following);
  return true;
}

/// Whether these are one item and nothing more, without tags and nested no deeper than `kDepthMax`.
bool is_plain(std::string_view bytes) {
  std::vector<uint64_t> left{1};  // items, of every list and object that is open
  while (!left.empty()) {
    if (left.back() == 0) {
      left.pop_back();
      continue;
    }
    --left.back();
    Type type = Type::kOther;
    uint64_t argument = 0;
    if (!take_head(bytes, type, argument) || type == Type::kTag) return false;
    const bool has_content = type >= Type::kBinary && type <= Type::kObject;
    if (!has_content) continue;
    if (argument > bytes.size()) return false;
    if (type == Type::kBinary || type == Type::kText) {
      bytes.remove_prefix(argument);
      continue;
    }
    if (left.size() > kDepthMax) return false;
    left.push_back(type == Type::kObject ? 2 * argument : argument);
  }
  return bytes.empty();
}

}  // namespace

std::string to_text(const nlohmann::json& object) {
  const std::vector<uint8_t> bytes = nlohmann::json::to_cbor(object);
  return {bytes.begin(), bytes.end()};
}

nlohmann::json parse(std::string_view bytes) {
  if (!is_plain(bytes)) throw std::invalid_argument("no plain CBOR");
  return nlohmann::json::from_cbor(bytes.begin(), bytes.end());
}

nlohmann::json binary(std::string_view bytes) {
  return nlohmann::json::binary(std::vector<uint8_t>(bytes.begin(), bytes.end()));
}

std::string bytes_in(const nlohmann::json& value) {
  const auto& bytes = value.get_binary();
  return {bytes.begin(), bytes.end()};
}

template <class Integer>
Integer number_in(const nlohmann::json& value, Integer min) {
  const auto checked = [min](auto number) {
    if (!std::in_range<Integer>(number) || static_cast<Integer>(number) < min) {
      throw std::out_of_range("a number that is not of its range");
    }
    return static_cast<Integer>(number);
  };
  if (value.is_number_unsigned()) return checked(value.get<uint64_t>());
  if (value.is_number_integer()) return checked(value.get<int64_t>());
  throw std::invalid_argument("no whole number");
}

template int32_t number_in(const nlohmann::json& value, int32_t min);
template int64_t number_in(const nlohmann::json& value, int64_t min);
template uint32_t number_in(const nlohmann::json& value, uint32_t min);
template size_t number_in(const nlohmann::json& value, size_t min);

TaskId task_in(const nlohmann::json& sub_topology, const nlohmann::json& partition) {
  return {number_in<int32_t>(sub_topology, 0), number_in<int32_t>(partition, 0)};
}

}  // namespace millrace::engine::cbor
