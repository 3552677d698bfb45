#pragma once

#include <memory>
#include <optional>
#include <string>

#include <nlohmann/json_fwd.hpp>

#include "millrace/core/bytes.h"
#include "millrace/core/result.h"

#include "apps/tools/known_types.h"

namespace flatbuffers {
class Parser;
}

namespace millrace::apps {

/// FlatBuffers of one type as JSON and back, by the type's schema. Not thread-safe.
class FlatJson {
 public:
  explicit FlatJson(const KnownType& type);
  FlatJson(FlatJson&&) noexcept;
  ~FlatJson();

  /// Absent scalars with their default, or null where they have none; absent strings, vectors and
  /// tables are left out. Error: `kInvalidRecord`, when they are none of the type, or when a text
  /// in them is not UTF-8.
  Result<nlohmann::ordered_json> to_json(Bytes bytes) const;
  /// What is null or left out is absent. Error: `kInvalidRecord`, which says what does not fit.
  Result<std::string> from_json(const nlohmann::ordered_json& json);

 private:
  const KnownType* type_;
  std::unique_ptr<flatbuffers::Parser> parser_;
};

/// Bytes as a JSON string when they are UTF-8, else as `{"hex": "…"}`; null as null.
nlohmann::ordered_json bytes_json(Bytes bytes);
/// The way back; null gives no string. Error: `kInvalidRecord` when it is none of these.
Result<std::optional<std::string>> bytes_of_json(const nlohmann::ordered_json& json);

}  // namespace millrace::apps
