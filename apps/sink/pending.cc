#include "apps/sink/pending.h"

#include <iterator>
#include <utility>

#include "millrace/core/assert.h"

namespace millrace::apps::sink {

void Pending::take(size_t tables, const TopicPartition& partition, int64_t from) {
  const size_t first = std::exchange(next_, size());
  if (first == next_) return;
  runs_.emplace(first, partition);
  PositionChange& position =
      positions_.try_emplace(partition, PositionChange{partition, from, from}).first->second;
  position.to = record(next_ - 1).offset + 1;
  for (size_t number = first; number < next_; ++number) {
    const engine::FetchedRecord& each = record(number);
    bytes_ += each.key.size() + each.value.size();
    Result<RowChange> planned = plan_row(tables_[tables], fields_, partition.partition, each);
    if (!planned.ok()) {
      invalid_.push_back({number, planned.error()});
      continue;
    }
    const std::string key = std::to_string(tables).append(1, ':').append(each.key.view());
    if (planned->replaces) replace_former(key);
    bytes_ += planned->row.size() + planned->children.size();
    changes_of_.emplace(key, changes_.size());
    changes_.push_back({tables, *std::move(planned), number});
    is_replaced_.push_back(false);
  }
}

void Pending::replace_former(const std::string& key) {
  const auto [begin, end] = changes_of_.equal_range(key);
  for (auto former = begin; former != end; ++former) {
    RowChange& row = changes_[former->second].row;
    bytes_ -= row.row.size() + row.children.size();
    row = {};
    is_replaced_[former->second] = true;
  }
  changes_of_.erase(begin, end);
}

Batch Pending::batch() {
  Batch batch;
  for (const auto& [partition, position] : positions_) batch.positions.push_back(position);
  for (size_t i = 0; i < changes_.size(); ++i) {
    if (!is_replaced_[i]) batch.changes.push_back(std::move(changes_[i]));
  }
  return batch;
}

const TopicPartition& Pending::partition_of(size_t number) const {
  const auto after = runs_.upper_bound(number);
  MILLRACE_ASSERT(after != runs_.begin(), "every record is in a run");
  return std::prev(after)->second;
}

void Pending::clear() {
  records_.clear();
  bytes_ = 0;
  next_ = 0;
  positions_.clear();
  runs_.clear();
  changes_.clear();
  is_replaced_.clear();
  changes_of_.clear();
  invalid_.clear();
}

}  // namespace millrace::apps::sink
