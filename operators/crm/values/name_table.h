#pragma once

#include <array>
#include <cstddef>
#include <optional>
#include <string_view>
#include <utility>

#include "field_type_generated.h"

namespace millrace::crm {

/// The words that name values of an enum in mappings, answers and headers.
template <class E, size_t N>
using NameTable = std::array<std::pair<std::string_view, E>, N>;

template <class E, size_t N>
constexpr std::optional<E> find_name(const NameTable<E, N>& table, std::string_view name) {
  for (const auto& [known, value] : table) {
    if (known == name) return value;
  }
  return std::nullopt;
}

template <class E, size_t N>
constexpr std::string_view name_in(const NameTable<E, N>& table, E value) {
  for (const auto& [name, known] : table) {
    if (known == value) return name;
  }
  return "unknown";
}

/// The types that a field can have declared.
inline constexpr NameTable<FieldType, 7> kFieldTypeNames{{
    {"text", FieldType::Text},
    {"integer", FieldType::Integer},
    {"decimal", FieldType::Decimal},
    {"boolean", FieldType::Boolean},
    {"date", FieldType::Date},
    {"moment", FieldType::Moment},
    {"list", FieldType::List},
}};

}  // namespace millrace::crm
