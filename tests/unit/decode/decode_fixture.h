#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "crm/decode/decoder.h"
#include "crm/mapping/mapping.h"

namespace millrace::crm {

/// A file of the folder `data`, e.g. "debezium/pg_customers_02_c.json".
std::string golden(std::string_view name);

/// A decoder and the mapping it works by.
class DecoderUnderTest {
 public:
  /// `mapping_json` is a mapping of one topic. Aborts when it is not valid.
  explicit DecoderUnderTest(std::string_view mapping_json);
  /// One topic "t" with source "sf", and of `format` what the tests of Salesforce share.
  static DecoderUnderTest salesforce(std::string_view format, std::string_view entities);

  Result<Decoded> decode(const std::string& value, const std::string& key = "null") {
    return decoder_->decode(Bytes(value), Bytes(key));
  }

  /// The decoded `value`, one line a change and one a field; "skipped: why"; "error: text". A
  /// version with a place in a log is followed by " <log>@<position>".
  ///
  ///     update sf:0014H00002LbR7QQAV Account 1696444513000/1/000046c7 partial
  ///       billing_city=San Francisco
  ///       fax is null
  ///       description is unknown
  std::string text_of(const std::string& value, const std::string& key = "null");

 private:
  std::unique_ptr<Mapping> mapping_;
  std::unique_ptr<Decoder> decoder_;
};

std::string text_of(const Result<Decoded>& decoded);

}  // namespace millrace::crm
