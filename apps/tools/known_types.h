#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "millrace/core/bytes.h"
#include "millrace/core/result.h"

#include "crm/output_topic.h"

namespace millrace::apps {

/// A table type that records can be shown as, and made of.
struct KnownType {
  std::string_view name;            ///< as `--type` takes it, e.g. "AccountState"
  Status (*validate)(Bytes);        ///< false bytes are shown raw
  std::span<const uint8_t> schema;  ///< as flatc compiled it
  std::string_view topic = "";      ///< whose values these are
};

/// Every table of the CRM topics.
std::span<const KnownType> known_types();
/// By the type's name, or by the topic whose values have it; null: none. Outputs are known under
/// `output_prefix`, too.
const KnownType* find_type_by_name(std::string_view name);
const KnownType* find_type_by_topic(std::string_view topic,
                                    std::string_view output_prefix = crm::kTopicPrefix);

}  // namespace millrace::apps
