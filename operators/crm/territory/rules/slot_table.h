#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "millrace/core/assert.h"

#include "crm/territory/rules/field_value.h"

namespace millrace::crm::territory {

/// Nodes with a name and a dense index, kept while they have references.
///
/// When a node loses its last reference, its index becomes free for another name.
template <class Node>
class SlotTable {
 public:
  /// Index of `name`; creates the node if there is none, and counts one reference.
  uint32_t acquire(std::string_view name) {
    auto it = indexes_.find(name);
    if (it == indexes_.end()) {
      it = indexes_.emplace(std::string(name), take_slot()).first;
      slots_[it->second].name = &it->first;
    }
    ++slots_[it->second].references;
    return it->second;
  }

  /// Gives one reference back; the last one removes the node. Returns whether it did.
  bool release(uint32_t index) {
    Slot& slot = slots_[index];
    MILLRACE_ASSERT(slot.references > 0, "released more often than acquired");
    if (--slot.references > 0) return false;
    indexes_.erase(indexes_.find(*slot.name));
    slot = Slot{};
    free_.push_back(index);
    return true;
  }

  std::optional<uint32_t> find(std::string_view name) const {
    const auto it = indexes_.find(name);
    if (it == indexes_.end()) return std::nullopt;
    return it->second;
  }

  Node& operator[](uint32_t index) { return slots_[index].node; }
  const Node& operator[](uint32_t index) const { return slots_[index].node; }
  const std::string& name(uint32_t index) const { return *slots_[index].name; }
  uint32_t references(uint32_t index) const { return slots_[index].references; }
  /// Indexes are below this; some may be free, with default nodes.
  uint32_t slots() const { return static_cast<uint32_t>(slots_.size()); }
  bool is_used(uint32_t index) const { return slots_[index].references > 0; }
  size_t size() const { return indexes_.size(); }

 private:
  struct Slot {
    const std::string* name = nullptr;  ///< the map's key
    uint32_t references = 0;
    Node node{};
  };

  uint32_t take_slot() {
    if (free_.empty()) {
      slots_.emplace_back();
      return static_cast<uint32_t>(slots_.size() - 1);
    }
    const uint32_t index = free_.back();
    free_.pop_back();
    return index;
  }

  TextMap<uint32_t> indexes_;
  std::vector<Slot> slots_;
  std::vector<uint32_t> free_;
};

}  // namespace millrace::crm::territory
