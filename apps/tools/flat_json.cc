#include "apps/tools/flat_json.h"

#include <string_view>
#include <utility>

#include <boost/algorithm/hex.hpp>
#include <flatbuffers/idl.h>
#include <nlohmann/json.hpp>

#include "millrace/core/assert.h"
#include "millrace/core/json_text.h"

namespace millrace::apps {
namespace {

using Json = nlohmann::ordered_json;

/// Without the place, which is one in a text that nobody wrote.
std::string message_of(const std::string& parser_error) {
  constexpr std::string_view kMark = "error: ";
  const size_t mark = parser_error.find(kMark);
  return mark == std::string::npos ? parser_error : parser_error.substr(mark + kMark.size());
}

}  // namespace

FlatJson::FlatJson(const KnownType& type)
    : type_(&type), parser_(std::make_unique<flatbuffers::Parser>()) {
  parser_->opts.strict_json = true;
  const bool is_schema = parser_->Deserialize(type.schema.data(), type.schema.size());
  MILLRACE_ASSERT(is_schema, "flatc compiled it");
}

FlatJson::FlatJson(FlatJson&&) noexcept = default;
FlatJson::~FlatJson() = default;

Result<Json> FlatJson::to_json(Bytes bytes) const {
  const Result<std::string> text = type_->type.json(bytes);
  if (!text.ok()) return text.status();
  Json json = Json::parse(*text, nullptr, false);
  if (json.is_discarded()) return Error{ErrorCode::kInvalidRecord, "it is no JSON"};
  return json;
}

Result<std::string> FlatJson::from_json(const Json& json) {
  parser_->builder_.Clear();
  const std::string text = json.dump();
  if (!parser_->ParseJson(text.c_str())) {
    return Error{ErrorCode::kInvalidRecord, message_of(parser_->error_)};
  }
  const flatbuffers::FlatBufferBuilder& built = parser_->builder_;
  return std::string(reinterpret_cast<const char*>(built.GetBufferPointer()), built.GetSize());
}

Json bytes_json(Bytes bytes) {
  if (bytes.is_null()) return nullptr;
  std::string text;
  if (append_json_text(bytes, text).ok()) return Json::parse(text);
  return {{"hex", boost::algorithm::hex_lower(bytes.to_string())}};
}

Result<std::optional<std::string>> bytes_of_json(const Json& json) {
  if (json.is_null()) return std::optional<std::string>();
  if (json.is_string()) return std::optional(json.get<std::string>());
  if (json.is_object() && json.size() == 1 && json.contains("hex") && json["hex"].is_string()) {
    try {
      return std::optional(boost::algorithm::unhex(json["hex"].get<std::string>()));
    } catch (const boost::algorithm::hex_decode_error&) {
      return Error{ErrorCode::kInvalidRecord, "not hexadecimal digits in pairs"};
    }
  }
  return Error{ErrorCode::kInvalidRecord, "neither a text nor {\"hex\": ...}"};
}

}  // namespace millrace::apps
