#include "decode_fixture.h"

#include <fstream>
#include <iterator>

#include <fmt/format.h>

namespace millrace::crm {

std::string golden(std::string_view name) {
  const std::string path = fmt::format("{}/{}", MILLRACE_DECODE_DATA, name);
  std::ifstream file(path, std::ios::binary);
  MILLRACE_ASSERT(file.good(), path.c_str());
  return {std::istreambuf_iterator<char>(file), {}};
}

DecoderUnderTest::DecoderUnderTest(std::string_view mapping_json) {
  Result<Mapping> mapping = parse_mapping(mapping_json);
  MILLRACE_ASSERT(mapping.ok(), mapping.message().c_str());
  MILLRACE_ASSERT(mapping->topics.size() == 1, "the mapping of a test has one topic");
  mapping_ = std::make_unique<Mapping>(*std::move(mapping));
  decoder_ = make_decoder(mapping_->topics.front());
}

DecoderUnderTest DecoderUnderTest::salesforce(std::string_view format, std::string_view entities) {
  return DecoderUnderTest(
      fmt::format(R"({{"topics": {{"t": {{"format": "{}", "source": "sf", "entities": {}}}}}}})",
                  format, entities));
}

std::string DecoderUnderTest::text_of(const std::string& value, const std::string& key) {
  return crm::text_of(decode(value, key));
}

std::string text_of(const Result<Decoded>& decoded) {
  if (!decoded.ok()) return "error: " + decoded.message() + "\n";
  if (!decoded->skipped.empty()) return fmt::format("skipped: {}\n", decoded->skipped);
  std::string text;
  for (const Change& change : decoded->changes) {
    const VersionView& version = change.version;
    text +=
        fmt::format("{} {} {} {}/{}/{}", to_string(change.kind), change.id, change.entity_name,
                    version.commit_timestamp_ms, version.sequence_number, version.transaction_key);
    if (!version.log.empty()) text += fmt::format(" {}@{}", version.log, version.position);
    text += change.full_image ? " full\n" : " partial\n";
    for (const DecodedField& field : change.fields) {
      const std::string type =
          field.type == FieldType::Undeclared ? "" : fmt::format(" ({})", to_string(field.type));
      text += field.value ? fmt::format("  {}={}{}\n", field.name, *field.value, type)
                          : fmt::format("  {} is null\n", field.name);
    }
    for (const std::string_view name : change.unknown_fields) {
      text += fmt::format("  {} is unknown\n", name);
    }
    for (const std::string_view name : change.unchanged_fields) {
      text += fmt::format("  {} is unchanged\n", name);
    }
  }
  for (const FieldRefusal& refusal : decoded->refusals) {
    text += fmt::format("refused: {} {}\n", refusal.field, refusal.reason);
  }
  return text;
}

}  // namespace millrace::crm
