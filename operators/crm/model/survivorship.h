#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace millrace::crm {

/// The rule that chooses one field of a merged account among its members. Only members whose row is
/// live count. Versions of one log compare by position, the newest of each log by the clock. Among
/// equals the higher value, then the lower id wins.
enum class Survivorship : unsigned char {
  kMasterWins,      ///< the root's, null or missing too
  kMostRecent,      ///< the highest version, null too
  kSourcePriority,  ///< the first source in the list that has a value; then the most recent
  kFillIfNull,      ///< the root's; if that is null or missing, the most recent other value
};

struct FieldPolicy {
  Survivorship rule = Survivorship::kMasterWins;
  /// kSourcePriority: names of sources, best first. Others follow, all alike.
  std::vector<std::string> sources{};
};

struct SurvivorshipPolicy {
  FieldPolicy standard;  ///< of the fields not named in `fields`
  std::map<std::string, FieldPolicy, std::less<>> fields;

  const FieldPolicy& of(std::string_view field) const {
    const auto it = fields.find(field);
    return it == fields.end() ? standard : it->second;
  }
};

}  // namespace millrace::crm
