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

/// Converts FlatBuffers of one type to JSON and back, by the type's schema. Not thread-safe.
class FlatJson {
 public:
  explicit FlatJson(const KnownType& type);
  FlatJson(FlatJson&&) noexcept;
  ~FlatJson();

  /// Writes absent scalars with their default, or null if they have none; leaves out absent
  /// strings, vectors and tables. Bytes of texts that are no UTF-8 become U+FFFD. Error:
  /// `kInvalidRecord` when the bytes are not of the type.
  Result<nlohmann::ordered_json> to_json(Bytes bytes) const;
  /// Null or missing members become absent. Error: `kInvalidRecord`, with the fault.
  Result<std::string> from_json(const nlohmann::ordered_json& json);

 private:
  const KnownType* type_;
  std::unique_ptr<flatbuffers::Parser> parser_;
};

/// Bytes as a JSON string when they are UTF-8, else as `{"hex": "…"}`; null as null.
nlohmann::ordered_json bytes_json(Bytes bytes);
/// The way back; null gives no string. Error: `kInvalidRecord` for any other JSON.
Result<std::optional<std::string>> bytes_of_json(const nlohmann::ordered_json& json);

}  // namespace millrace::apps
