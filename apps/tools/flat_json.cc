#include "apps/tools/flat_json.h"

#include <string_view>
#include <utility>

#include <boost/algorithm/hex.hpp>
#include <flatbuffers/idl.h>
#include <nlohmann/json.hpp>

#include "millrace/core/assert.h"

namespace millrace::apps {
namespace {

using Json = nlohmann::ordered_json;

/// Length of the UTF-8 sequence at `text`, 0 when there is none.
size_t utf8_length(std::string_view text) {
  const auto byte = [&](size_t i) { return static_cast<unsigned char>(text[i]); };
  if (byte(0) < 0x80) return 1;
  const size_t length = byte(0) >= 0xf0 ? 4 : byte(0) >= 0xe0 ? 3 : 2;
  if (byte(0) < 0xc2 || byte(0) > 0xf4 || text.size() < length) return 0;
  for (size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xc0) != 0x80) return 0;
  }
  const bool is_overlong =
      (byte(0) == 0xe0 && byte(1) < 0xa0) || (byte(0) == 0xf0 && byte(1) < 0x90);
  const bool is_outside =
      (byte(0) == 0xed && byte(1) > 0x9f) || (byte(0) == 0xf4 && byte(1) > 0x8f);
  return is_overlong || is_outside ? 0 : length;
}

bool is_utf8(std::string_view text) {
  while (!text.empty()) {
    const size_t length = utf8_length(text);
    if (length == 0) return false;
    text.remove_prefix(length);
  }
  return true;
}

/// FlatBuffers writes control characters as they are and bytes that are no UTF-8 as `\xff`; JSON
/// has neither. The latter become U+FFFD. Its own escapes have no x.
std::string valid_json(std::string_view text) {
  constexpr unsigned char kFirstPrintable = 0x20;
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string json;
  json.reserve(text.size());
  for (size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    if (byte < kFirstPrintable) {
      json.append("\\u00") += kDigits[byte >> 4];
      json += kDigits[byte & 0xf];
    } else if (text.substr(i, 2) == "\\x") {
      json.append("\\ufffd");
      i += 3;
    } else if (byte == '\\') {
      json.append(text.substr(i, 2));
      ++i;
    } else {
      json += text[i];
    }
  }
  return json;
}

/// False when it fails. FlatBuffers 23.5 (Debian 13) renamed the function,
/// and returns a message; the second branch is for the 2.0 of Debian 12.
bool write_text(const flatbuffers::Parser& parser, Bytes record, std::string& text) {
#if FLATBUFFERS_VERSION_MAJOR >= 23
  return flatbuffers::GenText(parser, record.data(), &text) == nullptr;
#else
  return flatbuffers::GenerateText(parser, record.data(), &text);
#endif
}

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
  parser_->opts.indent_step = -1;
  parser_->opts.output_default_scalars_in_json = true;
  parser_->opts.natural_utf8 = true;
  parser_->opts.allow_non_utf8 = true;
  const bool is_schema = parser_->Deserialize(type.schema.data(), type.schema.size());
  MILLRACE_ASSERT(is_schema, "flatc compiled it");
}

FlatJson::FlatJson(FlatJson&&) noexcept = default;
FlatJson::~FlatJson() = default;

Result<Json> FlatJson::to_json(Bytes bytes) const {
  MILLRACE_RETURN_IF_ERROR(type_->validate(bytes));
  std::string text;
  if (!write_text(*parser_, bytes, text)) {
    return Error{ErrorCode::kInvalidRecord, "its type cannot write it as text"};
  }
  Json json = Json::parse(valid_json(text), nullptr, false);
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
  if (is_utf8(bytes.view())) return bytes.view();
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
