#pragma once

#include <cstddef>
#include <span>
#include <string_view>
#include <unordered_map>
#include <vector>

#include <simdjson.h>

#include "crm/decode/json_fields.h"
#include "crm/mapping/mapping.h"

namespace millrace::crm {

/// Finds mapped fields that never come: names that are misspelt, or that the source has dropped.
class FieldCensus {
 public:
  /// Events after which a field that none of them had is absent: they carry only what changed.
  static constexpr size_t kEventsMin = 1000;

  /// The source's names of mapped columns that a row, which has all of them, has not. Only of the
  /// entity's first row; empty for the later ones. The names are the mapping's.
  std::span<const std::string_view> count_row(const EntityMapping& entity,
                                              simdjson::dom::object row);
  /// Of mapped fields that none of the entity's first `kEventsMin` events had; empty for all but
  /// the last of these. `leaves` are sorted by name.
  std::span<const std::string_view> count_event(const EntityMapping& entity,
                                                std::span<const JsonLeaf> leaves);

 private:
  struct Count {
    size_t events = 0;
    std::vector<std::string_view> missing{};
  };
  template <class Has>
  std::span<const std::string_view> count(const EntityMapping& entity, size_t events_min,
                                          const Has& has);

  std::unordered_map<const EntityMapping*, Count> counts_;
};

}  // namespace millrace::crm
