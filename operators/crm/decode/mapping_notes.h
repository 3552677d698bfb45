#pragma once

#include <mutex>
#include <set>
#include <string>
#include <string_view>

#include "crm/decode/change.h"

namespace millrace::crm {

/// Logs where a mapping and its topic do not fit, one line for each name, however often it happens
/// and in however many tasks of the process. Thread-safe. Names of the source are shown, values
/// never.
class MappingNotes {
 public:
  /// Names remembered, and so lines, at most.
  static constexpr size_t kNotesMax = 1000;

  void unknown_entity(std::string_view topic, std::string_view entity);
  void absent_field(std::string_view topic, std::string_view entity, std::string_view field);
  void refused_field(std::string_view topic, std::string_view entity, const FieldRefusal& refusal);
  /// A record that gives no entitlements. `reason` names the field.
  void refused_source(std::string_view kind, std::string_view reason);

 private:
  bool is_new(std::string_view what, std::string_view entity, std::string_view field);

  std::mutex mutex_;
  std::set<std::string, std::less<>> noted_;
};

}  // namespace millrace::crm
