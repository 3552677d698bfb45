#include "engine/task/deferred_work.h"

#include <algorithm>
#include <utility>

namespace millrace::engine {

size_t DeferredWork::bytes_of(const std::string& key) {
  constexpr size_t kNodeBytes = 48;  // of the tree and the allocator
  return kNodeBytes + sizeof(Keys::value_type) + key.size();
}

void DeferredWork::count(const std::string& key) {
  ++calls_;
  bytes_ += bytes_of(key);
}

void DeferredWork::uncount(const std::string& key) {
  --calls_;
  bytes_ -= bytes_of(key);
}

void DeferredWork::add(uint32_t node, Bytes key, int64_t timestamp_ms, const Moment& now) {
  if (node >= by_node_.size()) by_node_.resize(node + 1);
  const auto [entry, is_new] = by_node_[node].try_emplace(key.to_string());
  undo_.push_back(
      {node, entry->first, is_new ? std::optional<Asked>() : std::optional<Asked>(entry->second)});
  if (is_new) count(entry->first);
  Asked& asked = entry->second;
  if (is_new) {
    asked = {timestamp_ms, now};
  } else {
    asked.timestamp_ms = std::max(asked.timestamp_ms, timestamp_ms);
  }
}

std::optional<DeferredWork::Call> DeferredWork::take(uint32_t node, Bytes key) {
  if (node >= by_node_.size() || by_node_[node].empty()) return std::nullopt;
  const auto found = by_node_[node].find(key.view());
  if (found == by_node_[node].end()) return std::nullopt;
  undo_.push_back({node, found->first, found->second});
  Call taken{node, found->first, found->second.timestamp_ms, found->second.at};
  set(node, taken.key, std::nullopt);
  return taken;
}

std::optional<DeferredWork::Call> DeferredWork::take_first() {
  const auto first = std::find_if(by_node_.begin(), by_node_.end(),
                                  [](const Keys& keys) { return !keys.empty(); });
  if (first == by_node_.end()) return std::nullopt;
  auto taken = first->extract(first->begin());
  uncount(taken.key());
  return Call{static_cast<uint32_t>(first - by_node_.begin()), std::move(taken.key()),
              taken.mapped().timestamp_ms, taken.mapped().at};
}

void DeferredWork::undo_unit() {
  for (size_t i = undo_.size(); i-- > 0;) set(undo_[i].node, undo_[i].key, undo_[i].before);
  undo_.clear();
}

void DeferredWork::set(uint32_t node, const std::string& key, const std::optional<Asked>& asked) {
  Keys& keys = by_node_[node];
  if (asked) {
    if (keys.insert_or_assign(key, *asked).second) count(key);
  } else if (const auto found = keys.find(key); found != keys.end()) {
    uncount(key);
    keys.erase(found);
  }
}

void DeferredWork::clear() {
  for (Keys& keys : by_node_) keys.clear();
  undo_.clear();
  calls_ = bytes_ = 0;
}

}  // namespace millrace::engine
