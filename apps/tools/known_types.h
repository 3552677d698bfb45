#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "millrace/core/topic.h"

#include "crm/model/output_topic.h"

namespace millrace::apps {

/// A table type that tools can read from JSON and print as JSON.
struct KnownType {
  std::string_view name;            ///< for `--type`, e.g. "AccountState"
  TypeInfo type;                    ///< tools print invalid bytes raw
  std::span<const uint8_t> schema;  ///< as flatc compiled it
  std::string_view topic = "";      ///< the topic with these values
};

/// Every table of the CRM topics.
std::span<const KnownType> known_types();
/// By the type's name, or by the topic whose values have it; null: none. Also finds outputs under
/// `output_prefix`.
const KnownType* find_type_by_name(std::string_view name);
const KnownType* find_type_by_topic(std::string_view topic,
                                    std::string_view output_prefix = crm::kTopicPrefix);

}  // namespace millrace::apps
