#pragma once

#include <array>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "millrace/core/broadcast.h"

#include "crm/territory/rules/assignment.h"
#include "crm/territory/rules/field_value.h"

namespace millrace::crm::territory {

enum class ChoiceKind : unsigned char { kManual, kExclusion };

/// Manual choices by account: an index over the two tables of choices. In memory; built from the
/// tables as a task sees them, then updated by their changes. It replaces what it holds of a row,
/// not what the task met of it last: after a compaction the two can differ.
class ChoiceTable {
 public:
  /// Sets a row of topic `crm.manual-territories` or `crm.territory-exclusions`; null: there is
  /// none any more. Returns the accounts that the row was about and is about. REQUIRES: the value
  /// is valid.
  std::set<std::string> put(ChoiceKind kind, std::string_view id, Bytes value);
  /// Forgets all choices of the kind, and adds all rows.
  void load(ChoiceKind kind, const BroadcastRows& rows);

  /// Adds the choices about `account` to `choices`, which then need sorting.
  void collect(std::string_view account, PersonalChoices& choices) const;

 private:
  struct Choice {
    std::string account;
    std::string territory;
  };
  struct Place {
    ChoiceKind kind = ChoiceKind::kManual;
    std::string id;
    friend bool operator==(const Place&, const Place&) = default;
  };
  TextMap<Choice>& of(ChoiceKind kind) { return by_id_[static_cast<size_t>(kind)]; }
  const TextMap<Choice>& of(ChoiceKind kind) const { return by_id_[static_cast<size_t>(kind)]; }

  std::array<TextMap<Choice>, 2> by_id_;  ///< by kind
  TextMap<std::vector<Place>> by_account_;
};

}  // namespace millrace::crm::territory
