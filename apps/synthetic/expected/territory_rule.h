#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "territory_rule_generated.h"

namespace millrace::apps::synthetic {

using FieldTexts = std::map<std::string, std::optional<std::string>>;

/// One rule, to be asked about accounts. Knows the operators and filters that the generator uses.
class TerritoryRule {
 public:
  explicit TerritoryRule(const crm::TerritoryRuleT& rule);
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
