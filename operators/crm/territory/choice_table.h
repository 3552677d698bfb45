#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "millrace/core/broadcast.h"

#include "crm/territory/assignment.h"
#include "crm/territory/field_value.h"

namespace millrace::crm::territory {

enum class ChoiceKind : unsigned char { kManual, kExclusion };

/// Manual choices by account: an index over the two tables of choices. In memory; built from the
/// tables as a task sees them, then updated by their changes.
class ChoiceTable {
 public:
  /// `value` is a valid value of topic `crm.manual-territories` or `crm.territory-exclusions`. Both
  /// return the account, a view into the value.
  std::string_view add(ChoiceKind kind, Bytes value);
  std::string_view remove(ChoiceKind kind, Bytes value);
  /// Forgets all choices of the kind, and adds all rows.
  void load(ChoiceKind kind, const BroadcastRows& rows);

  /// Adds the choices about `account` to `choices`, which then need sorting.
  void collect(std::string_view account, PersonalChoices& choices) const;

 private:
  struct Choice {
    ChoiceKind kind = ChoiceKind::kManual;
    std::string territory;
    friend bool operator==(const Choice&, const Choice&) = default;
  };
  /// If two ids make the same choice, it is here twice.
  TextMap<std::vector<Choice>> by_account_;
};

}  // namespace millrace::crm::territory
