#pragma once

#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "millrace/core/assert.h"

namespace millrace::crm::territory {

/// Closed intervals with a payload each; finds those that hold a point.
///
/// A treap ordered by lower bound, whose nodes know the largest upper bound below them: a change
/// costs O(log n), a search O(log n) for each interval found and less where they lie together. An
/// absent bound is open.
template <class Value>
class IntervalIndex {
 public:
  struct Interval {
    std::optional<Value> low;
    std::optional<Value> high;
    uint32_t payload = 0;

    friend bool operator==(const Interval&, const Interval&) = default;
  };

  bool empty() const { return root_ == kNone; }

  void add(Interval interval) {
    const uint32_t node = take_node(std::move(interval));
    auto [below, above] = split(root_, nodes_[node].interval);
    root_ = join(join(below, node), above);
  }

  /// REQUIRES: the same interval was added.
  void remove(const Interval& interval) { root_ = remove_from(root_, interval); }

  /// Calls `visit(payload)` for every interval that holds `point`.
  template <class Point, class Visit>
  void at(const Point& point, Visit&& visit) const {
    visit_below(root_, point, visit);
  }

 private:
  static constexpr uint32_t kNone = UINT32_MAX;

  struct Node {
    Interval interval;
    uint32_t priority = 0;
    uint32_t left = kNone;
    uint32_t right = kNone;
    uint32_t highest = kNone;  ///< node with the largest upper bound from here down
  };

  /// An absent lower bound is the lowest, and std::optional orders it so.
  static bool before(const Interval& a, const Interval& b) {
    if (a.low != b.low) return a.low < b.low;
    if (a.payload != b.payload) return a.payload < b.payload;
    return a.high < b.high;
  }
  static bool is_higher(const std::optional<Value>& a, const std::optional<Value>& b) {
    return b && (!a || *a > *b);
  }

  uint32_t take_node(Interval interval) {
    uint32_t index = 0;
    if (free_.empty()) {
      index = static_cast<uint32_t>(nodes_.size());
      nodes_.emplace_back();
    } else {
      index = free_.back();
      free_.pop_back();
    }
    // A Weyl sequence, scrambled: priorities need no more chance than that.
    constexpr uint32_t kStep = 0x9e3779b9;
    constexpr int kHalf = 16;
    sequence_ += kStep;
    const uint32_t priority = (sequence_ ^ (sequence_ >> kHalf)) * 0x85ebca6bU;
    nodes_[index] = Node{std::move(interval), priority, kNone, kNone, index};
    return index;
  }

  void refresh(uint32_t index) {
    Node& node = nodes_[index];
    node.highest = index;
    for (const uint32_t child : {node.left, node.right}) {
      if (child == kNone) continue;
      const uint32_t candidate = nodes_[child].highest;
      if (is_higher(nodes_[candidate].interval.high, nodes_[node.highest].interval.high)) {
        node.highest = candidate;
      }
    }
  }

  std::pair<uint32_t, uint32_t> split(uint32_t tree, const Interval& at) {
    if (tree == kNone) return {kNone, kNone};
    if (before(nodes_[tree].interval, at)) {
      const auto [below, above] = split(nodes_[tree].right, at);
      nodes_[tree].right = below;
      refresh(tree);
      return {tree, above};
    }
    const auto [below, above] = split(nodes_[tree].left, at);
    nodes_[tree].left = above;
    refresh(tree);
    return {below, tree};
  }

  uint32_t join(uint32_t below, uint32_t above) {
    if (below == kNone) return above;
    if (above == kNone) return below;
    if (nodes_[below].priority > nodes_[above].priority) {
      nodes_[below].right = join(nodes_[below].right, above);
      refresh(below);
      return below;
    }
    nodes_[above].left = join(below, nodes_[above].left);
    refresh(above);
    return above;
  }

  uint32_t remove_from(uint32_t tree, const Interval& interval) {
    MILLRACE_ASSERT(tree != kNone, "removing an interval that is not there");
    Node& node = nodes_[tree];
    if (node.interval == interval) {
      const uint32_t joined = join(node.left, node.right);
      nodes_[tree] = Node{};
      free_.push_back(tree);
      return joined;
    }
    if (before(interval, node.interval)) {
      node.left = remove_from(node.left, interval);
    } else {
      node.right = remove_from(node.right, interval);
    }
    refresh(tree);
    return tree;
  }

  template <class Point, class Visit>
  void visit_below(uint32_t tree, const Point& point, Visit& visit) const {
    if (tree == kNone) return;
    const Node& node = nodes_[tree];
    const std::optional<Value>& highest = nodes_[node.highest].interval.high;
    if (highest && *highest < point) return;
    visit_below(node.left, point, visit);
    if (node.interval.low && point < *node.interval.low) return;
    if (!node.interval.high || !(*node.interval.high < point)) visit(node.interval.payload);
    visit_below(node.right, point, visit);
  }

  std::vector<Node> nodes_;
  std::vector<uint32_t> free_;
  uint32_t root_ = kNone;
  uint32_t sequence_ = 0;
};

}  // namespace millrace::crm::territory
