#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "millrace/core/result.h"

#include "crm/values/time_text.h"
#include "field_type_generated.h"

namespace millrace::crm {

/// How a source writes a field: the declared type, and what only a schema or a mapping can tell of
/// the text.
struct FieldForm {
  FieldType type = FieldType::Undeclared;
  TimeNumbers numbers{};           ///< of dates and moments
  std::optional<int32_t> scale{};  ///< with `is_binary`: the bytes are a decimal of this scale
  bool is_binary = false;          ///< the text is base64 of bytes
};

/// A declared form with what a schema adds: the type that was declared counts, else the schema's;
/// of the rest the schema's.
FieldForm joined(const FieldForm& declared, const FieldForm& schema);

/// `text` in the one form of its type (schemas/field_type.fbs).
///
/// Error: `kInvalidArgument`, with the reason, when the text is no value of the type. Never quotes
/// it.
Result<std::string> canonical_text(std::string_view text, const FieldForm& form);

/// Most levels of a list's text.
inline constexpr size_t kListDepthMax = 32;

/// Whether brackets of the text, those in strings aside, open at most `kListDepthMax` levels. JSON
/// is written by recursion, so a text that nests deeper must not become JSON.
bool is_shallow(std::string_view text);

/// The word of a type (name_table.h); "undeclared" too.
std::string_view to_string(FieldType type);

}  // namespace millrace::crm
