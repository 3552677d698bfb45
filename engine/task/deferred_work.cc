#include "engine/task/deferred_work.h"

#include <algorithm>
#include <utility>

namespace millrace::engine {
namespace {

/// Of an average: so many of the last calls count.
constexpr uint64_t kMeasuredCallsMax = 64;

}  // namespace

size_t DeferredWork::bytes_of(const std::string& key) {
  constexpr size_t kNodeBytes = 48;  // of the tree and the allocator
  return kNodeBytes + sizeof(Keys::value_type) + key.size();
}

void DeferredWork::count(const std::string& key) {
  bytes_ += bytes_of(key);
}

void DeferredWork::uncount(const std::string& key) {
  bytes_ -= bytes_of(key);
}

size_t DeferredWork::owed_bytes() const {
  if (empty()) return 0;
  double bytes = 0;
  for (const Node& node : nodes_) {
    bytes += node.bytes_per_call * static_cast<double>(node.keys.size());
  }
  return static_cast<size_t>(bytes);
}

void DeferredWork::measure(uint32_t node, size_t added_bytes) {
  Node& measured = nodes_[node];
  measured.measured_calls = std::min(measured.measured_calls + 1, kMeasuredCallsMax);
  measured.bytes_per_call += (static_cast<double>(added_bytes) - measured.bytes_per_call) /
                             static_cast<double>(measured.measured_calls);
}

void DeferredWork::add(uint32_t node, Bytes key, int64_t timestamp_ms, const Moment& now,
                       const RecordPosition& by) {
  if (node >= nodes_.size()) nodes_.resize(node + 1);
  const auto [entry, is_new] = nodes_[node].keys.try_emplace(key.to_string());
  undo_.push_back(
      {node, entry->first, is_new ? std::optional<Asked>() : std::optional<Asked>(entry->second)});
  if (is_new) count(entry->first);
  Asked& asked = entry->second;
  if (is_new) {
    asked = {timestamp_ms, now, by};
  } else {
    asked.timestamp_ms = std::max(asked.timestamp_ms, timestamp_ms);
    if (asked.by.offset < 0) asked.by = by;
  }
}

std::optional<DeferredWork::Call> DeferredWork::take(uint32_t node, Bytes key) {
  if (node >= nodes_.size()) return std::nullopt;
  const Keys& keys = nodes_[node].keys;
  const auto found = keys.find(key.view());
  if (found == keys.end()) return std::nullopt;
  const Asked& asked = found->second;
  undo_.push_back({node, found->first, asked});
  Call taken{node, found->first, asked.timestamp_ms, asked.at, asked.by};
  set(node, taken.key, std::nullopt);
  return taken;
}

std::optional<DeferredWork::Call> DeferredWork::take_first() {
  const auto first = std::find_if(nodes_.begin(), nodes_.end(),
                                  [](const Node& node) { return !node.keys.empty(); });
  if (first == nodes_.end()) return std::nullopt;
  auto taken = first->keys.extract(first->keys.begin());
  uncount(taken.key());
  const Asked& asked = taken.mapped();
  return Call{static_cast<uint32_t>(first - nodes_.begin()), std::move(taken.key()),
              asked.timestamp_ms, asked.at, asked.by};
}

void DeferredWork::undo_unit() {
  for (size_t i = undo_.size(); i-- > 0;) set(undo_[i].node, undo_[i].key, undo_[i].before);
  undo_.clear();
}

void DeferredWork::set(uint32_t node, const std::string& key, const std::optional<Asked>& asked) {
  Keys& keys = nodes_[node].keys;
  if (asked) {
    if (keys.insert_or_assign(key, *asked).second) count(key);
  } else if (const auto found = keys.find(key); found != keys.end()) {
    uncount(key);
    keys.erase(found);
  }
}

void DeferredWork::clear() {
  for (Node& node : nodes_) node.keys.clear();
  undo_.clear();
  bytes_ = 0;
}

}  // namespace millrace::engine
