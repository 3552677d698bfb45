#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "crm/territory/rules/definitions.h"
#include "crm/territory/rules/rule_table.h"
#include "crm/territory/rules/slot_table.h"

namespace millrace::crm::territory {

/// A hierarchy deeper than this, or with a cycle, takes no accounts from there down.
inline constexpr size_t kTerritoryDepthMax = 64;

/// A rule of a territory, by one association.
struct RuleUse {
  RuleIndex rule = kNone;
  bool inherited = false;

  friend bool operator==(const RuleUse&, const RuleUse&) = default;
};

struct TerritoryNode {
  bool is_defined = false;
  std::string model;
  TerritoryIndex parent = kNone;  ///< as defined; the parent itself may be undefined
  std::vector<TerritoryIndex> children;
  std::vector<RuleUse> uses;

  // Derived by `refresh`.
  bool is_live = false;           ///< of the active model and below no cycle: it may take accounts
  TerritoryIndex up = kNone;      ///< the parent, if it is live
  FieldSet fields = 0;            ///< of its own rules
  FieldSet inherited_fields = 0;  ///< of those of its own rules that territories below inherit

  // The rule whose match makes the matcher try this territory, and its place among those of the
  // rule; kept by RuleSet.
  RuleIndex key = kNone;
  uint32_t key_place = 0;
};

/// Territories and their parents, in whatever order they become known.
class TerritoryTree {
 public:
  TerritoryIndex acquire(std::string_view id) { return nodes_.acquire(id); }
  void release(TerritoryIndex index) { nodes_.release(index); }

  /// Holds references to itself and the parent until `undefine`.
  TerritoryIndex define(const TerritoryDefinition& definition);
  void undefine(TerritoryIndex index);

  /// The territory and all below it, whether live or not; each once.
  std::vector<TerritoryIndex> subtree(TerritoryIndex index) const;

  /// Updates the derived fields. The territories above must be up to date.
  void refresh(TerritoryIndex index, std::string_view active_model, const RuleTable& rules);

  const SlotTable<TerritoryNode>& nodes() const { return nodes_; }
  TerritoryNode& operator[](TerritoryIndex index) { return nodes_[index]; }
  const TerritoryNode& operator[](TerritoryIndex index) const { return nodes_[index]; }
  const std::string& id(TerritoryIndex index) const { return nodes_.name(index); }

 private:
  bool reaches_a_root(TerritoryIndex index, std::string_view active_model) const;

  SlotTable<TerritoryNode> nodes_;
};

}  // namespace millrace::crm::territory
