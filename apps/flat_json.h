#pragma once

#include <string>
#include <string_view>

#include <flatbuffers/flatbuffers.h>
#include <flatbuffers/minireflect.h>
#include <nlohmann/json.hpp>

#include "millrace/core/bytes.h"
#include "millrace/core/result.h"

namespace millrace::apps {

/// A table type that records can be shown as.
struct KnownType {
  std::string_view name;      ///< as `--type` takes it, e.g. "AccountState"
  Status (*validate)(Bytes);  ///< false bytes are shown raw
  const flatbuffers::TypeTable* (*table)();
  std::string_view topic = "";  ///< whose values these are
};

/// Every table of the CRM topics.
std::span<const KnownType> known_types();
/// By the type's name, or by the topic whose values have it; null: none.
const KnownType* find_type_by_name(std::string_view name);
const KnownType* find_type_by_topic(std::string_view topic);

/// A verified FlatBuffer as JSON: absent scalars with their default of 0, absent strings, vectors
/// and tables left out. REQUIRES: `bytes` passed the type's `validate`, 8-byte aligned.
nlohmann::ordered_json flat_json(Bytes bytes, const flatbuffers::TypeTable* table);

/// Bytes as a JSON string when they are UTF-8, else as `{"hex": "…"}`; null as null.
nlohmann::ordered_json bytes_json(Bytes bytes);

}  // namespace millrace::apps
