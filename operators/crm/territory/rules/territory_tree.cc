#include "crm/territory/rules/territory_tree.h"

#include <unordered_set>

namespace millrace::crm::territory {

TerritoryIndex TerritoryTree::define(const TerritoryDefinition& definition) {
  const TerritoryIndex index = nodes_.acquire(definition.id);
  const TerritoryIndex parent =
      definition.parent.empty() ? kNone : nodes_.acquire(definition.parent);
  if (nodes_[index].is_defined) undefine(index);
  TerritoryNode& node = nodes_[index];
  node.is_defined = true;
  node.model = definition.model;
  node.parent = parent;
  if (parent != kNone) nodes_[parent].children.push_back(index);
  return index;
}

void TerritoryTree::undefine(TerritoryIndex index) {
  TerritoryNode& node = nodes_[index];
  if (!node.is_defined) return;
  const TerritoryIndex parent = node.parent;
  node.is_defined = false;
  node.model.clear();
  node.parent = kNone;
  if (parent != kNone) {
    std::erase(nodes_[parent].children, index);
    nodes_.release(parent);
  }
  nodes_.release(index);
}

std::vector<TerritoryIndex> TerritoryTree::subtree(TerritoryIndex index) const {
  std::vector<TerritoryIndex> found{index};
  if (nodes_[index].children.empty()) return found;
  std::unordered_set<TerritoryIndex> seen{index};
  for (size_t next = 0; next < found.size(); ++next) {
    for (const TerritoryIndex child : nodes_[found[next]].children) {
      if (seen.insert(child).second) found.push_back(child);
    }
  }
  return found;
}

bool TerritoryTree::reaches_a_root(TerritoryIndex index, std::string_view active_model) const {
  for (size_t depth = 0; depth < kTerritoryDepthMax; ++depth) {
    index = nodes_[index].parent;
    if (index == kNone) return true;
    if (!nodes_[index].is_defined || nodes_[index].model != active_model) return true;
  }
  return false;
}

void TerritoryTree::refresh(TerritoryIndex index, std::string_view active_model,
                            const RuleTable& rules) {
  TerritoryNode& node = nodes_[index];
  node.is_live = node.is_defined && !active_model.empty() && node.model == active_model &&
                 reaches_a_root(index, active_model);
  node.up = kNone;
  if (node.is_live && node.parent != kNone) {
    const TerritoryNode& parent = nodes_[node.parent];
    if (parent.is_defined && parent.model == active_model) node.up = node.parent;
  }
  node.fields = 0;
  node.inherited_fields = 0;
  for (const RuleUse& use : node.uses) {
    node.fields |= rules[use.rule].fields;
    if (use.inherited) node.inherited_fields |= rules[use.rule].fields;
  }
}

}  // namespace millrace::crm::territory
