#pragma once

#include <string>
#include <string_view>

#include "millrace/core/bytes.h"

namespace millrace::crm {

/// Key of something under an id, such as a feature or a member: the id and names, with zero bytes
/// between, which no id has. All keys under one id are neighbours.
inline std::string key_under(std::string_view id, std::string_view name) {
  return std::string(id).append(1, '\0').append(name);
}

/// The id in such a key: it decides the partition of topics with such keys.
inline Bytes root_in_key(Bytes key) {
  return key.view().substr(0, key.view().find('\0'));
}

/// The part after the id in such a key.
inline std::string_view name_in_key(Bytes key) {
  const size_t end = key.view().find('\0');
  return end == std::string_view::npos ? std::string_view() : key.view().substr(end + 1);
}

}  // namespace millrace::crm
