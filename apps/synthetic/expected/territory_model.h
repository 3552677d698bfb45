#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "synthetic/event.h"
#include "synthetic/expected/territory_rule.h"
#include "synthetic/outcome.h"

namespace millrace::apps::synthetic {

/// Territories of accounts by brute force: every rule is asked about every account. There is one
/// model, it is active, and no territory is its own ancestor.
class TerritoryModel {
 public:
  /// The latest of a topic and id counts.
  void add(const DefinitionChange& change);
  /// By territory. `members` are ids about which persons may have said something.
  std::map<std::string, TerritoryOutcome> territories_of(
      const FieldTexts& fields, const std::map<std::string, std::string>& members);

 private:
  struct Choice {
    std::string account;
    std::string territory;
  };
  using Choices = std::map<std::string, Choice>;                   ///< by id of the choice
  using ByAccount = std::map<std::string, std::set<std::string>>;  ///< territories
  /// Everything by index, as of the last change of a definition.
  struct Prepared {
    struct Place {
      std::string id;
      std::optional<size_t> parent;
      std::vector<std::string> rule_ids;  ///< own and inherited, in order
      std::vector<size_t> rules;          ///< from the top: most accounts are not in its country
    };
    std::vector<Place> places;
    std::map<std::string, size_t> place_of;
    std::vector<TerritoryRule> rules;
    ByAccount manual;
    ByAccount excluded;

    bool is_above(size_t upper, size_t lower) const;
  };
  /// Which rules an account matches, each asked once.
  class Answers;
  const Prepared& prepared();
  void place_rules(Prepared& now) const;
  template <class Object>
  static void take(Choices& latest, const Object& object, bool is_removal);

  std::map<std::string, crm::TerritoryT> territories_;
  std::map<std::string, crm::TerritoryRuleT> rules_;
  std::map<std::string, crm::RuleTerritoryT> associations_;
  Choices manual_;
  Choices excluded_;
  std::optional<Prepared> prepared_;
};

}  // namespace millrace::apps::synthetic
