#include "crm/model/ids.h"

#include <algorithm>

namespace millrace::crm {
namespace {

constexpr size_t kSalesforceShort = 15;
constexpr size_t kSalesforceLong = 18;
constexpr size_t kSalesforceChunk = 5;

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}
bool is_lower(char c) {
  return c >= 'a' && c <= 'z';
}
bool is_upper(char c) {
  return c >= 'A' && c <= 'Z';
}
bool is_control(char c) {
  return static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
}

bool is_source(std::string_view source) {
  return !source.empty() && source.size() <= kSourceBytesMax &&
         std::ranges::all_of(
             source, [](char c) { return is_lower(c) || is_digit(c) || c == '-' || c == '_'; });
}

bool is_local_id(std::string_view id) {
  return !id.empty() && id.size() <= kLocalIdBytesMax && std::ranges::none_of(id, is_control);
}

}  // namespace

Result<std::string> internal_id(std::string_view source, std::string_view local_id) {
  if (!is_source(source)) {
    return Error{ErrorCode::kInvalidArgument, "not the name of a source: 1-32 of a-z 0-9 - _"};
  }
  if (!is_local_id(local_id)) {
    return Error{ErrorCode::kInvalidArgument, "not an id: 1-255 bytes without control characters"};
  }
  std::string id;
  id.reserve(source.size() + 1 + local_id.size());
  id.append(source).append(1, ':').append(local_id);
  return id;
}

bool is_internal_id(std::string_view id) {
  const size_t colon = id.find(':');
  return colon != std::string_view::npos && is_source(id.substr(0, colon)) &&
         is_local_id(id.substr(colon + 1));
}

std::string_view source_of(std::string_view id) {
  return id.substr(0, id.find(':'));
}

Result<std::string> canonical_salesforce_id(std::string_view id) {
  if (id.size() != kSalesforceShort && id.size() != kSalesforceLong) {
    return Error{ErrorCode::kInvalidArgument,
                 "a Salesforce id has 15 or 18 characters, not " + std::to_string(id.size())};
  }
  if (!std::ranges::all_of(id, [](char c) { return is_digit(c) || is_lower(c) || is_upper(c); })) {
    return Error{ErrorCode::kInvalidArgument, "a Salesforce id has only letters and digits"};
  }
  std::string canonical(id.substr(0, kSalesforceShort));
  for (size_t chunk = 0; chunk < kSalesforceShort; chunk += kSalesforceChunk) {
    unsigned upper_bits = 0;
    for (size_t i = 0; i < kSalesforceChunk; ++i) {
      if (is_upper(id[chunk + i])) upper_bits |= 1u << i;
    }
    canonical.push_back("ABCDEFGHIJKLMNOPQRSTUVWXYZ012345"[upper_bits]);
  }
  if (id.size() == kSalesforceLong && id != canonical) {
    return Error{ErrorCode::kInvalidArgument,
                 "a Salesforce id whose last three characters do not fit the others"};
  }
  return canonical;
}

}  // namespace millrace::crm
