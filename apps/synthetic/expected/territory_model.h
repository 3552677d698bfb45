#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "apps/synthetic/event.h"
#include "apps/synthetic/expected/territory_rule.h"
#include "apps/synthetic/outcome.h"

namespace millrace::apps::synthetic {

/// Territories of accounts by brute force: matches every account with every territory from the top
/// down, except those below one whose inherited rules it does not match. There is one model, it is
/// active, and no territory is its own ancestor.
class TerritoryModel {
 public:
  /// The latest of a topic and id counts.
  void add(const DefinitionChange& change);
  /// By territory. `members` are ids that manual choices may name.
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
      std::vector<size_t> below;
      std::vector<size_t> inherited;  ///< rules that bind all below as well
      std::vector<size_t> local;
    };
    std::vector<Place> places;
    std::vector<size_t> tops;  ///< places that are below none
    std::map<std::string, size_t> place_of;
    std::vector<TerritoryRule> rules;
    std::vector<std::string> rule_ids;
    ByAccount manual;
    ByAccount excluded;

    bool is_above(size_t upper, size_t lower) const;
    /// Local and inherited ones, in order.
    std::vector<std::string> rule_ids_of(size_t place) const;
  };
  /// The rules that an account matches, each evaluated once.
  class Answers;
  const Prepared& prepared();
  void place_rules(Prepared& now) const;
  static std::vector<size_t> matching(const Prepared& now, const FieldTexts& fields);
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
