#include "crm/decode/field_census.h"

#include <algorithm>

namespace millrace::crm {

template <class Has>
std::span<const std::string_view> FieldCensus::count(const EntityMapping& entity, size_t events_min,
                                                     const Has& has) {
  Count& count = counts_[&entity];
  if (count.events == events_min) return {};
  if (count.events == 0) {
    for (const auto& [name, field] : entity.fields) {
      if (!field.dropped) count.missing.push_back(name);
    }
    std::ranges::sort(count.missing);
  }
  ++count.events;
  std::erase_if(count.missing, has);
  if (count.events == events_min) return count.missing;
  return {};
}

std::span<const std::string_view> FieldCensus::count_row(const EntityMapping& entity,
                                                         simdjson::dom::object row) {
  return count(entity, 1, [row](std::string_view name) {
    const std::string_view column = name.substr(0, name.find('.'));
    return row[name].error() == simdjson::SUCCESS || row[column].error() == simdjson::SUCCESS;
  });
}

std::span<const std::string_view> FieldCensus::count_event(const EntityMapping& entity,
                                                           std::span<const JsonLeaf> leaves) {
  return count(entity, kEventsMin, [leaves](std::string_view name) {
    const auto is_leaf = [leaves](std::string_view one) {
      return std::ranges::binary_search(leaves, one, {}, &JsonLeaf::name);
    };
    for (size_t dot = name.find('.'); dot != std::string_view::npos;
         dot = name.find('.', dot + 1)) {
      if (is_leaf(name.substr(0, dot))) return true;
    }
    return is_leaf(name);
  });
}

}  // namespace millrace::crm
