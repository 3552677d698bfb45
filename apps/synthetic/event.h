#pragma once

#include <compare>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "account_generated.h"
#include "apps/synthetic/entities.h"
#include "manual_territory_generated.h"
#include "merge_fact_generated.h"
#include "product_features_generated.h"
#include "rule_territory_generated.h"
#include "territory_exclusion_generated.h"
#include "territory_generated.h"
#include "territory_model_generated.h"
#include "territory_rule_generated.h"

namespace millrace::apps::synthetic {

/// When the source made a change. Ordered as in `version.fbs`.
struct EventVersion {
  int64_t commit_ms = 0;
  int64_t sequence = 0;
  uint64_t transaction = 0;  ///< written as 16 digits, which are in the same order

  friend auto operator<=>(const EventVersion&, const EventVersion&) = default;
};

struct FieldText {
  const FieldDefinition* field = nullptr;
  std::optional<std::string> value{};  ///< as the source writes it; nullopt: null
};

/// A change of one record. Creates and undeletes have all its fields, updates those that changed,
/// the others none.
struct RecordChange {
  Kind kind = Kind::kAccount;
  uint64_t number = 0;
  crm::ChangeType type = crm::ChangeType::Update;
  EventVersion version{};
  std::vector<FieldText> fields{};
};

/// The source's statement about one victim; both are accounts.
struct MergeChange {
  crm::MergeFactKind kind = crm::MergeFactKind::Merge;
  uint64_t victim = 0;
  uint64_t survivor = 0;  ///< of a merge
  EventVersion version{};
};

/// Definitions, of which only the latest counts: territories, rules, products. In order, once each.
using Definition =
    std::variant<crm::TerritoryModelT, crm::TerritoryT, crm::TerritoryRuleT, crm::RuleTerritoryT,
                 crm::ManualTerritoryT, crm::TerritoryExclusionT, crm::ProductFeaturesT>;
struct DefinitionChange {
  Definition definition{};
  bool is_removal = false;  ///< the definition of this id is gone
  int64_t commit_ms = 0;
};

using Event = std::variant<RecordChange, MergeChange, DefinitionChange>;
using EventSink = std::function<void(Event)>;

}  // namespace millrace::apps::synthetic
