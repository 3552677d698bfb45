#pragma once

#include <optional>
#include <set>
#include <string>
#include <string_view>

#include <nlohmann/json_fwd.hpp>

#include "crm/mapping/mapping.h"

namespace millrace::apps {

/// Hides the values of fields that a mapping marks personal, in JSON of any shape: a source's
/// record, a table of ours, an answer. Compares names, ours and the sources', wherever they stand;
/// so it rather hides a field too many.
class PersonalMask {
 public:
  /// Of entities of one kind, or of all.
  explicit PersonalMask(const crm::Mapping& mapping, std::optional<crm::EntityKind> kind = {});

  bool empty() const { return names_.empty(); }
  bool hides(std::string_view name) const { return names_.contains(name); }
  /// Replaces values that are not null by "***" in members with such names, and in the `value` of
  /// `{"name": such a name, "value": …}`. Hides everything that is nested deeper than 64.
  void apply(nlohmann::ordered_json& json) const { apply(json, Names::kAnybodys, 0); }
  /// The same for a table of ours, in which the `name` of such an object is the name of a field and
  /// never a value.
  void apply_to_table(nlohmann::ordered_json& json) const { apply(json, Names::kOfFields, 0); }
  /// The text, parsed and masked; nullopt when it is no JSON object or array, since its contents
  /// are then unknown.
  std::optional<nlohmann::ordered_json> masked(std::string_view text) const;

 private:
  enum class Names : unsigned char { kAnybodys, kOfFields };
  void apply(nlohmann::ordered_json& json, Names names, int depth) const;

  std::set<std::string, std::less<>> names_;
};

/// The replacement of a hidden value.
inline constexpr const char* kHidden = "***";

}  // namespace millrace::apps
