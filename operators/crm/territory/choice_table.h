#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "millrace/core/broadcast.h"

#include "crm/territory/assignment.h"
#include "crm/territory/field_value.h"

namespace millrace::crm::territory {

enum class ChoiceKind : unsigned char { kManual, kExclusion };

/// What persons say, by account: the two tables of choices turned round. In memory; made from the
/// tables as a task sees them, and following their changes.
class ChoiceTable {
 public:
  /// Valid values of topic `crm.manual-territories` or `crm.territory-exclusions`. They return the
  /// account, a view into the value.
  std::string_view add(ChoiceKind kind, Bytes value);
  std::string_view remove(ChoiceKind kind, Bytes value);
  /// Forgets everything of the kind, and adds all rows.
  void load(ChoiceKind kind, const BroadcastRows& rows);

  /// Adds what is said about `account`; `choices` need sorting then.
  void collect(std::string_view account, PersonalChoices& choices) const;

 private:
  struct Choice {
    ChoiceKind kind = ChoiceKind::kManual;
    std::string territory;
    friend bool operator==(const Choice&, const Choice&) = default;
  };
  /// Two ids may say the same; then it is here twice.
  TextMap<std::vector<Choice>> by_account_;
};

}  // namespace millrace::crm::territory
