#pragma once

#include <map>
#include <span>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "millrace/core/result.h"

#include "crm/territory/rules/access.h"
#include "crm/territory/rules/definitions.h"
#include "crm/territory/rules/rule_table.h"
#include "crm/territory/rules/territory_tree.h"

namespace millrace::crm::territory {

/// An invalid definition. The rule set keeps it as a rule that matches no account, so that the rule
/// set is a function of its latest definitions.
struct RuleProblem {
  std::string id;
  std::string message;
};

/// The accounts whose territories a change of the rule set may have changed. A condition per key,
/// with field names, since the rule set may have forgotten the field of a key.
struct AffectedAccounts {
  struct Where {
    std::string field;
    AccessKey key;
  };
  bool all = false;                      ///< any account; the rest has no meaning then
  std::vector<Where> keys;               ///< an account that meets one of them
  std::vector<std::string> territories;  ///< any account that a person gave to one of them

  bool none() const { return !all && keys.empty() && territories.empty(); }
};

inline constexpr size_t kAffectedKeysMax = 100'000;

/// The effect of a set of changes.
struct RuleSetOutcome {
  std::vector<RuleProblem> problems;
  AffectedAccounts affected;
};

/// The territories of the active model with their compiled rules, kept up to date by changes.
///
/// Its contents are a function of the latest definition of each kind and id, whatever the order in
/// which they arrived; a definition may refer to others that are not known yet. Several threads may
/// read while nobody calls `apply`.
///
/// Every territory that has a rule has one as its key: the one that the fewest accounts match, its
/// own or inherited. Only key rules are in the index, only territories whose key matches are tried.
class RuleSet {
 public:
  explicit RuleSet(FieldTypes types = {}) : rules_(std::move(types)) {}

  /// Costs, besides compiling the rules in `changes`, a visit to the territories that use one of
  /// them themselves; for changed territories and inherited associations, to the territories below;
  /// so for rules that are passed on, if they begin or cease to be active or an index of accounts
  /// does not find who meets them; for another active model, to all. Apply changes that belong
  /// together, such as a first load, together: all of them then count in the estimate of how rare a
  /// predicate is.
  RuleSetOutcome apply(std::span<const RuleSetChange> changes);

  const RuleTable& rules() const { return rules_; }
  const TerritoryTree& territories() const { return territories_; }

  /// Ids of all rules of a territory, its own and inherited ones, sorted.
  std::vector<std::string> rule_ids(TerritoryIndex territory) const;
  /// Whether the territory may take accounts.
  bool is_live(std::string_view territory) const;
  /// Bits of those `fields` that a rule uses.
  FieldSet field_set(std::span<const std::string_view> fields) const;

  /// Calls `visit(rule)` for every rule of `territory` but inactive ones until it returns false.
  template <class Visit>
  void each_rule(TerritoryIndex territory, Visit&& visit) const {
    for (TerritoryIndex at = territory; at != kNone; at = territories_[at].up) {
      for (const RuleUse& use : territories_[at].uses) {
        if (at != territory && !use.inherited) continue;
        if (rules_[use.rule].counts() && !visit(use.rule)) return;
      }
    }
  }

 private:
  struct Association {
    TerritoryIndex territory = kNone;
    RuleUse use;
  };
  /// The rules and territories that one `apply` must visit again.
  struct Work;

  void take(const ModelDefinition& model, Work& work);
  void take(const TerritoryDefinition& territory, Work& work);
  void take(const RuleDefinition& rule, Work& work);
  void take(const AssociationDefinition& association, Work& work);
  void take(const Removal& removal, Work& work);
  void remove_territory(const std::string& id, Work& work);
  void remove_rule(const std::string& id, Work& work);
  void remove_association(const std::string& id, Work& work);
  void choose_model(Work& work);

  void mark(TerritoryIndex territory, bool with_subtree, Work& work);
  void mark_rule(RuleIndex rule, Work& work);
  void touch(RuleIndex rule, Work& work);
  void mark_users(RuleIndex rule, bool with_subtree, Work& work);
  void note_rule(RuleIndex rule, Work& work) const;
  void note_heirs(RuleIndex rule, Work& work) const;
  void note_key(TerritoryIndex territory, Work& work) const;
  void finish(Work& work);
  void choose_key(TerritoryIndex territory, Work& work);
  void set_key(TerritoryIndex territory, RuleIndex key, Work& work);
  void let_go(Work& work);

  RuleTable rules_;
  TerritoryTree territories_;
  TextMap<Association> associations_;
  std::map<std::string, ModelDefinition, std::less<>> models_;
  std::unordered_set<std::string> defined_rules_;
  std::string active_model_;
};

}  // namespace millrace::crm::territory
