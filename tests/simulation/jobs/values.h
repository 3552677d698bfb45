#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "millrace/core/serde.h"

namespace millrace::simulation {

/// The value of a record as a number; nothing: it has none.
inline std::optional<int64_t> number_of(const std::optional<std::string>& bytes) {
  if (!bytes) return std::nullopt;
  return Serde<int64_t>::view(Bytes(*bytes));
}

inline std::string bytes_of(int64_t number) {
  std::string bytes;
  Serde<int64_t>::encode(number, bytes);
  return bytes;
}

}  // namespace millrace::simulation
