#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "apps/synthetic/event.h"

namespace millrace::apps::synthetic {

/// Topic of all record changes, as in apps/data/synthetic_mapping.json.
inline constexpr std::string_view kRawTopic = "crm.raw.salesforce";

/// An event as a record for Kafka.
struct RawRecord {
  std::string_view topic;
  std::string key;
  std::optional<std::string> value;  ///< nullopt: a tombstone
  int64_t timestamp_ms = 0;
};

/// Encodes record changes in the form of Salesforce's Change Data Capture over CometD, the rest as
/// FlatBuffers.
RawRecord encode(const Event& event);

}  // namespace millrace::apps::synthetic
