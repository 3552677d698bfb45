#pragma once

#include <string>
#include <vector>

#include "apps/synthetic/expected/record_row.h"
#include "territory_rule_generated.h"

namespace millrace::apps::synthetic {

/// The fields as rules compare them: without regard to case.
FieldTexts lower_case(FieldTexts fields);

/// One rule, which matches accounts. Knows the operators and filters that the generator uses.
class TerritoryRule {
 public:
  explicit TerritoryRule(const crm::TerritoryRuleT& rule);
  /// `fields` in lower case.
  bool matches(const FieldTexts& fields) const;

 private:
  struct Item {
    std::string field;
    crm::RuleOperator op;
    std::vector<std::string> wanted;  ///< in lower case
    bool matches(const FieldTexts& fields) const;
  };
  std::vector<Item> items_;
  std::string filter_;
};

}  // namespace millrace::apps::synthetic
