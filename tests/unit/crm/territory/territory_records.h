#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "crm/territory/choice_table.h"
#include "crm/territory/rules/definitions.h"

namespace millrace::crm::territory {

/// As a source publishes it; no value: a tombstone.
struct TableRecord {
  std::string_view topic;
  std::string key;
  std::optional<std::string> value;
};

TableRecord record_of(const RuleSetChange& change);
/// A model whose rules are to run.
TableRecord record_of_run(const ModelDefinition& model, int64_t rules_run_ms);
/// A person's choice; without an account and territory, that there is none any more.
TableRecord record_of_choice(ChoiceKind kind, const std::string& id, const std::string& account,
                             const std::string& territory);

}  // namespace millrace::crm::territory
