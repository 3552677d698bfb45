#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "apps/synthetic/event.h"

namespace millrace::apps::synthetic {

/// Topic of all record changes, as apps/data/synthetic_mapping.json has it.
inline constexpr std::string_view kRawTopic = "crm.raw.salesforce";

/// An event as it goes to Kafka.
struct RawRecord {
  std::string_view topic;
  std::string key;
  std::optional<std::string> value;  ///< nullopt: a tombstone
  int64_t timestamp_ms = 0;
};

/// Record changes as Salesforce's Change Data Capture sends them over CometD, the rest as
/// FlatBuffers.
RawRecord encode(const Event& event);

}  // namespace millrace::apps::synthetic
