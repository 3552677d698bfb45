#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "millrace/core/result.h"

#include "crm/territory/rules/access.h"
#include "crm/territory/rules/definitions.h"
#include "crm/territory/rules/field_access.h"
#include "crm/territory/rules/predicate.h"
#include "crm/territory/rules/slot_table.h"

namespace millrace::crm::territory {

using PredicateIndex = uint32_t;
using TerritoryIndex = uint32_t;
inline constexpr uint32_t kNone = UINT32_MAX;

/// Fields as a set of bits; two fields may share one, so a common bit says only "perhaps".
using FieldSet = uint64_t;
inline FieldSet field_bit(FieldIndex field) {
  constexpr FieldIndex kBits = 64;
  return FieldSet{1} << (field % kBits);
}

struct FieldNode {
  FieldType type = FieldType::Undeclared;
  size_t mentions = 0;       ///< by terms of rules
  size_t number_ranges = 0;  ///< terms among them that ask for a range of numbers
  FieldAccess access;
};

struct PredicateNode {
  Predicate predicate;
  bool is_made = false;
};

enum class RuleState : unsigned char {
  kMissing,   ///< referred to, not defined: matches no account
  kInvalid,   ///< defined, but invalid: matches no account
  kInactive,  ///< counts as associated with nothing
  kActive,
};

struct RuleNode {
  RuleState state = RuleState::kMissing;
  std::vector<std::vector<PredicateIndex>> terms;  ///< all of one term match; rarest first
  FieldSet fields = 0;
  double share = 0;  ///< estimated share of accounts that the index lets through
  bool is_posted = false;
  std::vector<AccessKey> posted;        ///< its keys in the index
  std::vector<TerritoryIndex> used_by;  ///< one entry an association
  std::vector<TerritoryIndex> keyed;    ///< territories that are tried when it matches

  bool counts() const { return state != RuleState::kInactive; }
};

/// Compiled rules: predicates shared among them, and an index of those that are posted.
class RuleTable {
 public:
  explicit RuleTable(FieldTypes types) : types_(std::move(types)) {}

  RuleIndex acquire(std::string_view id) { return rules_.acquire(id); }
  void release(RuleIndex rule) { rules_.release(rule); }

  /// Replaces the rule's definition and takes the rule out of the index. Error: the reason why it
  /// is invalid; its state is then kInvalid.
  Status define(RuleIndex rule, const RuleDefinition& definition);
  void undefine(RuleIndex rule);

  /// Orders predicates and estimates the share again, by the present number of mentions.
  void estimate(RuleIndex rule);
  /// Puts an active rule into the index, so that candidates of accounts include it.
  void post(RuleIndex rule);
  void unpost(RuleIndex rule);
  /// Conditions one of which any account that matches an active rule meets.
  std::vector<AccessKey> access_keys(RuleIndex rule) const;

  const SlotTable<FieldNode>& fields() const { return fields_; }
  FieldType type_of(FieldIndex field) const { return fields_[field].type; }
  const SlotTable<PredicateNode>& predicates() const { return predicates_; }
  const SlotTable<RuleNode>& rules() const { return rules_; }
  RuleNode& operator[](RuleIndex rule) { return rules_[rule]; }
  const RuleNode& operator[](RuleIndex rule) const { return rules_[rule]; }
  /// Posted rules for which no index narrows the accounts down.
  const std::vector<RuleIndex>& always() const { return always_; }

 private:
  Result<std::vector<Predicate>> read_items(const RuleDefinition& definition) const;
  PredicateIndex acquire_predicate(Predicate predicate, const std::string& field);
  void drop_terms(RuleNode& node);
  double share_of(PredicateIndex predicate) const;
  Access access_of(const RuleNode& node) const;

  FieldTypes types_;
  SlotTable<FieldNode> fields_;
  SlotTable<PredicateNode> predicates_;
  SlotTable<RuleNode> rules_;
  std::vector<RuleIndex> always_;
};

}  // namespace millrace::crm::territory
