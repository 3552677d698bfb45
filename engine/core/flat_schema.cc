#include "millrace/core/flat_schema.h"

#include <string_view>

#include <flatbuffers/idl.h>

#include "millrace/core/assert.h"

namespace millrace {
namespace {

/// FlatBuffers writes control characters as they are and bytes that are no UTF-8 as `\xff`; JSON
/// has neither. The latter become U+FFFD. Its own escapes have no x.
void append_valid_json(std::string_view text, std::string& json) {
  constexpr unsigned char kFirstPrintable = 0x20;
  constexpr std::string_view kDigits = "0123456789abcdef";
  json.reserve(json.size() + text.size());
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

}  // namespace

FlatSchema::FlatSchema(std::span<const uint8_t> schema, const char* table) {
  auto parser = std::make_unique<flatbuffers::Parser>();
  parser->opts.strict_json = true;
  parser->opts.indent_step = -1;
  parser->opts.output_default_scalars_in_json = true;
  parser->opts.natural_utf8 = true;
  parser->opts.allow_non_utf8 = true;
  MILLRACE_ASSERT(parser->Deserialize(schema.data(), schema.size()), "flatc compiled it");
  MILLRACE_ASSERT(parser->SetRootType(table), "the schema has the table");
  parser_ = std::move(parser);
}

FlatSchema::~FlatSchema() = default;

Status FlatSchema::write_json(Bytes bytes, std::string& out) const {
  std::string text;
  if (!write_text(*parser_, bytes, text)) {
    return Error{ErrorCode::kInvalidRecord, "its schema cannot write it as text"};
  }
  append_valid_json(text, out);
  return {};
}

}  // namespace millrace
