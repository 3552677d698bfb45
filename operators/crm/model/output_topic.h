#pragma once

#include <algorithm>
#include <string>
#include <string_view>

#include "millrace/core/assert.h"

namespace millrace::crm {

/// The prefix of all our topics.
inline constexpr std::string_view kTopicPrefix = "crm.";

/// Name of an output under another prefix, such as that of a shadow: `crm.redirects` under
/// `crm.next.` is `crm.next.redirects`. REQUIRES: `topic` begins with `kTopicPrefix`.
inline std::string output_topic(std::string_view topic, std::string_view prefix) {
  MILLRACE_ASSERT(topic.starts_with(kTopicPrefix), "it is one of our topics");
  return std::string(prefix).append(topic.substr(kTopicPrefix.size()));
}

inline constexpr std::size_t kOutputPrefixLengthMax = 128;

/// Whether names of topics may begin with `text`.
inline bool is_output_prefix(std::string_view text) {
  const auto is_allowed = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '_' || c == '-';
  };
  return !text.empty() && text.size() <= kOutputPrefixLengthMax &&
         std::ranges::all_of(text, is_allowed);
}

}  // namespace millrace::crm
